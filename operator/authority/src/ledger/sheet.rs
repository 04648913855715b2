//! What one transaction works on: the rows that its operations named, loaded at once, changed in memory by the rules of the book, and
//! written back at once. So a thousand operations cost as many trips to the store as one. Called by the worker; the operations in
//! `credits`, `usage` and `admin` see nothing but this.
//!
//! Locks are taken in one order, entries, spools, accounts, then plans of namespaces, each sorted, so that replicas wait and never embrace.

use super::LedgerError;
use super::rows::{
    AccountRow, ActivationRow, EntryRow, GrantRow, KnownRow, Param, Purpose, RecordRow,
    ReservationRow, Row, Rows, SpoolRow, in_order,
};
use super::translate::{account_row, grant_rows, held, holders};
use crate::book::{Account, Reservation, spool_of};
use serde::Deserialize;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What operations need to see.
#[derive(Debug, Default)]
pub(super) struct Wants {
    pub(super) spools: BTreeSet<String>,
    pub(super) accounts: BTreeSet<String>,
    pub(super) reservations: BTreeSet<String>,
    pub(super) records: BTreeSet<String>,
    pub(super) entries: BTreeSet<String>,
    /// Key, plan, period.
    pub(super) grants: BTreeSet<(String, String, String)>,
    /// Key, plan.
    pub(super) activations: BTreeSet<(String, String)>,
}

/// Rows by their key, and which of them were changed.
#[derive(Debug)]
pub(super) struct Page<K, R> {
    rows: BTreeMap<K, R>,
    changed: BTreeSet<K>,
}

impl<K: Ord + Clone, R> Default for Page<K, R> {
    fn default() -> Self {
        Page {
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone, R> Page<K, R> {
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&R>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.rows.get(key)
    }

    pub(super) fn put(&mut self, key: K, row: R) {
        self.changed.insert(key.clone());
        self.rows.insert(key, row);
    }

    /// The row, to be changed; where there is none, a new one.
    pub(super) fn edit(&mut self, key: &K) -> &mut R
    where
        R: Default,
    {
        self.changed.insert(key.clone());
        self.rows.entry(key.clone()).or_default()
    }

    fn loaded(rows: impl IntoIterator<Item = (K, R)>) -> Self {
        Page {
            rows: rows.into_iter().collect(),
            changed: BTreeSet::new(),
        }
    }

    fn changes(&self) -> impl Iterator<Item = (&K, &R)> {
        let changed = self.changed.iter();
        changed.filter_map(|key| self.rows.get(key).map(|row| (key, row)))
    }
}

/// An account and what is told of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Holder {
    pub(super) account: Account,
    pub(super) requests: u64,
    pub(super) last_used_ms: u64,
}

/// The rows of one transaction.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) holders: Page<String, Holder>,
    pub(super) reservations: Page<String, Reservation>,
    pub(super) activations: Page<(String, String), ActivationRow>,
    pub(super) spools: Page<String, SpoolRow>,
    pub(super) entries: Page<String, EntryRow>,
    pub(super) records: Page<String, Option<RecordRow>>,
    /// How many keys of (namespace, plan, period) were granted, and which of those asked about.
    pub(super) granted: BTreeMap<(String, String, String), u32>,
    pub(super) closed: BTreeSet<(String, String, String)>,
    /// How many keys of (namespace, plan) have begun.
    pub(super) begun: BTreeMap<(String, String), u32>,
    /// Reservations that were resolved before this moment are forgotten.
    pub(super) forget_before_ms: Option<u64>,
}

/// The part of a key's name that a grant is capped by.
pub(super) fn namespace(key: &str) -> &str {
    key.split_once('/').map_or(key, |(namespace, _)| namespace)
}

#[derive(Deserialize)]
struct Count {
    n: u32,
}

impl Sheet {
    /// Begins a transaction and loads what is wanted, locked against other writers.
    pub(super) async fn load<S: Rows>(store: &S, wants: &Wants) -> Result<Sheet, LedgerError> {
        let entries: BTreeSet<String> = wants
            .entries
            .iter()
            .map(|id| format!("entry {id}"))
            .collect();
        let begin = in_order(store.begin(Purpose::Write), store.lock(&entries));
        let (_, mut sheet) = in_order(begin, Sheet::read(store, wants)).await?;
        let there = |page: usize, wanted: &BTreeSet<String>| page == wanted.len();
        let all = there(sheet.spools.rows.len(), &wants.spools)
            && there(sheet.holders.rows.len(), &wants.accounts);
        // What is not there cannot be locked, so it is made first; another replica may be making it too.
        if !all
            && (store.make::<SpoolRow>(&wants.spools).await?
                | store.make::<AccountRow>(&wants.accounts).await?)
        {
            sheet = Sheet::read(store, wants).await?;
        }
        if !wants.records.is_empty() {
            sheet.former(store).await?;
        }
        sheet.count(store, wants).await?;
        Ok(sheet)
    }

