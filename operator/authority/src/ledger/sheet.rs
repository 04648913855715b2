//! What one transaction works on: the rows that its operations named, loaded at once, changed in memory by the rules of the book, and
//! written back at once. So a thousand operations cost as many trips to the store as one. Called by the worker; the operations in
//! `credits`, `usage` and `admin` see nothing but this.
//!
//! Locks are taken in one order, entries, spools, accounts, then plans of namespaces, each sorted, so that replicas wait and never embrace.

mod counts;
mod page;
mod statement;

pub(super) use page::Page;
pub(super) use statement::{Statement, Value};

use super::LedgerError;
use super::payments::Sale;
use super::people::read::USERS;
use super::rows::{
    AccountRow, ActivationRow, EntryRow, GrantRow, KnownRow, MarkRow, Param, PaymentRow, Purpose,
    RecordRow, ReservationRow, Rows, SpoolRow, SumRow, TermRow, UserRow, in_order,
};
use super::sums::Rollup;
use super::translate::{account_row, grant_rows, held, holders};
use crate::book::{Account, Reservation, spool_of};
use page::{by, copied};
use serde::Deserialize;
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
    /// Keys of which budgets are told.
    pub(super) marks: BTreeSet<String>,
    /// Whether all users are.
    pub(super) people: bool,
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
    /// What this transaction's records add up to.
    pub(super) sums: Rollup,
    /// Those of `records` that arrive, in their order.
    arriving: Vec<String>,
    /// Times of plans that begin.
    terms: Vec<TermRow>,
    /// By key and budget.
    pub(super) marks: Page<(String, String), MarkRow>,
    pub(super) payments: Vec<PaymentRow>,
    /// All users, where anything of them is wanted, and the last number that one was given.
    pub(super) users: Page<i64, UserRow>,
    pub(super) last_user: i64,
    /// What is to be done that needs to see nothing.
    statements: Vec<Statement>,
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
        sheet.others(store, wants).await?;
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

    /// Loads what few operations want.
    async fn others<S: Rows>(&mut self, store: &S, wants: &Wants) -> Result<(), LedgerError> {
        let marks = store.load::<MarkRow>("key", &wants.marks).await?;
        self.marks = by(
            marks,
            |row| (row.key.clone(), row.budget.clone()),
            |row| row,
        );
        if wants.people {
            const LAST: &str = "SELECT n FROM numbers WHERE name = 'users'";
            store.lock(&BTreeSet::from(["people".to_owned()])).await?;
            let users = store.ask::<UserRow>(USERS, &[]).await?;
            self.users = by(users, |row| row.id, |row| row);
            let last = store.ask::<Count>(LAST, &[]).await?;
            self.last_user = last.first().map_or(0, |last| i64::from(last.n));
        }
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

    /// Writes down when a key's time began, and how it was sold.
    pub(super) fn begin(&mut self, of: (String, String), at_ms: u64, sale: &Sale) {
        let (key, plan) = of.clone();
        self.terms.push(sale.row(&key, &plan));
        self.activations.put(of, ActivationRow { key, plan, at_ms });
    }

    /// Writes down a record, which is given the next number.
    pub(super) fn arrives(&mut self, row: RecordRow) {
        self.arriving.push(row.id.clone());
        self.records.put(row.id.clone(), Some(row));
    }

    /// Does a statement at the end, in the order of these.
    pub(super) fn run(&mut self, sql: &'static str, with: Vec<Value>) {
        self.statements.push(Statement { sql, with });
    }

    /// The records that arrive, each with its place before the last.
    fn numbered(&self) -> Vec<RecordRow> {
        let before_last = (1 - self.arriving.len() as i64)..=0;
        let rows = self.arriving.iter().zip(before_last);
        let rows = rows.filter_map(|(id, arrival)| {
            let row = self.records.get(id)?.clone()?;
            Some(RecordRow { arrival, ..row })
        });
        rows.collect()
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
        let (users, marks) = (copied(&self.users), copied(&self.marks));
        let records = self.numbered();
        let sums: Vec<SumRow> = self.sums.rows().cloned().collect();
        for statement in &self.statements {
            let with: Vec<Param> = statement.with.iter().map(Param::from).collect();
            store.ask::<serde_json::Value>(statement.sql, &with).await?;
        }
        let saved = async {
            futures::try_join!(
                store.arrive(records.len() as u64),
                store.save(&accounts),
                store.save(&grants),
                store.save(&reservations),
                store.save(&activations),
                store.save(&spools),
                store.save(&entries),
                store.save(&records),
                store.save(&sums),
                store.save(&self.terms),
                store.save(&users),
                store.save(&marks),
                store.save(&self.payments),
            )
        };
        in_order(saved, store.commit()).await.map(|_| ())
    }
}

fn activation_key(row: &ActivationRow) -> (String, String) {
    (row.key.clone(), row.plan.clone())
}
