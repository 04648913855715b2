//! A ledger in a real PostgreSQL: what it keeps survives an operator without a data directory, and the death of the server itself.

use super::cluster::field_of;
use super::metered::{METERED, scene, until_status};
use super::operator::World;
use super::place::Place;
use super::speaker::{CREDIT, Speaker, is_held, record};
use super::suffers::{until_enforceable, until_ready_says};
use purser_config::quota::ReserveVerdict;
use purser_config::stream::FromOperator;
use purser_tests::postgres::Postgres;
use serde_json::Value;

#[tokio::test]
async fn credits_in_a_postgresql_survive_an_operator_and_records_wait_for_a_dead_server() {
    let mut server = Postgres::start().await.unwrap();
    let ledger = format!("--ledger={}", server.url());
    let world = World::own(&[&ledger, "--usage-status-every=1s"]).await;
    let (place, key) = scene(&world, "postgres", METERED).await;
    let mut one = Speaker::new(&place, "one").await;
    let calls = ["pg-1", "pg-2"].map(|id| one.credit(&key, id));
    assert!(one.reserve(calls.to_vec()).await.iter().all(is_held));
    assert_eq!(one.ship(1, vec![record(&key, "pg-1")]).await, 1);
    world.kill();
    world.run().await;
    let mut one = Speaker::new(&place, "one").await;
    let again = one.reserve(vec![one.credit(&key, "pg-2")]).await;
    assert!(is_held(&again[0]), "{again:?}");
    assert_eq!(again[0].credits_left, Some(CREDIT));

    server.kill();
    let refused = one.reserve(vec![one.credit(&key, "pg-3")]).await;
    assert_eq!(refused[0].verdict, ReserveVerdict::Unavailable);
    until_ready_says(&world, |page| {
        page.contains("ledger: cannot reach the ledger postgres://") && page.contains("tried again")
    })
    .await;
    until_enforceable(&place, ("False", "LedgerUnavailable")).await;
    credit_and_wait(&place).await;
    // It said nothing meanwhile, and was given up.
    drop(one);
    let mut one = Speaker::new(&place, "one").await;
    one.send(2, vec![record(&key, "pg-2")]);
    let kept = |said: &FromOperator| matches!(said, FromOperator::Kept { upto: 2, .. });
    // At once: whoever waits for the server first says nothing meanwhile, and is given up on a busy machine.
    let (runs, _) = tokio::join!(server.run(), one.stream.until(kept));
    runs.unwrap();
    until_status(&place, "creditsUsed", "2".into()).await;
    // One that was left of three, and five that waited.
    until_status(&place, "creditsLeft", "6".into()).await;
    until_ready_says(&world, |page| page == "ok\n").await;
    until_enforceable(&place, ("True", "Enforceable")).await;
}

/// An administrator's entry that cannot be made now says so, and is made later.
async fn credit_and_wait(place: &Place) {
    let namespace = format!("--namespace={}", place.namespace);
    let entry = "credit.purser.dev/waits=5";
    let annotate = ["annotate", "apikey", "one", entry, &namespace];
    place.world.cluster.says(&annotate).await;
    let path = place.ours("apikeys", "one");
    let waits = |key: &Value| field_of(key, "Credited", "reason") == "Waiting";
    let told = place
        .world
        .cluster
        .until("the entry is told to wait", &path, waits);
    let told = told.await;
    let message = field_of(&told, "Credited", "message");
    assert!(
        message.contains("credit.purser.dev/waits waits: cannot reach the ledger"),
        "{message}"
    );
}
