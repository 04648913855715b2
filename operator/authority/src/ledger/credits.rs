//! Operations that a call needs: hold credits, give them back, begin a key's time. Rules are the book's; here they meet the rows of
//! one transaction. Never reads a clock.

use super::LedgerError;
use super::change::{Change, fits_id};
use super::payments::Sale;
use super::sheet::{Holder, Sheet, Wants, namespace};
use crate::book::{Account, Activation, Escrow, MOST, Period, Reservation, Resolved, activate};
use purser_config::calendar::LAST_MS;
use purser_config::price::Micros;
use purser_config::{Credits, Name};

/// Credits to be held for a call, or for calls to come.
#[derive(Clone, Debug)]
pub struct ReserveCredits {
    /// The call's request id, or the allowance's name: asked again, the answer is the same.
    pub id: String,
    /// Whose.
    pub key: Name,
    /// Its plan.
    pub plan: String,
    /// What the plan grants.
    pub credits: Credits,
    /// To how many keys of one namespace, in a period.
    pub max_keys: u32,
    /// How much.
    pub amount: Micros,
    /// For an allowance: one call's worth. It is given in full where it is there, and more only up to a quarter of what is there.
    pub allowance: Option<Micros>,
    /// Whose records may draw from it; empty: any.
    pub spool: String,
    /// What the plan says about calls of which nobody knows how they ended.
    pub unconfirmed_pays: bool,
    /// Now, in unix milliseconds.
    pub wall_ms: u64,
}

/// Credits that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// How many; for an allowance perhaps less than was asked for.
    pub credits: Micros,
    /// What can still be reserved.
    pub left: Micros,
}

/// Credits that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is.
    pub left: Micros,
    /// Whether the key has no grant because as many keys of its namespace have one as may.
    pub capped: bool,
}

impl Change for ReserveCredits {
    type Answer = Result<Held, Refused>;
    const ATTEMPT: &'static str = "reserve credits";

    fn check(&self) -> Result<(), LedgerError> {
        fits_id("a reservation's id", &self.id)
    }

    fn wants(&self, wants: &mut Wants) {
        let key = self.key.as_str().to_owned();
        let period = Period::of(self.credits.resets, self.wall_ms);
        wants.accounts.insert(key.clone());
        wants.reservations.insert(self.id.clone());
        wants.grants.insert((key, self.plan.clone(), period.name));
    }

    fn apply(&self, sheet: &mut Sheet) -> Self::Answer {
        let now = self.wall_ms.min(LAST_MS);
        let capped = ensure_grant(self, sheet, now);
        let account = &mut sheet.holders.edit(&self.key.as_str().to_owned()).account;
        if let Some(held) = sheet.reservations.get(&self.id) {
            return again(held, self.key.as_str(), account.available(now));
        }
        let available = account.available(now);
        let refused = Refused {
            left: available,
            capped,
        };
        let amount = match self.allowance {
            None => self.amount,
            Some(call) => self.amount.min((available / 4).max(call)),
        };
        if self.allowance.is_some() && amount == 0 {
            return Err(refused);
        }
        let escrow = account.reserve(amount, now).ok_or(refused)?;
        let left = account.available(now);
        sheet
            .reservations
            .put(self.id.clone(), self.made(amount, escrow, now));
        Ok(Held {
            credits: amount,
            left,
        })
    }
}

impl ReserveCredits {
    fn made(&self, amount: Micros, escrow: Escrow, made_ms: u64) -> Reservation {
        Reservation {
            id: self.id.clone(),
            key: self.key.as_str().to_owned(),
            plan: self.plan.clone(),
            spool: self.spool.clone(),
            allowance: self.allowance.is_some(),
            unconfirmed_pays: self.unconfirmed_pays,
            made_ms,
            amount,
            escrow,
            resolved: None,
        }
    }
}

