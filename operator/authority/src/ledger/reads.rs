//! Questions that change nothing: what accounts hold, which keys have begun, which calls are on record, whether the book balances.
//! Answered on a connection of its own, so that a long list never delays a call.

mod verify;

use super::LedgerError;
use super::deeds::{self, DeedPage};
use super::log::{LogPage, Paging, Query, Tail, pages, tail};
use super::payments::{PaymentPage, Received, Term, read as payments};
use super::people::{Session, User, read as people};
use super::rows::{AccountRow, ActivationRow, GrantRow, Param, Purpose, Rows};
use super::sums::{By, Sum, read as sums};
use super::usage::Stale;
use super::worker::LONGEST;
use purser_config::Name;
use purser_config::price::Micros;
use purser_config::usage::Record;
use serde::Deserialize;
use std::collections::BTreeMap;
use tokio::sync::oneshot::Sender;

/// How many reservations are swept in one transaction.
pub(super) const SWEPT_AT_ONCE: usize = 500;
/// How many records are answered at most.
const MOST_RECORDS: u32 = 1_000;

/// What is told of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFacts {
    /// When each plan began for this key, in unix milliseconds.
    pub activated: BTreeMap<String, u64>,
    /// What can be reserved. A grant that is only made with the next call is not in it.
    pub credits_left: Micros,
    /// What is left of each grant that lasts: plan and period, and how much.
    pub grants: BTreeMap<(String, String), Micros>,
    /// What each of these was when it was made, whatever its plan grants now.
    pub granted: BTreeMap<(String, String), Micros>,
    /// What open reservations hold.
    pub credits_reserved: Micros,
    /// What calls cost, ever.
    pub credits_used: Micros,
    /// Calls on record, ever.
    pub requests_used: u64,
    /// When the last of them began, in unix milliseconds; 0: there was none.
    pub last_used_ms: u64,
}

/// Which records to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this key alone.
    pub key: Option<Name>,
    /// Of this namespace alone.
    pub namespace: Option<String>,
    /// Older than this one: when it began, and its id.
    pub before: Option<(u64, String)>,
    /// How many at most; never more than 1,000.
    pub limit: u32,
}

/// Something about an account that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrepancy {
    /// Whose account.
    pub key: String,
    /// What was found.
    pub found: String,
}

type Reply<T> = Sender<Result<T, LedgerError>>;

/// A question on its way, and who waits for the answer.
pub(super) enum Question {
    Accounts(u64, Reply<BTreeMap<Name, AccountFacts>>),
    Activations(Reply<BTreeMap<(Name, String), u64>>),
    Record(String, Reply<Option<Record>>),
    Records(Filter, Reply<Vec<Record>>),
    Stale(u64, Reply<Vec<Stale>>),
    Verify(Reply<Vec<Discrepancy>>),
    Log(Query, Paging, Reply<LogPage>),
    After(Query, (u64, u32), Reply<Tail>),
    Arrival(String, Reply<Option<u64>>),
    Arrivals(Reply<u64>),
    Sums(Query, Vec<By>, Reply<Vec<Sum>>),
    Users(Reply<Vec<User>>),
    Session(String, u64, Reply<Option<(Session, User)>>),
    Deeds(Paging, Reply<DeedPage>),
    Payment(String, Reply<Option<Received>>),
    Payments(Paging, Reply<PaymentPage>),
    Terms((u64, u64), Reply<Vec<Term>>),
}

