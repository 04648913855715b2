//! What windows and ledger can suffer from, through the whole operator: a full disk, a volume that cannot be written, a Redis that answers
//! errors, a PostgreSQL without the tables. Each is named with what to do on `/readyz` and on the keys and plans that it concerns, passes
//! when it is mended, and costs nothing that was acknowledged.
//!
//! Disks are mounts in a namespace of the operator's own, which end with it; that takes root.

use super::cluster::{SOON, condition, field_of};
use super::installed::{HOOK, Installed, pod};
use super::metered::{METERED, scene, until_status};
use super::operator::{NAMESPACE, World};
use super::place::Place;
use super::speaker::{Speaker, is_held, record};
use super::volume::{Volume, fill};
use purser_config::Name;
use purser_config::quota::{ReserveVerdict, Verdict};
use purser_config::stream::FromOperator;
use purser_tests::postgres::Postgres;
use purser_tests::redis::Redis;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests a minute: more than a page of the journal holds.
const LIMIT: usize = 1_000;

/// Waits until `/readyz` says so.
pub(super) async fn until_ready_says(world: &World, so: impl Fn(&str) -> bool) {
    until_says(world, "/readyz", so).await;
}

/// Waits until that page of the operator, which may not listen yet, says so.
pub(super) async fn until_says(world: &World, path: &str, so: impl Fn(&str) -> bool) {
    let from = Instant::now();
    loop {
        let page = world.try_page(path).await.unwrap_or_default();
        if so(&page) {
            return;
        }
        assert!(from.elapsed() < SOON, "{path} still says {page}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until key `one` and its plan say so; returns the key's message.
pub(super) async fn until_enforceable(place: &Place, wanted: (&str, &str)) -> String {
    let so = |object: &Value| {
        let told = condition(object, "Enforceable");
        (told, field_of(object, "Enforceable", "reason")) == wanted
    };
    let what = format!("Enforceable is {wanted:?}");
    let cluster = &place.world.cluster;
    let _plan = cluster.until(&what, &place.plan_path("plan"), so).await;
    let key = cluster
        .until(&what, &place.ours("apikeys", "one"), so)
        .await;
    field_of(&key, "Enforceable", "message").to_owned()
}

async fn operator(volume: &Volume) -> Arc<World> {
    let data = format!("--data-dir={}", volume.at().display());
    let script = volume.script();
    World::own_under(&Volume::under(&script), &[&data, "--usage-status-every=1s"]).await
}

async fn limited(world: &Arc<World>, name: &str) -> (Place, Name) {
    let plan = format!("limits: {{requestsPerMinute: {LIMIT}}}, {METERED}");
    scene(world, name, &plan).await
}

async fn is_granted(speaker: &mut Speaker, key: &Name) -> bool {
    let grant = speaker.ask(key).await;
    matches!(grant.verdict, Verdict::Granted { .. })
}

/// What is left of the journal's last page is used up; then no request can be counted, and so none is granted.
async fn until_uncounted(speaker: &mut Speaker, key: &Name) {
    for _ in 0..LIMIT / 2 {
        if !is_granted(speaker, key).await {
            return;
        }
    }
    panic!("requests are granted though no disk holds them");
}

/// One call that is acknowledged: reserved and on record.
async fn acknowledged(speaker: &mut Speaker, key: &Name, (number, id): (u64, &str)) {
    let call = speaker.credit(key, id);
    assert!(is_held(&speaker.reserve(vec![call]).await[0]));
    assert_eq!(speaker.ship(number, vec![record(key, id)]).await, number);
}

#[tokio::test]
async fn a_full_disk_is_told_with_what_to_do_and_what_was_acknowledged_is_there_when_it_has_room_again()
 {
    let volume = Volume::new();
    let world = operator(&volume).await;
    let (place, key) = limited(&world, "full").await;
    let mut one = Speaker::new(&place, "one").await;
    acknowledged(&mut one, &key, (1, "full-1")).await;
    fill(&volume.file("filler"));
    until_uncounted(&mut one, &key).await;
    let told = until_enforceable(&place, ("False", "WindowsUnavailable")).await;
    assert!(
        told.contains("see that the data directory can be written and has space"),
        "{told}"
    );
    until_ready_says(&world, |page| {
        page.starts_with("ok\n")
            && page.contains("\nwindows: cannot write")
            && page.contains("\nledger: cannot write to the ledger")
            && page.contains("its disk is full")
    })
    .await;
    // It said nothing meanwhile, and was given up.
    drop(one);
    let mut one = Speaker::new(&place, "one").await;
    let call = one.credit(&key, "full-2");
    let refused = one.reserve(vec![call]).await;
    assert_eq!(refused[0].verdict, ReserveVerdict::Unavailable);
    one.send(2, vec![record(&key, "full-2")]);

    std::fs::remove_file(volume.file("filler")).unwrap();
    let kept = |said: &FromOperator| matches!(said, FromOperator::Kept { upto: 2, .. });
    one.stream.until(kept).await;
    until_ready_says(&world, |page| page == "ok\n").await;
    until_enforceable(&place, ("True", "Enforceable")).await;
    drop(one);
    let mut one = Speaker::new(&place, "one").await;
    assert!(is_granted(&mut one, &key).await);
    let status = until_status(&place, "requestsUsed", 2.into()).await;
    assert_eq!(
        status["status"]["creditsUsed"], "1",
        "nothing was held for the second"
    );
}

#[tokio::test]
async fn an_operator_whose_volume_is_read_only_tells_its_keys_before_it_serves_anything() {
    let volume = Volume::new();
    let world = operator(&volume).await;
    let (place, _) = limited(&world, "read-only").await;
    world.kill();
    volume.is_read_only_next();
    let mended = async {
        let told = until_enforceable(&place, ("False", "WindowsUnavailable")).await;
        assert!(
            told.contains("see that the data directory can be written"),
            "{told}"
        );
        let page = world.page("/readyz").await;
        assert!(page.contains("opening the windows: cannot"), "{page}");
        volume.becomes_writable();
    };
    tokio::join!(world.run(), mended);
    until_enforceable(&place, ("True", "Enforceable")).await;
    until_ready_says(&world, |page| page == "ok\n").await;
}

#[tokio::test]
async fn a_redis_that_answers_errors_is_told_by_its_own_words_and_nothing_is_granted_meanwhile() {
    let (redis, postgres) = (
        Redis::start().await.unwrap(),
        Postgres::start().await.unwrap(),
    );
    let windows = format!("--windows={}", redis.url());
    let ledger = format!("--ledger={}", postgres.url());
    let world = World::own(&[&windows, &ledger, "--usage-status-every=1s"]).await;
    let (place, key) = limited(&world, "errors").await;
    let mut one = Speaker::new(&place, "one").await;
    assert!(is_granted(&mut one, &key).await);
    redis.tell("CONFIG SET maxmemory 1").await.unwrap();
    assert!(!is_granted(&mut one, &key).await);
    let told = until_enforceable(&place, ("False", "WindowsUnavailable")).await;
    assert!(told.contains("maxmemory"), "{told}");
    until_ready_says(&world, |page| {
        page.contains("\nwindows: ") && page.contains("maxmemory")
    })
    .await;
    redis.tell("CONFIG SET maxmemory 0").await.unwrap();
    until_enforceable(&place, ("True", "Enforceable")).await;
    until_ready_says(&world, |page| page == "ok\n").await;
    drop(one);
    let mut one = Speaker::new(&place, "one").await;
    assert!(is_granted(&mut one, &key).await);
}

#[tokio::test]
async fn a_postgresql_without_its_tables_is_told_by_a_running_and_by_a_starting_operator() {
    let postgres = Postgres::start().await.unwrap();
    let sql = |statement: &str| postgres.run_sql(statement).unwrap();
    sql("CREATE ROLE limited LOGIN");
    sql("CREATE SCHEMA purser AUTHORIZATION limited");
    let ledger = format!("--ledger={}", postgres.url_of("limited"));
    let world = World::own(&[&ledger, "--usage-status-every=1s"]).await;
    let (place, key) = limited(&world, "tables").await;
    let mut one = Speaker::new(&place, "one").await;
    acknowledged(&mut one, &key, (1, "tables-1")).await;
    sql("ALTER SCHEMA purser RENAME TO aside");
    until_enforceable(&place, ("False", "LedgerUnavailable")).await;
    drop(one);
    world.kill();
    let says = |page: &str| {
        page.contains("opening the ledger: ") && page.contains("CREATE SCHEMA purser AUTHORIZATION")
    };
    let mended = async {
        until_ready_says(&world, says).await;
        sql("ALTER SCHEMA aside RENAME TO purser");
    };
    tokio::join!(world.run(), mended);
    until_enforceable(&place, ("True", "Enforceable")).await;
    until_status(&place, "creditsUsed", "1".into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_whose_ledger_cannot_be_opened_gives_pods_their_sidecars_all_the_same() {
    let postgres = Postgres::start().await.unwrap();
    let sql = |statement: &str| postgres.run_sql(statement).unwrap();
    sql("CREATE ROLE limited LOGIN");
    sql("CREATE SCHEMA purser AUTHORIZATION limited");
    let ledger = format!("--ledger={}", postgres.url_of("limited"));
    let installed = Installed::with(&[&ledger]).await;
    let (world, cluster) = (&installed.world, &installed.world.cluster);
    // The Service that the API server asks by leads to pods that are not ready, and has no other port.
    let service = cluster.get(HOOK).await["webhooks"][0]["clientConfig"]["service"].clone();
    let name = service["name"].as_str().unwrap();
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/{name}");
    let spec = cluster.get(&path).await["spec"].clone();
    assert_eq!(spec["publishNotReadyAddresses"], true, "{spec}");
    assert_eq!(spec["ports"].as_array().unwrap().len(), 1, "{spec}");

    installed.reach_webhook().await;
    world.kill();
    sql("ALTER SCHEMA purser RENAME TO aside");
    let asks = json!({"purser.dev/inject": "true"});
    let injected = async {
        until_ready_says(world, |page| page.contains("opening the ledger: ")).await;
        let (status, made) = installed.create("reached", &pod("app", &asks)).await;
        let first = &made["spec"]["initContainers"][0]["name"];
        assert_eq!((status, first), (201, &json!("purser-sidecar")), "{made}");
        sql("ALTER SCHEMA aside RENAME TO purser");
    };
    tokio::join!(world.run(), injected);
}
