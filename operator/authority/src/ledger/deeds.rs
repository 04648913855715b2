//! Who changed what: the audit. Called by the console after each change that it made or refused. Deeds are only added, never changed.

use super::change::{Change, fits_id};
use super::log::Paging;
use super::reads::Question;
use super::rows::{Param, Rows};
use super::sheet::{Sheet, Wants};
use super::{Ledger, LedgerError};
use purser_config::calendar::LAST_MS;
use serde::Deserialize;

/// The longest that is kept of a text, in bytes.
const LONGEST: usize = 4_096;

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When, in unix milliseconds.
    pub at_ms: u64,
    /// Who: a user's name, or what it stands for.
    pub by: String,
    /// What was done, in one word: `create`, `log in`.
    pub what: String,
    /// To what: `ApiKey shop/checkout`.
    pub object: String,
    /// What more there is to say; never a secret.
    pub detail: String,
}

/// A stretch of the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeedPage {
    /// How many deeds there are on all pages.
    pub total: u64,
    /// The deeds, last first.
    pub deeds: Vec<Deed>,
}

impl Ledger {
    /// Keeps a deed; what is longer than 4,096 bytes is cut.
    pub async fn note(&self, deed: Deed) -> Result<(), LedgerError> {
        self.change(deed).await
    }

    /// A page of deeds, last first, and how many there are.
    pub async fn deeds(&self, paging: Paging) -> Result<DeedPage, LedgerError> {
        self.ask(|reply| Question::Deeds(paging, reply)).await
    }
}

impl Change for Deed {
    type Answer = ();
    const ATTEMPT: &'static str = "keep who changed what";

    fn check(&self) -> Result<(), LedgerError> {
        fits_id("the name of who asks", &self.by)
    }

    fn wants(&self, _: &mut Wants) {}

    fn apply(&self, sheet: &mut Sheet) {
        const NUMBER: &str = "UPDATE numbers SET n = n + 1 WHERE name = 'deeds'";
        const NOTE: &str = "INSERT INTO deeds (number, at_ms, made_by, what, object, detail) \
            VALUES ((SELECT n FROM numbers WHERE name = 'deeds'), $1, $2, $3, $4, $5)";
        sheet.run(NUMBER, Vec::new());
        let texts = [&self.by, &self.what, &self.object, &self.detail];
        let texts = texts.map(|text| fitted(text, LONGEST).into());
        let with = [self.at_ms.min(LAST_MS).into()].into_iter().chain(texts);
        sheet.run(NOTE, with.collect());
    }
}

/// What both stores can keep of a text.
pub(super) fn fitted(text: &str, longest: usize) -> String {
    let end = text.floor_char_boundary(longest);
    text[..end].replace('\0', "\u{FFFD}")
}

#[derive(Deserialize)]
struct DeedRow {
    at_ms: u64,
    made_by: String,
    what: String,
    object: String,
    detail: String,
}

/// The answer to [`Ledger::deeds`].
pub(super) async fn deeds<S: Rows>(store: &S, paging: Paging) -> Result<DeedPage, LedgerError> {
    #[derive(Deserialize)]
    struct Total {
        n: u64,
    }
    const TOTAL: &str = "SELECT n FROM numbers WHERE name = 'deeds'";
    const PAGE: &str = "SELECT at_ms, made_by, what, object, detail FROM deeds \
        WHERE number <= $1 ORDER BY number DESC LIMIT $2";
    let total = store.ask::<Total>(TOTAL, &[]).await?;
    let total = total.first().map_or(0, |total| total.n);
    // Numbers have no gap, so that a page deep in the past is found as fast as the first.
    let last = total.saturating_sub(paging.offset);
    let with = [Param::from(&last), Param::Int(paging.most())];
    let rows = store.ask::<DeedRow>(PAGE, &with).await?;
    let deeds = rows.into_iter().map(|row| Deed {
        at_ms: row.at_ms,
        by: row.made_by,
        what: row.what,
        object: row.object,
        detail: row.detail,
    });
    let deeds = deeds.collect();
    Ok(DeedPage { total, deeds })
}
