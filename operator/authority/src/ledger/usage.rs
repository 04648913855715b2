//! Operations that follow calls: keep a spool's records, remember that a spool is alive, resolve what a lost sidecar left. Never
//! charges more than was held, never twice.

use super::LedgerError;
use super::change::{Change, fits, fits_id};
use super::log::Outcome;
use super::rows::RecordRow;
use super::sheet::{Sheet, Wants};
use super::sums::told_apart;
use crate::book::{Drawn, Reservation, is_lost, spool_of};
use purser_config::calendar::LAST_MS;
use purser_config::price::{Micros, Tokens};
use purser_config::usage::{Batch, End, Record};
use purser_config::{Endpoint, Name};
use std::collections::{BTreeMap, BTreeSet};

/// For how long a resolved reservation is remembered, so that nothing late finds it open again, in milliseconds.
const REMEMBERED_MS: u64 = 86_400_000;

/// Who ships records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The namespace whose keys it may speak for; `None`: any.
    pub namespace: Option<String>,
    /// The pod, or whatever else names the place of its spool.
    pub pod: String,
}

/// Every record up to this number is kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The last one's number; 0: none.
    pub upto: u64,
}

/// Why a batch was not kept; nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepRefused {
    /// The spool is another sender's.
    Foreign,
    /// Records between what is kept and this batch are missing.
    Gap {
        /// What is kept.
        upto: u64,
    },
    /// A record is of a key that the sender may not speak for.
    OutOfScope {
        /// Whose.
        key: Name,
    },
    /// A number or an id is none.
    Unfit,
}

/// Records to be kept.
#[derive(Clone, Debug)]
pub(super) struct Keep {
    pub(super) sender: Sender,
    pub(super) batch: Batch,
    pub(super) wall_ms: u64,
}

impl Change for Keep {
    type Answer = Result<Kept, KeepRefused>;
    const ATTEMPT: &'static str = "keep usage records";

    fn check(&self) -> Result<(), LedgerError> {
        fits_id("a spool's name", &self.batch.spool)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.spools.insert(self.batch.spool.clone());
        if self.reason_to_refuse().is_some() {
            return;
        }
        for record in &self.batch.records {
            wants.accounts.insert(record.key.as_str().to_owned());
            wants.records.insert(record.id.clone());
            wants.reservations.extend(record.reservation.clone());
        }
    }

    fn apply(&self, sheet: &mut Sheet) -> Self::Answer {
        let owner = self.owner();
        let spool = sheet.spools.get(&self.batch.spool);
        let (holder, upto) = spool.map_or(("", 0), |row| (row.owner.as_str(), row.upto));
        if !holder.is_empty() && holder != owner {
            return Err(KeepRefused::Foreign);
        }
        if let Some(refused) = self.reason_to_refuse() {
            return Err(refused);
        }
        if self.batch.first > upto + 1 {
            return Err(KeepRefused::Gap { upto });
        }
        let numbered = (self.batch.first..).zip(&self.batch.records);
        let mut last = upto;
        for (number, record) in numbered.filter(|(number, _)| *number > upto) {
            keep(self, sheet, number, record);
            last = number;
        }
        let row = sheet.spools.edit(&self.batch.spool);
        row.spool.clone_from(&self.batch.spool);
        row.owner = owner;
        row.upto = last;
        row.seen_ms = row.seen_ms.max(self.wall_ms.min(LAST_MS));
        Ok(Kept { upto: last })
    }
}

impl Keep {
    fn owner(&self) -> String {
        let namespace = self.sender.namespace.as_deref().unwrap_or_default();
        format!("{namespace}/{}", self.sender.pod)
    }

    /// As which spool a record of this batch draws from a reservation: a spool whose disk was damaged goes on under a new name, and pays
    /// what it held under the old one; another sender's does not.
    fn drawn_as(&self, sheet: &Sheet, reservation: &String) -> String {
        let held = sheet.reservations.get(reservation);
        let made_by = held.map_or("", |held| spool_of(&held.spool));
        let former = sheet.spools.get(made_by);
        let former = former.filter(|_| made_by != self.batch.spool);
        match former {
            Some(row) if row.owner == self.owner() => row.spool.clone(),
            _ => self.batch.spool.clone(),
        }
    }

    /// What is wrong with the batch whatever is kept already.
    fn reason_to_refuse(&self) -> Option<KeepRefused> {
        let last = self
            .batch
            .first
            .checked_add(self.batch.records.len() as u64);
        if self.batch.first == 0 || last.is_none_or(|last| last > LAST_MS) || !fits(&self.owner()) {
            return Some(KeepRefused::Unfit);
        }
        self.batch.records.iter().find_map(|record| {
            let foreign = |namespace: &String| namespace != record.key.namespace();
            if self.sender.namespace.as_ref().is_some_and(foreign) {
                let key = record.key.clone();
                return Some(KeepRefused::OutOfScope { key });
            }
            let ids = [Some(&record.id), record.reservation.as_ref()];
            let fit = ids.into_iter().flatten().all(|id| fits(id)) && fits(record.key.as_str());
            (!fit || record.plan.contains('\0')).then_some(KeepRefused::Unfit)
        })
    }
}

