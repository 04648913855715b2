//! What a decision costs, next to the cheapest write that the same server knows.

use super::server::Server;
use super::setup::{ask, hello, per_minute};
use purser_authority::redis::RedisWindows;
use purser_config::WhenQuotaUnreachable;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CALLS: usize = 4_000;

struct Cost {
    p50: Duration,
    p99: Duration,
    a_second: u128,
}

/// One after the other, then 64 at a time.
async fn cost<F, T>(one: impl Fn() -> F) -> Cost
where
    F: Future<Output = T>,
{
    let mut took = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        one().await;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let began = Instant::now();
    let lane = || async {
        for _ in 0..CALLS / 16 {
            one().await;
        }
    };
    futures::future::join_all((0..64).map(|_| lane())).await;
    let all = 64 * (CALLS / 16) as u128;
    Cost {
        p50: took[CALLS / 2],
        p99: took[CALLS * 99 / 100],
        a_second: all * 1_000_000 / began.elapsed().as_micros().max(1),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_decision_beside_a_bare_increment() {
    let Some(server) = Server::start() else {
        return;
    };
    let client = ::redis::Client::open(server.url()).unwrap();
    let bare = client.get_multiplexed_async_connection().await.unwrap();
    let windows = RedisWindows::open(&server.url(), "speed").await.unwrap();
    windows.configure(per_minute(1_000_000, WhenQuotaUnreachable::Deny));
    windows.hello("a", &hello("one"), None).await.unwrap();
    let windows = Arc::new(windows);
    let increment = cost(|| {
        let mut bare = bare.clone();
        async move {
            let mut one = ::redis::cmd("INCR");
            one.arg("counter")
                .query_async::<i64>(&mut bare)
                .await
                .unwrap();
        }
    })
    .await;
    let decision = cost(|| {
        let windows = Arc::clone(&windows);
        async move { windows.ask("a", &[ask(1)]).await.unwrap() }
    })
    .await;
    for (what, cost) in [("INCR", &increment), ("decision", &decision)] {
        println!(
            "{what}: p50 {:?}, p99 {:?}, {} a second",
            cost.p50, cost.p99, cost.a_second
        );
    }
}
