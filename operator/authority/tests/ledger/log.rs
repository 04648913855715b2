//! What is found of the calls on record, against the same looked for by hand in all of them: pages, sums, and a tail that looks on.

use crate::setup::*;
use purser_authority::ledger::{By, Ledger, Outcome, Paging, Query, Scope, Sum};
use purser_config::calendar::DAY_MS;
use purser_config::price::Tokens;
use purser_config::usage::{End, Record};
use purser_config::{Endpoint, Name};
use std::collections::BTreeMap;

const HOUR_MS: u64 = 3_600_000;
/// 2026-11-01T00:00:00Z.
const FIRST: u64 = 1_793_491_200_000;

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }
}

/// Calls of nine days: most of them in three hours of the last, some rare.
pub(crate) fn calls(count: u64) -> Vec<Record> {
    let mut dice = Dice(7);
    (0..count).map(|n| call(&mut dice, n)).collect()
}

fn call(dice: &mut Dice, n: u64) -> Record {
    let namespace = dice.one_of(&["shop", "shop", "bank", "shop-2"]);
    let name = dice.one_of(&["web", "web", "batch"]);
    let began_ms = match dice.below(3) {
        0 => FIRST + dice.below(9 * DAY_MS),
        _ => FIRST + 8 * DAY_MS + dice.below(3 * HOUR_MS),
    };
    let (end, status) = match dice.below(20) {
        0 => (End::Failed, 429),
        1 => (End::Broken, 200),
        2 => (End::ClientLeft, 200),
        _ => (End::Done, 200),
    };
    let served = (end != End::Failed).then(|| dice.one_of(&["models/one", "models/two"]));
    let wasted = (dice.below(5) == 0).then(|| (Name::new("models", "one"), dice.below(900)));
    Record {
        key: Name::new(namespace, name),
        plan: dice.one_of(&["free".to_owned(), "pro".to_owned()]),
        reservation: None,
        channel: served.map(|name| name.parse().unwrap()),
        endpoint: dice.one_of(&[Endpoint::Chat, Endpoint::Embeddings]),
        asked: if n % 211 == 0 {
            "rare".to_owned()
        } else {
            "gpt-4o".to_owned()
        },
        status,
        end,
        tokens: Tokens {
            input: dice.below(1_000),
            cached: dice.below(100),
            cache_write: dice.below(10),
            output: dice.below(500),
        },
        unpaid: dice.below(50),
        cost: dice.below(3_000),
        waste: wasted.into_iter().collect(),
        began_ms,
        latency_ms: dice.below(5_000),
        first_ms: (dice.below(2) == 0).then(|| dice.below(500)),
        ..record(&format!("c{n:05}"), "k", 0)
    }
}

pub(crate) async fn keep_all(ledger: &Ledger, records: &[Record]) {
    for (turn, some) in (0..).zip(records.chunks(250)) {
        let batch = batch("spool-1", turn * 250 + 1, some.to_vec());
        ledger
            .keep(sender_of_all(), batch, NOW)
            .await
            .unwrap()
            .unwrap();
    }
}

/// The conditions that are looked for, together with stretches that begin and end within days, within hours, and nowhere.
fn queries() -> Vec<Query> {
    let text = |text: &str| Some(text.to_owned());
    let ask = |change: &dyn Fn(&mut Query)| {
        let mut query = Query::default();
        change(&mut query);
        query
    };
    let conditions: Vec<Query> = vec![
        ask(&|_| ()),
        ask(&|query| query.key = text("shop/web")),
        ask(&|query| query.key = text("batch")),
        ask(&|query| query.key = text("b")),
        ask(&|query| query.model = text("rare")),
        ask(&|query| query.channel = text("models/one")),
        ask(&|query| query.namespace = text("shop")),
        ask(&|query| query.plan = text("pro")),
        ask(&|query| query.outcome = Some(Outcome::Failed)),
        ask(&|query| query.outcome = Some(Outcome::Ok)),
        ask(&|query| query.status = Some(429)),
        ask(&|query| query.id = text("c00211")),
        ask(&|query| query.scope = Scope::Namespaces(vec!["shop".into(), "bank".into()])),
        ask(&|query| query.scope = Scope::Namespaces(Vec::new())),
        ask(&|query| query.scope = Scope::Key(Name::new("bank", "batch"))),
        ask(&|query| {
            query.scope = Scope::Namespaces(vec!["bank".into()]);
            query.key = text("shop/web");
        }),
        ask(&|query| {
            query.model = text("rare");
            query.namespace = text("shop");
            query.outcome = Some(Outcome::Ok);
        }),
    ];
    let stretches = [
        (0, u64::MAX),
        (FIRST + DAY_MS, FIRST + 4 * DAY_MS),
        (FIRST + DAY_MS + 5_000_000, FIRST + 8 * DAY_MS + 5_000_000),
        (FIRST + 8 * DAY_MS + 60_000, FIRST + 8 * DAY_MS + 1_860_000),
        (FIRST + 5 * DAY_MS, FIRST + 5 * DAY_MS),
    ];
    let each = |query: &Query| {
        let query = query.clone();
        stretches.map(|(from_ms, to_ms)| Query {
            from_ms,
            to_ms,
            ..query.clone()
        })
    };
    conditions.iter().flat_map(each).collect()
}

