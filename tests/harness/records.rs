//! Every usage record that a ledger holds, read through the authority's own reader. Used by the test roots that judge a whole ledger. It
//! must never leave one out, or take one twice for two.

use std::collections::BTreeMap;

use anyhow::ensure;
use purser_authority::ledger::{Filter, Ledger};
use purser_config::usage::Record;

/// How many are read at once.
const PAGE: u32 = 1_000;

/// All of them, by id; an error when one is told twice. Without a filter: PostgreSQL sorts all of a namespace for each page of it.
pub async fn all(ledger: &Ledger) -> anyhow::Result<BTreeMap<String, Record>> {
    let mut all = BTreeMap::new();
    let mut filter = Filter {
        limit: PAGE,
        ..Filter::default()
    };
    loop {
        let page = ledger.records(filter.clone()).await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        filter.before = Some((last.began_ms, last.id.clone()));
        for record in page {
            let twice = all.insert(record.id.clone(), record);
            ensure!(twice.is_none(), "{twice:?} is there twice");
        }
    }
}