/// Keeps one record and lets it pay, unless one of its id is kept. It says what was charged: of what it found nothing held any more, nobody
/// is charged, whoever reads it later.
fn keep(batch: &Keep, sheet: &mut Sheet, number: u64, record: &Record) {
    if sheet.records.get(&record.id).is_some() {
        return;
    }
    let key = record.key.as_str().to_owned();
    let held = record.reservation.as_ref();
    let held = held.filter(|id| sheet.reservations.get(*id).is_some());
    let charged = held.map_or(0, |id| {
        let drawn = Drawn {
            record: &record.id,
            key: &key,
            spool: &batch.drawn_as(sheet, id),
            credits: record.credits,
            wall_ms: batch.wall_ms.min(LAST_MS),
        };
        let account = &mut sheet.holders.edit(&key).account;
        sheet.reservations.edit(id).pay(account, &drawn)
    });
    let holder = sheet.holders.edit(&key);
    holder.requests += 1;
    let began_ms = record.began_ms.min(LAST_MS);
    holder.last_used_ms = holder.last_used_ms.max(began_ms);
    let unpaid = record.credits.saturating_sub(charged);
    let told = Record {
        credits: charged,
        unpaid: record.unpaid.saturating_add(unpaid),
        pod: batch.sender.pod.clone(),
        ..record.clone()
    };
    write(sheet, &told, &batch.batch.spool, (number, charged));
}

fn write(sheet: &mut Sheet, record: &Record, spool: &str, (number, charged): (u64, Micros)) {
    let channel = record.channel.as_ref();
    let row = RecordRow {
        id: record.id.clone(),
        key: record.key.as_str().to_owned(),
        plan: record.plan.clone(),
        spool: spool.to_owned(),
        number,
        began_ms: record.began_ms.min(LAST_MS),
        charged,
        // A record is plain data with text for keys: it can always be written.
        body: serde_json::to_string(record).unwrap_or_default(),
        arrival: 0,
        channel: channel.map_or(String::new(), |channel| told_apart(channel.as_str())),
        model: told_apart(&record.asked),
        status: record.status,
        failed: u8::from(Outcome::of(record) == Outcome::Failed),
    };
    sheet.arrives(row);
    sheet.sums.add(record);
}

/// Spools that are alive.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) spools: BTreeSet<String>,
    pub(super) wall_ms: u64,
}

impl Change for Seen {
    type Answer = ();
    const ATTEMPT: &'static str = "remember that sidecars are alive";

    fn check(&self) -> Result<(), LedgerError> {
        self.spools
            .iter()
            .try_for_each(|spool| fits_id("a spool's name", spool))
    }

    fn wants(&self, wants: &mut Wants) {
        wants.spools.extend(self.spools.iter().cloned());
    }

    fn apply(&self, sheet: &mut Sheet) {
        for spool in &self.spools {
            let row = sheet.spools.edit(spool);
            row.spool.clone_from(spool);
            row.seen_ms = row.seen_ms.max(self.wall_ms.min(LAST_MS));
        }
    }
}

/// An open reservation that may be lost.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Stale {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) spool: String,
}

/// Reservations to be resolved unless something was heard meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    pub(super) stale: Vec<Stale>,
    pub(super) wall_ms: u64,
    pub(super) kept_ms: u64,
}

impl Change for Sweep {
    type Answer = u64;
    const ATTEMPT: &'static str = "resolve what lost sidecars held";
    const FILLS: bool = true;

    fn check(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn wants(&self, wants: &mut Wants) {
        for stale in &self.stale {
            wants.spools.insert(stale.spool.clone());
            wants.accounts.insert(stale.key.clone());
            wants.reservations.insert(stale.id.clone());
            wants.records.insert(stale.id.clone());
        }
        wants.spools.remove("");
    }

    fn apply(&self, sheet: &mut Sheet) -> u64 {
        let now = self.wall_ms.min(LAST_MS);
        sheet.forget_before_ms = Some(now.saturating_sub(REMEMBERED_MS.max(self.kept_ms)));
        let swept = self.stale.iter().filter(|stale| {
            let seen_ms = sheet.spools.get(&stale.spool).map_or(0, |row| row.seen_ms);
            let held = sheet.reservations.get(&stale.id);
            let lost = held.is_some_and(|held| is_lost(held.made_ms, seen_ms, now, self.kept_ms));
            lost && sweep(sheet, &stale.id, now)
        });
        swept.count() as u64
    }
}

fn sweep(sheet: &mut Sheet, id: &String, now: u64) -> bool {
    let known = sheet.records.get(id).is_some();
    let held = sheet.reservations.edit(id);
    let holder = sheet.holders.edit(&held.key);
    let Some(charged) = held.sweep(&mut holder.account, known, now) else {
        return false;
    };
    // An allowance is no call: nothing is said of it unless something was charged.
    let told = !known && (charged > 0 || !held.allowance);
    if let (true, Some(record)) = (told, unconfirmed(held, charged)) {
        holder.requests += 1;
        let spool = spool_of(&held.spool).to_owned();
        write(sheet, &record, &spool, (0, charged));
    }
    true
}

/// What the authority says of a call of which nobody else will say anything.
fn unconfirmed(held: &Reservation, charged: Micros) -> Option<Record> {
    Some(Record {
        id: held.id.clone(),
        key: held.key.parse().ok()?,
        plan: held.plan.clone(),
        reservation: Some(held.id.clone()),
        channel: None,
        endpoint: Endpoint::Chat,
        asked: String::new(),
        served: String::new(),
        attempts: 0,
        status: 0,
        end: End::Unconfirmed,
        stream: false,
        tokens: Tokens::default(),
        estimated: false,
        credits: charged,
        unpaid: 0,
        failures: Vec::new(),
        cost: 0,
        waste: BTreeMap::new(),
        began_ms: held.made_ms,
        latency_ms: 0,
        first_ms: None,
        user_metadata: BTreeMap::new(),
        pod: String::new(),
    })
}
