//! What keys used and have left, as their statuses show it: read from the ledger from time to time, shown less often still. A report,
//! never the truth: nothing is decided by it.
//!
//! Invariant: for its usage alone a key's status changes at most once in `every`, and all of them together at most `MOST` times a second.

use super::report::Report;
use crate::credit::decimal;
use crate::reconcile::Publication;
use crate::watch::name_of;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use purser_authority::ledger::AccountFacts;
use purser_authority::{Activations, Authority, Moment};
use purser_compile::ObjectRef;
use purser_config::price::Micros;
use purser_config::{Name, Plan};
use purser_crds::ApiKey;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Statuses a second that change for their usage alone.
const MOST: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// How long an answer of the ledger is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is held back; when a key began and ends is shown at once.
const HELD_BACK: [&str; 5] = [
    "requestsUsed",
    "requestsLeft",
    "creditsUsed",
    "creditsLeft",
    "lastUsed",
];

/// What the ledger says of every account.
pub(crate) type Accounts = BTreeMap<Name, AccountFacts>;

/// See the file's page.
pub(crate) struct Usage {
    every: Duration,
    facts: Arc<Accounts>,
    left_today: BTreeMap<Name, u32>,
    begun: Arc<Activations>,
    unix_ms: u64,
    read: Option<Duration>,
    shown: HashMap<ObjectRef, (Map<String, Value>, Duration)>,
    /// Since when a second is counted, and how many changes it has seen.
    second: (Duration, u32),
}

impl Usage {
    /// Nothing is known yet.
    pub(crate) fn new(every: Duration) -> Self {
        Usage {
            every,
            facts: Arc::default(),
            left_today: BTreeMap::new(),
            begun: Arc::default(),
            unix_ms: 0,
            read: None,
            shown: HashMap::new(),
            second: (Duration::ZERO, 0),
        }
    }

