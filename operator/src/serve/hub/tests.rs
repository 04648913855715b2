//! Who sits where when connections come and go, and what the authority then grants.

use super::*;
use purser_config::quota::Verdict;
use purser_config::{Key, Name, Plan, Routing, Standing, WhenQuotaUnreachable};

fn caller(pod: &str) -> Caller {
    Caller {
        namespace: "shop".into(),
        service_account: "search".into(),
        pod: Some(pod.into()),
    }
}

fn lines() -> mpsc::Sender<Bytes> {
    mpsc::channel(1).0
}

#[test]
fn a_second_instance_in_a_pod_means_that_the_first_has_ended() {
    let mut fleet = Fleet::default();
    let (first, ..) = fleet.join("shop/a", &caller("pod"), lines());
    assert!(fleet.leave("shop/a", first));
    assert_eq!(fleet.join("shop/b", &caller("pod"), lines()).2, ["shop/a"]);
}

#[test]
fn a_reconnection_is_not_the_end_of_its_process_and_outlives_the_old_connections_end() {
    let mut fleet = Fleet::default();
    let (first, ..) = fleet.join("shop/a", &caller("pod"), lines());
    let (_, replaced, gone) = fleet.join("shop/a", &caller("pod"), lines());
    assert_eq!((replaced, gone.len()), (true, 0));
    assert!(!fleet.leave("shop/a", first));
    assert!(fleet.connected.contains_key("shop/a"));
}

#[test]
fn a_deleted_pods_lost_sidecar_has_ended() {
    let mut fleet = Fleet::default();
    fleet.pods_are(["pod".to_owned()].into());
    let (first, ..) = fleet.join("shop/a", &caller("pod"), lines());
    fleet.leave("shop/a", first);
    assert_eq!(fleet.pods_are(HashSet::new()), ["shop/a"]);
}

fn hub() -> Hub {
    let clock = Clock::start();
    let hub = Hub::new(clock, Tenure::fresh(clock), Arc::default());
    let plan = Plan {
        requests_per_minute: Some(1_000_000),
        tokens_per_minute: None,
        allow: vec!["*".into()],
        deny: vec![],
        routing: Routing::Priority,
        when_quota_unreachable: WhenQuotaUnreachable::Share,
    };
    let key = Key {
        digests: vec![],
        standing: Standing::Good,
        plan: "free".into(),
        models: vec![],
        expires_at_ms: None,
        service_accounts: vec![],
        channels: vec![],
    };
    let keys = [(Name::new("shop", "a"), key)].into();
    let plans = [("free".to_owned(), plan)].into();
    hub.publish(Arc::new(Configuration {
        keys,
        plans,
        ..Configuration::default()
    }));
    hub
}

fn hello() -> Hello {
    Hello {
        instance: "one".into(),
        version: None,
        uses: vec![],
        shares: vec![],
    }
}

fn is_granted(hub: &Hub, seat: &Seat) -> bool {
    let asks = [Ask {
        key: Name::new("shop", "a"),
        want: 1,
    }];
    matches!(hub.ask(seat, &asks).1[0].verdict, Verdict::Granted { .. })
}

#[test]
fn a_deleted_key_is_denied_as_soon_as_its_deletion_is_published() {
    let hub = hub();
    let seat = hub.join(&caller("pod"), &hello()).unwrap();
    assert!(is_granted(&hub, &seat));
    hub.publish(Arc::default());
    assert!(!is_granted(&hub, &seat));
}

#[test]
fn a_sidecar_of_another_namespace_is_denied() {
    let hub = hub();
    let other = Caller {
        namespace: "other".into(),
        ..caller("pod")
    };
    let seat = hub.join(&other, &hello()).unwrap();
    assert!(!is_granted(&hub, &seat));
}

#[test]
fn a_sidecar_that_reconnects_while_its_old_connection_ends_is_granted() {
    let hub = hub();
    for _ in 0..2_000 {
        let old = hub.join(&caller("pod"), &hello()).unwrap();
        let new = std::thread::scope(|threads| {
            threads.spawn(|| hub.leave(&old, true));
            hub.join(&caller("pod"), &hello()).unwrap()
        });
        assert!(is_granted(&hub, &new));
        hub.leave(&new, true);
    }
}

#[test]
fn a_closed_connection_frees_a_share_at_once_only_where_no_pod_will_tell_of_the_end() {
    let freed = |pod: Option<&str>, closed| {
        let hub = hub();
        let own = Caller {
            pod: pod.map(str::to_owned),
            ..caller("")
        };
        let seat = hub.join(&own, &hello()).unwrap();
        let share = Share {
            key: Name::new("shop", "a"),
            requests: 1_000_000,
        };
        hub.shares_held(&seat, &[share]);
        hub.leave(&seat, closed);
        let next = Hello {
            instance: "two".into(),
            ..hello()
        };
        let next = hub.join(&caller("another"), &next).unwrap();
        is_granted(&hub, &next)
    };
    assert!(freed(None, true));
    assert!(!freed(None, false), "silent, it may still use its share");
    assert!(!freed(Some("pod"), true), "its pod may still use it");
}
