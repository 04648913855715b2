//! Who sits where when connections come and go, and what the authority then grants.

use super::testing::{hello, hub_of};
use super::*;
use purser_config::quota::{Ask, Share, Verdict};
use purser_config::refusals::Refusal;
use purser_config::{Key, Name, Plan, Resource, Standing, WhenQuotaUnreachable};

fn caller(pod: &str) -> Caller {
    Caller {
        namespace: "shop".into(),
        service_account: "search".into(),
        pod: Some(pod.into()),
        pod_name: None,
        gateway: false,
        inquires: false,
    }
}

fn lines() -> mpsc::Sender<Bytes> {
    mpsc::channel(1).0
}

#[test]
fn a_second_instance_in_a_pod_means_that_the_first_has_ended() {
    let mut fleet = Fleet::default();
    let (first, ..) = fleet.join("shop/a", &caller("pod"), lines());
    assert_eq!(fleet.leave("shop/a", first), Some(false));
    assert_eq!(fleet.join("shop/b", &caller("pod"), lines()).2, ["shop/a"]);
}

#[test]
fn a_reconnection_is_not_the_end_of_its_process_and_outlives_the_old_connections_end() {
    let mut fleet = Fleet::default();
    let (first, ..) = fleet.join("shop/a", &caller("pod"), lines());
    let (_, replaced, gone) = fleet.join("shop/a", &caller("pod"), lines());
    assert_eq!((replaced, gone.len()), (true, 0));
    assert_eq!(fleet.leave("shop/a", first), None);
    assert!(fleet.connected.contains_key("shop/a"));
}

#[test]
fn an_instance_whose_loss_is_noticed_after_its_pods_next_one_came_has_ended() {
    let mut fleet = Fleet::default();
    let (first, ..) = fleet.join("shop/a", &caller("pod"), lines());
    let (second, _, gone) = fleet.join("shop/b", &caller("pod"), lines());
    assert!(gone.is_empty() && fleet.connected.contains_key("shop/a"));
    assert_eq!(fleet.leave("shop/a", first), Some(true));
    assert_eq!(fleet.leave("shop/b", second), Some(false));
    let (third, ..) = fleet.join("shop/c", &caller("pod"), lines());
    fleet.join("shop/d", &caller("another"), lines());
    assert_eq!(fleet.leave("shop/c", third), Some(false));
}

#[test]
fn a_deleted_pods_lost_sidecar_has_ended() {
    let mut fleet = Fleet::default();
    fleet.pods_are(["pod".to_owned()].into());
    let (first, ..) = fleet.join("shop/a", &caller("pod"), lines());
    fleet.leave("shop/a", first);
    assert_eq!(fleet.pods_are(HashSet::new()), ["shop/a"]);
}

async fn hub() -> (Hub, tempfile::TempDir) {
    let (hub, folder) = hub_of(Tenure::fresh(Clock::System)).await;
    let plan = Plan {
        requests_per_minute: Some(1_000_000),
        allow: vec!["*".into()],
        deny: vec![],
        when_quota_unreachable: WhenQuotaUnreachable::Share,
        ..Plan::default()
    };
    let key = Key {
        digests: vec![],
        previous: None,
        standing: Standing::Good,
        plan: "free".into(),
        models: vec![],
        expires_at_ms: None,
        created_ms: None,
        plan_expires_at_ms: None,
        service_accounts: vec![],
        channels: vec![],
        via_gateway: false,
    };
    let keys = [(Name::new("shop", "a"), key)].into();
    let plans = [("free".to_owned(), plan)].into();
    hub.publish(Arc::new(Configuration {
        keys,
        plans,
        ..Configuration::default()
    }));
    (hub, folder)
}

fn is_granted(hub: &Hub, seat: &Seat) -> bool {
    let ask = Ask {
        key: Name::new("shop", "a"),
        want: 1,
        ttl_ms: 0,
    };
    let grant = hub.authority().ask_now(hub.moment(), &seat.name, &ask);
    grant.is_some_and(|grant| matches!(grant.verdict, Verdict::Granted { .. }))
}

#[tokio::test]
async fn a_deleted_key_is_denied_as_soon_as_its_deletion_is_published() {
    let (hub, _folder) = hub().await;
    let seat = hub.join(&caller("pod"), &hello()).await.unwrap().0;
    assert!(is_granted(&hub, &seat));
    hub.publish(Arc::default());
    assert!(!is_granted(&hub, &seat));
}

#[tokio::test]
async fn the_spools_of_connected_sidecars_are_alive() {
    let (hub, _folder) = hub().await;
    let hello = Hello {
        spool: "s-1".into(),
        ..hello()
    };
    let seat = hub.join(&caller("pod"), &hello).await.unwrap().0;
    assert_eq!(hub.spools(), ["s-1".to_owned()].into());
    hub.leave(&seat, true).await;
    assert!(hub.spools().is_empty());
}