    /// Loads the spools under whose names reservations were made, where records come under others: whose they were decides who pays.
    async fn former<S: Rows>(&mut self, store: &S) -> Result<(), LedgerError> {
        let held = self.reservations.rows.values();
        let spools = held.map(|held| spool_of(&held.spool));
        let former = spools.filter(|spool| !spool.is_empty() && self.spools.get(*spool).is_none());
        let former: BTreeSet<String> = former.map(str::to_owned).collect();
        if former.is_empty() {
            return Ok(());
        }
        let rows = store.load::<SpoolRow>("spool", &former).await?;
        let rows = rows.into_iter().map(|row| (row.spool.clone(), row));
        self.spools.rows.extend(rows);
        Ok(())
    }

    async fn read<S: Rows>(store: &S, wants: &Wants) -> Result<Sheet, LedgerError> {
        let begun: BTreeSet<String> = wants
            .activations
            .iter()
            .map(|(key, _)| key.clone())
            .collect();
        let locked = in_order(
            store.load::<SpoolRow>("spool", &wants.spools),
            store.load::<AccountRow>("key", &wants.accounts),
        );
        let under_lock = async {
            futures::try_join!(
                store.load::<GrantRow>("key", &wants.accounts),
                store.load::<ReservationRow>("id", &wants.reservations),
                store.load::<ActivationRow>("key", &begun),
                store.load::<KnownRow>("id", &wants.records),
                store.load::<EntryRow>("id", &wants.entries),
            )
        };
        let ((spools, accounts), rest) = in_order(locked, under_lock).await?;
        let (grants, reservations, activations, records, entries) = rest;
        if let Some(row) = reservations.iter().find(|row| row.held != held(row)) {
            let why = format!("reservation {} does not hold what it says", row.id);
            return Err(store.corrupt(&why));
        }
        Ok(Sheet {
            holders: Page::loaded(holders(accounts, grants)),
            reservations: by(reservations, |row| row.id.clone(), Reservation::from),
            activations: by(activations, activation_key, |row| row),
            spools: by(spools, |row| row.spool.clone(), |row| row),
            entries: by(entries, |row| row.id.clone(), |row| row),
            records: by(records, |row| row.id.clone(), |_| None),
            ..Sheet::default()
        })
    }

    /// Writes down when a key's time began.
    pub(super) fn begin(&mut self, of: (String, String), at_ms: u64) {
        let (key, plan) = of.clone();
        self.activations.put(of, ActivationRow { key, plan, at_ms });
    }

    /// Counts the keys of a namespace where one of them wants what only so many may have.
    async fn count<S: Rows>(&mut self, store: &S, wants: &Wants) -> Result<(), LedgerError> {
        let lacks = |(key, plan, period): &&(String, String, String)| {
            !self
                .holders
                .get(key)
                .is_some_and(|holder| holder.account.was_granted(plan, period))
        };
        let grants: Vec<_> = wants.grants.iter().filter(lacks).cloned().collect();
        let begins = wants
            .activations
            .iter()
            .filter(|of| self.activations.get(*of).is_none());
        let begins: Vec<_> = begins.cloned().collect();
        let of_grants = grants
            .iter()
            .map(|(key, plan, _)| format!("grant {}/{plan}", namespace(key)));
        let of_begins = begins
            .iter()
            .map(|(key, plan)| format!("begin {}/{plan}", namespace(key)));
        let locks: BTreeSet<String> = of_grants.chain(of_begins).collect();
        store.lock(&locks).await?;
        for (key, plan, period) in grants {
            self.count_granted(store, key, plan, period).await?;
        }
        // Seen again under the lock: another replica may have begun them meanwhile.
        let keys = begins.iter().map(|(key, _)| key.clone()).collect();
        for row in store.load::<ActivationRow>("key", &keys).await? {
            self.activations
                .rows
                .insert((row.key.clone(), row.plan.clone()), row);
        }
        for (key, plan) in begins {
            self.count_begun(store, &key, plan).await?;
        }
        Ok(())
    }

