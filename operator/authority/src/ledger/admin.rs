//! Operations that an administrator makes: add or take credits, begin a key's time anew. Each is an entry with an id, made once
//! however often it is asked for.

use super::LedgerError;
use super::change::{Change, fits_id};
use super::payments::Sale;
use super::rows::EntryRow;
use super::sheet::{Sheet, Wants};
use crate::book::TopUpRefused;
use purser_config::Name;
use purser_config::calendar::LAST_MS;
use purser_config::price::Micros;

/// Credits to be added, or taken where negative.
#[derive(Clone, Debug)]
pub struct TopUp {
    /// Whose.
    pub key: Name,
    /// How many, in millionths.
    pub amount: i64,
    /// Names the entry for ever.
    pub id: String,
    /// Who asks.
    pub by: String,
    /// Now, in unix milliseconds.
    pub wall_ms: u64,
}

/// An entry that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToppedUp {
    /// What can be reserved now.
    pub left: Micros,
    /// Whether it was made now, and not before.
    pub new: bool,
}

impl Change for TopUp {
    type Answer = Result<ToppedUp, TopUpRefused>;
    const ATTEMPT: &'static str = "top up an account";

    fn check(&self) -> Result<(), LedgerError> {
        fits_id("an entry's id", &self.id)?;
        fits_id("the name of who asks", &self.by)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.accounts.insert(self.key.as_str().to_owned());
        wants.entries.insert(self.id.clone());
    }

    fn apply(&self, sheet: &mut Sheet) -> Self::Answer {
        let now = self.wall_ms.min(LAST_MS);
        let key = self.key.as_str().to_owned();
        let account = &mut sheet.holders.edit(&key).account;
        if let Some(made) = sheet.entries.get(&self.id) {
            let same = made.kind == "top_up" && made.key == key && made.amount == self.amount;
            let left = account.available(now);
            return if same {
                Ok(ToppedUp { left, new: false })
            } else {
                Err(TopUpRefused::OtherEntry)
            };
        }
        account.top_up(self.amount, now)?;
        let left = account.available(now);
        let entry = EntryRow {
            id: self.id.clone(),
            key,
            kind: "top_up".to_owned(),
            amount: self.amount,
            at_ms: now,
            made_by: self.by.clone(),
            made_ms: now,
            ..EntryRow::default()
        };
        sheet.entries.put(self.id.clone(), entry);
        Ok(ToppedUp { left, new: true })
    }
}

/// A key's time, to be begun anew.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// Whose.
    pub key: Name,
    /// Of which plan.
    pub plan: String,
    /// Names the entry for ever.
    pub id: String,
    /// Who asks.
    pub by: String,
    /// From when, in unix milliseconds.
    pub at_ms: u64,
    /// How statements have it.
    pub sale: Sale,
}

/// What became of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The key's time passes from then.
    At {
        /// In unix milliseconds.
        at_ms: u64,
        /// Whether it was made now, and not before.
        new: bool,
    },
    /// An entry of this id was made before, and it says something else.
    OtherEntry,
}

impl Change for Renewal {
    type Answer = Renewed;
    const ATTEMPT: &'static str = "renew a key's validity";

    fn check(&self) -> Result<(), LedgerError> {
        self.sale.check()?;
        fits_id("an entry's id", &self.id)?;
        fits_id("the name of who asks", &self.by)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.entries.insert(self.id.clone());
        let of = (self.key.as_str().to_owned(), self.plan.clone());
        wants.activations.insert(of);
    }

    fn apply(&self, sheet: &mut Sheet) -> Renewed {
        let key = self.key.as_str().to_owned();
        if let Some(made) = sheet.entries.get(&self.id) {
            let same = made.kind == "renewal" && made.key == key && made.plan == self.plan;
            return if same {
                Renewed::At {
                    at_ms: made.at_ms,
                    new: false,
                }
            } else {
                Renewed::OtherEntry
            };
        }
        let at_ms = self.at_ms.min(LAST_MS);
        let entry = EntryRow {
            id: self.id.clone(),
            key: key.clone(),
            plan: self.plan.clone(),
            kind: "renewal".to_owned(),
            at_ms,
            made_by: self.by.clone(),
            made_ms: at_ms,
            ..EntryRow::default()
        };
        sheet.entries.put(self.id.clone(), entry);
        sheet.begin((key, self.plan.clone()), at_ms, &self.sale);
        Renewed::At { at_ms, new: true }
    }
}
