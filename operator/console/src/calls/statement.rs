//! `/api/statement`: what keys, namespaces or plans came to in a stretch of time, as JSON, as CSV, or as an invoice to print.

use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::bill::{self, Address, GROUPS, Invoice, Line, Money, Of, Statement, Wanted};
use crate::house::Seen;
use purser_authority::ledger::Term;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which statement.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct StatementWish {
    /// What its rows are of: key (default), namespace or plan.
    of: Option<String>,
    /// That one alone.
    name: Option<String>,
    /// Unix seconds, from and with.
    start_timestamp: Option<u64>,
    /// Unix seconds, up to and with.
    end_timestamp: Option<u64>,
    /// json (default), csv or html: an invoice.
    format: Option<String>,
    /// The currency of costs and margins; default: the most usual of what was sold then, else of today's plans.
    currency: Option<String>,
    /// For html: the invoice's number.
    number: Option<String>,
    /// For html: who sends it, line by line.
    seller: Option<String>,
    /// For html: who is to pay, line by line.
    buyer: Option<String>,
    /// For html: what more there is to say.
    note: Option<String>,
}

/// A statement.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatementView {
    of: String,
    /// Unix seconds, from and with.
    start_timestamp: u64,
    /// Unix seconds, up to and with.
    end_timestamp: u64,
    /// Of price, cost, waste and margin.
    currency: String,
    rows: Vec<Row>,
    total: Row,
}

/// What one of them comes to. Amounts are millionths.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Row {
    /// Whose; of the total: empty.
    name: String,
    calls: u64,
    errors: u64,
    prompt_tokens: u64,
    cached_tokens: u64,
    completion_tokens: u64,
    /// Micro-credits that were paid.
    credits: u64,
    /// Micro-credits that calls were worth beyond that.
    unpaid: u64,
    /// How often a plan's time was sold.
    terms: u64,
    /// What that was sold for.
    price: u64,
    /// The same in other currencies.
    other_prices: BTreeMap<String, u64>,
    /// What providers took for what was served.
    cost: u64,
    /// What they took for nothing.
    waste: u64,
    /// The price less cost and waste.
    margin: i64,
}

impl Row {
    fn of(line: &Line) -> Self {
        Row {
            name: line.name.clone(),
            calls: line.calls,
            errors: line.errors,
            prompt_tokens: line.input_tokens,
            cached_tokens: line.cached_tokens,
            completion_tokens: line.output_tokens,
            credits: line.credits,
            unpaid: line.unpaid,
            terms: line.terms,
            price: line.price,
            other_prices: line.other_prices.clone(),
            cost: line.cost,
            waste: line.waste,
            margin: line.margin,
        }
    }
}

/// The statement that is asked for, of what the person may see.
pub(crate) async fn statement(ask: Ask) -> Outcome {
    let wish: StatementWish = ask.query()?;
    let (console, ledger) = (&ask.console, ask.console.ledger()?);
    let now_ms = console.house.wall_ms();
    let span = span(&wish, now_ms);
    let terms = ledger.terms(span.0, span.1).await?;
    let wanted = wanted(&ask, &wish, span, &terms)?;
    let sums = ledger.sums(wanted.query(), &GROUPS).await?;
    let made = bill::statement(&wanted, &sums, &terms);
    match wish.format.as_deref().unwrap_or("json") {
        "json" => Reply::data(&view(&made)),
        "csv" => Ok(Reply::File(
            "text/csv; charset=utf-8",
            "statement.csv",
            bill::csv(&made),
        )),
        "html" => {
            let page = bill::invoice(&invoice(wish, now_ms), &made);
            Ok(Reply::File(
                "text/html; charset=utf-8",
                "invoice.html",
                page,
            ))
        }
        _ => Err(Failure::new(400, "format is json, csv or html")),
    }
}

/// From when until before when, in unix milliseconds.
fn span(wish: &StatementWish, now_ms: u64) -> (u64, u64) {
    let ms = |seconds: u64| seconds.saturating_mul(1000);
    let end = wish.end_timestamp.map(|end| ms(end.saturating_add(1)));
    let start = wish.start_timestamp.map_or(0, ms);
    (start, end.unwrap_or(now_ms + 1))
}

fn wanted(
    ask: &Ask,
    wish: &StatementWish,
    (from_ms, to_ms): (u64, u64),
    terms: &[Term],
) -> Result<Wanted, Failure> {
    let of = match wish.of.as_deref().unwrap_or("key") {
        "key" => Of::Key,
        "namespace" => Of::Namespace,
        "plan" => Of::Plan,
        _ => return Err(Failure::new(400, "of is key, namespace or plan")),
    };
    let prices = prices(&ask.console.house.seen());
    // What was sold then says more than what is sold today, and stays so.
    let sold = terms.iter().filter_map(|term| term.sale.price.as_ref());
    let usual = usual(sold).or_else(|| usual(prices.values()));
    Ok(Wanted {
        of,
        name: wish.name.clone(),
        scope: ask.person()?.scope(),
        from_ms,
        to_ms,
        currency: wish.currency.clone().or(usual).unwrap_or_default(),
        prices,
    })
}

/// What plans are sold for today.
fn prices(seen: &Seen) -> BTreeMap<String, Money> {
    let sold = seen.plans.iter().filter_map(|plan| {
        let price = plan.spec.price.as_ref()?;
        let money = Money {
            micros: price.amount.micros().ok()?,
            currency: price.currency.clone(),
        };
        Some((plan.metadata.name.clone()?, money))
    });
    sold.collect()
}

/// The currency of most of these.
fn usual<'a>(prices: impl Iterator<Item = &'a Money>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for money in prices.filter(|money| !money.currency.is_empty()) {
        *counts.entry(&money.currency).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(currency, _)| currency.to_owned())
}

fn view(made: &Statement) -> StatementView {
    StatementView {
        of: format!("{:?}", made.of).to_lowercase(),
        start_timestamp: made.from_ms / 1000,
        end_timestamp: (made.to_ms / 1000)
            .saturating_sub(u64::from(made.to_ms.is_multiple_of(1000))),
        currency: made.currency.clone(),
        rows: made.lines.iter().map(Row::of).collect(),
        total: Row::of(&made.total),
    }
}

fn invoice(wish: StatementWish, now_ms: u64) -> Invoice {
    let address = |text: Option<String>| Address {
        lines: text
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect(),
    };
    Invoice {
        number: wish.number.unwrap_or_default(),
        seller: address(wish.seller),
        buyer: address(wish.buyer),
        issued_ms: now_ms,
        note: wish.note.unwrap_or_default(),
    }
}
