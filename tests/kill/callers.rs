//! Callers that never rest: on connections that they keep, with every key, streams and plain calls, some of which they leave. Each outcome
//! has a name, so that a test can say which may be. It never sends a call again: what failed is told as failed.

use super::plans::{KEYS, Key};
use super::sidecar::code;
use bytes::Bytes;
use purser_tests::sse_client::Call;
use purser_tests::wire::{Head, Wire};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Callers at each sidecar.
const AT_EACH: usize = 8;
/// Until a caller knocks again where nobody listens.
const KNOCKS: Duration = Duration::from_millis(20);
/// What any call may take; more is a call that hangs.
const LONGEST: Duration = Duration::from_secs(30);

/// Where a sidecar listens now, if it lives, and how often it was killed.
#[derive(Debug)]
pub(super) struct Door {
    at: Mutex<Option<SocketAddr>>,
    kills: AtomicU64,
}

impl Door {
    pub(super) fn new(at: SocketAddr) -> Arc<Self> {
        let (at, kills) = (Mutex::new(Some(at)), AtomicU64::new(0));
        Arc::new(Door { at, kills })
    }

    /// It listens there from now on.
    pub(super) fn moved(&self, to: SocketAddr) {
        *self.at.lock().unwrap() = Some(to);
    }

    /// It is about to be killed: calls that it carries may be cut.
    pub(super) fn dies(&self) {
        *self.at.lock().unwrap() = None;
        self.kills.fetch_add(1, Ordering::SeqCst);
    }

    fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }
}

/// What became of calls: how often which, and the request ids of those whose answers came whole.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) outcomes: BTreeMap<(Key, String), u64>,
    pub(super) whole: Vec<(Key, String)>,
}

impl Told {
    pub(super) fn calls(&self) -> u64 {
        self.outcomes.values().sum()
    }

    fn add(&mut self, other: Told) {
        for (what, count) in other.outcomes {
            *self.outcomes.entry(what).or_default() += count;
        }
        self.whole.extend(other.whole);
    }
}

/// Callers at work.
pub(super) struct Callers {
    work: Arc<Work>,
    tasks: JoinSet<Told>,
}

/// What all callers share.
struct Work {
    requests: BTreeMap<(Key, bool), Bytes>,
    taken: AtomicU64,
    over: AtomicBool,
    began: Instant,
    /// A call no sooner than so long after the one before, over all callers.
    apart: Duration,
}

impl Callers {
    /// Begins, with the value of each key; calls are made no closer together than `apart`.
    pub(super) fn start(
        value: impl Fn(Key) -> String,
        doors: &[Arc<Door>],
        apart: Duration,
    ) -> Self {
        let work = Arc::new(Work {
            requests: requests(value),
            taken: AtomicU64::new(0),
            over: AtomicBool::new(false),
            began: Instant::now(),
            apart,
        });
        let mut tasks = JoinSet::new();
        for door in doors {
            for _ in 0..AT_EACH {
                tasks.spawn(calls(Arc::clone(&work), Arc::clone(door)));
            }
        }
        Callers { work, tasks }
    }

    /// Calls begun so far.
    pub(super) fn taken(&self) -> u64 {
        self.work.taken.load(Ordering::Relaxed)
    }

    /// Ends when the calls under way have.
    pub(super) async fn end(self) -> Told {
        self.work.over.store(true, Ordering::Relaxed);
        let mut told = Told::default();
        for one in self.tasks.join_all().await {
            told.add(one);
        }
        told
    }
}

/// A kilobyte each, made once. Nobody looks at the port in `host`.
fn requests(value: impl Fn(Key) -> String) -> BTreeMap<(Key, bool), Bytes> {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 4100));
    let kinds = KEYS.into_iter().flat_map(|key| [(key, false), (key, true)]);
    let made = kinds.map(|(key, stream)| {
        let call = Call::chat("m", &"word ".repeat(200), stream).key(&value(key));
        ((key, stream), call.bytes(nowhere))
    });
    made.collect()
}

async fn calls(work: Arc<Work>, door: Arc<Door>) -> Told {
    let mut told = Told::default();
    let mut connection = None;
    while !work.over.load(Ordering::Relaxed) {
        let Some((mut wire, kills)) = connect(&mut connection, &door).await else {
            tokio::time::sleep(KNOCKS).await;
            continue;
        };
        let number = work.taken.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep_until(work.began + work.apart * u32::try_from(number).unwrap()).await;
        let dice = spread(number);
        let key = KEYS[(dice % 4) as usize];
        let call = One {
            stream: dice & 4 != 0,
            leaves: (dice >> 3).is_multiple_of(40),
            request: &work.requests[&(key, dice & 4 != 0)],
        };
        let outcome = tokio::time::timeout(LONGEST, call.made(&mut wire)).await;
        let what = match outcome {
            Ok(Ok(Answer::Whole(id))) => {
                connection = Some((wire, kills));
                told.whole.push((key, id));
                "whole".to_owned()
            }
            Ok(Ok(Answer::Refused(what))) => {
                connection = Some((wire, kills));
                what
            }
            Ok(Ok(Answer::Left)) => "left".to_owned(),
            Ok(Err(_)) if door.kills() > kills => "cut by the kill".to_owned(),
            Ok(Err(error)) => format!("cut: {error}"),
            Err(_) => "no answer".to_owned(),
        };
        *told.outcomes.entry((key, what)).or_default() += 1;
    }
    told
}

/// The connection that is kept, or a new one; and how many kills there had been before it was opened, for any later one may cut it.
async fn connect(kept: &mut Option<(Wire, u64)>, door: &Door) -> Option<(Wire, u64)> {
    if let Some(kept) = kept.take().filter(|(wire, _)| !wire.is_stale()) {
        return Some(kept);
    }
    let kills = door.kills();
    let at = *door.at.lock().unwrap();
    Some((Wire::connect(at?).await.ok()?, kills))
}

/// What a call came to.
enum Answer {
    /// All of it, of the call of this id.
    Whole(String),
    /// Another status, and the code.
    Refused(String),
    /// Its caller did not wait for the end.
    Left,
}

/// One call.
struct One<'a> {
    request: &'a Bytes,
    stream: bool,
    leaves: bool,
}

impl One<'_> {
    async fn made(&self, wire: &mut Wire) -> std::io::Result<Answer> {
        wire.send(self.request).await?;
        if self.leaves && !self.stream {
            return Ok(Answer::Left);
        }
        let closed = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let head = wire.head().await?.ok_or(closed)?;
        let mut rest = head.rest();
        if self.leaves {
            wire.part(&mut rest).await?;
            return Ok(Answer::Left);
        }
        let body = wire.body(rest).await?;
        Ok(self.judged(&head, &body))
    }

    fn judged(&self, head: &Head, body: &[u8]) -> Answer {
        let status = head.status();
        if status != 200 {
            let why = code(serde_json::from_slice(body).unwrap_or_default());
            return Answer::Refused(format!("{status} {why}"));
        }
        if self.stream && !body.ends_with(b"data: [DONE]\n\n") {
            return Answer::Refused("200 without its end".to_owned());
        }
        Answer::Whole(head.header("x-request-id").unwrap_or_default().to_owned())
    }
}

/// Which call a number is: well spread, and the same in every run.
fn spread(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 7
}
