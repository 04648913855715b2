//! What a model of Anthropic's takes, told by its name: its API is one, and says 400 to a member that a model does not know.
//!
//! Called by the writer of requests. A name without a version is taken for the newest: what is older is a closed list, what comes is not.

/// Its version, and what is not told by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claude<'m> {
    name: &'m str,
    version: (u32, u32),
}

const NEWEST: (u32, u32) = (u32::MAX, 0);

impl<'m> Claude<'m> {
    /// `claude-opus-4-5-20251101`, `claude-3-7-sonnet-latest`, `anthropic.claude-sonnet-5`, ….
    pub(super) fn named(model: &'m str) -> Claude<'m> {
        let name = model
            .find("claude")
            .map_or(model, |at| model.get(at..).unwrap_or(model));
        // A date is no version, and a region's or a revision's number comes after one.
        let mut numbers = name
            .split(['-', '.', '@', ':'])
            .filter(|part| part.len() <= 2)
            .map_while(|part| part.parse::<u32>().ok().map(Some).or(Some(None)))
            .flatten();
        let version = match numbers.next() {
            Some(major) => (major, numbers.next().unwrap_or(0)),
            None => NEWEST,
        };
        Claude { name, version }
    }

    /// `thinking: adaptive` with an effort, in place of a budget.
    pub(super) fn is_adaptive(&self) -> bool {
        self.version >= (4, 6)
    }

    /// Whether `thinking: disabled` is taken: some always think.
    pub(super) fn can_be_still(&self) -> bool {
        let always = ["fable", "mythos", "opus-5-5", "sonnet-5-5"];
        !always.iter().any(|name| self.name.contains(name))
    }

    /// Whether thoughts are shown only to who asks (`display`).
    pub(super) fn hides_thoughts(&self) -> bool {
        self.version >= (4, 7)
    }

    /// `output_config.effort: xhigh`; before there was `max` alone.
    pub(super) fn has_xhigh(&self) -> bool {
        self.version >= (4, 7)
    }

    /// `temperature`, `top_p` and `top_k`.
    pub(super) fn has_samplers(&self) -> bool {
        self.version <= (4, 6)
    }

    /// `temperature` and `top_p` at once.
    pub(super) fn has_both_samplers(&self) -> bool {
        self.version < (4, 1)
    }

    /// `output_config.format`, and `strict` tools.
    pub(super) fn keeps_schemas(&self) -> bool {
        self.version >= (4, 5) || self.name.contains("opus-4-1")
    }

    /// A last turn of the assistant's, which it goes on with.
    pub(super) fn can_be_prefilled(&self) -> bool {
        self.version <= (4, 5)
    }

    /// Instructions within the conversation.
    pub(super) fn takes_instructions_within(&self) -> bool {
        self.version >= (4, 8)
    }

    /// `tool_choice: any` and `tool`.
    pub(super) fn can_be_made_to_call(&self) -> bool {
        let never = ["fable-5-1", "fable-5-2", "opus-5-5", "sonnet-5-5"];
        !never.iter().any(|name| self.name.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_version() {
        for (name, version) in [
            ("claude-opus-4-5-20251101", (4, 5)),
            ("claude-sonnet-4-20250514", (4, 0)),
            ("claude-3-7-sonnet-latest", (3, 7)),
            ("claude-3-haiku-20240307", (3, 0)),
            ("anthropic.claude-sonnet-5", (5, 0)),
            ("us.anthropic.claude-opus-4-1-20250805-v1:0", (4, 1)),
            ("claude-mythos-preview", NEWEST),
            ("my-deployment", NEWEST),
        ] {
            assert_eq!(Claude::named(name).version, version, "{name}");
        }
    }

    #[test]
    fn the_newest_take_neither_samplers_nor_prefills() {
        for name in [
            "claude-opus-4-7",
            "claude-haiku-5-5",
            "claude-fable-5",
            "something-new",
        ] {
            let claude = Claude::named(name);
            assert!(
                !claude.has_samplers() && !claude.can_be_prefilled(),
                "{name}"
            );
            assert!(claude.is_adaptive() && claude.keeps_schemas(), "{name}");
        }
        assert!(Claude::named("claude-sonnet-4-6").has_samplers());
        assert!(!Claude::named("claude-sonnet-4-20250514").keeps_schemas());
        assert!(Claude::named("claude-opus-4-1-20250805").keeps_schemas());
    }
}
