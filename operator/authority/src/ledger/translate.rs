//! Rows as the book sees them, and back. Called by `sheet` alone. Never decides: what cannot be read is found by whoever compares what
//! a reservation holds with what its row says.

use super::rows::{AccountRow, GrantRow, ReservationRow};
use super::sheet::Holder;
use crate::book::{Account, Escrow, Pot, Reservation, Resolved};
use std::collections::BTreeMap;

/// What a reservation's parts sum up to.
pub(super) fn held(row: &ReservationRow) -> u64 {
    Reservation::from(row.clone()).escrow.total()
}

/// Accounts with their grants.
pub(super) fn holders(
    accounts: Vec<AccountRow>,
    grants: Vec<GrantRow>,
) -> BTreeMap<String, Holder> {
    let mut rows: BTreeMap<String, Holder> = BTreeMap::new();
    for row in accounts {
        rows.insert(row.key.clone(), row.into());
    }
    for row in grants {
        let holder = rows.entry(row.key.clone()).or_default();
        holder.account.pots.push(Pot {
            plan: row.plan,
            period: row.period,
            ends_ms: row.ends_ms,
            amount: row.amount,
            left: row.remaining,
            open: row.open == 1,
        });
    }
    rows
}

impl From<AccountRow> for Holder {
    fn from(row: AccountRow) -> Holder {
        Holder {
            account: Account {
                pots: Vec::new(),
                top_up: row.top_up,
                reserved: row.reserved,
                spent: row.spent,
                expired: row.expired,
                granted: row.granted,
                topped_up: row.topped_up,
            },
            requests: row.requests,
            last_used_ms: row.last_used_ms,
        }
    }
}

/// An account without its grants.
pub(super) fn account_row((key, holder): (&String, &Holder)) -> AccountRow {
    let account = &holder.account;
    AccountRow {
        key: key.clone(),
        top_up: account.top_up,
        reserved: account.reserved,
        spent: account.spent,
        expired: account.expired,
        granted: account.granted,
        topped_up: account.topped_up,
        requests: holder.requests,
        last_used_ms: holder.last_used_ms,
    }
}

/// An account's grants.
pub(super) fn grant_rows<'a>(
    (key, holder): (&'a String, &'a Holder),
) -> impl Iterator<Item = GrantRow> + 'a {
    holder.account.pots.iter().map(|pot| GrantRow {
        key: key.clone(),
        plan: pot.plan.clone(),
        period: pot.period.clone(),
        ends_ms: pot.ends_ms,
        amount: pot.amount,
        remaining: pot.left,
        open: u8::from(pot.open),
    })
}

impl From<ReservationRow> for Reservation {
    fn from(row: ReservationRow) -> Reservation {
        let how = match row.resolved {
            0 => None,
            1 => Some(Resolved::Recorded),
            2 => Some(Resolved::Released),
            _ => Some(Resolved::Swept),
        };
        Reservation {
            id: row.id,
            key: row.key,
            plan: row.plan,
            spool: row.spool,
            allowance: row.allowance == 1,
            unconfirmed_pays: row.unconfirmed_pays == 1,
            made_ms: row.made_ms,
            amount: row.amount,
            escrow: Escrow {
                parts: serde_json::from_str(&row.parts).unwrap_or_default(),
                top_up: row.top_up,
            },
            resolved: how.map(|how| (how, row.resolved_ms)),
        }
    }
}

impl From<&Reservation> for ReservationRow {
    fn from(held: &Reservation) -> ReservationRow {
        let resolved = match held.resolved {
            None => 0,
            Some((Resolved::Recorded, _)) => 1,
            Some((Resolved::Released, _)) => 2,
            Some((Resolved::Swept, _)) => 3,
        };
        ReservationRow {
            id: held.id.clone(),
            key: held.key.clone(),
            plan: held.plan.clone(),
            spool: held.spool.clone(),
            allowance: u8::from(held.allowance),
            unconfirmed_pays: u8::from(held.unconfirmed_pays),
            made_ms: held.made_ms,
            amount: held.amount,
            held: held.escrow.total(),
            top_up: held.escrow.top_up,
            parts: serde_json::to_string(&held.escrow.parts).unwrap_or_default(),
            resolved,
            resolved_ms: held.resolved.map_or(0, |(_, at)| at),
        }
    }
}
