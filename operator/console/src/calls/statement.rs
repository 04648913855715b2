//! `/api/statement`: what keys, namespaces or plans came to in a stretch of time, as JSON, as CSV, or as an invoice to print.

use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::bill::{self, Address, GROUPS, Invoice, Line, Money, Of, Statement, Wanted};
use crate::house::Seen;
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
    /// The currency of costs and margins; default: the plans' most usual.
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
    /// How often a plan's time began.
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
    let wanted = wanted(&ask, &wish, now_ms)?;
    let sums = ledger.sums(wanted.query(), &GROUPS).await?;
    let terms = ledger.terms(wanted.from_ms, wanted.to_ms).await?;
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

fn wanted(ask: &Ask, wish: &StatementWish, now_ms: u64) -> Result<Wanted, Failure> {
    let of = match wish.of.as_deref().unwrap_or("key") {
        "key" => Of::Key,
        "namespace" => Of::Namespace,
        "plan" => Of::Plan,
        _ => return Err(Failure::new(400, "of is key, namespace or plan")),
    };
    let prices = prices(&ask.console.house.seen());
    let usual = usual(&prices);
    let ms = |seconds: u64| seconds.saturating_mul(1000);
    Ok(Wanted {
        of,
        name: wish.name.clone(),
        scope: ask.person()?.scope(),
        from_ms: wish.start_timestamp.map_or(0, ms),
        to_ms: wish
            .end_timestamp
            .map_or(now_ms + 1, |end| ms(end.saturating_add(1))),
        currency: wish.currency.clone().unwrap_or(usual),
        prices,
    })
}

/// What plans are sold for.
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

/// The currency that most plans are sold in.
fn usual(prices: &BTreeMap<String, Money>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for money in prices.values() {
        *counts.entry(&money.currency).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(currency, _)| currency.to_owned())
        .unwrap_or_default()
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
