//! Ids for calls that Gemini left without: the same answer or conversation gives the same ids. Called by readers.

/// Of the `index`th call of an answer. Letters, digits and `_` alone, and short enough for OpenAI's 40.
pub(super) fn of_answer(answer: u64, index: usize) -> String {
    format!("call_{answer:016x}_{index}")
}

/// Of the `index`th call of a conversation, counted from its beginning.
pub(super) fn of_history(index: usize) -> String {
    format!("call_{index}")
}

/// What an answer's ids are made of: FNV-1a, since nothing here is secret.
pub(super) fn seed(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
