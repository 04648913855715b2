//! In which order a stream's messages are worked on, and that nothing is answered without the Lease.

use super::*;
use crate::clock::Clock;
use crate::lease::Tenure;
use crate::serve::hub::testing::{hello, hub_of};
use purser_config::quota::{GoesOn, ReserveVerdict, Verdict};
use purser_config::{Credits, Key, Length, Name, Plan, Resets, Standing, Starts, Validity};
use std::sync::Arc;

fn caller() -> Caller {
    Caller {
        namespace: "shop".into(),
        service_account: "search".into(),
        pod: None,
        pod_name: None,
        gateway: false,
        inquires: false,
    }
}

/// A plan of one call at a time, one credit, and a year from the first use.
fn plan() -> Plan {
    let (grant, resets) = (1_000_000, Resets::Never);
    Plan {
        allow: vec!["*".into()],
        concurrent_requests: Some(1),
        max_keys_per_namespace: 10,
        credits: Some(Credits { grant, resets }),
        validity: Some(Validity {
            length: Length::Months(12),
            starts: Starts::FirstUse,
        }),
        ..Plan::default()
    }
}

fn key(name: &str) -> Name {
    Name::new("shop", name)
}

async fn hub(tenure: &Tenure) -> (Hub, tempfile::TempDir) {
    let one = |plan: &str| -> Key {
        let key = serde_json::json!({"digests": [], "standing": Standing::Good, "plan": plan, "channels": []});
        serde_json::from_value(key).unwrap()
    };
    let keys = [(key("metered"), one("metered")), (key("open"), one("open"))];
    let open = Plan {
        requests_per_minute: Some(100),
        ..Plan::default()
    };
    let plans = [("metered".to_owned(), plan()), ("open".to_owned(), open)];
    let (hub, folder) = hub_of(tenure.clone()).await;
    hub.publish(Arc::new(purser_config::Configuration {
        keys: keys.into(),
        plans: plans.into(),
        ..Default::default()
    }));
    (hub, folder)
}

fn ask_for(name: &str) -> FromSidecar {
    let (key, want, ttl_ms) = (key(name), 1, 0);
    let asks = vec![Ask { key, want, ttl_ms }];
    FromSidecar::Ask { seq: 1, asks }
}

fn reserve_for(id: &str) -> FromSidecar {
    let reserve = Reserve {
        id: id.into(),
        key: key("metered"),
        tokens: 0,
        slot: true,
        credits: 1_000_000,
        allowance: None,
        channels: vec![],
        others: false,
        spool: String::new(),
    };
    let reserves = vec![reserve];
    FromSidecar::Reserve { seq: 2, reserves }
}

fn said(done: Done) -> FromOperator {
    serde_json::from_slice(&done.unwrap().unwrap()).unwrap()
}

fn verdict(done: Done) -> ReserveVerdict {
    match said(done) {
        FromOperator::Reserved { mut answers, .. } => answers.pop().unwrap().verdict,
        other => panic!("no answer to a reserve: {other:?}"),
    }
}

fn is_granted(done: Done) -> bool {
    match said(done) {
        FromOperator::Answer { grants, .. } => {
            matches!(grants[0].verdict, Verdict::Granted { .. })
        }
        other => panic!("no answer to an ask: {other:?}"),
    }
}

#[test]
fn records_are_of_the_tokens_namespace_and_the_gateways_of_any() {
    assert_eq!(sender(&caller()).namespace.as_deref(), Some("shop"));
    let gateway = Caller {
        gateway: true,
        ..caller()
    };
    assert_eq!(sender(&gateway).namespace, None);
}

#[tokio::test]
async fn a_question_is_answered_while_a_reservation_waits_for_the_ledger() {
    let (hub, _folder) = hub(&Tenure::fresh(Clock::System)).await;
    let metrics = Metrics::new().unwrap();
    let (seat, _lines) = hub.join(&caller(), &hello()).await.unwrap();
    let mut work = Work::new((&hub, &metrics), &seat, sender(&caller()));
    assert!(work.begin(reserve_for("a")).is_none(), "it waits");
    assert!(is_granted(work.begin(ask_for("open")).unwrap()), "at once");
    assert!(
        work.begin(ask_for("metered")).is_none(),
        "its time begins now"
    );
    let (first, second) = (work.next().await, work.next().await);
    let held = verdict(first);
    assert!(
        matches!(
            held,
            ReserveVerdict::Held {
                credits: 1_000_000,
                ..
            }
        ),
        "{held:?}"
    );
    assert!(is_granted(second));
    assert!(
        is_granted(work.begin(ask_for("metered")).unwrap()),
        "from now on at once"
    );
}

fn settle(tokens: Option<u64>, goes_on: Option<GoesOn>) -> FromSidecar {
    let (id, key) = ("a".to_owned(), key("metered"));
    FromSidecar::Settle(vec![Settle {
        id,
        key,
        tokens,
        goes_on,
    }])
}

/// What is settled while a reservation is decided leaves a slot and a credit for the next.
async fn leaves_nothing(settles: Vec<FromSidecar>) {
    let (hub, _folder) = hub(&Tenure::fresh(Clock::System)).await;
    let metrics = Metrics::new().unwrap();
    let (seat, _lines) = hub.join(&caller(), &hello()).await.unwrap();
    let mut work = Work::new((&hub, &metrics), &seat, sender(&caller()));
    assert!(work.begin(reserve_for("a")).is_none());
    let count = settles.len();
    for settle in settles {
        assert!(work.begin(settle).is_none());
    }
    for _ in 0..=count {
        work.next().await.unwrap();
    }
    assert!(work.begin(reserve_for("b")).is_none());
    let held = verdict(work.next().await);
    assert!(
        matches!(held, ReserveVerdict::Held { .. }),
        "slot and credit are free again: {held:?}"
    );
}

#[tokio::test]
async fn who_settles_what_it_has_just_reserved_leaves_nothing_behind() {
    leaves_nothing(vec![settle(None, None)]).await;
}

#[tokio::test]
async fn a_call_that_goes_on_and_ends_leaves_nothing_behind() {
    let goes_on = GoesOn {
        tokens: 0,
        slot: true,
        credits: true,
    };
    leaves_nothing(vec![settle(None, Some(goes_on)), settle(Some(0), None)]).await;
}

#[tokio::test]
async fn without_the_lease_nothing_is_answered_though_it_was_decided_before() {
    let tenure = Tenure::fresh(Clock::System);
    let (hub, _folder) = hub(&tenure).await;
    let metrics = Metrics::new().unwrap();
    let (seat, _lines) = hub.join(&caller(), &hello()).await.unwrap();
    let mut work = Work::new((&hub, &metrics), &seat, sender(&caller()));
    assert!(
        work.begin(reserve_for("a")).is_none(),
        "it waits for the ledger"
    );
    tenure.end();
    assert!(matches!(work.next().await, Err(Ended::NotLeader)));
    for message in [reserve_for("b"), ask_for("open")] {
        let done = work.begin(message).unwrap();
        assert!(matches!(done, Err(Ended::NotLeader)), "{done:?}");
    }
}
