//! Calls of nine days, what is looked for among them, and whether it is found by hand.

use crate::setup::*;
use purser_authority::ledger::{Ledger, Outcome, Query, Scope};
use purser_config::calendar::DAY_MS;
use purser_config::price::Tokens;
use purser_config::usage::{End, Record};
use purser_config::{Endpoint, Name};

pub(crate) const HOUR_MS: u64 = 3_600_000;
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
        asked: if n.is_multiple_of(211) {
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
        failures: Vec::new(),
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
pub(crate) fn queries() -> Vec<Query> {
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
pub(crate) fn asked(query: &Query, record: &Record) -> bool {
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

pub(crate) fn served_by(query: &Query, record: &Record) -> bool {
    let served = record.channel.as_ref().map(Name::as_str);
    query.channel.is_none() || query.channel.as_deref() == served
}
