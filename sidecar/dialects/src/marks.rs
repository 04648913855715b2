//! Whether a body holds anything that is to be looked at beside its text, told by one search of its bytes: nearly none does.
//!
//! Called once per conversation; `needs`, `estimate` and `state` search further only where something was found. Must never miss what any
//! of them would find.

use crate::Wire;
use crate::{estimate, needs, state};
use aho_corasick::packed::Searcher;
use std::sync::LazyLock;

/// A wire form's searcher; none where the processor has no instructions for one.
type Sought = LazyLock<Option<Searcher>>;

static CHAT: Sought = LazyLock::new(|| of(Wire::Chat));
static COMPLETIONS: Sought = LazyLock::new(|| of(Wire::Completions));
static RESPONSES: Sought = LazyLock::new(|| of(Wire::Responses));
static MESSAGES: Sought = LazyLock::new(|| of(Wire::Messages));
static GENERATE: Sought = LazyLock::new(|| of(Wire::Generate));

/// Whether the body is text alone: it shows nothing, and gives nothing back that another provider made.
pub fn is_plain(wire: Wire, body: &[u8]) -> bool {
    let sought = match wire {
        Wire::Chat => &*CHAT,
        Wire::Completions => &*COMPLETIONS,
        Wire::Responses => &*RESPONSES,
        Wire::Messages => &*MESSAGES,
        Wire::Generate => &*GENERATE,
    };
    sought.as_ref().is_some_and(|any| any.find(body).is_none())
}

fn of(wire: Wire) -> Option<Searcher> {
    let shown = needs::names().iter().map(|name| name.as_bytes());
    let beside = estimate::names().into_iter();
    let (_, foreign) = state::marks(wire);
    Searcher::new(shown.chain(beside).chain(foreign.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan_json;
    use purser_config::{Endpoint, Provider};

    const WIRES: [Wire; 5] = [
        Wire::Chat,
        Wire::Completions,
        Wire::Responses,
        Wire::Messages,
        Wire::Generate,
    ];

    #[test]
    fn text_is_plain_whatever_it_is_about() {
        let body = br#"{"messages":[{"role":"user","content":"An image, a file, some thinking? \"No\"."}],"model":"m"}"#;
        assert!(
            WIRES
                .iter()
                .all(|wire| *wire == Wire::Messages || is_plain(*wire, body))
        );
    }

    #[test]
    fn what_any_room_would_find_is_not_plain() {
        let marks = WIRES.map(|wire| (wire, state::marks(wire).1));
        for (wire, marks) in marks {
            let names = needs::names().iter().map(|name| name.as_bytes());
            for name in names.chain(estimate::names()).chain(marks.iter().copied()) {
                let body = [br#"{"x":0,"#, name, b"}"].concat();
                assert!(
                    !is_plain(wire, &body),
                    "{wire:?} {}",
                    String::from_utf8_lossy(name)
                );
            }
        }
    }

    #[test]
    fn of_what_is_plain_every_room_says_nothing() {
        let body = br#"{"messages":[{"role":"user","content":"a plain text of some length"}],"model":"m"}"#;
        let says = scan_json(body).unwrap().says;
        for wire in WIRES {
            assert!(is_plain(wire, body));
            assert_eq!(needs::needs(wire, body, says), needs::Needs::default());
            assert_eq!(state::without_foreign(wire, body, Provider::OpenAI), None);
        }
        let input = estimate::input(body, Endpoint::Chat);
        assert_eq!(input, estimate::of_text(body));
    }
}
