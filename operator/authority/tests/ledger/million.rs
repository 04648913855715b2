//! How fast a person finds something among a million calls, and what a record costs whoever keeps it, in a SQLite file and in a PostgreSQL.
//! Takes minutes and means something in a release build alone, so it is part of a soak. By hand:
//! `PURSER_TEST_SOAK=1 cargo test --release -p purser-authority --test ledger million`.

use crate::figures::{figure, soak};
use crate::setup::*;
use purser_authority::ledger::{By, Ledger, Outcome, Paging, Query, Scope};
use purser_config::Name;
use purser_config::calendar::DAY_MS;
use purser_config::usage::{End, Record};
use std::time::{Duration, Instant};

/// Where figures are kept.
const FIGURES: &str = "ledger.txt";
const CALLS: u64 = 1_000_000;
const DAYS: u64 = 30;
/// How many records a sidecar ships at once.
const BATCH: u64 = 100;
/// The bar, p95.
const BAR: Duration = Duration::from_millis(100);
/// 2026-11-01T00:00:00Z.
const FIRST: u64 = 1_793_491_200_000;
const HOUR_MS: u64 = 3_600_000;

/// The calls of a month: 200 keys of 40 namespaces on three plans, each calling a model or two of eight through two channels each; one in
/// fifty fails, and one in 50,000 asks for a model that is rare.
fn call(n: u64) -> Record {
    let random =
        |salt: u64, end: u64| (n * 31 + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_000_003 % end;
    let key = random(1, 200);
    let model = (key + u64::from(random(2, 4) == 0)) % 8;
    let channel = Name::new(
        "models",
        &format!("c{}", model / 2 * 2 + u64::from(random(3, 10) == 0)),
    );
    let failed = random(4, 50) == 0;
    Record {
        key: Name::new(&format!("team-{}", key / 5), &format!("app-{}", key % 5)),
        plan: format!("plan-{}", key % 3),
        reservation: None,
        channel: (!failed).then(|| channel.clone()),
        asked: if n.is_multiple_of(50_000) {
            "rare".to_owned()
        } else {
            format!("model-{model}")
        },
        served: format!("model-{model}-2026-10-01"),
        status: if failed { 429 } else { 200 },
        end: if failed { End::Failed } else { End::Done },
        tokens: purser_config::price::Tokens {
            input: 900,
            cached: 300,
            cache_write: 0,
            output: 200 + random(5, 300),
        },
        cost: 1_800 + random(6, 900),
        waste: failed.then_some((channel, 400)).into_iter().collect(),
        began_ms: FIRST + n * (DAYS * DAY_MS / CALLS),
        latency_ms: 700 + random(7, 900),
        first_ms: Some(200 + random(8, 200)),
        ..record(&format!("req-{n:08}"), "k", 0)
    }
}

/// What the thread that writes has computed so far.
fn computed() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let ticks = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let of = |at: usize| fields[at].parse::<u64>().unwrap();
        name.ends_with("ledger-writes").then(|| of(11) + of(12))
    });
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

async fn fill(what: &str, ledger: &Ledger) {
    let (begun, before) = (Instant::now(), computed());
    let spools = 4;
    let ship = |spool: u64| {
        let ledger = ledger.clone();
        tokio::spawn(async move {
            let name = format!("spool-{spool}");
            for turn in 0..CALLS / BATCH / spools {
                let first = (turn * spools + spool) * BATCH;
                let records = (first..first + BATCH).map(call).collect();
                let batch = batch(&name, turn * BATCH + 1, records);
                ledger
                    .keep(sender_of_all(), batch, NOW)
                    .await
                    .unwrap()
                    .unwrap();
            }
        })
    };
    for shipping in (0..spools).map(ship).collect::<Vec<_>>() {
        shipping.await.unwrap();
    }
    let each = |took: Duration| took.as_secs_f64() * 1e6 / CALLS as f64;
    let (whole, thread) = (each(begun.elapsed()), each(computed() - before));
    figure(FIGURES, &format!("{what} keep {CALLS} records: {whole:.1} us each, of the writing thread {thread:.1} us computing")).unwrap();
}

/// Asks a question in as many ways, and says how long the slowest of twenty took.
async fn timed(what: &str, count: u64, ask: impl AsyncFn(u64)) -> bool {
    ask(0).await;
    let mut took = Vec::new();
    for turn in 0..count {
        let begun = Instant::now();
        ask(turn).await;
        took.push(begun.elapsed());
    }
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    let (p50, p95) = (at(50), at(95));
    let word = if p95 <= BAR { "" } else { ", over the bar" };
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    figure(
        FIGURES,
        &format!("{what}: p50 {:.2} ms, p95 {:.2} ms{word}", ms(p50), ms(p95)),
    )
    .unwrap();
    p95 <= BAR
}

