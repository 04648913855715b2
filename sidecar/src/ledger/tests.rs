//! Reservations under a scripted authority: granted, denied, late, silent.

mod ahead;

use super::request::{DENIAL_CACHE, GRACE};
use super::*;
use crate::lane::Lanes;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::testing::{channel, configuration, key, plan};
use purser_config::quota::{Limited, ReserveVerdict, Share, Verdict};
use purser_config::stream::Version;
use purser_config::{Length, Name, Plan, Starts, Validity, WhenQuotaUnreachable};

/// Answers from a list and remembers what came back.
#[derive(Default)]
struct Scripted {
    answers: Mutex<Vec<Result<Verdict, Unreachable>>>,
    delay: Duration,
    returned: Mutex<Vec<u64>>,
    /// After so long it holds what is asked for.
    holds_after: Option<Duration>,
    settled: Mutex<Vec<Settle>>,
    asked: Mutex<Vec<Reserve>>,
}

impl Authority for Scripted {
    fn ask(&self, ask: Ask) -> Answer<Grant> {
        let answer = self
            .answers
            .lock()
            .unwrap()
            .pop()
            .unwrap_or(Err(Unreachable));
        let delay = self.delay;
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            answer.map(|verdict| Grant {
                key: ask.key,
                limit: (verdict != STRANGER).then_some(20),
                verdict,
                remaining: 7,
                reset_ms: 1,
                expires_at_ms: None,
            })
        })
    }

    fn give_back(&self, unused: Return) {
        self.returned.lock().unwrap().push(unused.token);
    }

    fn reserve(&self, reserve: Reserve) -> Answer<Reserved> {
        let after = self.holds_after;
        self.asked.lock().unwrap().push(reserve.clone());
        Box::pin(async move {
            tokio::time::sleep(after.ok_or(Unreachable)?).await;
            let (channel, credits) = (None, reserve.credits);
            Ok(Reserved {
                id: reserve.id,
                verdict: ReserveVerdict::Held { channel, credits },
                credits_left: None,
                tokens: None,
            })
        })
    }

    fn settle(&self, settle: Settle) {
        self.settled.lock().unwrap().push(settle);
    }

    fn is_here(&self) -> bool {
        true
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn keep(&self, _: Batch) -> Answer<u64> {
        Box::pin(std::future::ready(Err(Unreachable)))
    }
}

fn caller(when_unreachable: WhenQuotaUnreachable) -> Arc<Caller> {
    caller_of(|plan| plan.when_quota_unreachable = when_unreachable)
}

/// A caller whose plan has 20 requests a minute, and then this.
fn caller_of(change: impl FnOnce(&mut Plan)) -> Arc<Caller> {
    let mut all = configuration();
    let mut limited = plan(&["*"], &[], 20);
    change(&mut limited);
    all.plans.insert("free".into(), limited);
    all.channels.insert(
        Name::new("shop", "one"),
        channel("http://127.0.0.1:1/v1", &["m"]),
    );
    all.keys
        .insert(Name::new("shop", "key"), key("sk-1", "free", &["shop/one"]));
    let (snapshot, _) = Snapshot::build(&all, Version::default(), &Lanes::default());
    Arc::clone(snapshot.by_name(&Name::new("shop", "key")).unwrap())
}

fn granted(token: u64) -> Result<Verdict, Unreachable> {
    Ok(Verdict::Granted {
        count: 1,
        ttl_ms: 0,
        token,
    })
}

/// To whom the authority does not know, it says no limit.
const STRANGER: Verdict = Verdict::Denied {
    next_free_ms: 1_000,
    by: Limited::Minute,
};

/// How often each was decided, of those that were.
fn decided(ledger: &Ledger) -> Vec<String> {
    let page = ledger.metrics.render(&Store::default(), &ledger.spool, 0);
    let page = String::from_utf8(page).unwrap();
    let decisions = page.lines().filter_map(|line| {
        let (_, word) = line.split_once("purser_quota_decisions_total{decision=\"")?;
        Some(word.replace("\"}", ""))
    });
    decisions.filter(|line| !line.ends_with(" 0")).collect()
}

