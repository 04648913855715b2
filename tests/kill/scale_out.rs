//! The whole thing: two operators over windows in Redis and a ledger in PostgreSQL, three sidecars, and each part killed in turn.

use super::callers::{Callers, Told};
use super::oracle::{Watch, judge};
use super::parts::{Goal, Parts, Stores};
use super::plans::Key;
use purser_authority::ledger::Ledger;
use purser_tests::figures::{figure, soak};
use purser_tests::postgres::Postgres;
use purser_tests::redis::Redis;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_killed_every_call_that_a_provider_saw_is_on_record_once_and_no_other_costs() {
    let (redis, postgres) = (
        Redis::start().await.unwrap(),
        Postgres::start().await.unwrap(),
    );
    let url = postgres.url();
    let windows = format!("--windows={}", redis.url());
    let ledger = format!("--ledger={url}");
    let stores = Stores {
        redis: Some(redis),
        postgres: Some(postgres),
    };
    let parts = Parts::start("kill", stores, &[&windows, &ledger]).await;
    let goal = Goal {
        calls: if soak() { 1_000_000 } else { 100_000 },
        kills: if soak() { 200 } else { 20 },
        every: Duration::from_secs(10),
    };
    let open = async || Ledger::postgres(&url).await.unwrap();
    survives("scale-out", parts, &goal, open).await;
}

/// Kills under load, lets everything come to rest, and judges.
pub(super) async fn survives(
    name: &str,
    mut parts: Parts,
    goal: &Goal,
    open: impl AsyncFnOnce() -> Ledger,
) {
    let watch = Watch::begin(parts.provider.as_ref().unwrap());
    let began = Instant::now();
    let callers = Callers::start(
        |key| parts.place.value(key.name()),
        &parts.doors(),
        goal.apart(),
    );
    parts.kill_in_turn(&callers, goal).await;
    let told = callers.end().await;
    let took = began.elapsed();
    parts.until_connected().await;
    parts.until_served().await;
    only_as_promised(&told);
    parts.end_sidecars().await;
    let ledger = open().await;
    let provider = parts.provider.take().unwrap();
    let namespace = parts.place.namespace.clone();
    let found = judge((provider, watch), &namespace, (&told, &ledger)).await;
    let line = format!(
        "kill -9, {name}: {} calls in {} s, killed {:?}: {}",
        told.calls(),
        took.as_secs(),
        parts.kills,
        found.line(&told),
    );
    figure("kill.txt", &line).unwrap();
}

/// A call fails with its own sidecar; or because the authority is away, where it needs it.
pub(super) fn only_as_promised(told: &Told) {
    let may = |key: Key, what: &str| match what {
        "whole" | "left" | "cut by the kill" => true,
        "503 quota_unavailable" => key != Key::Free,
        _ => false,
    };
    let others = told.outcomes.keys().filter(|(key, what)| !may(*key, what));
    let others: Vec<_> = others.collect();
    assert!(others.is_empty(), "{others:?} among {:?}", told.outcomes);
}