/// Whether a query asks for this record, but for the channel.
fn asked(query: &Query, record: &Record) -> bool {
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    let key = &record.key;
    let named = query
        .key
        .as_ref()
        .is_none_or(|wanted| wanted == key.as_str() || wanted == key.name());
    let scope = match &query.scope {
        Scope::All => true,
        Scope::Namespaces(names) => names.iter().any(|name| name == key.namespace()),
        Scope::Key(name) => name == key,
    };
    (query.from_ms..query.to_ms).contains(&record.began_ms)
        && scope
        && named
        && is(&query.model, &record.asked)
        && is(&query.namespace, key.namespace())
        && is(&query.plan, &record.plan)
        && is(&query.id, &record.id)
        && query
            .outcome
            .is_none_or(|outcome| outcome == Outcome::of(record))
        && query.status.is_none_or(|status| status == record.status)
}

fn served_by(query: &Query, record: &Record) -> bool {
    let served = record.channel.as_ref().map(Name::as_str);
    query.channel.is_none() || query.channel.as_deref() == served
}

pub(crate) async fn a_page_is_what_is_found_by_looking_at_every_record(store: Store) {
    let ledger = store.open().await;
    let mut records = calls(1_500);
    keep_all(&ledger, &records).await;
    records.sort_by(|one, other| (other.began_ms, &other.id).cmp(&(one.began_ms, &one.id)));
    for query in queries() {
        let wanted = records
            .iter()
            .filter(|record| asked(&query, record) && served_by(&query, record));
        let wanted: Vec<&str> = wanted.map(|record| record.id.as_str()).collect();
        for (offset, limit) in [
            (0, 10),
            (3, 100),
            (990, 20),
            (1_499, 5),
            (5_000, 10),
            (0, 0),
        ] {
            let page = ledger
                .log(query.clone(), Paging { offset, limit })
                .await
                .unwrap();
            let found: Vec<&str> = page
                .records
                .iter()
                .map(|record| record.id.as_str())
                .collect();
            let here = wanted.iter().skip(offset as usize).take(limit as usize);
            let here: Vec<&str> = here.copied().collect();
            assert_eq!(
                (page.total, found),
                (wanted.len() as u64, here),
                "{query:?} from {offset}"
            );
        }
    }
}

/// One call's part in the sums: its channel, and what it adds.
fn adds(query: &Query, record: &Record) -> Vec<(String, Sum)> {
    let served = record.channel.as_ref().map_or("", Name::as_str).to_owned();
    let call = Sum {
        calls: 1,
        errors: u64::from(Outcome::of(record) == Outcome::Failed),
        input: record.tokens.input,
        cached: record.tokens.cached,
        cache_write: record.tokens.cache_write,
        output: record.tokens.output,
        unpaid: record.unpaid,
        cost: record.cost,
        latency_ms: record.latency_ms,
        first_ms: record.first_ms.unwrap_or(0),
        first_count: u64::from(record.first_ms.is_some()),
        ..Sum::default()
    };
    let wasted = record.waste.iter().map(|(channel, waste)| {
        let sum = Sum {
            waste: *waste,
            ..Sum::default()
        };
        (channel.as_str().to_owned(), sum)
    });
    let all = [(served, call)].into_iter().chain(wasted);
    let wanted = |(channel, _): &(String, Sum)| {
        query
            .channel
            .as_ref()
            .is_none_or(|wanted| wanted == channel)
    };
    all.filter(wanted).collect()
}

fn text(by: By, channel: &str, record: &Record) -> String {
    match by {
        By::Key => record.key.as_str().to_owned(),
        By::Namespace => record.key.namespace().to_owned(),
        By::Plan => record.plan.clone(),
        By::Channel => channel.to_owned(),
        By::Model => record.asked.clone(),
        By::Endpoint => format!("{:?}", record.endpoint),
        By::Hour => (record.began_ms / HOUR_MS * HOUR_MS).to_string(),
        By::Day => (record.began_ms / DAY_MS * DAY_MS).to_string(),
    }
}

fn by_hand(query: &Query, by: &[By], records: &[Record]) -> Vec<Sum> {
    let mut sums: BTreeMap<Vec<String>, Sum> = BTreeMap::new();
    for record in records.iter().filter(|record| asked(query, record)) {
        for (channel, adds) in adds(query, record) {
            let group: Vec<String> = by.iter().map(|by| text(*by, &channel, record)).collect();
            let sum = sums.entry(group.clone()).or_default();
            sum.group = group;
            for (to, amount) in numbers(sum).into_iter().zip(numbers(&mut adds.clone())) {
                *to += *amount;
            }
        }
    }
    // A channel that wasted nothing did nothing.
    sums.into_values()
        .filter(|sum| sum.calls > 0 || sum.waste > 0)
        .collect()
}

