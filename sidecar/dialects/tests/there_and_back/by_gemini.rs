//! By way of Gemini's API, of what it can say too: images in base64, several calls at once, tools that need not be exact.

use crate::said::{request, sent, text};
use proptest::prelude::*;
use purser_config::Provider;
use purser_dialects::Wire;
use serde_json::{Value, json};

/// A request without what Gemini's API has no words for; a stream is asked for by its path.
fn sayable(body: Value) -> Value {
    let body = body.to_string();
    let body = body.replace("https://example.com/a.png", "data:image/png;base64,AAAA");
    let mut body: Value = serde_json::from_str(&body).unwrap();
    let members = body.as_object_mut().unwrap();
    members.remove("parallel_tool_calls");
    members.insert("stream".to_owned(), json!(false));
    for tool in members
        .get_mut("tools")
        .into_iter()
        .flat_map(|tools| tools.as_array_mut().unwrap())
    {
        tool["function"].as_object_mut().unwrap().remove("strict");
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_chat_request_comes_back_from_gemini_as_it_was(body in request()) {
        let body = sayable(body).to_string().into_bytes();
        let direct = text(&sent(Wire::Chat, &body, Provider::OpenAI));
        let there = sent(Wire::Chat, &body, Provider::Gemini);
        let back = text(&sent(Wire::Generate, &there, Provider::OpenAI));
        prop_assert_eq!(direct, back);
    }

    #[test]
    fn a_message_s_request_comes_back_from_gemini_as_it_was(body in request()) {
        let body = sayable(body).to_string().into_bytes();
        let messages = sent(Wire::Chat, &body, Provider::Anthropic);
        let direct = text(&sent(Wire::Messages, &messages, Provider::Anthropic));
        let there = sent(Wire::Messages, &messages, Provider::Gemini);
        let back = text(&sent(Wire::Generate, &there, Provider::Anthropic));
        prop_assert_eq!(direct, back);
    }
}
