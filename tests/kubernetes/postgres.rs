//! A ledger in a real PostgreSQL: what it keeps survives an operator without a data directory, and the death of the server itself.

use super::metered::{METERED, scene, until_status};
use super::operator::World;
use super::speaker::{CREDIT, Speaker, is_held, record};
use purser_config::quota::ReserveVerdict;
use purser_config::stream::FromOperator;
use purser_tests::postgres::Postgres;

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
    one.send(2, vec![record(&key, "pg-2")]);
    server.run().await.unwrap();
    let kept = |said: &FromOperator| matches!(said, FromOperator::Kept { upto: 2, .. });
    one.stream.until(kept).await;
    until_status(&place, "creditsUsed", "2".into()).await;
    until_status(&place, "creditsLeft", "1".into()).await;
}