/// The answer to a question that was asked before. What was resolved meanwhile holds nothing, so a call must not begin on it.
fn again(held: &Reservation, key: &str, left: Micros) -> Result<Held, Refused> {
    if held.key == key && held.resolved.is_none() {
        let credits = held.amount;
        Ok(Held { credits, left })
    } else {
        Err(Refused {
            left,
            capped: false,
        })
    }
}

/// Makes the grant of this period where it was not made; answers whether too many other keys have it.
fn ensure_grant(asked: &ReserveCredits, sheet: &mut Sheet, now: u64) -> bool {
    let period = Period::of(asked.credits.resets, now);
    let key = asked.key.as_str().to_owned();
    let account: &mut Account = &mut sheet.holders.edit(&key).account;
    account.close_ended(now);
    let of = (key, asked.plan.clone(), period.name.clone());
    if account.was_granted(&asked.plan, &period.name) || sheet.closed.contains(&of) {
        return false;
    }
    let of_namespace = (namespace(&of.0).to_owned(), of.1, of.2);
    let others = sheet.granted.entry(of_namespace).or_default();
    if *others >= asked.max_keys {
        return true;
    }
    *others += 1;
    account.grant(&asked.plan, period, asked.credits.grant.min(MOST));
    false
}

/// A reservation whose call was never sent, or an allowance that is no longer wanted.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) key: Name,
    pub(super) id: String,
    pub(super) wall_ms: u64,
}

impl Change for Release {
    type Answer = bool;
    const ATTEMPT: &'static str = "release a reservation";

    fn check(&self) -> Result<(), LedgerError> {
        fits_id("a reservation's id", &self.id)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.accounts.insert(self.key.as_str().to_owned());
        wants.reservations.insert(self.id.clone());
    }

    /// A reservation that is not known yet is remembered as released: its question may still be on its way, and must find it so.
    fn apply(&self, sheet: &mut Sheet) -> bool {
        let now = self.wall_ms.min(LAST_MS);
        let key = self.key.as_str().to_owned();
        if let Some(held) = sheet.reservations.get(&self.id) {
            if held.key != key || held.resolved.is_some() {
                return false;
            }
            let holder: &mut Holder = sheet.holders.edit(&key);
            return sheet
                .reservations
                .edit(&self.id)
                .release(&mut holder.account, now);
        }
        let released = Reservation {
            id: self.id.clone(),
            key,
            made_ms: now,
            resolved: Some((Resolved::Released, now)),
            ..Reservation::default()
        };
        sheet.reservations.put(self.id.clone(), released);
        false
    }
}

/// A key's time, to be begun where it has not.
#[derive(Clone, Debug)]
pub struct Activate {
    /// Whose.
    pub key: Name,
    /// Of which plan.
    pub plan: String,
    /// For how many keys of one namespace it may ever begin.
    pub max_keys: u32,
    /// From when, in unix milliseconds.
    pub at_ms: u64,
    /// How statements have it.
    pub sale: Sale,
}

impl Change for Activate {
    type Answer = Activation;
    const ATTEMPT: &'static str = "begin a key's validity";

    fn check(&self) -> Result<(), LedgerError> {
        self.sale.check()
    }

    fn wants(&self, wants: &mut Wants) {
        let of = (self.key.as_str().to_owned(), self.plan.clone());
        wants.activations.insert(of);
    }

    fn apply(&self, sheet: &mut Sheet) -> Activation {
        let of = (self.key.as_str().to_owned(), self.plan.clone());
        let begun = sheet.activations.get(&of).map(|row| row.at_ms);
        let others = sheet
            .begun
            .entry((namespace(&of.0).to_owned(), self.plan.clone()))
            .or_default();
        let at_ms = self.at_ms.min(LAST_MS);
        let decided = activate(begun, *others, self.max_keys, at_ms);
        if begun.is_none() && matches!(decided, Activation::At(_)) {
            *others += 1;
            sheet.begin(of, at_ms, &self.sale);
        }
        decided
    }
}
