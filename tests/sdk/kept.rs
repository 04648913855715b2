//! What an account keeps, as an SDK asks for it: a response that is read, gone on from and deleted by the id that the SDK was given.

use super::caller::{Ask, BOTH};
use super::gateway::{Gateway, KEY};
use super::matrix::{ACCOUNT, family};
use purser_tests::provider::{Behaviour, Provider, Script};
use serde_json::json;

fn response(id: &str, previous: Option<&str>) -> Behaviour {
    let body = json!({"id": id, "object": "response", "created_at": 1, "status": "completed", "model": "theirs", "output": [],
        "previous_response_id": previous, "tools": [], "tool_choice": "auto", "parallel_tool_calls": true, "metadata": {},
        "usage": {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}});
    Behaviour::json(200, body.to_string())
}

fn account() -> Script {
    let asked = json!({"object": "list", "has_more": false, "first_id": "msg_1", "last_id": "msg_1",
        "data": [{"type": "message", "id": "msg_1", "role": "user", "status": "completed", "content": [{"type": "input_text", "text": "Say hello."}]}]});
    let deleted = json!({"id": "resp_1", "object": "response.deleted", "deleted": true});
    Script::from(vec![
        response("resp_1", None),
        response("resp_1", None),
        Behaviour::json(200, asked.to_string()),
        response("resp_2", Some("resp_1")),
        Behaviour::json(200, deleted.to_string()),
    ])
}

#[tokio::test]
async fn a_kept_answer_is_read_gone_on_from_and_deleted_by_the_id_that_was_given() {
    let provider = Provider::start(account()).await.unwrap();
    let model = "{name: ours, upstreamName: theirs}";
    let one = family("one", "OpenAI", &provider.url(), model);
    let gateway = Gateway::start(&[one, ACCOUNT.to_owned()]).await;
    for sdk in BOTH {
        provider.set(account()).await.unwrap();
        provider.forget();
        let [first] = sdk
            .call(&gateway.base_url, [Ask::of("kept", KEY, "ours")])
            .await;
        let id = first.returned()[0].as_str().unwrap();
        assert_ne!(id, "resp_1", "{sdk:?}: it says whose it is");
        let named = |what| Ask::new(what, KEY).with(json!({"id": id}));
        let goes_on = Ask::of("kept", KEY, "ours").with(json!({"previous_response_id": id}));
        let asks = [
            named("kept, read"),
            named("kept, asked"),
            goes_on,
            named("kept, deleted"),
        ];
        let came = sdk.call(&gateway.base_url, asks).await;
        let [read, asked, gone_on, deleted] = came.each_ref().map(|came| came.returned());
        assert_eq!(
            (read, asked),
            (&json!(id), &json!(["Say hello."])),
            "{sdk:?}"
        );
        assert_eq!(gone_on[1], id, "{sdk:?}");
        assert!(deleted.is_null(), "{sdk:?}: {deleted}");
        let log = provider.log();
        let seen: Vec<_> = log
            .iter()
            .map(|call| format!("{} {}", call.method, call.path))
            .collect();
        let expected = [
            "POST /v1/responses",
            "GET /v1/responses/resp_1",
            "GET /v1/responses/resp_1/input_items",
            "POST /v1/responses",
            "DELETE /v1/responses/resp_1",
        ];
        assert_eq!(seen, expected, "{sdk:?}");
        assert_eq!(log[3].json()["previous_response_id"], "resp_1", "{sdk:?}");
    }
    gateway.end().await;
}
