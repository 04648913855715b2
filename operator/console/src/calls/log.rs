//! `/api/log`: calls on record. What is seen is what the person may see. Names of both older APIs stand in one item.

mod item;

pub(crate) use item::Item;
use item::USERNAME;

use crate::answer::{Failure, Outcome, Page, Reply};
use crate::ask::Ask;
use crate::house::Seen;
use crate::ids;
use purser_authority::ledger::{Outcome as Ended, Paging, Query, Scope, Sum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most records of one answer to a key or a tail.
const MOST: u32 = 1_000;
/// How the place in the order of arrival is written, so that it is no request's id.
const ARRIVAL: char = '@';
const MINUTE_MS: u64 = 60_000;

/// Which calls.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Filter {
    /// 2: that succeeded; 5: that failed; 0: all. 1, 3, 4 and 6 of new-api are no calls: none.
    #[serde(rename = "type")]
    kind: Option<u8>,
    /// Unix seconds, from and with.
    start_timestamp: Option<u64>,
    /// Unix seconds, up to and with.
    end_timestamp: Option<u64>,
    /// A key: namespace/name, or a name.
    token_name: Option<String>,
    /// The model that was asked for.
    model_name: Option<String>,
    /// A channel: namespace/name, or its id.
    channel: Option<String>,
    /// A namespace.
    namespace: Option<String>,
    /// A plan.
    plan: Option<String>,
    /// As plan.
    group: Option<String>,
    /// Calls have a key, and no user: none are another one's.
    username: Option<String>,
    /// Providers' ids are not kept: none.
    upstream_request_id: Option<String>,
    /// The status that was answered.
    status: Option<u16>,
    /// One call.
    request_id: Option<String>,
}

/// A live tail.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Tail {
    /// Calls that arrived after this one: a request's id, or what an answer said as after. They come in order of arrival.
    after: Option<String>,
}

/// A page of calls.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Calls {
    #[serde(flatten)]
    page: Page<Item>,
    /// To be sent as after for what arrives next.
    after: String,
}

/// Sums over calls.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Stat {
    /// Micro-credits.
    quota: u64,
    /// Calls of the last 60 seconds.
    rpm: u64,
    /// Tokens of the last 60 seconds.
    tpm: u64,
    calls: u64,
    errors: u64,
    prompt_tokens: u64,
    cached_tokens: u64,
    completion_tokens: u64,
    /// What calls were worth beyond what was paid, in micro-credits.
    unpaid: u64,
    /// What providers charge, in millionths of their owner's currency.
    cost: u64,
    /// What attempts cost that served nobody.
    waste: u64,
    /// Milliseconds, mean.
    latency_ms: u64,
    /// Milliseconds until the first content, mean; null: nobody knows.
    first_ms: Option<u64>,
}

impl Filter {
    /// Whether it asks for what no call here is, or has.
    fn is_of_none(&self) -> bool {
        let two = self.plan.as_ref().zip(self.group.as_ref());
        matches!(self.kind, Some(1 | 3 | 4 | 6))
            || self
                .username
                .as_deref()
                .is_some_and(|name| name != USERNAME)
            || self.upstream_request_id.is_some()
            || two.is_some_and(|(plan, group)| plan != group)
    }

    pub(crate) fn query(self, scope: Scope, seen: &Seen) -> Result<Query, Failure> {
        let outcome = match self.kind {
            None | Some(0 | 1 | 3 | 4 | 6) => None,
            Some(2) => Some(Ended::Ok),
            Some(5) => Some(Ended::Failed),
            Some(_) => {
                return Err(Failure::new(
                    400,
                    "type is 0 (all), 2 (succeeded) or 5 (failed)",
                ));
            }
        };
        let scope = if self.is_of_none() {
            Scope::Namespaces(Vec::new())
        } else {
            scope
        };
        let ms = |seconds: u64| seconds.saturating_mul(1000);
        Ok(Query {
            scope,
            from_ms: self.start_timestamp.map_or(0, ms),
            to_ms: self
                .end_timestamp
                .map_or(u64::MAX, |seconds| ms(seconds.saturating_add(1))),
            key: self.token_name,
            model: self.model_name,
            channel: self.channel.map(|channel| named(channel, seen)),
            namespace: self.namespace,
            plan: self.plan.or(self.group),
            outcome,
            status: self.status,
            id: self.request_id,
        })
    }
}

