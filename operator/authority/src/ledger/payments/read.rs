//! Payments and times of plans, as they are told.

use super::{PaymentPage, Received, Term};
use crate::ledger::LedgerError;
use crate::ledger::log::Paging;
use crate::ledger::rows::{Param, PaymentRow, Rows, TermRow};
use crate::ledger::sums::span::Part;
use serde::Deserialize;

/// The answer to [`crate::ledger::Ledger::payment`].
pub(in crate::ledger) async fn payment<S: Rows>(
    store: &S,
    id: &str,
) -> Result<Option<Received>, LedgerError> {
    const PAYMENT: &str =
        "SELECT id, key, plan, credits, paid, currency, at_ms, done FROM payments WHERE id = $1";
    let rows = store.ask::<PaymentRow>(PAYMENT, &[Param::Text(id)]).await?;
    Ok(rows.into_iter().find_map(PaymentRow::read))
}

/// The answer to [`crate::ledger::Ledger::payments`].
pub(in crate::ledger) async fn payments<S: Rows>(
    store: &S,
    paging: Paging,
) -> Result<PaymentPage, LedgerError> {
    #[derive(Deserialize)]
    struct Total {
        n: u64,
    }
    const TOTAL: &str = "SELECT COUNT(*) AS n FROM payments";
    const PAGE: &str = "SELECT id, key, plan, credits, paid, currency, at_ms, done FROM payments \
        ORDER BY at_ms DESC, id DESC LIMIT $1 OFFSET $2";
    let total = store.ask::<Total>(TOTAL, &[]).await?;
    let total = total.first().map_or(0, |total| total.n);
    let with = [Param::Int(paging.most()), Param::from(&paging.offset)];
    let rows = store.ask::<PaymentRow>(PAGE, &with).await?;
    let payments = rows.into_iter().filter_map(PaymentRow::read).collect();
    Ok(PaymentPage { total, payments })
}

/// The answer to [`crate::ledger::Ledger::terms`].
pub(in crate::ledger) async fn terms<S: Rows>(
    store: &S,
    (from_ms, to_ms): Part,
) -> Result<Vec<Term>, LedgerError> {
    const TERMS: &str = "SELECT key, plan, at_ms, price, currency FROM terms \
        WHERE at_ms >= $1 AND at_ms < $2 ORDER BY at_ms, key, plan";
    let with = [Param::from(&from_ms), Param::from(&to_ms)];
    let rows = store.ask::<TermRow>(TERMS, &with).await?;
    Ok(rows.into_iter().filter_map(TermRow::read).collect())
}
