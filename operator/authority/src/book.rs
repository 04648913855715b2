//! The credit book: what an account holds, and the only rules by which credits come, are held, are spent and go. Called by the ledger,
//! which keeps the accounts as rows. Never reads a clock, never waits, never fails on data: it answers what was refused.
//!
//! ```text
//! grant, top up --> available --reserve--> escrow --charge--> spent
//!                       |    <--give back--  |
//!                       +-- period ends --> expired
//! ```
//!
//! Invariant: granted + topped up = available + reserved + spent + expired, and none of the right side is ever negative. Sums saturate
//! only for rows that someone wrote by hand, so that these cannot stop the ledger; `balances` finds them.

pub mod period;
mod reservation;
#[cfg(test)]
mod tests;

pub use period::Period;
pub use reservation::{Drawn, Reservation, Resolved, is_lost, spool_of};

use purser_config::price::Micros;
use serde::{Deserialize, Serialize};

/// The most that an account is ever given, so that every amount fits a database's integer.
pub const MOST: Micros = i64::MAX as Micros;

/// One key's credits, for as long as the ledger exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What is left of grants; those that ended since they were last saved are closed and empty.
    pub pots: Vec<Pot>,
    /// What is left of top-ups.
    pub top_up: Micros,
    /// What open reservations hold.
    pub reserved: Micros,
    /// What calls cost, ever.
    pub spent: Micros,
    /// What ended with its period, ever.
    pub expired: Micros,
    /// What plans granted, ever.
    pub granted: Micros,
    /// What administrators added less what they took, ever.
    pub topped_up: i64,
}

/// One grant: of one plan, for one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pot {
    /// Whose grant.
    pub plan: String,
    /// For which [`Period`].
    pub period: String,
    /// The first moment at which it is no longer there; `None`: it stays.
    pub ends_ms: Option<u64>,
    /// What was granted.
    pub amount: Micros,
    /// What is left of it.
    pub left: Micros,
    /// Whether its period lasts, as far as the account was told.
    pub open: bool,
}

/// What a reservation holds: taken out of the account, not yet spent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escrow {
    /// From grants, in the order in which they are spent.
    pub parts: Vec<Part>,
    /// From top-ups.
    pub top_up: Micros,
}

/// What of an escrow came from one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Whose grant.
    pub plan: String,
    /// For which period.
    pub period: String,
    /// How much.
    pub amount: Micros,
}

impl Escrow {
    /// All of it.
    pub fn total(&self) -> Micros {
        let parts = self.parts.iter().map(|part| part.amount);
        parts.fold(self.top_up, Micros::saturating_add)
    }
}

/// Why an entry of an administrator was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopUpRefused {
    /// It takes more than there is.
    BelowZero {
        /// What there is.
        left: Micros,
    },
    /// The account could not hold it.
    TooMuch,
    /// An entry of this id was made before, and it says something else.
    OtherEntry,
}

impl Account {
    /// What can be reserved at this moment.
    pub fn available(&self, wall_ms: u64) -> Micros {
        let lasting = self.pots.iter().filter(|pot| pot.lasts(wall_ms));
        let left = lasting.map(|pot| pot.left);
        left.fold(self.top_up, Micros::saturating_add)
    }

    /// Ends what has ended: the rest of its grant expires.
    pub fn close_ended(&mut self, wall_ms: u64) {
        for pot in self.pots.iter_mut().filter(|pot| pot.open) {
            if !pot.lasts(wall_ms) {
                let left = std::mem::take(&mut pot.left);
                self.expired = self.expired.saturating_add(left);
                pot.open = false;
            }
        }
    }

    /// Whether this grant is among those at hand, be it that it has ended: a clock that steps back must not make it twice.
    pub fn was_granted(&self, plan: &str, period: &str) -> bool {
        let mut pots = self.pots.iter();
        pots.any(|pot| pot.plan == plan && pot.period == period)
    }

    /// Adds a grant, spent in the order in which grants end. What the account could never hold is left out.
    pub fn grant(&mut self, plan: &str, period: Period, amount: Micros) {
        let amount = amount.min(self.room());
        self.granted = self.granted.saturating_add(amount);
        self.pots.push(Pot {
            plan: plan.to_owned(),
            period: period.name,
            ends_ms: period.ends_ms,
            amount,
            left: amount,
            open: true,
        });
    }

