//! What a fake provider does with a call: a closed list of behaviours, and scripts that choose among them.
//! Tests write these; the room `act` performs them. Nothing here touches a socket, a clock or global randomness.

use std::collections::VecDeque;
use std::time::Duration;

/// What happens to one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Behaviour {
    /// Answers like OpenAI on every endpoint; a streamed answer has so many content chunks, so far apart.
    Answers {
        /// Content chunks of a stream, and words of a plain answer.
        chunks: usize,
        /// Between two chunks.
        interval: Duration,
    },
    /// Answers well, but nothing at all before this time has passed.
    SlowFirstByte(Duration),
    /// The port is closed, and so is every open connection. Inside a script of several: a reset once the call is in.
    Refuses,
    /// Accepts, reads, and never says a word.
    AcceptsAndHangs,
    /// This status, these headers, this body.
    Status {
        /// The status code.
        code: u16,
        /// Beside content-length.
        headers: Vec<(String, String)>,
        /// The body, JSON or not.
        body: String,
    },
    /// 200, and then an error as the first event (as the whole body, where nothing streams).
    StreamErrorFirst,
    /// So many content chunks, then an error event, and no `[DONE]`.
    StreamErrorAfter(usize),
    /// 200 and an event stream that ends without a single event.
    EmptyStream,
    /// Half of a response head, then the connection is cut.
    DiesInHeaders,
    /// So many content chunks, then a reset.
    DiesMidStream(usize),
    /// The head promises more bytes than come before the connection closes.
    TruncatedBody,
    /// 200 with a web page, as captive portals and broken load balancers send.
    Html200,
    /// 200 and comments for ever, this far apart.
    PingsOnly(Duration),
    /// 200, the chunk that names the role, then silence.
    RoleOnlyThenHang,
    /// So many content chunks, each with the tokens that were used until then, as vLLM's `continuous_usage_stats` has it; then silence.
    CountsThenHangs(usize),
    /// One event line with so many bytes of content.
    HugeLine(usize),
    /// A redirect with this status to this place.
    Redirect(u16, String),
    /// A good answer, one byte at a time, this far apart.
    Trickle(Duration),
    /// Returns the body as it came, and each header as `x-echo-<name>`.
    Echo,
    /// These very bytes, then the connection closes: for whatever this list lacks.
    Raw(Vec<u8>),
}

impl Behaviour {
    /// Answers at once; a stream has five chunks.
    pub fn healthy() -> Self {
        Self::Answers {
            chunks: 5,
            interval: Duration::ZERO,
        }
    }

    /// An error with this status, in OpenAI's shape.
    pub fn status(code: u16) -> Self {
        Self::error(code, "server_error", &format!("provider answers {code}"))
    }

    /// 429 that asks to wait so many seconds.
    pub fn rate_limited(retry_after: u64) -> Self {
        Self::error(429, "rate_limit_exceeded", "slow down")
            .with_header("retry-after", &retry_after.to_string())
    }

    /// 429 that means money: OpenAI's `insufficient_quota`.
    pub fn out_of_money() -> Self {
        Self::error(
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        )
    }

    /// 401: the channel's credential is bad.
    pub fn bad_credential() -> Self {
        Self::error(
            401,
            "invalid_api_key",
            "Incorrect API key provided: sk-prov*****cret.",
        )
    }

    /// 404: this provider lacks the model.
    pub fn unknown_model() -> Self {
        Self::error(404, "model_not_found", "The model does not exist")
    }

    /// An error in OpenAI's shape.
    pub fn error(code: u16, name: &str, message: &str) -> Self {
        let body = serde_json::json!({"error": {"message": message, "type": name, "param": null, "code": name}});
        Self::json(code, body.to_string())
    }

    /// This status with this JSON.
    pub fn json(code: u16, body: impl Into<String>) -> Self {
        Self::Status {
            code,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
        }
    }

    /// Adds a header where the behaviour is a status; leaves others as they are.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }
}

/// Which behaviour each call meets.
#[derive(Clone, Debug)]
pub enum Script {
    /// The same for every call.
    Always(Behaviour),
    /// One after the other; the last one stays.
    Sequence(VecDeque<Behaviour>),
    /// By weight, from a seed: the same seed gives the same sequence.
    Chance {
        /// Changes with every draw.
        seed: u64,
        /// Weight and behaviour.
        choices: Vec<(u32, Behaviour)>,
    },
}

impl Script {
    /// True when the port itself is to be closed.
    pub(super) fn refuses(&self) -> bool {
        matches!(self, Self::Always(Behaviour::Refuses))
    }

    /// The next call's behaviour. A script without any answers well.
    pub(super) fn next(&mut self) -> Behaviour {
        let chosen = match self {
            Self::Always(behaviour) => Some(behaviour.clone()),
            Self::Sequence(left) if left.len() > 1 => left.pop_front(),
            Self::Sequence(left) => left.front().cloned(),
            Self::Chance { seed, choices } => draw(seed, choices),
        };
        chosen.unwrap_or_else(Behaviour::healthy)
    }
}

impl From<Behaviour> for Script {
    fn from(behaviour: Behaviour) -> Self {
        Self::Always(behaviour)
    }
}

impl From<Vec<Behaviour>> for Script {
    fn from(sequence: Vec<Behaviour>) -> Self {
        Self::Sequence(sequence.into())
    }
}

fn draw(seed: &mut u64, choices: &[(u32, Behaviour)]) -> Option<Behaviour> {
    let total: u64 = choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
    let mut ticket = random(seed).checked_rem(total)?;
    for (weight, behaviour) in choices {
        match ticket.checked_sub(u64::from(*weight)) {
            Some(left) => ticket = left,
            None => return Some(behaviour.clone()),
        }
    }
    None
}

/// splitmix64: small, well spread, and the same on every machine.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_behaviour_of_a_sequence_stays() {
        let mut script = Script::from(vec![Behaviour::Html200, Behaviour::Echo]);
        let met: Vec<_> = (0..3).map(|_| script.next()).collect();
        assert_eq!(met, [Behaviour::Html200, Behaviour::Echo, Behaviour::Echo]);
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_and_weights_hold() {
        let choices = vec![(9, Behaviour::healthy()), (1, Behaviour::status(500))];
        let run = || {
            let mut script = Script::Chance {
                seed: 7,
                choices: choices.clone(),
            };
            (0..2_000).map(|_| script.next()).collect::<Vec<_>>()
        };
        let faults = run()
            .iter()
            .filter(|met| **met == Behaviour::status(500))
            .count();
        assert_eq!(run(), run());
        assert!(
            (150..250).contains(&faults),
            "{faults} of 2,000 at one in ten"
        );
    }
}