/// A channel's name, whose id may be written.
fn named(channel: String, seen: &Seen) -> String {
    let names = seen.channels.iter().map(|one| ids::name_of(&one.metadata));
    let mut meant = names.filter(|name| ids::means(&channel, "ProviderChannel", name.as_str()));
    meant
        .next()
        .map_or_else(|| channel.clone(), |name| name.to_string())
}

/// Calls, newest first; with `after` in order of arrival.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let (console, ledger) = (&ask.console, ask.console.ledger()?);
    let (filter, tail): (Filter, Tail) = (ask.query()?, ask.query()?);
    let query = filter.query(ask.person()?.scope(), &console.house.seen())?;
    let paging = ask.paging()?;
    let newest = ledger.arrivals().await?;
    let calls = match tail.after {
        Some(after) => {
            let after = arrival(&ask, after).await?.unwrap_or(newest);
            let tail = ledger.log_after(query, after, MOST).await?;
            let items: Vec<Item> = tail.records.iter().map(Item::of).collect();
            let total = items.len() as u64;
            Calls {
                page: paging.page(items, total),
                after: format!("{ARRIVAL}{}", tail.upto),
            }
        }
        None => {
            let page = ledger.log(query, paging.of_ledger()).await?;
            let items = page.records.iter().map(Item::of).collect();
            Calls {
                page: paging.page(items, page.total),
                after: format!("{ARRIVAL}{newest}"),
            }
        }
    };
    Reply::data(&calls)
}

/// Where in the order of arrival; none: no such call is known.
async fn arrival(ask: &Ask, after: String) -> Result<Option<u64>, Failure> {
    match after.strip_prefix(ARRIVAL) {
        Some(number) => number.parse().map(Some).map_err(|_| {
            Failure::new(
                400,
                "after is a request's id, or what an answer said as after",
            )
        }),
        None => Ok(ask.console.ledger()?.arrival(after).await?),
    }
}

/// Sums over the same calls.
pub(crate) async fn stat(ask: Ask) -> Outcome {
    let (house, ledger) = (&ask.console.house, ask.console.ledger()?);
    let filter: Filter = ask.query()?;
    let query = filter.query(ask.person()?.scope(), &house.seen())?;
    let lately = Query {
        from_ms: house.wall_ms().saturating_sub(MINUTE_MS),
        to_ms: u64::MAX,
        ..query.clone()
    };
    let all = ledger.sums(query, &[]).await?;
    let lately = ledger.sums(lately, &[]).await?;
    let mut stat = all.first().map(summed).unwrap_or_default();
    if let Some(sum) = lately.first() {
        stat.rpm = sum.calls;
        stat.tpm = sum.input.saturating_add(sum.output);
    }
    Reply::data(&stat)
}

fn summed(sum: &Sum) -> Stat {
    Stat {
        quota: sum.credits,
        calls: sum.calls,
        errors: sum.errors,
        prompt_tokens: sum.input,
        cached_tokens: sum.cached,
        completion_tokens: sum.output,
        unpaid: sum.unpaid,
        cost: sum.cost,
        waste: sum.waste,
        latency_ms: sum.latency_ms.checked_div(sum.calls).unwrap_or(0),
        first_ms: sum.first_ms.checked_div(sum.first_count),
        ..Stat::default()
    }
}

/// The latest calls of the key that asks, whatever became of it.
pub(crate) async fn of_key(ask: Ask) -> Outcome {
    let query = Query {
        scope: Scope::Key(ask.key()?.clone()),
        ..Query::default()
    };
    let all = Paging {
        offset: 0,
        limit: MOST,
    };
    let page = ask.console.ledger()?.log(query, all).await?;
    let items: Vec<Item> = page.records.iter().map(Item::of).collect();
    Reply::data(&items)
}
