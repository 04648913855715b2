//! Where each test's ledger is, and the questions that most tests ask.

use crate::server;
use purser_authority::ledger::{Held, Kept, Ledger, Refused, ReserveCredits, Sale, Sender};
use purser_config::usage::{Batch, End, Record};
use purser_config::{Credits, Endpoint, Name, Resets};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// 2026-11-22T21:52:36Z.
pub(crate) const NOW: u64 = 1_795_384_356_000;
/// Its midnight.
pub(crate) const MIDNIGHT: u64 = 1_795_392_000_000;

/// A store of a test's own.
pub(crate) enum Store {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

impl Store {
    pub(crate) fn sqlite() -> Store {
        Store::Sqlite(tempfile::tempdir().unwrap())
    }

    /// A database of its own in the shared server; `None`, and a word, where there is none.
    pub(crate) async fn postgres() -> Option<Store> {
        Some(Store::Postgres(server::database().await?))
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Store::Sqlite(folder) => folder.path().join("ledger.db"),
            Store::Postgres(_) => panic!("it has no file"),
        }
    }

    /// As `open_at` reads it.
    pub(crate) fn address(&self) -> String {
        match self {
            Store::Sqlite(_) => self.path().display().to_string(),
            Store::Postgres(url) => url.clone(),
        }
    }

    pub(crate) async fn open(&self) -> Ledger {
        open_at(&self.address()).await
    }
}

pub(crate) async fn open_at(address: &str) -> Ledger {
    let opened = if address.starts_with("postgres") {
        Ledger::postgres(address).await
    } else {
        Ledger::sqlite(address.as_ref()).await
    };
    opened.unwrap()
}

/// A plan's time that is sold at this moment; nobody says for how much.
pub(crate) fn sold(at_ms: u64) -> Sale {
    Sale { at_ms, price: None }
}

pub(crate) fn key(name: &str) -> Name {
    Name::new("shop", name)
}

/// A call of this price on a plan that grants 500 for ever to ten keys.
pub(crate) fn ask(id: &str, name: &str, amount: u64) -> ReserveCredits {
    ReserveCredits {
        id: id.to_owned(),
        key: key(name),
        plan: "free".to_owned(),
        credits: Credits {
            grant: 500,
            resets: Resets::Never,
        },
        max_keys: 10,
        amount,
        allowance: None,
        spool: "spool-1".to_owned(),
        unconfirmed_pays: false,
        wall_ms: NOW,
    }
}

pub(crate) async fn reserve(ledger: &Ledger, asked: ReserveCredits) -> Result<Held, Refused> {
    ledger.reserve(asked).await.unwrap()
}

pub(crate) async fn left(ledger: &Ledger, name: &str) -> u64 {
    left_at(ledger, name, NOW).await
}

pub(crate) async fn left_at(ledger: &Ledger, name: &str, wall_ms: u64) -> u64 {
    ledger.accounts(wall_ms).await.unwrap()[&key(name)].credits_left
}

/// The record of a call that its own reservation pays.
pub(crate) fn record(id: &str, name: &str, credits: u64) -> Record {
    Record {
        id: id.to_owned(),
        key: key(name),
        plan: "free".to_owned(),
        reservation: Some(id.to_owned()),
        channel: Some(Name::new("models", "openai")),
        endpoint: Endpoint::Chat,
        asked: "gpt-4o".to_owned(),
        served: "gpt-4o".to_owned(),
        attempts: 1,
        status: 200,
        end: End::Done,
        stream: true,
        tokens: Default::default(),
        estimated: false,
        credits,
        unpaid: 0,
        failures: Vec::new(),
        cost: 0,
        waste: BTreeMap::new(),
        began_ms: NOW,
        latency_ms: 5,
        first_ms: Some(2),
        user_metadata: BTreeMap::new(),
        pod: String::new(),
    }
}

pub(crate) fn sender() -> Sender {
    Sender {
        namespace: Some("shop".to_owned()),
        pod: "checkout-0".to_owned(),
    }
}

/// One that speaks for any key.
pub(crate) fn sender_of_all() -> Sender {
    Sender {
        namespace: None,
        ..sender()
    }
}

pub(crate) fn batch(spool: &str, first: u64, records: Vec<Record>) -> Batch {
    Batch {
        spool: spool.to_owned(),
        first,
        records,
    }
}

/// Ships records from where they belong.
pub(crate) async fn keep(ledger: &Ledger, first: u64, records: Vec<Record>) -> Kept {
    let batch = batch("spool-1", first, records);
    ledger.keep(sender(), batch, NOW).await.unwrap().unwrap()
}

/// Nothing is anywhere but where it came from.
pub(crate) async fn verify(ledger: &Ledger) {
    assert_eq!(ledger.verify().await.unwrap(), []);
}
