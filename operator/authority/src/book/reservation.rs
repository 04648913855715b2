//! A reservation's life: it is made, records may draw from it, and it is resolved exactly once: by the record that it was made for, by
//! a release, or by the sweep. Never touches an account but through the account's own rules.

use super::{Account, Escrow};
use purser_config::price::Micros;

/// Credits held for one call, or for calls to come (an allowance).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    /// The call's request id, or the allowance's name.
    pub id: String,
    /// Whose, as `namespace/name`.
    pub key: String,
    /// The key's plan then.
    pub plan: String,
    /// The spool whose records may draw from it, and after a dot the life of the process that holds it, which must be seen again and again;
    /// empty: any. See [`spool_of`].
    pub spool: String,
    /// Whether it is for calls to come.
    pub allowance: bool,
    /// What is charged when nobody ever says how it ended: all of it, or nothing.
    pub unconfirmed_pays: bool,
    /// When it was made, in unix milliseconds.
    pub made_ms: u64,
    /// What it was made with.
    pub amount: Micros,
    /// What it still holds.
    pub escrow: Escrow,
    /// How and when it was resolved; then it holds nothing.
    pub resolved: Option<(Resolved, u64)>,
}

/// What resolved a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The record of its call.
    Recorded,
    /// The word that its call was never sent, or that the allowance is no longer wanted.
    Released,
    /// The silence of its sidecar.
    Swept,
}

impl Reservation {
    /// Pays for a record, at most what is held; answers how much. A call's own record resolves it; one that draws from an allowance
    /// leaves it open. What may not draw from it, or comes too late, pays nothing: the call is on record either way.
    pub fn pay(&mut self, account: &mut Account, drawn: &Drawn<'_>) -> Micros {
        let own = drawn.record == self.id;
        let may = drawn.key == self.key
            && (self.spool.is_empty() || drawn.spool == spool_of(&self.spool))
            && own != self.allowance;
        if !may || self.resolved.is_some() {
            return 0;
        }
        let charged = account.charge(&mut self.escrow, drawn.credits);
        if own {
            self.resolve(account, Resolved::Recorded, drawn.wall_ms);
        }
        charged
    }

    /// Gives back what it holds; answers whether it held anything open.
    pub fn release(&mut self, account: &mut Account, wall_ms: u64) -> bool {
        self.resolve(account, Resolved::Released, wall_ms)
    }

    /// Ends it because its sidecar is lost; answers what was charged, `None` if it was resolved before. `known`: its call is on record
    /// already, so that it pays nothing more.
    pub fn sweep(&mut self, account: &mut Account, known: bool, wall_ms: u64) -> Option<Micros> {
        if self.resolved.is_some() {
            return None;
        }
        let due = if self.unconfirmed_pays && !known {
            self.escrow.total()
        } else {
            0
        };
        let charged = account.charge(&mut self.escrow, due);
        self.resolve(account, Resolved::Swept, wall_ms);
        Some(charged)
    }

    fn resolve(&mut self, account: &mut Account, how: Resolved, wall_ms: u64) -> bool {
        let open = self.resolved.is_none();
        if open {
            account.give_back(std::mem::take(&mut self.escrow));
            self.resolved = Some((how, wall_ms));
        }
        open
    }
}

/// A record that wants to be paid.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'a> {
    /// Its request id.
    pub record: &'a str,
    /// Whose call it was.
    pub key: &'a str,
    /// The spool that it came through.
    pub spool: &'a str,
    /// What it costs.
    pub credits: Micros,
    /// When it is kept, in unix milliseconds.
    pub wall_ms: u64,
}

/// The spool in a holder's name. The process that holds a reservation is named beside it, because the next process on the same spool tells
/// what became of calls that were sent, and of nothing else.
pub fn spool_of(holder: &str) -> &str {
    holder.split_once('.').map_or(holder, |(spool, _)| spool)
}

/// Whether a reservation's sidecar has been silent for so long that nobody will say how the call ended.
pub fn is_lost(made_ms: u64, seen_ms: u64, wall_ms: u64, kept_ms: u64) -> bool {
    made_ms.max(seen_ms).saturating_add(kept_ms) <= wall_ms
}
