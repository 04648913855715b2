//! Which path is which call, and what near misses are told.

use super::*;
use crate::Verb;

fn route(method: &str, path: &str) -> Result<Route, Unrouted> {
    classify(method, path)
}

#[test]
fn every_call_of_openai_and_anthropic_has_one_path() {
    let openai = Endpoint::ALL.map(|endpoint| (Dialect::OpenAI, endpoint, upstream_path(endpoint)));
    let openai = openai.into_iter().filter(|(.., path)| !path.is_empty());
    let anthropic = [
        (Dialect::Anthropic, Endpoint::Chat, "/messages"),
        (
            Dialect::Anthropic,
            Endpoint::CountTokens,
            "/messages/count_tokens",
        ),
    ];
    for (dialect, endpoint, path) in openai.chain(anthropic) {
        let call = Ok(Route::Call(Aim::of(dialect, endpoint)));
        assert_eq!(route("POST", &format!("/v1{path}")), call);
        assert_eq!(route("POST", &format!("//v1/{path}//")), call);
        assert_eq!(
            route("GET", &format!("/v1{path}")),
            Err(Unrouted::Method { allow: "POST" })
        );
    }
}

#[test]
fn models_are_listed_and_found_by_decoded_ids() {
    assert_eq!(
        route("GET", "/v1/models/"),
        Ok(Route::Models(Dialect::OpenAI))
    );
    assert_eq!(
        route("POST", "/v1/models"),
        Err(Unrouted::Method { allow: "GET" })
    );
    for (path, id) in [
        ("/v1/models/gpt-4o", "gpt-4o"),
        ("/v1//models/meta-llama/Llama-3", "meta-llama/Llama-3"),
        ("/v1/models/meta%2DLlama%2fx%20y", "meta-Llama/x y"),
        ("/v1/models/%C3%A9", "é"),
    ] {
        assert_eq!(
            route("GET", path),
            Ok(Route::Model(Dialect::OpenAI, id.into())),
            "{path}"
        );
    }
}

#[test]
fn unclear_paths_are_unknown() {
    for path in [
        "",
        "/",
        "*",
        "/v1",
        "/v1/assistants",
        "/v1/chat%2Fcompletions",
        "/v1/ch%61t/completions",
        "/v1/models/../chat/completions",
        "/v1/./chat/completions",
        "/v1/models/a/../b",
        "/v1/models/%zz",
        "/v1/models/%e",
        "/v1/models/%FF",
        "/v1/models/a%00b",
    ] {
        assert_eq!(
            route("POST", path),
            Err(Unrouted::Unknown { hint: None }),
            "{path}"
        );
    }
}

#[test]
fn near_misses_get_a_hint() {
    for (path, hint) in [
        (
            "/chat/completions",
            "Did you mean /v1/chat/completions? The base URL ends in /v1.",
        ),
        (
            "/V1/Chat/Completions",
            "Did you mean /v1/chat/completions? The base URL ends in /v1.",
        ),
        (
            "/models",
            "Did you mean /v1/models? The base URL ends in /v1.",
        ),
        (
            "/v1/v1/responses",
            "The path has /v1 twice: leave it off the base URL, or off the path.",
        ),
        (
            "/messages",
            "Did you mean /v1/messages? The base URL ends in /v1.",
        ),
        (
            "/v1/messages/batches",
            "Of Anthropic's API, /v1/messages and /v1/messages/count_tokens are answered here.",
        ),
        (
            "/v1/responses/compact",
            "Of the Responses API, /v1/responses and /v1/responses/input_tokens are answered here, and a kept response with its input_items and cancel.",
        ),
        (
            "/v1/v1beta/models/a:generateContent",
            "Gemini's SDKs add /v1beta themselves: leave /v1 off the base URL.",
        ),
    ] {
        assert_eq!(
            route("POST", path),
            Err(Unrouted::Unknown {
                hint: Some(hint.into())
            }),
            "{path}"
        );
    }
}

#[test]
fn refusals_are_written_in_the_callers_dialect() {
    for (path, dialect) in [
        ("/v1/messages", Dialect::Anthropic),
        ("/v1//messages/count_tokens", Dialect::Anthropic),
        ("/v1/v1/messages", Dialect::Anthropic),
        (
            "/v1beta/models/gemini-2.5-pro:generateContent",
            Dialect::Gemini,
        ),
        ("/v1/models/gemini-2.5-pro:countTokens", Dialect::Gemini),
        ("/v1/models/llama3:8b", Dialect::OpenAI),
        ("/v1/chat/completions", Dialect::OpenAI),
        ("/nowhere", Dialect::OpenAI),
    ] {
        assert_eq!(dialect_of(path), dialect, "{path}");
    }
}

#[test]
fn gemini_s_paths_name_the_model_and_what_it_is_to_do() {
    use Verb::{BatchEmbedContents, CountTokens, EmbedContent, GenerateContent};
    for (path, model, verb) in [
        (
            "/v1beta/models/gemini-2.5-pro:generateContent",
            "gemini-2.5-pro",
            GenerateContent,
        ),
        (
            "/v1beta/models/a%3AstreamGenerateContent",
            "a",
            Verb::StreamGenerateContent,
        ),
        (
            "/v1alpha/models/openai/gpt-4o:countTokens",
            "openai/gpt-4o",
            CountTokens,
        ),
        (
            "/v1/models/llama3:8b:embedContent",
            "llama3:8b",
            EmbedContent,
        ),
        (
            "/v1beta/tunedModels/t:batchEmbedContents",
            "tunedModels/t",
            BatchEmbedContents,
        ),
    ] {
        let (endpoint, dialect) = (verb.endpoint(), Dialect::Gemini);
        let named = Some(Named {
            model: model.into(),
            verb,
        });
        let aim = Aim {
            endpoint,
            dialect,
            named,
        };
        assert_eq!(route("POST", path), Ok(Route::Call(aim)), "{path}");
        assert_eq!(
            route("GET", path),
            Err(Unrouted::Method { allow: "POST" }),
            "{path}"
        );
    }
}

#[test]
fn gemini_s_models_are_listed_and_found() {
    assert_eq!(
        route("GET", "/v1beta/models"),
        Ok(Route::Models(Dialect::Gemini))
    );
    assert_eq!(
        route("GET", "/v1beta/models/llama3:8b"),
        Ok(Route::Model(Dialect::Gemini, "llama3:8b".into()))
    );
    for path in [
        "/v1beta/models/:generateContent",
        "/v1beta/models/a:predict/b",
    ] {
        let unrouted = route("POST", path);
        assert!(unrouted.is_err(), "{path}: {unrouted:?}");
    }
}