type Look = (&'static str, Query, u64);

fn list(what: &'static str, offset: u64, change: impl FnOnce(&mut Query)) -> Look {
    let mut query = Query::default();
    change(&mut query);
    (what, query, offset)
}

/// Lists that a person may look at; the number varies what it looks for.
fn lists(turn: u64) -> Vec<Look> {
    let key = turn * 37 % 200;
    let app = format!("team-{}/app-{}", key / 5, key % 5);
    let of_key = |query: &mut Query| query.key = Some(app.clone());
    let named = |query: &mut Query| query.key = Some(format!("app-{}", turn % 5));
    let model = |query: &mut Query| query.model = Some(format!("model-{}", turn % 8));
    let rare = |query: &mut Query| query.model = Some("rare".to_owned());
    let channel = |query: &mut Query| query.channel = Some(format!("models/c{}", turn % 8));
    let mut all = vec![
        list("everything, first page", 0, |_| ()),
        list("everything, page 5,000", 499_900 + turn, |_| ()),
        list("a key", 0, of_key),
        list("a key, page 40", 3_900, of_key),
        list("a name in any namespace", 0, named),
        list("a model", 0, model),
        list("a model that is rare", 0, rare),
        list("a channel", 0, channel),
    ];
    all.extend(more_lists(turn));
    all
}

fn more_lists(turn: u64) -> Vec<Look> {
    let team = |n: u64| format!("team-{}", (turn + n) % 40);
    let moment = FIRST + turn * 7_919_333 % (DAYS * DAY_MS);
    let namespace = |query: &mut Query| query.namespace = Some(team(0));
    let three = |query: &mut Query| query.scope = Scope::Namespaces((0..3).map(team).collect());
    let plan = |query: &mut Query| query.plan = Some(format!("plan-{}", turn % 3));
    let failed = |query: &mut Query| query.outcome = Some(Outcome::Failed);
    let id = |query: &mut Query| query.id = Some(format!("req-{:08}", turn * 7_919 % CALLS));
    vec![
        list("a namespace", 0, namespace),
        list("three namespaces of a team", 0, three),
        list("a plan", 0, plan),
        list("what failed", 0, failed),
        list("a status, page 150", 14_900, |query| {
            query.status = Some(429)
        }),
        list("a status that there is none of", 0, |query| {
            query.status = Some(418)
        }),
        list("a request id", 0, id),
        list("six hours of some day that failed", 0, |query| {
            (query.from_ms, query.to_ms) = (moment, moment + 6 * HOUR_MS);
            failed(query);
        }),
    ]
}

/// Sums behind a statistic, a chart and a bill.
fn sums(turn: u64) -> Vec<(&'static str, Query, &'static [By])> {
    let now = FIRST + DAYS * DAY_MS - turn * 1_333;
    let last = |ms: u64| {
        let (_, query, _) = list("", 0, |query| {
            (query.from_ms, query.to_ms) = (now - ms, now)
        });
        query
    };
    let (week, month) = (7 * DAY_MS, 30 * DAY_MS);
    let team = Query {
        namespace: Some(format!("team-{}", turn % 40)),
        ..last(week)
    };
    let failed = Query {
        outcome: Some(Outcome::Failed),
        ..Query::default()
    };
    vec![
        ("statistic of ever", Query::default(), &[]),
        ("statistic of the last minute", last(60_000), &[]),
        ("statistic of the last day", last(DAY_MS), &[]),
        ("statistic of a namespace, last week", team, &[]),
        ("statistic of what failed, ever", failed, &[]),
        (
            "chart of a day by model and hour",
            last(DAY_MS),
            &[By::Model, By::Hour],
        ),
        (
            "chart of a week by model and hour",
            last(week),
            &[By::Model, By::Hour],
        ),
        (
            "chart of a month by model and day",
            last(month),
            &[By::Model, By::Day],
        ),
        (
            "bill of a month by namespace",
            last(month),
            &[By::Namespace],
        ),
        (
            "bill of a month by key and plan",
            last(month),
            &[By::Key, By::Plan],
        ),
    ]
}

async fn measured(what: &str, ledger: &Ledger) -> bool {
    let mut held = true;
    for at in 0..lists(0).len() {
        let ask = async |turn| {
            let (_, query, offset) = lists(turn).swap_remove(at);
            ledger
                .log(query, Paging { offset, limit: 100 })
                .await
                .unwrap();
        };
        held &= timed(&format!("{what} list: {}", lists(0)[at].0), 60, ask).await;
    }
    for at in 0..sums(0).len() {
        let ask = async |turn| {
            let (_, query, by) = sums(turn).swap_remove(at);
            ledger.sums(query, by).await.unwrap();
        };
        held &= timed(&format!("{what} sums: {}", sums(0)[at].0), 40, ask).await;
    }
    let tail = async |turn| {
        ledger
            .log_after(Query::default(), CALLS - 100 - turn, 100)
            .await
            .unwrap();
    };
    held & timed(&format!("{what} tail: the last hundred"), 60, tail).await
}

async fn a_million(what: &str, store: Store) -> bool {
    let ledger = store.open().await;
    fill(what, &ledger).await;
    let held = measured(what, &ledger).await;
    verify(&ledger).await;
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_calls_are_searched_within_the_bar() {
    if !soak() || cfg!(debug_assertions) {
        println!("skipped: this is no release build, or PURSER_TEST_SOAK is not set");
        return;
    }
    let mut held = a_million("sqlite", Store::sqlite()).await;
    if let Some(store) = Store::postgres().await {
        held &= a_million("postgres", store).await;
    }
    assert!(held, "some questions took longer than {BAR:?} at p95");
}
