//! How much one message may hold, whatever its line's length: what is beyond it comes from no sidecar of ours. Pure; `connection` asks
//! before it obeys.

use purser_config::quota::Reserve;
use purser_config::refusals::MOST_TOLD;
use purser_config::stream::{FromSidecar, Hello};
use purser_config::usage::{Batch, MAX_FAILURES, MAX_METADATA, Record};

/// The longest instance, in bytes.
pub(super) const LONGEST_INSTANCE: usize = 128;
/// The longest id of a call, a reservation or a spool, in bytes.
pub(super) const LONGEST_ID: usize = 128;
/// Questions, returns or ends of calls in one message.
const MOST: usize = 16_384;
/// Uses of shares in one message: what the fastest of keys is used in a minute, several times.
const MOST_USES: usize = 65_536;
/// Records in one message.
const MOST_RECORDS: usize = 10_000;
/// Candidates of one call, and channels of one record.
const MOST_CHANNELS: usize = 1_024;
/// Of a model's name, as a caller wrote it, so much is kept.
const LONGEST_MODEL: usize = 256;

/// Whether a sidecar may call itself so.
pub(super) fn is_hello(hello: &Hello) -> bool {
    let text = hello.instance.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    (1..=LONGEST_INSTANCE).contains(&text.len())
        && text.iter().all(plain)
        && (hello.spool.is_empty() || is_id(&hello.spool))
}

fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len()) && !id.chars().any(char::is_control)
}

/// What of a message is too much.
pub(super) fn too_much(message: &FromSidecar) -> Option<&'static str> {
    let over = |count: usize| (!(1..=MOST).contains(&count)).then_some("entries");
    match message {
        FromSidecar::Ask { asks, .. } => over(asks.len()),
        FromSidecar::Return(returns) => over(returns.len()),
        FromSidecar::Uses(uses) => {
            let ages: usize = uses.iter().map(|uses| uses.ages_ms.len()).sum();
            over(uses.len()).or_else(|| (ages > MOST_USES).then_some("uses"))
        }
        FromSidecar::Reserve { reserves, .. } => {
            over(reserves.len()).or_else(|| reserves.iter().find_map(of_reserve))
        }
        FromSidecar::Settle(settles) => {
            let odd = settles.iter().any(|settle| !is_id(&settle.id));
            over(settles.len()).or(odd.then_some("an id"))
        }
        FromSidecar::Usage(batch) => of_batch(batch),
        FromSidecar::Refused(told) => (told.len() > MOST_TOLD).then_some("refusals"),
        _ => None,
    }
}

fn of_reserve(reserve: &Reserve) -> Option<&'static str> {
    let spool = &reserve.spool;
    if !is_id(&reserve.id) || !(spool.is_empty() || is_id(spool)) {
        return Some("an id");
    }
    (reserve.channels.len() > MOST_CHANNELS).then_some("channels")
}

fn of_batch(batch: &Batch) -> Option<&'static str> {
    if !(1..=MOST_RECORDS).contains(&batch.records.len()) {
        return Some("records");
    }
    let ids =
        |record: &Record| is_id(&record.id) && record.reservation.as_deref().is_none_or(is_id);
    if !is_id(&batch.spool) || !batch.records.iter().all(ids) {
        return Some("an id");
    }
    let wide = |record: &Record| record.waste.len() > MOST_CHANNELS;
    batch.records.iter().any(wide).then_some("channels")
}

/// A record without more of a caller's words than are worth keeping. It is not refused for them: its sidecar could never get rid of it.
pub(super) fn shortened(mut record: Record) -> Record {
    for model in [&mut record.asked, &mut record.served] {
        if let Some((end, _)) = model.char_indices().nth(LONGEST_MODEL) {
            model.truncate(end);
        }
    }
    record.failures.truncate(MAX_FAILURES);
    let (most, _) = MAX_METADATA;
    while record.user_metadata.len() > most {
        record.user_metadata.pop_last();
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Name;
    use purser_config::quota::{Ask, Settle, Use};

    fn hello(instance: &str, spool: &str) -> Hello {
        Hello {
            instance: instance.into(),
            version: None,
            uses: vec![],
            shares: vec![],
            holds: Vec::new(),
            tokens: Vec::new(),
            spool: spool.into(),
        }
    }

    #[test]
    fn an_instance_is_a_plain_word_and_so_is_a_spool() {
        assert!(is_hello(&hello("a-1F", "")) && is_hello(&hello("a-1F", "s-1")));
        for bad in ["", "a/b", "a b", "ü", &"x".repeat(129)] {
            assert!(!is_hello(&hello(bad, "")), "{bad}");
        }
        for bad in ["a\n", &"x".repeat(129)] {
            assert!(!is_hello(&hello("a", bad)), "{bad}");
        }
    }

    #[test]
    fn a_message_that_asks_for_more_than_any_sidecar_does_is_too_much() {
        let key = Name::new("shop", "a");
        let ask = Ask {
            key: key.clone(),
            want: 1,
            ttl_ms: 0,
        };
        let asks = |count| FromSidecar::Ask {
            seq: 1,
            asks: vec![ask.clone(); count],
        };
        assert_eq!(too_much(&asks(MOST)), None);
        assert!(too_much(&asks(MOST + 1)).is_some() && too_much(&asks(0)).is_some());
        let uses = |ages| {
            let (key, earlier, ages_ms) = (key.clone(), 0, vec![0; ages]);
            FromSidecar::Uses(vec![Use {
                key,
                ages_ms,
                earlier,
            }])
        };
        assert_eq!(too_much(&uses(MOST_USES)), None);
        assert!(too_much(&uses(MOST_USES + 1)).is_some());
        let settle = |id: String| {
            let (key, tokens) = (key.clone(), None);
            FromSidecar::Settle(vec![Settle {
                id,
                key,
                tokens,
                goes_on: None,
            }])
        };
        assert_eq!(too_much(&settle("x".repeat(128))), None);
        assert!(too_much(&settle("x".repeat(129))).is_some());
        assert!(too_much(&settle("a\0".into())).is_some());
    }
}
