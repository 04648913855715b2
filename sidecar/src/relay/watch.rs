//! How a relayed stream is watched. Chat and completions end in a few small events, so their last bytes are kept and read
//! once, at the end: reading every chunk as it passes would cost a fifth of what relaying it does. Streams whose last
//! event may be large, or whose events are numbered, are read as they pass. Called by `relay` with every chunk.

use bytes::Bytes;
use purser_config::Endpoint;
use purser_dialects::Tail;
use std::collections::VecDeque;

/// At least this much of the end is kept: many times the last events of a chat.
const KEPT: usize = 16 << 10;

/// The watcher of one stream.
pub(super) enum Watch {
    /// Read as it passes.
    Now(Tail),
    /// Its end is kept.
    Later {
        chunks: VecDeque<Bytes>,
        bytes: usize,
    },
}

impl Watch {
    /// As the endpoint's streams need it.
    pub(super) fn new(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Chat | Endpoint::Completions => Watch::Later {
                chunks: VecDeque::new(),
                bytes: 0,
            },
            _ => Watch::Now(Tail::new()),
        }
    }

    /// The next chunk that goes to the caller.
    pub(super) fn push(&mut self, chunk: &Bytes) {
        match self {
            Watch::Now(tail) => tail.push(chunk),
            Watch::Later { chunks, bytes } => {
                *bytes += chunk.len();
                chunks.push_back(chunk.clone());
                while let Some(first) = chunks.front().map(Bytes::len) {
                    if *bytes - first < KEPT {
                        break;
                    }
                    *bytes -= first;
                    chunks.pop_front();
                }
            }
        }
    }

    /// What the stream's bytes came to; they have ended.
    pub(super) fn end(self) -> Tail {
        let mut tail = match self {
            Watch::Now(tail) => tail,
            Watch::Later { chunks, .. } => {
                let mut tail = Tail::new();
                chunks.iter().for_each(|chunk| tail.push(chunk));
                tail
            }
        };
        tail.finish();
        tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(chunks: &[&'static [u8]], fill: usize) -> Tail {
        let mut watch = Watch::new(Endpoint::Chat);
        for _ in 0..fill {
            watch.push(&Bytes::from_static(
                b"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
            ));
        }
        for chunk in chunks {
            watch.push(&Bytes::from_static(chunk));
        }
        watch.end()
    }

    #[test]
    fn the_end_of_a_long_stream_is_read_from_what_is_kept() {
        let usage: &[u8] =
            b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
        let tail = ended(&[usage, b"data: [DO", b"NE]\n\n"], 5_000);
        assert!(tail.is_done() && !tail.has_error());
        assert_eq!(tail.usage().map(|usage| usage.total_tokens), Some(7));
    }

    #[test]
    fn an_error_and_a_cut_are_seen_however_long_the_stream_was() {
        assert!(ended(&[b"data: {\"error\":{\"message\":\"over\"}}\n\n"], 5_000).has_error());
        let cut = ended(&[b"data: {\"choices\":[{\"del"], 5_000);
        assert!(!cut.is_done() && cut.closer() == b"\n\n");
    }

    #[test]
    fn little_more_than_the_end_is_kept() {
        let mut watch = Watch::new(Endpoint::Chat);
        for _ in 0..10_000 {
            watch.push(&Bytes::from_static(&[b'x'; 1_000]));
        }
        assert!(matches!(watch, Watch::Later { bytes, .. } if bytes < KEPT + 1_000));
    }
}