    /// Forgets all but these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ObjectRef) -> bool) {
        self.shown.retain(|object, _| keep(object));
    }

    /// Reads the ledger if that was long ago. Returns when it will be again.
    pub(crate) async fn refresh(&mut self, authority: &Authority, at: Moment) -> Option<Duration> {
        self.begun = Arc::clone(&authority.begun().borrow());
        self.unix_ms = at.unix_ms;
        let due = self
            .read
            .map(|read| (read + self.every).saturating_sub(at.now));
        if let Some(left) = due.filter(|left| !left.is_zero()) {
            return Some(left);
        }
        self.read = Some(at.now);
        // Whatever the ledger suffers from, other statuses must not wait for it.
        let accounts = authority.ledger().accounts(at.unix_ms);
        let Ok(accounts) = tokio::time::timeout(PATIENCE, accounts).await else {
            tracing::warn!("reading accounts for statuses took too long; they stay as they are");
            return Some(self.every);
        };
        match accounts {
            Ok(facts) => {
                self.facts = Arc::new(facts);
                self.left_today = authority.left_today(at).await;
            }
            Err(error) => {
                tracing::warn!(%error, "reading accounts for statuses; they stay as they are")
            }
        }
        Some(self.every)
    }

    /// The accounts as they were last read: another `Arc` with each time.
    pub(crate) fn accounts(&self) -> &Arc<Accounts> {
        &self.facts
    }

    /// What a key can spend, if it has an account.
    pub(crate) fn left(&self, key: &Name) -> Option<Micros> {
        self.facts.get(key).map(|facts| facts.credits_left)
    }

    /// What is to be shown of a key.
    pub(crate) fn fields(&self, publication: &Publication, key: &ApiKey) -> Map<String, Value> {
        let name = name_of(key);
        let configuration = &publication.configuration;
        let decided = configuration.keys.get(&name);
        let plan = configuration.plans.get(&key.spec.plan);
        let mut fields = Map::new();
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(field.to_owned(), value);
            }
        };
        let begun = self.begun.get(&(name.clone(), key.spec.plan.clone()));
        put("activated", begun.and_then(|begun| second(*begun, 1)));
        let ends = decided.and_then(|decided| decided.plan_expires_at_ms);
        let ends = ends.and_then(|ends| second(ends, 1));
        put("expires", earlier(key.spec.expires_at.as_ref(), ends));
        let left = self.left_today.get(&name);
        put("requestsLeft", left.map(|left| json!(left)));
        let facts = self.facts.get(&name);
        put(
            "requestsUsed",
            facts.map(|facts| json!(facts.requests_used)),
        );
        let last = facts.map_or(0, |facts| facts.last_used_ms);
        put("lastUsed", (last > 0).then(|| second(last, 60)).flatten());
        if let Some((used, left)) = self.credits(facts, (&key.spec.plan, plan)) {
            put("creditsUsed", Some(json!(decimal(used))));
            put("creditsLeft", Some(json!(decimal(left))));
        }
        fields
    }

    /// What was spent and what can be, where there is an account or a plan that will make one: a grant that comes with the next call
    /// counts.
    fn credits(
        &self,
        facts: Option<&AccountFacts>,
        (name, plan): (&str, Option<&Plan>),
    ) -> Option<(Micros, Micros)> {
        let grant = plan.and_then(|plan| plan.credits);
        let none = AccountFacts::default();
        let facts = match (facts, grant) {
            (Some(facts), _) => facts,
            (None, Some(_)) => &none,
            (None, None) => return None,
        };
        let due = grant.filter(|grant| {
            let period = purser_authority::book::Period::of(grant.resets, self.unix_ms);
            !facts.grants.contains_key(&(name.to_owned(), period.name))
        });
        let left = facts.credits_left + due.map_or(0, |grant| grant.grant);
        let silent = grant.is_none() && facts.credits_used == 0 && left == 0;
        (!silent).then_some((facts.credits_used, left))
    }

    /// What to show now: what is so, or, where that was shown or would be one change too many, still what was; and how long until it
    /// may change.
    pub(crate) fn steady(
        &mut self,
        report: &Report,
        used: Map<String, Value>,
        now: Duration,
    ) -> (Map<String, Value>, Option<Duration>) {
        let known = self.shown.get(&report.object);
        let before = known.map_or(&report.before, |(before, _)| before);
        let same = HELD_BACK
            .iter()
            .all(|field| before.get(*field) == used.get(*field));
        if same {
            return (used, None);
        }
        let waits = known.map_or(Duration::ZERO, |(_, at)| {
            (*at + self.every).saturating_sub(now)
        });
        if now >= self.second.0 + SECOND {
            self.second = (now, 0);
        }
        let waits = match self.second {
            (since, MOST..) => waits.max((since + SECOND).saturating_sub(now)),
            _ => waits,
        };
        if waits.is_zero() {
            self.second.1 += 1;
            self.shown
                .insert(report.object.clone(), (used.clone(), now));
            return (used, None);
        }
        let mut held = used;
        for field in HELD_BACK {
            match before.get(field) {
                Some(value) => held.insert(field.to_owned(), value.clone()),
                None => held.remove(field),
            };
        }
        (held, Some(waits))
    }
}

/// A moment as a status holds it, in whole steps of so many seconds.
fn second(unix_ms: u64, step: u64) -> Option<Value> {
    let second = i64::try_from(unix_ms / 1_000 / step * step).ok()?;
    Some(json!(Time(Timestamp::from_second(second).ok()?)))
}

fn earlier(written: Option<&Time>, plan: Option<Value>) -> Option<Value> {
    let Some(written) = written else {
        return plan;
    };
    let ends: Option<Time> = plan
        .clone()
        .and_then(|ends| serde_json::from_value(ends).ok());
    match ends {
        Some(ends) if ends.0 < written.0 => plan,
        _ => Some(json!(written)),
    }
}

#[cfg(test)]
mod tests;
