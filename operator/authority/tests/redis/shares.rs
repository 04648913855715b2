//! Shares over several replicas: they never sum to more than the limit, outlive the replica that allocates, and are withheld while
//! their sidecar is cut off.

use super::server::Server;
use super::setup::{ask, hello, key, per_minute};
use purser_authority::redis::RedisWindows;
use purser_config::WhenQuotaUnreachable::Share;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

type Held = BTreeMap<String, u32>;

/// Tells and confirms until the shares are `wanted`; they never sum to more than the limit on the way.
async fn settled(all: &[(&str, &RedisWindows)], held: &mut Held, wanted: &[(&str, u32)]) {
    let until = Instant::now() + Duration::from_secs(10);
    while !wanted
        .iter()
        .all(|(name, share)| held.get(*name) == Some(share))
    {
        assert!(Instant::now() < until, "{held:?} is not {wanted:?}");
        for (_, windows) in all {
            for (sidecar, shares) in windows.shares_to_tell() {
                held.insert(sidecar.clone(), shares[0].requests);
                assert!(held.values().sum::<u32>() <= 15, "{held:?}");
                windows.shares_held(&sidecar, &shares).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn replica(server: &Server, sidecar: &str) -> RedisWindows {
    let windows = RedisWindows::open(&server.url(), "shares").await.unwrap();
    windows.configure(per_minute(15, Share));
    windows.hello(sidecar, &hello("one"), None).await.unwrap();
    windows
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_of_sidecars_of_several_replicas_sum_to_the_limit_whoever_allocates() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut held = Held::new();
    let a = replica(&server, "a").await;
    settled(&[("a", &a)], &mut held, &[("a", 15)]).await;
    let b = replica(&server, "b").await;
    settled(&[("a", &a), ("b", &b)], &mut held, &[("a", 8), ("b", 7)]).await;
    // A cut-off sidecar keeps its share, and the windows withhold it.
    b.lost("b", false).await;
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let grant = a.ask("a", &[ask(1)]).await.unwrap().answers.remove(0);
        if let purser_config::quota::Verdict::Granted { token, .. } = grant.verdict {
            let back = purser_config::quota::Return {
                key: key(),
                token,
                count: 1,
            };
            a.give_back("a", &[back]).await;
        }
        if grant.remaining == 7 {
            break;
        }
        assert!(Instant::now() < until, "{grant:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The one that allocated dies; another goes on where it was.
    drop(a);
    held.remove("b");
    b.hello("c", &hello("one"), None).await.unwrap();
    b.hello("a", &hello("two"), None).await.unwrap();
    held.remove("a");
    settled(&[("b", &b)], &mut held, &[("a", 5), ("c", 3)]).await;
}
