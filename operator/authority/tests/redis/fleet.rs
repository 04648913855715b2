//! Several replicas decide together: exactly the limit, in any 60 s, and nearly all of it.

use super::server::Server;
use super::setup::{Dice, Hands, ask, count, granted, hello, key, per_minute};
use futures::future::join_all;
use purser_authority::Terms;
use purser_authority::checker::worst_window;
use purser_authority::redis::RedisWindows;
use purser_config::WhenQuotaUnreachable;
use purser_config::quota::{GRACE_MS, Limited, Verdict, WINDOW_MS, occupancy_ms};
use std::time::Duration;

const MINUTE: Duration = Duration::from_millis(WINDOW_MS);

/// Replicas with a sidecar each, named by its number.
async fn replicas(
    server: &Server,
    count: usize,
    terms: &Terms,
    hands: &Hands,
) -> Vec<RedisWindows> {
    let mut all = Vec::new();
    for at in 0..count {
        let (url, clock) = (server.url(), Some(hands.0.clone()));
        let windows = RedisWindows::open_at(&url, "fleet", clock).await.unwrap();
        windows.configure(terms.clone());
        windows
            .hello(&at.to_string(), &hello("one"), None)
            .await
            .unwrap();
        all.push(windows);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_hundred_at_once_over_three_replicas_exactly_the_limit_is_admitted() {
    let Some(server) = Server::start() else {
        return;
    };
    let (hands, terms) = (Hands::new(), per_minute(15, WhenQuotaUnreachable::Deny));
    let all = replicas(&server, 3, &terms, &hands).await;
    assert_eq!(all[0].epoch(), all[2].epoch());
    let names = ["0", "1", "2"];
    let asks = (0..300).map(|at| granted(&all[at % 3], names[at % 3], 1));
    let admitted: u32 = join_all(asks).await.into_iter().map(Option::unwrap).sum();
    assert_eq!(admitted, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sixty_seconds_hold_more_than_the_limit_and_a_denial_names_the_moment_of_the_next() {
    let Some(server) = Server::start() else {
        return;
    };
    let (hands, mut dice) = (Hands::new(), Dice(7));
    let terms = per_minute(15, WhenQuotaUnreachable::Deny);
    let all = replicas(&server, 3, &terms, &hands).await;
    let (mut uses, mut frees_at) = (Vec::new(), None);
    for _ in 0..1_500 {
        let at = usize::try_from(dice.below(3)).unwrap();
        let now = u64::try_from(hands.moment().now.as_nanos()).unwrap();
        let answers = all[at].ask(&at.to_string(), &[ask(1)]).await.unwrap();
        match answers.answers[0].verdict {
            Verdict::Granted { .. } => {
                assert!(frees_at.is_none_or(|frees| now >= frees), "before its time");
                // A reply may be used as late as the grace allows.
                uses.push(now + dice.below(GRACE_MS + 1) * 1_000_000);
                frees_at = None;
            }
            Verdict::Denied { next_free_ms, by } => {
                assert_eq!(by, Limited::Minute);
                frees_at = Some(now + next_free_ms * 1_000_000);
                hands
                    .forward_ms([dice.below(2_000), next_free_ms][usize::from(dice.below(4) == 0)]);
            }
            ref other => panic!("{other:?}"),
        }
        hands.forward_ms(dice.below(3) * dice.below(700));
    }
    assert!(uses.len() > 100, "{}", uses.len());
    assert_eq!(worst_window(&mut uses, MINUTE), 15);
}

/// What ten times the limit is granted of it over `minutes`, and the bytes that its windows took.
async fn pressed(server: &Server, limit: u32, want: u32, minutes: u64) -> (f64, u64) {
    let hands = Hands::new();
    let terms = per_minute(limit, WhenQuotaUnreachable::Deny);
    let all = replicas(server, 3, &terms, &hands).await;
    let step_ms = 100;
    let asks_a_step = usize::try_from(limit / 60 / want).unwrap().max(1);
    let mut uses: Vec<u64> = Vec::new();
    let mut denied_until = [0; 3];
    let began = hands.moment().now;
    // The first window fills at once; what follows is what a window holds in the long run.
    let warm = Duration::from_millis(2 * WINDOW_MS);
    while hands.moment().now < began + warm + MINUTE * u32::try_from(minutes).unwrap() {
        let now = u64::try_from(hands.moment().now.as_nanos()).unwrap();
        for (at, windows) in all.iter().enumerate() {
            if now < denied_until[at] {
                continue;
            }
            let asks = vec![ask(want); asks_a_step];
            let answers = windows.ask(&at.to_string(), &asks).await.unwrap();
            for grant in &answers.answers {
                uses.extend((0..count(grant)).map(|_| now));
                if let Verdict::Denied { next_free_ms, .. } = grant.verdict {
                    denied_until[at] = now + next_free_ms.min(1_000) * 1_000_000;
                }
            }
        }
        hands.forward_ms(step_ms);
    }
    let from = u64::try_from((began + warm).as_nanos()).unwrap();
    let late = uses.iter().filter(|at| **at >= from).count();
    assert!(worst_window(&mut uses, MINUTE) <= usize::try_from(limit).unwrap());
    #[allow(clippy::cast_precision_loss, reason = "counts")]
    let share = late as f64 / (f64::from(limit) * minutes as f64);
    (share, bytes(server))
}

fn bytes(server: &Server) -> u64 {
    let mut connection = server.connect();
    let names: Vec<String> = ::redis::cmd("KEYS")
        .arg("fleet:k*")
        .query(&mut connection)
        .unwrap();
    let usage = |name: &String| -> u64 {
        let mut usage = ::redis::cmd("MEMORY");
        let usage = usage.arg("USAGE").arg(name).arg("SAMPLES").arg(0);
        usage.query(&mut connection).unwrap()
    };
    names.iter().map(usage).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_the_limit_gets_nearly_all_of_it_and_takes_bounded_memory() {
    for (limit, want, least, most_bytes) in [
        (15, 1, 0.99, 20_000),
        (600, 1, 0.98, 250_000),
        (6_000, 1, 0.98, 600_000),
        (6_000, 20, 0.98, 600_000),
    ] {
        let Some(server) = Server::start() else {
            return;
        };
        let (share, bytes) = pressed(&server, limit, want, 5).await;
        println!(
            "limit {limit}, want {want}: {:.2} % of the limit, {bytes} bytes",
            share * 100.0
        );
        assert!(share >= least, "{limit}: {share}");
        assert!(bytes <= most_bytes, "{limit}: {bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sidecar_reports_to_another_replica_is_the_same_use() {
    let Some(server) = Server::start() else {
        return;
    };
    let hands = Hands::new();
    let terms = per_minute(15, WhenQuotaUnreachable::Deny);
    let all = replicas(&server, 2, &terms, &hands).await;
    for _ in 0..10 {
        assert_eq!(granted(&all[0], "0", 1).await, Some(1));
    }
    hands.forward_ms(1_000);
    all[0].lost("0", false).await;
    let mut moved = hello("one");
    moved.uses = vec![purser_config::quota::Use {
        key: key(),
        ages_ms: vec![990; 10],
        earlier: 0,
    }];
    all[1].hello("0", &moved, None).await.unwrap();
    assert_eq!(granted(&all[1], "0", 20).await, Some(2));
    let left = all[1].ask("0", &[ask(1)]).await.unwrap();
    assert_eq!(left.answers[0].remaining, 2);
    hands.forward_ms(occupancy_ms(0));
    assert_eq!(
        granted(&all[0], "0", 1).await,
        Some(0),
        "it is not connected here any more"
    );
    assert_eq!(granted(&all[1], "0", 1).await, Some(1));
}
