//! A tail that knows events by those before them says the same of a stream as one that reads every byte.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use purser_dialects::{Dialect, Tail, Usage};

/// What a chunk is around its words.
const AROUND: [(&str, &str); 9] = [
    (r#"data: {"choices":[{"delta":{"content":""#, "\"}}]}\n\n"),
    (
        r#"data: {"choices":[{"delta":{"content":""#,
        "\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
    ),
    (r#"data: {"error":{"message":"no"},"content":""#, "\"}\n\n"),
    (
        r#"data: {"content":""#,
        "\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n",
    ),
    (r#"data: {"content":""#, "\"}\n\n"),
    (
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"",
        "\"}}\n\n",
    ),
    (
        "event: message_stop\ndata: {\"type\":\"message_stop\",\"text\":\"",
        "\"}\n\n",
    ),
    (
        r#"data: {"type":"response.output_text.delta","text":""#,
        "\"}\r\n\r\n",
    ),
    (": a comment \"content\":\"", "\"\n\n"),
];
const WORDS: [&str; 12] = [
    "",
    "a word",
    "usage",
    "error",
    r"an escape\n",
    "\\",
    r#"","usage":{"prompt_tokens":9,"completion_tokens":8},"x":""#,
    r#"","type":"response.completed","y":""#,
    "\"}\n\ndata: [DONE]\n\ndata: {\"content\":\"",
    "two\nlines",
    "\r",
    "é",
];

type Says = (bool, bool, Option<Usage>, u64, &'static [u8], bool);

fn says<'a>(dialect: Dialect, chunks: impl Iterator<Item = &'a [u8]>) -> Says {
    let mut tail = Tail::of(dialect, false);
    chunks.for_each(|chunk| tail.push(chunk));
    let (before, quiet) = (tail.closer(), tail.is_quiet());
    tail.finish();
    let ends = (tail.is_done(), tail.has_error());
    (ends.0, ends.1, tail.usage(), tail.events(), before, quiet)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_known_is_what_was_read(
        chunks in vec((select(&AROUND[..]), vec(select(&WORDS[..]), 1..4)), 1..6),
        dialect in select(&[Dialect::OpenAI, Dialect::Anthropic, Dialect::Gemini][..]),
    ) {
        let chunk = |((before, after), word): (&(&str, &str), &&str)| format!("{before}{word}{after}").into_bytes();
        let chunks: Vec<Vec<u8>> = chunks.iter().flat_map(|(around, words)| words.iter().map(move |word| chunk((around, word)))).collect();
        let whole = chunks.concat();
        prop_assert_eq!(says(dialect, chunks.iter().map(Vec::as_slice)), says(dialect, whole.chunks(1)));
    }
}
