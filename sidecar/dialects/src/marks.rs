//! Whether a body holds anything that is to be looked at beside its text, told by one search of its bytes: nearly none does.
//!
//! Called once per conversation; `needs`, `estimate` and `state` search further only where something was found. Must never miss what any
//! of them would find.

use crate::{Scan, Wire};
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

/// Whether the body is text alone: it shows nothing, and gives nothing back that another provider made. Of most chats the scan knows by
/// the names of their members, which are few.
pub fn is_plain(wire: Wire, body: &[u8], scan: &Scan) -> bool {
    let is_chat = matches!(wire, Wire::Chat | Wire::Completions);
    (is_chat && scan.texts_only) || holds_none(wire, body)
}

/// The same by a search.
fn holds_none(wire: Wire, body: &[u8]) -> bool {
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
                .all(|wire| *wire == Wire::Messages || holds_none(*wire, body))
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
                    !holds_none(wire, &body),
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
            assert!(holds_none(wire, body));
            assert_eq!(needs::needs(wire, body, says), needs::Needs::default());
            let foreign = state::without_foreign(wire, body, Provider::OpenAI, "");
            assert_eq!(foreign, None);
        }
        let input = estimate::input(body, Endpoint::Chat);
        assert_eq!(input, estimate::of_text(body));
    }

    #[test]
    fn a_chat_whose_members_are_texts_is_known_by_their_names() {
        let chat = |part: &str| {
            format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}],"model":"m"}}"#)
        };
        let knows = |body: &str| scan_json(body.as_bytes()).unwrap().texts_only;
        assert!(knows(&chat(
            r#"{"type":"text","text":"an \"image_url\": none"}"#
        )));
        assert!(knows(
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"m"}"#
        ));
        let names = needs::names().iter().filter(|name| name.starts_with('"'));
        for name in names {
            assert!(
                !knows(&chat(&format!(r#"{{"type":"x",{name}:{{}}}}"#))),
                "{name}"
            );
        }
        for name in estimate::names() {
            let name = std::str::from_utf8(name).unwrap();
            assert!(!knows(&chat(&format!("{{{name}1}}"))), "{name} within");
            assert!(!knows(&format!("{{{name}1}}")), "{name} at the top");
        }
        for mark in state::marks(Wire::Chat).1 {
            let mark = std::str::from_utf8(mark).unwrap().trim_matches('"');
            assert!(!knows(&chat(&format!(r#"{{"{mark}":[]}}"#))), "{mark}");
        }
        assert!(!knows(&chat(r#"{"image\u005furl":{}}"#)), "an escape");
    }
}