fn ledger(authority: &Arc<Scripted>) -> Ledger {
    Ledger::new(
        Arc::clone(authority) as Arc<dyn Authority>,
        Arc::new(Memory::default()),
        (
            Arc::new(Spool::memory(1 << 20)),
            Arc::new(Metrics::new().unwrap()),
        ),
        Clock::simulated(0, NOON_MS),
    )
}

/// Of a day in 2026.
const NOON_MS: u64 = 1_790_337_600_000;

#[tokio::test(start_paused = true)]
async fn an_authority_that_does_not_know_the_key_yet_is_asked_again_for_a_while() {
    let caller = caller(WhenQuotaUnreachable::Share);
    let asked = |answers| {
        ledger(&Arc::new(Scripted {
            answers: Mutex::new(answers),
            ..Scripted::default()
        }))
    };
    let knows = asked(vec![granted(7), Ok(STRANGER), Ok(STRANGER)]);
    assert!(knows.reserve(&caller).await.is_ok(), "the third answer");
    let never = asked((0..100).map(|_| Ok(STRANGER)).collect());
    let Err(Reject::OverRate { .. }) = never.reserve(&caller).await else {
        panic!("not told what the authority said")
    };
}

#[tokio::test(start_paused = true)]
async fn a_reservation_that_is_not_sent_is_given_back() {
    let authority = Arc::new(Scripted {
        answers: Mutex::new(vec![granted(2), granted(1)]),
        ..Scripted::default()
    });
    let (ledger, caller) = (ledger(&authority), caller(WhenQuotaUnreachable::Share));
    let (reservation, quota) = ledger.reserve(&caller).await.unwrap();
    assert_eq!((quota.limit, quota.remaining), (Some(20), 7));
    drop(reservation);
    let (reservation, _) = ledger.reserve(&caller).await.unwrap();
    ledger.spend(reservation, &caller).await.unwrap();
    assert_eq!(*authority.returned.lock().unwrap(), [1]);
    assert_eq!(
        ledger.memory.uses(ledger.clock.now(), 0)[0].ages_ms.len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_waited_too_long_is_void_and_asked_for_again() {
    let authority = Arc::new(Scripted {
        answers: Mutex::new(vec![granted(2), granted(1)]),
        ..Scripted::default()
    });
    let (ledger, caller) = (ledger(&authority), caller(WhenQuotaUnreachable::Share));
    let (reservation, _) = ledger.reserve(&caller).await.unwrap();
    tokio::time::advance(GRACE + Duration::from_millis(1)).await;
    ledger.spend(reservation, &caller).await.unwrap();
    assert_eq!(*authority.returned.lock().unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_slower_than_the_grace_never_becomes_a_send() {
    let answers = Mutex::new((0..100).map(granted).collect());
    let authority = Arc::new(Scripted {
        answers,
        delay: GRACE * 2,
        ..Scripted::default()
    });
    let (ledger, caller) = (ledger(&authority), caller(WhenQuotaUnreachable::Share));
    let (reservation, _) = ledger.reserve(&caller).await.unwrap();
    assert!(matches!(
        ledger.spend(reservation, &caller).await,
        Err(Reject::QuotaUnavailable { .. })
    ));
    assert!(ledger.memory.uses(ledger.clock.now(), 0).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_answered_here_for_a_second_and_tells_the_whole_wait() {
    let authority = Arc::new(Scripted {
        answers: Mutex::new(vec![
            granted(1),
            Ok(Verdict::Denied {
                next_free_ms: 30_000,
                by: Limited::Minute,
            }),
        ]),
        ..Scripted::default()
    });
    let (ledger, caller) = (ledger(&authority), caller(WhenQuotaUnreachable::Share));
    for seconds in [30, 30] {
        let Err(Reject::OverRate { retry, limit, .. }) = ledger.reserve(&caller).await else {
            panic!("not denied")
        };
        assert_eq!((retry, limit), (Duration::from_secs(seconds), 20));
    }
    let told = ["cached_denial 1", "requests_per_minute 1"];
    assert_eq!(decided(&ledger), told);
    tokio::time::advance(DENIAL_CACHE).await;
    assert!(ledger.reserve(&caller).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_an_authority_a_share_is_used_and_then_the_call_is_refused() {
    let authority = Arc::new(Scripted::default());
    let (ledger, caller) = (ledger(&authority), caller(WhenQuotaUnreachable::Share));
    ledger.memory.set_shares(&[Share {
        key: caller.name.clone(),
        requests: 2,
    }]);
    for left in [1, 0] {
        let (reservation, quota) = ledger.reserve(&caller).await.unwrap();
        assert_eq!(quota.remaining, left);
        ledger.spend(reservation, &caller).await.unwrap();
    }
    assert!(matches!(
        ledger.reserve(&caller).await,
        Err(Reject::QuotaUnavailable { .. })
    ));
    let told = ["unavailable 1", "without_authority 2"];
    assert_eq!(decided(&ledger), told);
}

#[tokio::test(start_paused = true)]
async fn without_an_authority_a_share_is_of_the_day_too_and_what_it_used_is_told() {
    let caller = caller_of(|plan| plan.requests_per_day = Some(30));
    let ledger = ledger(&Arc::new(Scripted::default()));
    ledger.memory.set_shares(&[Share {
        key: caller.name.clone(),
        requests: 2,
    }]);
    for minute in [2, 1] {
        for _ in 0..minute {
            let (reservation, _) = ledger.reserve(&caller).await.unwrap();
            ledger.spend(reservation, &caller).await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(61)).await;
    }
    assert!(
        ledger.reserve(&caller).await.is_err(),
        "two of twenty are three of thirty"
    );
    let told = ledger.memory.uses(ledger.clock.now(), ledger.clock.today());
    assert_eq!((told[0].earlier, told[0].ages_ms.len()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn without_an_authority_a_plan_that_only_ends_goes_on_until_its_end() {
    let caller = caller_of(|plan| {
        plan.requests_per_minute = None;
        plan.validity = Some(Validity {
            length: Length::Milliseconds(3_600_000),
            starts: Starts::FirstUse,
        });
    });
    let ledger = ledger(&Arc::new(Scripted::default()));
    let unknown = ledger.reserve(&caller).await;
    assert!(unknown.is_err(), "its time may not have begun");
    let ends = ledger.clock.wall_ms() + 3_600_000;
    ledger.memory.expires(&caller.name, Some(ends));
    let began = ledger.clock.now();
    let (reservation, _) = ledger.reserve(&caller).await.unwrap();
    assert_eq!(ledger.spend(reservation, &caller).await.unwrap(), None);
    assert_eq!(ledger.clock.now(), began, "nobody waited");
    ledger.memory.expires(&caller.name, Some(1));
    assert!(ledger.reserve(&caller).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn deny_waits_for_an_authority_that_comes_back_and_uses_no_share() {
    let returning = vec![granted(1), Err(Unreachable), Err(Unreachable)];
    let authority = Arc::new(Scripted {
        answers: Mutex::new(returning),
        ..Scripted::default()
    });
    let (ledger, caller) = (ledger(&authority), caller(WhenQuotaUnreachable::Deny));
    ledger.memory.set_shares(&[Share {
        key: caller.name.clone(),
        requests: 20,
    }]);
    assert!(ledger.reserve(&caller).await.is_ok());
    assert!(matches!(
        ledger.reserve(&caller).await,
        Err(Reject::QuotaUnavailable { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn an_allowance_that_comes_while_the_process_ends_is_given_back() {
    let authority = Arc::new(Scripted {
        holds_after: Some(Duration::from_secs(1)),
        ..Scripted::default()
    });
    let ledger = Arc::new(ledger(&authority));
    ledger.keep_allowance(&Name::new("shop", "key"), 5);
    ledger.flush().await;
    assert_eq!(authority.settled.lock().unwrap().len(), 1);
}
