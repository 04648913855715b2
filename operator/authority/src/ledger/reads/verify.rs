//! Whether the book balances: sums that must agree, account by account. Called by `reads`. Never mends anything.

use super::Discrepancy;
use crate::ledger::LedgerError;
use crate::ledger::rows::Rows;
use crate::ledger::sums::HOUR_MS;
use purser_config::calendar::DAY_MS;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Sums that must agree, account by account.
const SUMS: &str = "SELECT a.key, a.granted, a.topped_up, a.top_up, a.reserved, a.spent, a.expired, \
    CAST(COALESCE((SELECT SUM(g.remaining) FROM grants g WHERE g.key = a.key), 0) AS BIGINT) AS remaining, \
    CAST(COALESCE((SELECT SUM(g.amount) FROM grants g WHERE g.key = a.key), 0) AS BIGINT) AS amounts, \
    CAST(COALESCE((SELECT SUM(r.held) FROM reservations r WHERE r.key = a.key), 0) AS BIGINT) AS held, \
    CAST(COALESCE((SELECT SUM(c.charged) FROM records c WHERE c.key = a.key), 0) AS BIGINT) AS charged, \
    CAST(COALESCE((SELECT SUM(e.amount) FROM entries e WHERE e.key = a.key), 0) AS BIGINT) AS entered, \
    (SELECT COUNT(*) FROM records c WHERE c.key = a.key) - a.requests AS uncounted, a.requests \
    FROM accounts a";

#[derive(Deserialize)]
struct Sums {
    key: String,
    granted: i64,
    topped_up: i64,
    top_up: i64,
    reserved: i64,
    spent: i64,
    expired: i64,
    remaining: i64,
    amounts: i64,
    held: i64,
    charged: i64,
    entered: i64,
    uncounted: i64,
    requests: i64,
}

impl Sums {
    /// Each pair that must be equal.
    fn pairs(&self) -> [(&'static str, i128, i128); 6] {
        let wide = |values: &[i64]| values.iter().copied().map(i128::from).sum();
        let out = [
            self.top_up,
            self.remaining,
            self.reserved,
            self.spent,
            self.expired,
        ];
        [
            (
                "granted and topped up, and where it is",
                wide(&[self.granted, self.topped_up]),
                wide(&out),
            ),
            (
                "granted, and the sum of grants",
                wide(&[self.granted]),
                wide(&[self.amounts]),
            ),
            (
                "reserved, and what reservations hold",
                wide(&[self.reserved]),
                wide(&[self.held]),
            ),
            (
                "spent, and what records were charged",
                wide(&[self.spent]),
                wide(&[self.charged]),
            ),
            (
                "topped up, and the sum of entries",
                wide(&[self.topped_up]),
                wide(&[self.entered]),
            ),
            ("records that were not counted", wide(&[self.uncounted]), 0),
        ]
    }
}

/// Everything that does not add up.
pub(super) async fn verify<S: Rows>(store: &S) -> Result<Vec<Discrepancy>, LedgerError> {
    let sums: Vec<Sums> = store.ask(SUMS, &[]).await?;
    let found = sums.iter().flat_map(|sums| {
        let unequal = sums
            .pairs()
            .into_iter()
            .filter(|(_, one, other)| one != other);
        unequal.map(|(what, one, other)| Discrepancy {
            key: sums.key.clone(),
            found: format!("{what}: {one} and {other}"),
        })
    });
    let mut found: Vec<Discrepancy> = found.collect();
    found.extend(unequal_sums(store, &sums).await?);
    Ok(found)
}

#[derive(Deserialize)]
struct Rolled {
    span: u64,
    key: String,
    calls: i64,
    credits: i64,
}

/// The hours and the days of each key, against what was counted with its account.
async fn unequal_sums<S: Rows>(store: &S, sums: &[Sums]) -> Result<Vec<Discrepancy>, LedgerError> {
    const ROLLED: &str = "SELECT span, key, CAST(SUM(calls) AS BIGINT) AS calls, \
        CAST(SUM(credits) AS BIGINT) AS credits FROM sums GROUP BY span, key";
    let rolled: Vec<Rolled> = store.ask(ROLLED, &[]).await?;
    let rolled = rolled
        .into_iter()
        .map(|row| ((row.span, row.key), (row.calls, row.credits)));
    let rolled: BTreeMap<(u64, String), (i64, i64)> = rolled.collect();
    let mut found = Vec::new();
    for account in sums {
        for span in [HOUR_MS, DAY_MS] {
            let of = (span, account.key.clone());
            let told = rolled.get(&of).copied().unwrap_or_default();
            let kept = (account.requests, account.charged);
            if told != kept {
                let key = account.key.clone();
                let what = format!("calls and credits by spans of {span} ms, and of its records");
                let found_there = format!("{what}: {told:?} and {kept:?}");
                found.push(Discrepancy {
                    key,
                    found: found_there,
                });
            }
        }
    }
    Ok(found)
}