#[tokio::test]
async fn a_sidecar_of_another_namespace_is_denied() {
    let (hub, _folder) = hub().await;
    let other = Caller {
        namespace: "other".into(),
        ..caller("pod")
    };
    let seat = hub.join(&other, &hello()).await.unwrap().0;
    assert!(!is_granted(&hub, &seat));
}

fn gateway() -> Caller {
    Caller {
        namespace: "ops".into(),
        gateway: true,
        ..caller("gate")
    }
}

#[tokio::test]
async fn the_shared_gateway_is_granted_requests_of_every_namespace() {
    let (hub, _folder) = hub().await;
    let seat = hub.join(&gateway(), &hello()).await.unwrap().0;
    assert!(is_granted(&hub, &seat));
    let neighbour = Caller {
        gateway: false,
        ..gateway()
    };
    let other = Hello {
        instance: "two".into(),
        ..hello()
    };
    let seat = hub.join(&neighbour, &other).await.unwrap().0;
    assert!(
        !is_granted(&hub, &seat),
        "its namespace alone gives nothing"
    );
}

#[tokio::test]
async fn the_shared_gateways_word_counts_for_every_namespace_and_a_tenants_for_its_own() {
    let (hub, _folder) = hub().await;
    let refused = |key: &str| Refusal {
        key: key.parse().unwrap(),
        code: "model_not_found".into(),
        status: 404,
        message: "none".into(),
        request: "req_1".into(),
        times: 1,
        first_ms: 1,
        last_ms: 1,
    };
    let tenant = hub.join(&caller("pod"), &hello()).await.unwrap().0;
    hub.refused(&tenant, vec![refused("bank/a")]);
    assert!(hub.refusals().is_empty());
    let seat = hub.join(&gateway(), &hello()).await.unwrap().0;
    hub.refused(&seat, vec![refused("bank/a")]);
    assert_eq!(hub.refusals().len(), 1);
    let census = hub.census().unwrap();
    let tally = census.tally(&Resource::Key(Name::new("shop", "a")));
    assert_eq!(tally.should, 2, "its sidecar's, and the gateway's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_reconnects_while_its_old_connection_ends_is_granted() {
    let (hub, _folder) = hub().await;
    let hub = Arc::new(hub);
    for _ in 0..2_000 {
        let old = hub.join(&caller("pod"), &hello()).await.unwrap().0;
        let ending = Arc::clone(&hub);
        let ends = tokio::spawn(async move { ending.leave(&old, true).await });
        let new = hub.join(&caller("pod"), &hello()).await.unwrap().0;
        ends.await.unwrap();
        assert!(is_granted(&hub, &new));
        hub.leave(&new, true).await;
    }
}

#[tokio::test]
async fn a_closed_connection_frees_a_share_at_once_only_where_no_pod_will_tell_of_the_end() {
    let freed = async |pod: Option<&str>, closed| {
        let (hub, _folder) = hub().await;
        let own = Caller {
            pod: pod.map(str::to_owned),
            ..caller("")
        };
        let seat = hub.join(&own, &hello()).await.unwrap().0;
        let share = Share {
            key: Name::new("shop", "a"),
            requests: 1_000_000,
        };
        let (authority, now) = (hub.authority(), hub.moment().now);
        authority.shares_held(now, &seat.name, &[share]).await;
        hub.leave(&seat, closed).await;
        let next = Hello {
            instance: "two".into(),
            ..hello()
        };
        let next = hub.join(&caller("another"), &next).await.unwrap().0;
        is_granted(&hub, &next)
    };
    assert!(freed(None, true).await);
    assert!(
        !freed(None, false).await,
        "silent, it may still use its share"
    );
    assert!(!freed(Some("pod"), true).await, "its pod may still use it");
}

#[tokio::test]
async fn what_a_sidecar_refused_is_told_to_other_replicas_and_is_no_reason_to_report_anew() {
    use purser_config::refusals::Refusal;
    let ((one, _kept), (other, _kept_too)) = (hub().await, hub().await);
    let (seat, _lines) = one.join(&caller("pod"), &hello()).await.unwrap();
    let refusal = Refusal {
        key: Name::new("shop", "a"),
        code: "plan_expired".into(),
        status: 403,
        message: "over".into(),
        request: "req_1".into(),
        times: 2,
        first_ms: 1,
        last_ms: 2,
    };
    one.refused(&seat, vec![refusal.clone()]);
    let note = || {
        let text = serde_json::to_string(&one.note().unwrap()).unwrap();
        serde_json::from_str::<Note>(&text).unwrap()
    };
    let notified = other.report.notified();
    other.hear(vec![note()]);
    notified.await; // A sidecar is connected elsewhere: that is news.
    assert_eq!(other.refusals(), std::slice::from_ref(&refusal));
    let again = Refusal {
        times: 3,
        ..refusal
    };
    one.refused(&seat, vec![again.clone()]);
    other.hear(vec![note()]);
    assert_eq!(other.refusals(), [again]);
    let quiet = std::time::Duration::from_millis(1);
    let notified = tokio::time::timeout(quiet, other.report.notified()).await;
    assert!(notified.is_err(), "nothing else is new");
}
