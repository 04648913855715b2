//! limitador's own algorithms under the measure of `tests/bench/quota.sh`, which starts this with the address of a Redis: each proxy is one
//! limiter of its crate, in memory or over that Redis. Prints lines of the table. It must never ask anything of Purser.

#[path = "../measure.rs"]
mod measure;

use limitador::limit::{Context, Limit};
use limitador::storage::redis::AsyncRedisStorage;
use limitador::{AsyncRateLimiter, RateLimiter};
use measure::{Ask, LIMIT, PROXIES, at_once, pace, row, straddling};
use std::error::Error;
use std::sync::Arc;

/// Keys whose limit no steady rate reaches, and the ones of the bursts.
const PACED: usize = 150;
const BURSTS: usize = 6;

fn limits() -> Vec<Limit> {
    let none = || (Vec::new(), Vec::new());
    let limit = |name: String, most: usize| {
        let (conditions, variables) = none();
        Limit::new(name, most as u64, 60, conditions, variables)
    };
    let bursts = (0..BURSTS).map(|number| limit(format!("burst-{number}"), LIMIT));
    let paced = (0..PACED).map(|number| limit(format!("paced-{number}"), 1_000_000));
    bursts.chain(paced).collect()
}

fn in_memory() -> Ask {
    let proxies = (0..PROXIES).map(|_| {
        let limiter = RateLimiter::new(10_000);
        for limit in limits() {
            limiter.add_limit(limit);
        }
        limiter
    });
    let proxies: Arc<Vec<RateLimiter>> = Arc::new(proxies.collect());
    Arc::new(move |proxy, key| {
        let proxies = Arc::clone(&proxies);
        Box::pin(async move {
            let context = Context::default();
            let checked = proxies[proxy].check_rate_limited_and_update(&key.into(), &context, 1);
            checked.is_ok_and(|checked| !checked.limited)
        })
    })
}

async fn over_redis(url: &str) -> Result<Ask, Box<dyn Error>> {
    let mut proxies = Vec::new();
    for _ in 0..PROXIES {
        let storage = AsyncRedisStorage::new(url).await?;
        let limiter = AsyncRateLimiter::new_with_storage(Box::new(storage));
        for limit in limits() {
            limiter.add_limit(limit);
        }
        proxies.push(limiter);
    }
    let proxies = Arc::new(proxies);
    Ok(Arc::new(move |proxy, key| {
        let proxies = Arc::clone(&proxies);
        Box::pin(async move {
            let (context, namespace) = (Context::default(), key.into());
            let checked = proxies[proxy].check_rate_limited_and_update(&namespace, &context, 1);
            checked.await.is_ok_and(|checked| !checked.limited)
        })
    }))
}

async fn measured(who: &str, ask: Ask) -> String {
    let steady = pace(&ask, |number| format!("paced-{}", number % PACED)).await;
    let most = at_once(&ask, |trial| format!("burst-{trial}")).await;
    let last = format!("burst-{}", BURSTS - 1);
    row(who, (most, straddling(&ask, &last).await), &steady)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args()
        .nth(1)
        .ok_or("usage: quota-peers redis://host:port")?;
    println!("{}", measured("limitador 0.14, memory", in_memory()).await);
    println!(
        "{}",
        measured("limitador 0.14, Redis", over_redis(&url).await?).await
    );
    Ok(())
}
