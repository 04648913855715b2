//! A thousand sidecars at one operator: how soon the last of them is told of a change, how much, and what that costs the operator.

use super::operator::World;
use super::place::Place;
use super::pressure::{figure, soak};
use super::stream::Stream;
use purser_config::stream::{FromOperator, FromSidecar};
use purser_tests::process::resident_kib;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const SIDECARS: usize = 1_000;
const CHANGES: usize = 6;
/// Beside the one that changes: a change must not carry them.
const OTHERS: usize = 50;
/// A key, its plan's name and its version, and not fifty of them.
const MOST: usize = 2_048;

/// A change that a sidecar was told.
struct Told {
    at: Instant,
    bytes: usize,
}

/// Listens as a sidecar does, and reports each change.
async fn follow(mut stream: Stream, tell: mpsc::UnboundedSender<Told>) {
    loop {
        let before = stream.told.len();
        if let FromOperator::Change { version, .. } = stream.heard().await {
            let (at, bytes) = (Instant::now(), stream.told.len() - before);
            stream.say(&FromSidecar::Ack(version));
            if tell.send(Told { at, bytes }).is_err() {
                return;
            }
        }
    }
}

async fn crowd(place: &Place) -> (JoinSet<()>, mpsc::UnboundedReceiver<Told>) {
    let token = place.token_of_pod("crowd").await;
    let (tell, told) = mpsc::unbounded_channel();
    let mut followers = JoinSet::new();
    for number in 0..SIDECARS {
        let mut stream = Stream::open(&place.world, &token).await.ok().unwrap();
        stream.hello(&format!("sidecar-{number}")).await;
        followers.spawn(follow(stream, tell.clone()));
    }
    (followers, told)
}

/// User and system time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |at: usize| after_name.split(' ').nth(at)?.parse::<u64>().ok();
    let (user, system) = (ticks(11).unwrap_or(0), ticks(12).unwrap_or(0));
    // Linux tells them in hundredths of a second.
    Duration::from_millis((user + system) * 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sidecars_are_told_of_each_change_and_of_nothing_else() {
    let world = World::own(&[]).await;
    let place = Place::new(&world, "crowd").await;
    let mut documents =
        vec![place.plan("open", "models: {allow: ['*']}, maxKeysPerNamespace: 100")];
    documents.extend(place.key("one", "open"));
    for other in 0..OTHERS {
        documents.extend(place.key(&format!("other-{other}"), "open"));
    }
    place.apply(&documents).await;
    place.until_key("one", "True").await;
    place
        .until_key(&format!("other-{}", OTHERS - 1), "True")
        .await;
    let begun = Instant::now();
    let (mut followers, mut told) = crowd(&place).await;
    let (connected, before) = (begun.elapsed(), cpu(world.pid()));
    let (mut taken, mut most, path) = (Vec::new(), 0, place.ours("apikeys", "one"));
    for change in 0..CHANGES {
        let (since, suspended) = (Instant::now(), change % 2 == 0);
        let suspend = |key: &mut serde_json::Value| key["spec"]["suspended"] = suspended.into();
        world.cluster.change(&path, suspend).await;
        for _ in 0..SIDECARS {
            let one = told.recv().await.unwrap();
            taken.push(one.at - since);
            most = most.max(one.bytes);
        }
    }
    let spent = (cpu(world.pid()) - before) / CHANGES as u32;
    taken.sort_unstable();
    let (p50, p99) = (taken[taken.len() / 2], taken[taken.len() * 99 / 100]);
    figure(&format!(
        "{SIDECARS} sidecars at one operator, all connected after {:.1} s: ApiKey changed → told, {CHANGES} times: p50 {:.3} s, p99 {:.3} s, at most {most} bytes each; operator: {} MiB, {} ms of CPU a change",
        connected.as_secs_f64(),
        p50.as_secs_f64(),
        p99.as_secs_f64(),
        resident_kib(world.pid()) >> 10,
        spent.as_millis(),
    ));
    assert!(most <= MOST, "{most}");
    assert!(told.try_recv().is_err(), "one change is told once");
    // Before the operator is: the end of a stream is no news to them.
    followers.shutdown().await;
    if soak() {
        assert!(p50 <= Duration::from_millis(200) && p99 <= Duration::from_secs(1));
    }
}
