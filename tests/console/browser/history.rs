//! A week of calls, put into a ledger before `purser up` opens it, so that charts and tables have something to show. Always the same but
//! for the moment at which it ends. Used by `browser`; it must never be taken for calls that were made.

use purser_authority::ledger::{Ledger, Sender};
use purser_config::price::Tokens;
use purser_config::usage::{Batch, End, Failure, Fault, Record};
use purser_config::{Endpoint, Name};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const HOUR_MS: u64 = 3_600_000;
const HOURS: u64 = 7 * 24;
/// Whose calls: key, plan, channel, calls in a busy hour.
const CALLERS: [(&str, &str, &str, &str, u64); 4] = [
    ("shop", "checkout", "team", "frankfurt", 26),
    ("shop", "ranking", "pro", "paris", 15),
    ("support", "assistant", "pro", "frankfurt", 19),
    ("support", "visitor", "trial", "frankfurt", 4),
];

/// Numbers that look drawn and are always the same.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// Writes it into the ledger at this path.
pub(super) async fn write(path: &Path) {
    let ledger = Ledger::sqlite(path).await.unwrap();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now_ms = u64::try_from(since_epoch.as_millis()).unwrap();
    let records = records(now_ms);
    let mut first = 1;
    for part in records.chunks(500) {
        let batch = Batch {
            spool: "history".to_owned(),
            first,
            records: part.to_vec(),
        };
        first += part.len() as u64;
        let sender = Sender {
            namespace: None,
            pod: "history".to_owned(),
        };
        ledger.keep(sender, batch, now_ms).await.unwrap().unwrap();
    }
}

fn records(now_ms: u64) -> Vec<Record> {
    let mut draw = Draw(7);
    let mut records = Vec::new();
    for hour in 0..HOURS {
        let began = now_ms - (HOURS - hour) * HOUR_MS;
        let of_day = began / HOUR_MS % 24;
        // Quiet at night, busy around one in the afternoon.
        let busy = 12 - of_day.abs_diff(13).min(11);
        for caller in CALLERS {
            let calls = caller.4 * busy * (8 + draw.below(5)) / 120;
            for _ in 0..calls {
                let at = began + draw.below(HOUR_MS - 60_000);
                records.push(record(&mut draw, caller, at));
            }
        }
    }
    records.sort_by_key(|record| record.began_ms);
    records
}

/// The first attempt's, where the call did not stay there.
fn failures(any: bool, channel: &str) -> Vec<Failure> {
    let refused = Failure {
        channel: Name::new("team", channel),
        fault: Fault::Failed,
        status: Some(503),
        at_ms: 1,
        took_ms: 90,
    };
    Vec::from_iter(any.then_some(refused))
}

fn record(
    draw: &mut Draw,
    (namespace, name, plan, channel, _): (&str, &str, &str, &str, u64),
    began_ms: u64,
) -> Record {
    let failed = draw.below(60) == 0;
    let moved = draw.below(9) == 0;
    let tokens = Tokens {
        input: if failed { 0 } else { 80 + draw.below(3000) },
        output: if failed { 0 } else { 10 + draw.below(700) },
        ..Tokens::default()
    };
    let first = 140 + draw.below(500);
    let whole = first + tokens.output * 6;
    let credits = tokens.input * 150 + tokens.output * 600;
    let served = Name::new(namespace, if moved { "paris" } else { channel });
    Record {
        id: format!("req_{began_ms:x}{:x}", draw.below(1 << 30)),
        key: Name::new(namespace, name),
        plan: plan.to_owned(),
        reservation: None,
        channel: Some(served.clone()),
        endpoint: Endpoint::Chat,
        asked: "demo-chat".to_owned(),
        served: "demo-chat".to_owned(),
        attempts: 1 + u32::from(moved || failed),
        status: if failed { 503 } else { 200 },
        end: if failed { End::Failed } else { End::Done },
        stream: draw.below(2) == 0,
        estimated: false,
        credits,
        unpaid: 0,
        failures: failures(moved || failed, channel),
        cost: credits / 1500,
        waste: BTreeMap::from_iter(moved.then_some((served, 120))),
        began_ms,
        latency_ms: if failed { 3000 } else { whole },
        first_ms: (!failed).then_some(first),
        user_metadata: BTreeMap::new(),
        pod: String::new(),
        tokens,
    }
}
