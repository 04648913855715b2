//! A conversation that hops from one provider to the next: what the first one sealed does not go to the second, though bytes of one API pass
//! untouched, and comes back to the first as it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use bytes::Bytes;
use purser_config::Provider;
use purser_dialects::state::without_foreign;
use purser_dialects::{Wire, splice};

fn passed(wire: Wire, body: &str, provider: Provider) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut edits: Vec<_> = without_foreign(wire, &body, provider).into_iter().collect();
    String::from_utf8(splice(&body, &mut edits).to_vec()).unwrap()
}

#[test]
fn anthropic_gets_its_own_thoughts_alone() {
    let body = |blocks: &str| {
        format!(
            r#"{{"model" : "m","messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":[{blocks}{{"type":"text", "text":"x"}}]}}],"max_tokens":1}}"#
        )
    };
    let own = r#"{"type":"thinking","thinking":"x","signature":"EqQB"},{"type":"redacted_thinking","data":"EmwK"},"#;
    assert_eq!(
        passed(Wire::Messages, &body(own), Provider::Anthropic),
        body(own)
    );
    for foreign in [
        r#"{"type":"thinking","thinking":"x","signature":""},"#,
        r#"{"type":"thinking","thinking":"x","signature":"purser:gemini:CiQB"},"#,
        r#"{"type":"redacted_thinking","data":"purser:gemini:call:t_1:CiQB"},"#,
    ] {
        let mixed = body(&format!("{foreign}{own}"));
        let passed = passed(Wire::Messages, &mixed, Provider::Anthropic);
        assert_eq!(passed, body(own), "{foreign}");
    }
}

#[test]
fn a_turn_of_nothing_but_anothers_thoughts_is_left_out() {
    let body = r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":""}]}]}"#;
    assert_eq!(
        passed(Wire::Messages, body, Provider::Anthropic),
        r#"{"messages":[{"role":"user","content":"x"}]}"#
    );
}

#[test]
fn openai_gets_no_thoughts_of_anothers() {
    let body = r#"{"messages":[{"role":"assistant","content":"x","reasoning_content":"x","thinking_blocks":[{"type":"thinking","thinking":"x","signature":"s"}],"tool_calls":[{"id":"c","extra_content":{"google":{"thought_signature":"s"}},"type":"function"}]}],"n":1.0}"#;
    let bare = r#"{"messages":[{"role":"assistant","content":"x","tool_calls":[{"id":"c","type":"function"}]}],"n":1.0}"#;
    assert_eq!(passed(Wire::Chat, body, Provider::OpenAI), bare);
    assert_eq!(passed(Wire::Chat, body, Provider::OpenAICompatible), body);
    assert!(passed(Wire::Chat, body, Provider::DeepSeek).contains("reasoning_content"));
}

#[test]
fn gemini_gets_its_own_signatures_alone() {
    let marked = "cHVyc2VyOmFudGhyb3BpYzpFcVFC";
    let body = format!(
        r#"{{"contents":[{{"role":"model","parts":[{{"text":"x","thought":true,"thoughtSignature":"{marked}"}},{{"functionCall":{{"name":"f"}},"thoughtSignature":"{marked}"}},{{"functionCall":{{"name":"g"}},"thoughtSignature":"CiQB"}}]}}]}}"#
    );
    assert_eq!(
        passed(Wire::Generate, &body, Provider::Gemini),
        r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"},"thoughtSignature":"CiQB"}]}]}"#
    );
}

#[test]
fn what_holds_nothing_of_anothers_passes_untouched() {
    for body in [
        r#"{"messages":[{"role":"user","content":"thinking_blocks \u0041"}],"thinking":{"type":"adaptive"}}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"thinking"}]}]}"#,
        r#"{"messages":"thinking"}"#,
        "thinking",
    ] {
        for wire in Wire::ALL {
            assert_eq!(passed(wire, body, Provider::OpenAI), body);
        }
    }
}
