//! Where each call of OpenAI's API lives, here and at a provider.
//!
//! Called by `endpoint`, for callers, and by `address`, for providers.

use purser_config::Endpoint;

/// The paths, without `/v1`; also where each lives below a provider's base URL.
const CALLS: [(Endpoint, &str); 11] = [
    (Endpoint::Chat, "/chat/completions"),
    (Endpoint::Completions, "/completions"),
    (Endpoint::Responses, "/responses"),
    (Endpoint::Embeddings, "/embeddings"),
    (Endpoint::Images, "/images/generations"),
    (Endpoint::Speech, "/audio/speech"),
    (Endpoint::Transcriptions, "/audio/transcriptions"),
    (Endpoint::Translations, "/audio/translations"),
    (Endpoint::Moderations, "/moderations"),
    (Endpoint::ImageEdits, "/images/edits"),
    (Endpoint::CountTokens, "/responses/input_tokens"),
];

/// Where a call lives at a provider that speaks OpenAI's wire format, below the base URL.
pub fn upstream_path(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Chat => "/chat/completions",
        Endpoint::Completions => "/completions",
        Endpoint::Responses => "/responses",
        Endpoint::Embeddings => "/embeddings",
        Endpoint::Images => "/images/generations",
        Endpoint::Speech => "/audio/speech",
        Endpoint::Transcriptions => "/audio/transcriptions",
        Endpoint::Translations => "/audio/translations",
        Endpoint::Moderations => "/moderations",
        Endpoint::ImageEdits => "/images/edits",
        Endpoint::CountTokens => "/responses/input_tokens",
    }
}

/// Whether its body is a form instead of JSON.
pub fn is_multipart(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::Transcriptions | Endpoint::Translations | Endpoint::ImageEdits
    )
}

pub(crate) fn call(segments: &[&str]) -> Option<Endpoint> {
    let is = |path: &str| path.split('/').skip(1).eq(segments.iter().copied());
    CALLS
        .iter()
        .find(|(_, path)| is(path))
        .map(|(endpoint, _)| *endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_one_path_here_and_at_the_provider() {
        for (endpoint, path) in CALLS {
            assert_eq!(upstream_path(endpoint), path);
            let segments: Vec<&str> = path.split('/').skip(1).collect();
            assert_eq!(call(&segments), Some(endpoint));
        }
    }
}
