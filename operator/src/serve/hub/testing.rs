//! A hub for tests, with an authority of its own. Never in the program.

use super::*;
use purser_authority::Windows;
use purser_authority::ledger::Ledger;

/// A hub, and the folder of its ledger.
pub(crate) async fn hub_of(tenure: Tenure) -> (Hub, tempfile::TempDir) {
    let (clock, folder) = (Clock::System, tempfile::tempdir().unwrap());
    let windows = Windows::new(clock.now(), tenure.epoch, tenure.memory());
    let ledger = Ledger::sqlite(&folder.path().join("ledger")).await;
    let authority = Authority::open(windows, None, ledger.unwrap()).await;
    let authority = Arc::new(authority.unwrap());
    (Hub::new(clock, tenure, Arc::default(), authority), folder)
}

/// What a sidecar says that knows nothing.
pub(crate) fn hello() -> Hello {
    Hello {
        instance: "one".into(),
        version: None,
        uses: vec![],
        shares: vec![],
        holds: Vec::new(),
        tokens: Vec::new(),
        spool: String::new(),
    }
}