    async fn count_granted<S: Rows>(
        &mut self,
        store: &S,
        key: String,
        plan: String,
        period: String,
    ) -> Result<(), LedgerError> {
        const HAS: &str =
            "SELECT COUNT(*) AS n FROM grants WHERE key = $1 AND plan = $2 AND period = $3";
        const COUNT: &str = "SELECT COUNT(*) AS n FROM grants WHERE plan = $1 AND period = $2 AND key > $3 AND key < $4";
        let with = [Param::Text(&key), Param::Text(&plan), Param::Text(&period)];
        let had: Vec<Count> = store.ask(HAS, &with).await?;
        let of = (namespace(&key).to_owned(), plan, period);
        if !self.granted.contains_key(&of) {
            let (from, to) = (format!("{}/", of.0), format!("{}0", of.0));
            let with = [
                Param::Text(&of.1),
                Param::Text(&of.2),
                Param::Text(&from),
                Param::Text(&to),
            ];
            let count: Vec<Count> = store.ask(COUNT, &with).await?;
            self.granted
                .insert(of.clone(), count.first().map_or(0, |count| count.n));
        }
        if had.first().is_some_and(|had| had.n > 0) {
            self.closed.insert((key, of.1, of.2));
        }
        Ok(())
    }

    async fn count_begun<S: Rows>(
        &mut self,
        store: &S,
        key: &str,
        plan: String,
    ) -> Result<(), LedgerError> {
        const COUNT: &str =
            "SELECT COUNT(*) AS n FROM activations WHERE plan = $1 AND key > $2 AND key < $3";
        let of = (namespace(key).to_owned(), plan);
        if let Entry::Vacant(begun) = self.begun.entry(of) {
            let of = begun.key();
            let (from, to) = (format!("{}/", of.0), format!("{}0", of.0));
            let with = [Param::Text(&of.1), Param::Text(&from), Param::Text(&to)];
            let count: Vec<Count> = store.ask(COUNT, &with).await?;
            begun.insert(count.first().map_or(0, |count| count.n));
        }
        Ok(())
    }

    /// Writes what was changed, and commits.
    pub(super) async fn save<S: Rows>(&self, store: &S) -> Result<(), LedgerError> {
        const FORGET: &str = "DELETE FROM reservations WHERE resolved > 0 AND resolved_ms < $1";
        // Processes that held something once; of a spool there is its mark, which is kept for ever.
        const ENDED: &str = "DELETE FROM spools WHERE owner = '' AND upto = 0 AND seen_ms < $1";
        if let Some(before) = self.forget_before_ms {
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            store.ask::<Count>(FORGET, &[Param::Int(before)]).await?;
            store.ask::<Count>(ENDED, &[Param::Int(before)]).await?;
        }
        let accounts: Vec<AccountRow> = self.holders.changes().map(account_row).collect();
        let grants: Vec<GrantRow> = self.holders.changes().flat_map(grant_rows).collect();
        let reservations = self.reservations.changes().map(|(_, held)| held.into());
        let reservations: Vec<ReservationRow> = reservations.collect();
        let (activations, spools) = (copied(&self.activations), copied(&self.spools));
        let entries = copied(&self.entries);
        let records = self.records.changes();
        let records: Vec<RecordRow> = records.filter_map(|(_, row)| row.clone()).collect();
        let saved = async {
            futures::try_join!(
                store.save(&accounts),
                store.save(&grants),
                store.save(&reservations),
                store.save(&activations),
                store.save(&spools),
                store.save(&entries),
                store.save(&records),
            )
        };
        in_order(saved, store.commit()).await.map(|_| ())
    }
}

fn activation_key(row: &ActivationRow) -> (String, String) {
    (row.key.clone(), row.plan.clone())
}

fn by<K: Ord + Clone, R, T>(
    rows: Vec<R>,
    key: impl Fn(&R) -> K,
    read: impl Fn(R) -> T,
) -> Page<K, T> {
    Page::loaded(rows.into_iter().map(|row| (key(&row), read(row))))
}

fn copied<K: Ord + Clone, R: Row>(page: &Page<K, R>) -> Vec<R> {
    page.changes().map(|(_, row)| row.clone()).collect()
}