impl Question {
    /// Asks the store and tells whoever waits; who may be gone.
    pub(super) async fn answer<S: Rows>(self, store: &mut S) {
        match self {
            Question::Accounts(wall_ms, reply) => {
                tell(store, reply, async |store| accounts(store, wall_ms).await).await;
            }
            Question::Activations(reply) => tell(store, reply, activations).await,
            Question::Record(id, reply) => {
                tell(store, reply, async |store| record(store, &id).await).await;
            }
            Question::Records(filter, reply) => {
                tell(store, reply, async |store| records(store, &filter).await).await;
            }
            Question::Stale(before_ms, reply) => {
                tell(store, reply, async |store| stale(store, before_ms).await).await;
            }
            Question::Payment(id, reply) => {
                let ask = async |store: &S| payments::payment(store, &id).await;
                tell(store, reply, ask).await;
            }
            Question::Verify(reply) => tell(store, reply, verify::verify).await,
            Question::Users(reply) => tell(store, reply, people::users).await,
            Question::Arrivals(reply) => tell(store, reply, tail::arrivals).await,
            later => later.answer_of_calls(store).await,
        }
    }

    async fn answer_of_calls<S: Rows>(self, store: &mut S) {
        match self {
            Question::Log(query, paging, reply) => {
                tell(store, reply, async |store| {
                    pages::page(store, &query, paging).await
                })
                .await;
            }
            Question::After(query, after, reply) => {
                tell(store, reply, async |store| {
                    tail::after(store, &query, after).await
                })
                .await;
            }
            Question::Arrival(id, reply) => {
                tell(store, reply, async |store| tail::arrival(store, &id).await).await;
            }
            Question::Sums(query, by, reply) => {
                tell(store, reply, async |store| {
                    sums::sums(store, &query, &by).await
                })
                .await;
            }
            Question::Session(digest, now_ms, reply) => {
                tell(store, reply, async |store| {
                    people::session(store, digest, now_ms).await
                })
                .await;
            }
            Question::Deeds(paging, reply) => {
                tell(store, reply, async |store| {
                    deeds::deeds(store, paging).await
                })
                .await;
            }
            Question::Payments(paging, reply) => {
                tell(store, reply, async |store| {
                    payments::payments(store, paging).await
                })
                .await;
            }
            Question::Terms(part, reply) => {
                tell(store, reply, async |store| {
                    payments::terms(store, part).await
                })
                .await;
            }
            _ => {}
        }
    }
}

async fn tell<S: Rows, T>(
    store: &mut S,
    reply: Reply<T>,
    ask: impl AsyncFnOnce(&S) -> Result<T, LedgerError>,
) {
    reply.send(read(store, ask).await).ok();
}

/// Reads in one transaction, so that all of an answer is of one moment.
async fn read<S: Rows, T>(
    store: &mut S,
    ask: impl AsyncFnOnce(&S) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    store.ready().await?;
    let asked = async {
        store.begin(Purpose::Read).await?;
        let answer = ask(store).await?;
        store.commit().await?;
        Ok(answer)
    };
    let outcome = tokio::time::timeout(LONGEST, asked).await;
    let outcome = outcome.unwrap_or_else(|_| Err(store.unreachable("it took too long to answer")));
    if outcome.is_err() {
        store.rollback().await;
    }
    outcome
}

async fn accounts<S: Rows>(
    store: &S,
    wall_ms: u64,
) -> Result<BTreeMap<Name, AccountFacts>, LedgerError> {
    const ACCOUNTS: &str = "SELECT key, top_up, reserved, spent, expired, granted, topped_up, requests, last_used_ms FROM accounts";
    const GRANTS: &str =
        "SELECT key, plan, period, ends_ms, amount, remaining, open FROM grants WHERE open = 1";
    let mut facts: BTreeMap<Name, AccountFacts> = BTreeMap::new();
    for row in store.ask::<AccountRow>(ACCOUNTS, &[]).await? {
        let of = facts.entry(name(store, &row.key)?).or_default();
        of.credits_left = row.top_up;
        of.credits_reserved = row.reserved;
        of.credits_used = row.spent;
        of.requests_used = row.requests;
        of.last_used_ms = row.last_used_ms;
    }
    for row in store.ask::<GrantRow>(GRANTS, &[]).await? {
        if row.ends_ms.is_none_or(|ends| wall_ms < ends) {
            let of = facts.entry(name(store, &row.key)?).or_default();
            of.credits_left += row.remaining;
            let grant = (row.plan, row.period);
            of.granted.insert(grant.clone(), row.amount);
            of.grants.insert(grant, row.remaining);
        }
    }
    for ((key, plan), at_ms) in activations(store).await? {
        facts.entry(key).or_default().activated.insert(plan, at_ms);
    }
    Ok(facts)
}

