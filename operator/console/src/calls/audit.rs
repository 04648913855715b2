//! `/api/audit`: who changed what.

use crate::answer::{Outcome, Reply};
use crate::ask::Ask;
use purser_authority::ledger::Deed;
use schemars::JsonSchema;
use serde::Serialize;

/// One deed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Done {
    /// Unix seconds.
    at: u64,
    by: String,
    what: String,
    object: String,
    detail: String,
}

/// Deeds, the last first.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let paging = ask.paging()?;
    let page = ask.console.ledger()?.deeds(paging.of_ledger()).await?;
    let items = page.deeds.into_iter().map(done).collect();
    Reply::data(&paging.page(items, page.total))
}

fn done(deed: Deed) -> Done {
    Done {
        at: deed.at_ms / 1000,
        by: deed.by,
        what: deed.what,
        object: deed.object,
        detail: deed.detail,
    }
}
