//! Tests of the CEL rules: what the API server admits and refuses, run without one. They are here and not in `tests/`, because
//! kube makes the evaluator only for the crate under test.

use crate::{ApiKey, Plan, ProviderChannel};
use serde_json::{Value, json};

/// The messages of the rules that refuse this spec; empty when none does.
fn refusals(kind: &str, spec: &Value) -> String {
    let object = json!({"apiVersion": "purser.dev/v1alpha1", "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, "spec": spec});
    let result = match kind {
        "Plan" => serde_json::from_value::<Plan>(object)
            .unwrap()
            .validate_cel(),
        "ApiKey" => serde_json::from_value::<ApiKey>(object)
            .unwrap()
            .validate_cel(),
        _ => serde_json::from_value::<ProviderChannel>(object)
            .unwrap()
            .validate_cel(),
    };
    result.map_or_else(|errors| errors.to_string(), |()| String::new())
}

fn admits(kind: &str, spec: Value) {
    assert_eq!(refusals(kind, &spec), "", "{spec}");
}

fn refuses(kind: &str, spec: Value, message: &str) {
    let refusals = refusals(kind, &spec);
    assert!(
        refusals.contains(message),
        "{spec}\nexpected {message:?}\ngot {refusals:?}"
    );
}

fn channel(changes: Value) -> Value {
    let mut spec = json!({"provider": "OpenAI", "credentials": [{"secretRef": {"name": "s"}}], "models": [{"name": "m"}]});
    for (name, value) in changes.as_object().unwrap() {
        spec[name] = value.clone();
    }
    spec
}

#[test]
fn a_validity_is_a_duration_or_months() {
    admits("Plan", json!({"validity": {"duration": "24h"}}));
    admits(
        "Plan",
        json!({"validity": {"months": 1, "startsAt": "Creation"}}),
    );
    refuses(
        "Plan",
        json!({"validity": {}}),
        "set one of duration and months",
    );
    refuses(
        "Plan",
        json!({"validity": {"months": 1, "duration": "24h"}}),
        "set one of duration and months",
    );
}

#[test]
fn credits_need_prices_and_resets_need_a_grant() {
    let prices = json!([{"models": ["*"], "perRequest": "1"}]);
    admits(
        "Plan",
        json!({"credits": {"grant": "500"}, "prices": prices}),
    );
    admits("Plan", json!({"credits": {"grant": "0"}, "prices": prices}));
    admits(
        "Plan",
        json!({"credits": {"grant": "0.5", "resets": "Daily"}, "prices": prices}),
    );
    refuses("Plan", json!({"credits": {"grant": "500"}}), "add prices");
    refuses(
        "Plan",
        json!({"credits": {"grant": "0.00", "resets": "Monthly"}, "prices": prices}),
        "need a grant above 0",
    );
}

#[test]
fn a_price_is_per_request_or_per_token() {
    let tokens = json!({"input": "1", "output": "2"});
    admits(
        "Plan",
        json!({"prices": [{"models": ["*"], "perMillionTokens": tokens}]}),
    );
    refuses(
        "Plan",
        json!({"prices": [{"models": ["*"]}]}),
        "either perRequest or perMillionTokens",
    );
    refuses(
        "Plan",
        json!({"prices": [{"models": ["*"], "perRequest": "1", "perMillionTokens": tokens}]}),
        "either perRequest or perMillionTokens",
    );
}

#[test]
fn selectors_are_whole() {
    let labels = json!({"matchLabels": {"a": "b"}});
    admits(
        "Plan",
        json!({"namespaces": {"from": "Selector", "selector": labels}}),
    );
    refuses(
        "Plan",
        json!({"namespaces": {"from": "Selector"}}),
        "set selector when from is Selector",
    );
    refuses(
        "Plan",
        json!({"namespaces": {"selector": labels}}),
        "set selector when from is Selector",
    );
    let expression = |operator: &str, values: Value| json!({"channels": {"selector": {"matchExpressions": [{"key": "a", "operator": operator, "values": values}]}}});
    admits("Plan", expression("In", json!(["b"])));
    admits("Plan", expression("Exists", json!([])));
    refuses(
        "Plan",
        expression("NotIn", json!([])),
        "In and NotIn need values",
    );
    refuses(
        "Plan",
        expression("DoesNotExist", json!(["b"])),
        "take none",
    );
}

#[test]
fn a_key_is_a_secret_or_a_hash() {
    let hash = format!("sha256:{}", "0".repeat(64));
    admits("ApiKey", json!({"plan": "p"}));
    admits("ApiKey", json!({"plan": "p", "keyHash": hash}));
    refuses(
        "ApiKey",
        json!({"plan": "p", "keyHash": hash, "secretName": "s"}),
        "not both",
    );
    refuses(
        "ApiKey",
        json!({"plan": "p", "keyHash": hash, "rotation": {"every": "720h"}}),
        "cannot be rotated",
    );
}

#[test]
fn an_overlap_ends_before_the_next_rotation() {
    admits(
        "ApiKey",
        json!({"plan": "p", "rotation": {"every": "720h", "overlap": "24h"}}),
    );
    admits(
        "ApiKey",
        json!({"plan": "p", "rotation": {"every": "1h30m", "overlap": "500ms"}}),
    );
    refuses(
        "ApiKey",
        json!({"plan": "p", "rotation": {"every": "24h"}}),
        "overlap must be shorter",
    );
    refuses(
        "ApiKey",
        json!({"plan": "p", "rotation": {"every": "999999h", "overlap": "999999h"}}),
        "overlap must be shorter",
    );
}

#[test]
fn providers_without_an_address_of_their_own_need_one() {
    let azure = json!({"apiVersion": "2024-10-21"});
    let url = "https://acme.openai.azure.com";
    admits(
        "ProviderChannel",
        channel(json!({"provider": "AzureOpenAI", "baseURL": url, "azure": azure})),
    );
    admits(
        "ProviderChannel",
        json!({"provider": "OpenAICompatible", "baseURL": "http://vllm.models.svc:8000/v1", "models": [{"name": "m"}]}),
    );
    admits(
        "ProviderChannel",
        channel(json!({"provider": "AzureOpenAI", "baseURL": url})),
    );
    refuses(
        "ProviderChannel",
        channel(json!({"provider": "AzureOpenAI", "azure": azure})),
        "needs baseURL",
    );
    refuses(
        "ProviderChannel",
        channel(json!({"azure": azure})),
        "for provider AzureOpenAI only",
    );
    refuses(
        "ProviderChannel",
        channel(json!({"provider": "OpenAICompatible"})),
        "set baseURL",
    );
    refuses(
        "ProviderChannel",
        json!({"provider": "Mistral", "models": [{"name": "m"}]}),
        "asks for a credential",
    );
}

#[test]
fn a_base_url_is_an_origin_and_a_path() {
    for url in [
        "https://api.openai.com/v1",
        "http://127.0.0.1:8000",
        "http://[::1]:8000/v1",
        "https://a.b/c/d-e_f~g/",
        "http://vllm.models.svc:8000/v1",
    ] {
        admits("ProviderChannel", channel(json!({"baseURL": url})));
    }
    for url in [
        "api.openai.com/v1",
        "ftp://a.example/",
        "https://u:p@a.example/v1",
        "https://a.example/v1?x=1",
        "https://a.example/#x",
        "https://a .example/",
        "https:///v1",
        "https://a.example:port/",
    ] {
        refuses(
            "ProviderChannel",
            channel(json!({"baseURL": url})),
            "baseURL must be",
        );
    }
}

#[test]
fn times_are_within_a_day() {
    admits(
        "ProviderChannel",
        channel(json!({"timeouts": {"connect": "500ms", "request": "24h"}})),
    );
    refuses(
        "ProviderChannel",
        channel(json!({"timeouts": {"connect": "0s"}})),
        "from 1ms to 24h",
    );
    refuses(
        "ProviderChannel",
        channel(json!({"timeouts": {"idle": "24h1ms"}})),
        "from 1ms to 24h",
    );
    refuses(
        "ProviderChannel",
        channel(json!({"health": {"cooldown": "10m"}})),
        "cooldown not longer",
    );
}

#[test]
fn via_needs_somebody_to_offer_to() {
    admits(
        "ProviderChannel",
        channel(json!({"namespaces": {"from": "All", "via": "Sidecar"}})),
    );
    refuses(
        "ProviderChannel",
        channel(json!({"namespaces": {"via": "Sidecar"}})),
        "offers to none",
    );
    refuses(
        "ProviderChannel",
        channel(json!({"namespaces": {"from": "Selector"}})),
        "set selector",
    );
}

#[test]
fn a_header_has_one_value_and_is_not_the_connections() {
    admits(
        "ProviderChannel",
        channel(
            json!({"headers": [{"name": "X-Team", "value": "shop"}, {"name": "x-b", "secretRef": {"name": "s"}}]}),
        ),
    );
    refuses(
        "ProviderChannel",
        channel(json!({"headers": [{"name": "x"}]})),
        "value or secretRef",
    );
    refuses(
        "ProviderChannel",
        channel(json!({"headers": [{"name": "Authorization", "value": "x"}]})),
        "cannot be set here",
    );
}