async fn activations<S: Rows>(store: &S) -> Result<BTreeMap<(Name, String), u64>, LedgerError> {
    let rows: Vec<ActivationRow> = store
        .ask("SELECT key, plan, at_ms FROM activations", &[])
        .await?;
    let named = rows
        .into_iter()
        .map(|row| Ok(((name(store, &row.key)?, row.plan), row.at_ms)));
    named.collect()
}

fn name<S: Rows>(store: &S, key: &str) -> Result<Name, LedgerError> {
    key.parse()
        .map_err(|_| store.corrupt(&format!("{key:?} is no key's name")))
}

/// A record as it is kept.
#[derive(Deserialize)]
pub(super) struct Body {
    body: String,
}

/// As it is told.
pub(super) fn parsed<S: Rows>(store: &S, row: &Body) -> Result<Record, LedgerError> {
    serde_json::from_str(&row.body)
        .map_err(|error| store.corrupt(&format!("a usage record cannot be read: {error}")))
}

async fn record<S: Rows>(store: &S, id: &str) -> Result<Option<Record>, LedgerError> {
    let rows: Vec<Body> = store
        .ask("SELECT body FROM records WHERE id = $1", &[Param::Text(id)])
        .await?;
    rows.first().map(|row| parsed(store, row)).transpose()
}

async fn records<S: Rows>(store: &S, filter: &Filter) -> Result<Vec<Record>, LedgerError> {
    const OF_KEYS: &str = "SELECT body FROM records WHERE key >= $1 AND key <= $2 AND (began_ms, id) < ($3, $4) ORDER BY began_ms DESC, id DESC LIMIT $5";
    const OF_ALL: &str = "SELECT body FROM records WHERE (began_ms, id) < ($1, $2) ORDER BY began_ms DESC, id DESC LIMIT $3";
    let (before_ms, id) = filter
        .before
        .clone()
        .unwrap_or((i64::MAX as u64, String::new()));
    let before = Param::Int(i64::try_from(before_ms).unwrap_or(i64::MAX));
    let limit = Param::Int(i64::from(filter.limit.min(MOST_RECORDS)));
    let range = match (&filter.key, &filter.namespace) {
        (Some(key), _) => Some((key.as_str().to_owned(), key.as_str().to_owned())),
        (None, Some(namespace)) => Some((format!("{namespace}/"), format!("{namespace}0"))),
        (None, None) => None,
    };
    let rows: Vec<Body> = match &range {
        Some((from, to)) => {
            let with = [
                Param::Text(from),
                Param::Text(to),
                before,
                Param::Text(&id),
                limit,
            ];
            store.ask(OF_KEYS, &with).await?
        }
        None => {
            store
                .ask(OF_ALL, &[before, Param::Text(&id), limit])
                .await?
        }
    };
    rows.iter().map(|row| parsed(store, row)).collect()
}

async fn stale<S: Rows>(store: &S, before_ms: u64) -> Result<Vec<Stale>, LedgerError> {
    const STALE: &str = "SELECT r.id, r.key, r.spool FROM reservations r LEFT JOIN spools s ON s.spool = r.spool \
        WHERE r.resolved = 0 AND r.made_ms <= $1 AND COALESCE(s.seen_ms, 0) <= $2 ORDER BY r.made_ms LIMIT $3";
    let before = Param::Int(i64::try_from(before_ms).unwrap_or(i64::MAX));
    let limit = Param::Int(SWEPT_AT_ONCE as i64);
    store.ask(STALE, &[before, before, limit]).await
}
