//! The run: two settings of the operator, each with keys for the bursts, for the steady rate, and with credits. Called by `quota.rs`; it
//! owns the bars.

use super::measure::{LIMIT, Times, at_once, pace, row, straddling};
use super::operator::World;
use super::place::Place;
use super::proxy::{metered, proxies, unmetered};
use super::stores::Store;
use purser_tests::postgres::Postgres;
use purser_tests::redis::Redis;
use std::sync::Arc;
use std::time::Duration;

/// Keys of the steady rate, with a window and with credits: so many that each question is about a key that is always asked for exactly.
const PACED: usize = 150;
const BURSTS: usize = 6;
/// The bars: added to a call by the check, and by what a metered one reserves over the store's own commit.
const P50: Duration = Duration::from_micros(150);
const P99: Duration = Duration::from_millis(1);
const COMMITS: u32 = 2;
/// Who writes nothing for so long has written all.
const SETTLED: Duration = Duration::from_secs(3);

/// One way to run the operator.
struct Setting {
    name: &'static str,
    arguments: Vec<String>,
    store: Store,
}

/// Prints the table's lines of Purser; says whether a bar is missed.
pub(crate) async fn all() -> bool {
    let data = tempfile::tempdir().unwrap();
    let embedded = Setting {
        name: "embedded, SQLite",
        arguments: vec![format!("--data-dir={}", data.path().display())],
        store: Store::sqlite(&data.path().join("bare")),
    };
    let bare = Times::of(Store::loopback().commits().await);
    println!("| a bare round trip by TCP | | | {} |", bare.cells());
    let mut missed = measured(embedded).await;
    let (redis, postgres) = (
        Redis::start().await.unwrap(),
        Postgres::start().await.unwrap(),
    );
    let together = Setting {
        name: "Redis, PostgreSQL",
        arguments: vec![
            format!("--windows={}", redis.url()),
            format!("--ledger={}", postgres.url()),
        ],
        store: Store::postgres(&postgres.url()).await,
    };
    missed |= measured(together).await;
    missed
}

/// Prints the lines of a setting; says whether a bar is missed.
async fn measured(setting: Setting) -> bool {
    let arguments: Vec<&str> = setting.arguments.iter().map(String::as_str).collect();
    let world = World::own(&arguments).await;
    let place = place(&world).await;
    let proxies = Arc::new(proxies(&place).await);
    settled(&world, &place).await;
    let ask = unmetered(&proxies);
    let free = pace(&ask, |number| format!("paced-{}", number % PACED)).await;
    let most = at_once(&ask, |trial| format!("burst-{trial}")).await;
    let over = (most, straddling(&ask, "burst-5").await);
    let who = format!("Purser, {}", setting.name);
    println!("{}", row(&who, over, &free));
    let busy = pace(&ask, |_| "busy".to_owned()).await;
    println!(
        "| {who}, one key of 1,000,000 a minute | | | {} |",
        busy.cells()
    );
    // Half of the bare commits before and half after, so that a disk that is busy with other things is so for both.
    let mut commits = setting.store.commits().await;
    let pay = metered(&proxies);
    let pays = pace(&pay, |number| format!("metered-{}", number % PACED)).await;
    commits.extend(setting.store.commits().await);
    let commit = Times::of(commits);
    println!("| {who}, metered | | | {} |", pays.cells());
    let ahead = pace(&pay, |_| "metered-0".to_owned()).await;
    println!(
        "| {who}, metered, one key of 500 a second | | | {} |",
        ahead.cells()
    );
    println!(
        "| {}: a bare commit | | | {} |",
        setting.name,
        commit.cells()
    );
    let slow = |pays: &Times| pays.p50 > commit.p50 * COMMITS || pays.p99 > commit.p99 * COMMITS;
    let late = free.p50 > P50 || free.p99 > P99;
    most > LIMIT || over.1 > LIMIT || late || slow(&pays) || slow(&ahead)
}

/// Waits until the operator has written all that it has to say of new keys: what is measured is the check, and not that beside it.
async fn settled(world: &World, place: &Place) {
    let list = [
        "get",
        "keys",
        "-n",
        &place.namespace,
        "-o",
        "jsonpath={.items[*].metadata.resourceVersion}",
    ];
    let mut before = String::new();
    for _ in 0..60 {
        let now = world.cluster.says(&list).await;
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(SETTLED).await;
    }
    panic!("the statuses of the keys change for ever");
}

/// A namespace with all keys.
async fn place(world: &Arc<World>) -> Place {
    let place = Place::new(world, "quota").await;
    let minute = |limit: usize| {
        format!(
            "limits: {{requestsPerMinute: {limit}}}, models: {{allow: ['*']}}, whenQuotaUnreachable: Deny"
        )
    };
    let credits = "credits: {grant: '1000000'}, prices: [{models: ['*'], perRequest: '1'}], models: {allow: ['*']}, maxKeysPerNamespace: 500";
    let most = "maxKeysPerNamespace: 500";
    let mut documents = vec![
        place.plan("burst", &format!("{}, {most}", minute(LIMIT))),
        place.plan("paced", &format!("{}, {most}", minute(240))),
        place.plan("busy", &minute(1_000_000)),
        place.plan("metered", credits),
        place.channel("live", "http://127.0.0.1:9", "{name: m}"),
    ];
    let names = |plan: &'static str, count| (0..count).map(move |n| (format!("{plan}-{n}"), plan));
    let all: Vec<_> = names("burst", BURSTS)
        .chain(names("paced", PACED))
        .chain(names("metered", PACED))
        .chain([("busy".to_owned(), "busy")])
        .collect();
    for (name, plan) in &all {
        documents.extend(place.key(name, plan));
    }
    place.apply(&documents).await;
    for (name, _) in &all {
        place.until_key(name, "True").await;
    }
    place
}
