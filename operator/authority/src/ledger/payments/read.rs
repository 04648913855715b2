//! Payments and times of plans, as they are told.

use super::{Payment, Term};
use crate::ledger::LedgerError;
use crate::ledger::rows::{Param, PaymentRow, Rows, TermRow};
use crate::ledger::sums::span::Part;

/// Payments of a stretch of time.
pub(in crate::ledger) async fn payments<S: Rows>(
    store: &S,
    (from_ms, to_ms): Part,
) -> Result<Vec<Payment>, LedgerError> {
    const PAYMENTS: &str = "SELECT id, key, plan, credits, paid, currency, at_ms FROM payments \
        WHERE at_ms >= $1 AND at_ms < $2 ORDER BY at_ms, id";
    let with = [Param::from(&from_ms), Param::from(&to_ms)];
    let rows = store.ask::<PaymentRow>(PAYMENTS, &with).await?;
    Ok(rows.into_iter().filter_map(PaymentRow::read).collect())
}

/// Times of plans that began in it.
pub(in crate::ledger) async fn terms<S: Rows>(
    store: &S,
    (from_ms, to_ms): Part,
) -> Result<Vec<Term>, LedgerError> {
    const TERMS: &str = "SELECT key, plan, at_ms FROM terms \
        WHERE at_ms >= $1 AND at_ms < $2 ORDER BY at_ms, key, plan";
    let with = [Param::from(&from_ms), Param::from(&to_ms)];
    let rows = store.ask::<TermRow>(TERMS, &with).await?;
    let term = |row: TermRow| {
        let (plan, at_ms) = (row.plan, row.at_ms);
        let key = row.key.parse().ok()?;
        Some(Term { key, plan, at_ms })
    };
    Ok(rows.into_iter().filter_map(term).collect())
}