fn numbers(sum: &mut Sum) -> [&mut u64; 13] {
    [
        &mut sum.calls,
        &mut sum.errors,
        &mut sum.input,
        &mut sum.cached,
        &mut sum.cache_write,
        &mut sum.output,
        &mut sum.credits,
        &mut sum.unpaid,
        &mut sum.cost,
        &mut sum.waste,
        &mut sum.latency_ms,
        &mut sum.first_ms,
        &mut sum.first_count,
    ]
}

pub(crate) async fn sums_are_what_every_record_adds_up_to(store: Store) {
    let ledger = store.open().await;
    let records = calls(1_500);
    keep_all(&ledger, &records).await;
    let groups: [&[By]; 7] = [
        &[],
        &[By::Namespace],
        &[By::Model, By::Hour],
        &[By::Day, By::Key],
        &[By::Channel],
        &[By::Endpoint, By::Plan],
        &[
            By::Key,
            By::Model,
            By::Channel,
            By::Namespace,
            By::Plan,
            By::Hour,
        ],
    ];
    for query in queries() {
        for by in groups {
            let found = ledger.sums(query.clone(), by).await.unwrap();
            assert_eq!(found, by_hand(&query, by, &records), "{query:?} by {by:?}");
        }
    }
    verify(&ledger).await;
}

/// Two that write at once, as two replicas do, while a third looks on.
pub(crate) async fn a_tail_tells_every_call_once_as_it_arrives(store: Store) {
    let writers = [store.open().await, store.open().await];
    let reader = store.open().await;
    let write = |writer: usize| {
        let ledger = writers[writer].clone();
        tokio::spawn(async move {
            for turn in 0..60 {
                let id = format!("w{writer}-{turn}");
                let records = vec![record(&id, &format!("k{writer}"), 0)];
                let batch = batch(&format!("spool-{writer}"), turn + 1, records);
                ledger.keep(sender(), batch, NOW).await.unwrap().unwrap();
            }
        })
    };
    let writing = [write(0), write(1)];
    let (mut after, mut told) = (0, Vec::new());
    let both = async {
        for writer in writing {
            writer.await.unwrap();
        }
    };
    let mut both = std::pin::pin!(both);
    let mut ended = false;
    while !ended {
        ended = futures::poll!(both.as_mut()).is_ready();
        loop {
            let tail = reader.log_after(Query::default(), after, 7).await.unwrap();
            after = tail.upto;
            told.extend(tail.records.iter().map(|record| record.id.clone()));
            if tail.records.is_empty() {
                break;
            }
        }
    }
    for writer in 0..2 {
        let of = told
            .iter()
            .filter(|id| id.starts_with(&format!("w{writer}-")));
        let expected: Vec<String> = (0..60).map(|turn| format!("w{writer}-{turn}")).collect();
        assert!(of.eq(expected.iter()), "{told:?}");
    }
    assert_eq!(reader.arrivals().await.unwrap(), 120);
    assert_eq!(
        reader.arrival("w0-0".to_owned()).await.unwrap(),
        told.iter()
            .position(|id| id == "w0-0")
            .map(|at| at as u64 + 1)
    );
    assert_eq!(reader.arrival("none".to_owned()).await.unwrap(), None);
}

pub(crate) async fn a_tail_of_what_is_rare_moves_on_and_of_nothing_stays(store: Store) {
    let ledger = store.open().await;
    keep_all(&ledger, &calls(500)).await;
    let rare = Query {
        model: Some("rare".to_owned()),
        ..Query::default()
    };
    let tail = ledger.log_after(rare.clone(), 1, 10).await.unwrap();
    let ids: Vec<&str> = tail
        .records
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    assert_eq!((tail.upto, ids), (500, vec!["c00211", "c00422"]));
    let tail = ledger.log_after(rare, 500, 10).await.unwrap();
    assert_eq!((tail.upto, tail.records.len()), (500, 0));
    let nobody = Query {
        scope: Scope::Namespaces(Vec::new()),
        ..Query::default()
    };
    assert!(
        ledger
            .log_after(nobody, 0, 10)
            .await
            .unwrap()
            .records
            .is_empty()
    );
}

pub(crate) async fn what_no_call_can_be_stops_no_sum(store: Store) {
    let ledger = store.open().await;
    let mut odd = record("odd", "k", u64::MAX);
    odd.reservation = None;
    (odd.unpaid, odd.cost, odd.tokens.input) = (u64::MAX, u64::MAX, u64::MAX);
    odd.asked = "\0".repeat(5_000);
    odd.plan = "p".repeat(3_000);
    odd.began_ms = u64::MAX;
    odd.waste = [(Name::new("models", "\0"), u64::MAX)].into();
    let odd = |n| Record {
        id: format!("odd{n}"),
        ..odd.clone()
    };
    keep(&ledger, 1, (0..200).map(odd).collect()).await;
    let query = Query {
        model: Some("\0".repeat(5_000)),
        ..Query::default()
    };
    let sums = ledger.sums(query.clone(), &[By::Day]).await.unwrap();
    assert_eq!(sums.iter().map(|sum| sum.calls).sum::<u64>(), 200);
    let page = ledger
        .log(
            query,
            Paging {
                offset: 0,
                limit: 1,
            },
        )
        .await
        .unwrap();
    assert_eq!((page.total, page.records.len()), (200, 1));
}