    /// Takes this much out, grants first, the one that ends first before others; `None`: there is not so much.
    pub fn reserve(&mut self, amount: Micros, wall_ms: u64) -> Option<Escrow> {
        self.close_ended(wall_ms);
        if self.available(wall_ms) < amount {
            return None;
        }
        let escrow = self.take(amount);
        self.reserved = self.reserved.saturating_add(amount);
        Some(escrow)
    }

    /// Spends this much of what is held, at most all of it; answers how much.
    pub fn charge(&mut self, escrow: &mut Escrow, amount: Micros) -> Micros {
        let mut due = amount.min(escrow.total());
        let charged = due;
        for part in &mut escrow.parts {
            let paid = part.amount.min(due);
            part.amount -= paid;
            due -= paid;
        }
        escrow.parts.retain(|part| part.amount > 0);
        escrow.top_up = escrow.top_up.saturating_sub(due);
        self.reserved = self.reserved.saturating_sub(charged);
        self.spent = self.spent.saturating_add(charged);
        charged
    }

    /// Takes back what is held. What came from a grant that has ended is gone with it.
    pub fn give_back(&mut self, escrow: Escrow) {
        self.reserved = self.reserved.saturating_sub(escrow.total());
        self.top_up = self.top_up.saturating_add(escrow.top_up);
        for part in escrow.parts {
            match self.pot_mut(&part.plan, &part.period) {
                Some(pot) => pot.left = pot.left.saturating_add(part.amount),
                None => self.expired = self.expired.saturating_add(part.amount),
            }
        }
    }

    /// Adds to the top-ups, or takes away what is there, top-ups first.
    pub fn top_up(&mut self, amount: i64, wall_ms: u64) -> Result<(), TopUpRefused> {
        self.close_ended(wall_ms);
        if amount >= 0 {
            let added = amount.unsigned_abs();
            if added > self.room() {
                return Err(TopUpRefused::TooMuch);
            }
            self.top_up = self.top_up.saturating_add(added);
        } else {
            let left = self.available(wall_ms);
            let taken = amount.unsigned_abs();
            if taken > left {
                return Err(TopUpRefused::BelowZero { left });
            }
            let topped = taken.min(self.top_up);
            self.top_up -= topped;
            self.take(taken - topped);
        }
        self.topped_up = self.topped_up.saturating_add(amount);
        Ok(())
    }

    /// Whether what came in is where it must be.
    pub fn balances(&self) -> bool {
        let left: i128 = self.pots.iter().map(|pot| i128::from(pot.left)).sum();
        let out = left
            + i128::from(self.top_up)
            + i128::from(self.reserved)
            + i128::from(self.spent)
            + i128::from(self.expired);
        i128::from(self.granted) + i128::from(self.topped_up) == out
    }

    /// Takes what is known to be there.
    fn take(&mut self, amount: Micros) -> Escrow {
        let mut due = amount;
        self.pots.sort_by_key(|pot| pot.ends_ms.unwrap_or(u64::MAX));
        let mut parts = Vec::new();
        for pot in self.pots.iter_mut().filter(|pot| pot.open) {
            let taken = pot.left.min(due);
            if taken > 0 {
                pot.left -= taken;
                due -= taken;
                parts.push(Part {
                    plan: pot.plan.clone(),
                    period: pot.period.clone(),
                    amount: taken,
                });
            }
        }
        self.top_up = self.top_up.saturating_sub(due);
        Escrow { parts, top_up: due }
    }

    /// How much more it can ever be given.
    fn room(&self) -> Micros {
        let topped_up = self.topped_up.max(0).unsigned_abs();
        MOST.saturating_sub(self.granted).saturating_sub(topped_up)
    }

    fn pot_mut(&mut self, plan: &str, period: &str) -> Option<&mut Pot> {
        let mut open = self.pots.iter_mut().filter(|pot| pot.open);
        open.find(|pot| pot.plan == plan && pot.period == period)
    }
}

impl Pot {
    fn lasts(&self, wall_ms: u64) -> bool {
        self.open && self.ends_ms.is_none_or(|ends| wall_ms < ends)
    }
}

/// Since when a key's time passes, or why it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Since this moment, in unix milliseconds, whatever was asked later.
    At(u64),
    /// As many keys of its namespace as may have begun this plan.
    TooMany {
        /// How many that are.
        max: u32,
    },
}

/// Begins a key's time where it has not begun and `others` keys of its namespace leave room for it.
pub fn activate(begun_ms: Option<u64>, others: u32, max: u32, at_ms: u64) -> Activation {
    match begun_ms {
        Some(begun) => Activation::At(begun),
        None if others < max => Activation::At(at_ms),
        None => Activation::TooMany { max },
    }
}
