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
    let edit = without_foreign(wire, &body, provider, "gemini-2.5-pro");
    let mut edits: Vec<_> = edit.into_iter().map(|(edit, _)| edit).collect();
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

#[test]
fn gemini_3_is_told_which_calls_it_did_not_make() {
    let body = |first: &str| {
        format!(
            r#"{{"contents":[{{"parts":[{{"text":"x"}}]}},{{"role":"model","parts":[{{"functionCall":{{"name":"f"}}{first}}},{{"functionCall":{{"name":"g"}}}}]}}]}}"#
        )
    };
    let passed = |body: &str, model: &str| {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let edit = without_foreign(Wire::Generate, &bytes, Provider::Gemini, model);
        let mut edits: Vec<_> = edit.into_iter().map(|(edit, _)| edit).collect();
        String::from_utf8(splice(&bytes, &mut edits).to_vec()).unwrap()
    };
    let excused = body(r#","thoughtSignature":"skip_thought_signature_validator""#);
    let foreign = r#","thoughtSignature":"cHVyc2VyOmFudGhyb3BpYzpFcVFCLy8rPQ==""#;
    let own = body(r#","thoughtSignature":"Q2lnQlU=""#);
    for model in ["gemini-3-pro-preview", "gemini-flash-latest"] {
        assert_eq!(passed(&body(""), model), excused);
        assert_eq!(passed(&body(foreign), model), excused);
        assert_eq!(passed(&own, model), own);
    }
    assert_eq!(passed(&body(""), "gemini-2.5-pro"), body(""));
    assert_eq!(passed(&body(foreign), "gemini-2.5-pro"), body(""));
}

#[test]
fn openais_responses_get_no_reasoning_of_anothers() {
    let body =
        |item: &str| format!(r#"{{"input":[{{"role":"user","content":"x"}}{item}],"model":"m"}}"#);
    let own = r#",{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAAB"}"#;
    assert_eq!(
        passed(Wire::Responses, &body(own), Provider::OpenAI),
        body(own)
    );
    for seal in ["purser:gemini:CiQB", "purser-hidden:anthropic:EmwK"] {
        let foreign =
            format!(r#",{{"type":"reasoning","summary":[],"encrypted_content":"{seal}"}}"#);
        let mixed = body(&format!("{foreign}{own}"));
        assert_eq!(passed(Wire::Responses, &mixed, Provider::OpenAI), body(own));
    }
    let text = r#"{"input":"encrypted_content","model":"m"}"#;
    assert_eq!(passed(Wire::Responses, text, Provider::OpenAI), text);
}

/// An answer of Gemini's, as a caller of responses gives it back: OpenAI answers 404 "Item with id 'rs_…' not found. Items are not persisted when
/// `store` is set to false" (vercel/ai#7543, continuedev/continue#9101, langchain-ai/langchain#38372).
#[test]
fn openais_responses_get_no_ids_that_were_given_here() {
    let body = |items: &str| format!(r#"{{"model":"m","input":[{items}],"stream":true}}"#);
    let id = |prefix: &str| format!(r#""id" : "{prefix}_5f0c1d2e-0000-4a00-8b00-00000000000f_1","#);
    let [rs, msg, fc] = ["rs", "msg", "fc"].map(id);
    let mid = |rs: &str, msg: &str, fc: &str| {
        body(&format!(
            r#"{{"role":"user","content":"x"}},{rs}{{{msg}"type":"message","role":"assistant","content":[{{"type":"output_text","text":"y","annotations":[]}}]}},{{"type":"function_call",{fc}"call_id":"c","name":"f","arguments":"{{}}"}},{{"type":"function_call_output","call_id":"c","output":"z"}}"#
        ))
    };
    for seal in [
        "",
        r#","encrypted_content":null"#,
        r#","encrypted_content":"""#,
    ] {
        let thought = format!(r#"{{"type":"reasoning",{rs}"summary":[]{seal}}},"#);
        let given = mid(&thought, &msg, &fc);
        let sent = passed(Wire::Responses, &given, Provider::OpenAI);
        assert_eq!(sent, mid("", "", ""), "{seal}");
    }
    // OpenAI's own, and xAI's: a UUID and no more.
    let own = r#""id":"rs_68af0c5d1e2c81958e1f5b6a7c8d9e0f0123456789abcdef","#;
    let xai = r#""id":"rs_5f0c1d2e-0000-4a00-8b00-00000000000f","#;
    for own in [own, xai] {
        let thought = format!(r#"{{"type":"reasoning",{own}"summary":[]}},"#);
        let [msg, fc] = ["msg_", "fc_"].map(|prefix| own.replace("rs_", prefix));
        let given = mid(&thought, &msg, &fc);
        assert_eq!(passed(Wire::Responses, &given, Provider::OpenAI), given);
    }
    let named = body(&format!(r#"{{{rs}"type":"item_reference"}}"#));
    assert_eq!(passed(Wire::Responses, &named, Provider::OpenAI), named);
}

/// What Mistral answers when it thinks: mistralai 3.7, client/models/thinkchunk.py and referencechunk.py.
#[test]
fn mistrals_thoughts_stay_at_mistral() {
    let body = |turn: &str| {
        format!(r#"{{"messages":[{{"role":"user","content":"x"}}{turn}],"model":"m"}}"#)
    };
    let thought = r#"{"type":"thinking","thinking":[{"type":"text","text":"hmm"}],"closed":true}"#;
    let turn = |parts: &str, more: &str| {
        body(&format!(
            r#",{{"role":"assistant","content":[{parts}]{more}}}"#
        ))
    };
    let said = |content: &str| body(&format!(r#",{{"role":"assistant","content":{content}}}"#));
    let text = r#"{"type":"text","text":"hel"},{"type":"reference","reference_ids":[1]},{"type":"text","text":"lo"}"#;
    let both = turn(&format!("{thought},{text}"), "");
    let image = r#"{"type":"image_url","image_url":"https://example.com/a.png"}"#;
    let calls =
        r#","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    for provider in [Provider::OpenAI, Provider::DeepSeek, Provider::XAI] {
        let passed = |body: &str| passed(Wire::Chat, body, provider);
        assert_eq!(passed(&both), said(r#""hello""#));
        assert_eq!(passed(&turn(thought, "")), body(""));
        let shown = turn(&format!("{thought},{image}"), "");
        assert_eq!(passed(&shown), turn(image, ""));
        let called = passed(&turn(thought, calls));
        assert!(
            called.contains(&format!(r#""content":null{calls}"#)),
            "{called}"
        );
    }
    for provider in [Provider::Mistral, Provider::OpenAICompatible] {
        assert_eq!(passed(Wire::Chat, &both, provider), both);
    }
    let removed = without_foreign(Wire::Chat, both.as_bytes(), Provider::OpenAI, "m");
    assert!(removed.unwrap().1, "the caller is told");
}

#[test]
fn deepseek_is_given_something_for_thoughts_that_nobody_kept() {
    let body = |more: &str, turn: &str| {
        format!(r#"{{"model":"m"{more},"messages":[{{"role":"user","content":"x"}},{turn}]}}"#)
    };
    let calls = r#""tool_calls":[{"id":"a","type":"function","function":{"name":"look","arguments":"{\"at\":\"sea\"}"}}]"#;
    let without = format!(r#"{{"role":"assistant","content":null,{calls}}}"#);
    let empty = format!(r#"{{"role":"assistant","reasoning_content":"",{calls}}}"#);
    let did = r#""reasoning_content":"look({\"at\":\"sea\"})""#;
    let given = |body: &str, to| passed(Wire::Chat, body, to);
    let deepseek = Provider::DeepSeek;
    let added = given(&body("", &without), deepseek);
    assert!(added.contains(&format!("{calls},{did}}}")), "{added}");
    let filled = given(&body("", &empty), deepseek);
    assert!(filled.contains(&format!("{calls},{did}}}")), "{filled}");
    assert!(!filled.contains(r#""reasoning_content":"","#), "{filled}");
    let kept = format!(r#"{{"role":"assistant","reasoning_content":"I look.",{calls}}}"#);
    let off = r#","thinking":{"type":"disabled"}"#;
    for (body, to) in [
        (body("", &kept), deepseek),
        (body(off, &without), deepseek),
        (body(r#","reasoning_effort":"none""#, &without), deepseek),
        (
            body("", r#"{"role":"assistant","content":"tool_calls"}"#),
            deepseek,
        ),
        (body("", &without), Provider::OpenAICompatible),
    ] {
        assert_eq!(given(&body, to), body);
    }
}
