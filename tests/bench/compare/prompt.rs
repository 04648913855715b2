//! The one request of the bench: `messages` before `model`, as the OpenAI SDK writes it, filled up to a size.

use purser_tests::sse_client::Call;

/// What differs between two loads.
pub(crate) struct Prompt<'a> {
    pub(crate) key: &'a str,
    pub(crate) model: &'a str,
    /// Bytes of the body.
    pub(crate) size: usize,
    pub(crate) stream: bool,
}

/// The call, ready to be sent.
pub(crate) fn chat(prompt: &Prompt<'_>) -> Call {
    let flag = if prompt.stream {
        r#","stream_options":{"include_usage":true},"stream":true"#
    } else {
        ""
    };
    let model = prompt.model;
    let around = |text: &str| {
        format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}],"model":"{model}"{flag}}}"#)
    };
    // Prose with spaces and an escape a line, as prompts have; one long run of a letter would flatter vectorised scans.
    let prose = r"The purser keeps the ship's accounts and hands out the stores, to each as the captain allows.\n";
    let room = prompt.size.saturating_sub(around("").len());
    let mut text = prose.repeat(room / prose.len());
    text.push_str(&"x".repeat(room - text.len()));
    Call::post("/v1/chat/completions", around(&text)).key(prompt.key)
}
