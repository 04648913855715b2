//! What must be true after all of it. The provider's own log says which calls there were; the ledger is asked what is on record and what
//! each account has. Reads, and changes nothing.

use super::callers::Told;
use super::parts::REST;
use super::plans::{KEYS, Key};
use purser_authority::ledger::{AccountFacts, Ledger};
use purser_config::Name;
use purser_config::usage::{End, Record};
use purser_tests::figures::soak;
use purser_tests::provider::Provider;
use purser_tests::records;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant, SystemTime};
use tokio::task::JoinHandle;

/// The request ids that a provider saw, as it sees them.
pub(super) struct Watch(JoinHandle<HashSet<String>>);

impl Watch {
    /// From now on.
    pub(super) fn begin(provider: &Provider) -> Self {
        let mut calls = provider.follow();
        Watch(tokio::spawn(async move {
            let mut seen = HashSet::new();
            while let Some(call) = calls.recv().await {
                let id = call.header("x-request-id").expect("every call has an id");
                // Providers are given the UUID alone.
                seen.insert(format!("req_{id}"));
            }
            seen
        }))
    }

    /// All of them; the provider must have ended, or it waits for ever.
    async fn end(self) -> HashSet<String> {
        self.0.await.unwrap()
    }
}

/// What was found: for the figure.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) seen: usize,
    pub(super) records: usize,
    /// Records that no answer was whole for, by how they ended.
    pub(super) ends: BTreeMap<End, usize>,
    /// Whole answers for which nothing was held any more when their record came.
    pub(super) unpaid: usize,
}

impl Found {
    /// In words, for the figure.
    pub(super) fn line(&self, told: &Told) -> String {
        let Found {
            seen,
            records,
            ends,
            unpaid,
        } = self;
        format!(
            "{seen} ids seen, {records} records, 0 missing, 0 charged beside them; ends {ends:?}; {unpaid} whole answers given up by the sweep; outcomes {:?}",
            told.outcomes
        )
    }
}

/// Judges a run whose callers and sidecars have ended.
pub(super) async fn judge(
    (provider, watch): (Provider, Watch),
    namespace: &str,
    (told, ledger): (&Told, &Ledger),
) -> Found {
    let accounts = until_resolved(ledger, namespace).await;
    drop(provider);
    let seen = watch.end().await;
    // The ledger has no other namespace's.
    let records = records::all(ledger).await.unwrap();
    assert_eq!(ledger.verify().await.unwrap(), []);
    let lost: Vec<&String> = seen
        .iter()
        .filter(|id| !records.contains_key(*id))
        .collect();
    assert!(
        lost.is_empty(),
        "{} calls have no record: {:?}",
        lost.len(),
        lost.first()
    );
    let unseen = records.values().filter(|record| !seen.contains(&record.id));
    let charged: Vec<&Record> = unseen.filter(|record| record.credits > 0).collect();
    assert!(charged.is_empty(), "no provider saw {charged:?}");
    for key in KEYS {
        balances(key, &accounts[&Name::new(namespace, key.name())], &records);
    }
    let mut ends = BTreeMap::new();
    for record in records.values() {
        *ends.entry(record.end).or_default() += 1;
    }
    let unpaid = unpaid(told, &records);
    // Only those of a sidecar that seemed silent for longer than the test waits: on a machine that is far too busy, some.
    let bearable = if soak() { 100 } else { 4 };
    assert!(
        unpaid * bearable <= told.whole.len(),
        "{unpaid} are paid by nobody"
    );
    Found {
        seen: seen.len(),
        records: records.len(),
        ends,
        unpaid,
    }
}

/// Waits until nothing is held for any call: the sweep gives back what nobody answers for.
async fn until_resolved(ledger: &Ledger, namespace: &str) -> BTreeMap<Name, AccountFacts> {
    let from = Instant::now();
    loop {
        let accounts = ledger.accounts(now_ms()).await.unwrap();
        let own = accounts
            .iter()
            .filter(|(key, _)| key.namespace() == namespace);
        let held: Vec<_> = own
            .filter(|(_, facts)| facts.credits_reserved > 0)
            .collect();
        if held.is_empty() {
            return accounts;
        }
        assert!(from.elapsed() < REST, "still held: {held:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Now, in unix milliseconds.
pub(super) fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// An account is what it was granted less what its records say.
fn balances(key: Key, facts: &AccountFacts, records: &BTreeMap<String, Record>) {
    let own = records
        .values()
        .filter(|record| record.key.name() == key.name());
    let own: Vec<&Record> = own.collect();
    let spent: u64 = own.iter().map(|record| record.credits).sum();
    let left = key.granted().map_or(0, |granted| granted - spent);
    let found = (facts.credits_used, facts.credits_left, facts.requests_used);
    assert_eq!(found, (spent, left, own.len() as u64), "{key:?}");
}

/// What a caller got whole costs its price, unless its reservation was given up meanwhile; of how many calls it was.
fn unpaid(told: &Told, records: &BTreeMap<String, Record>) -> usize {
    let mut unpaid = 0;
    for (key, id) in &told.whole {
        let record = &records[id];
        let given_up = record.unpaid > 0 || record.end != End::Done;
        unpaid += usize::from(given_up);
        assert!(given_up || record.credits == key.price(), "{record:?}");
    }
    unpaid
}
