//! Looks after what the authority keeps: tells the ledger which sidecars are alive, has it resolve what those left that are not, and says
//! on `/readyz` what windows or ledger suffer from. `lead` runs it.
//!
//! Invariant: nothing is resolved before sidecars had as long to come back as they may be silent: while no operator was there, none
//! could be heard.

use crate::admin::{Part, Ready};
use crate::serve::Hub;
use purser_authority::ledger::LedgerError;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often what is lost is resolved, where what is waited for is not shorter.
const EVERY: Duration = Duration::from_secs(30);
/// How often the ledger is told who is alive, where what is waited for is not shorter: so soon it is known whether it can be written.
const TELLS: Duration = Duration::from_secs(5);
/// A spool that no sidecar has: theirs are hexadecimal digits.
const OWN: &str = "operator";
/// How often the windows are asked how they are.
const LOOKS: Duration = Duration::from_secs(1);

/// See the file's page.
pub(crate) struct Sweeper {
    /// Who is connected.
    pub(crate) hub: Arc<Hub>,
    /// Where troubles are told.
    pub(crate) ready: Ready,
    /// How long a sidecar must have been silent.
    pub(crate) after: Duration,
}

/// How often to sweep so that nothing waits much longer than it should.
fn every(after: Duration) -> Duration {
    EVERY.min(after / 2).max(LOOKS)
}

/// How often to tell who is alive, so that no other replica takes a sidecar that is connected here for lost.
fn tells(after: Duration) -> Duration {
    TELLS.min(after / 4).max(LOOKS)
}

impl Sweeper {
    /// Looks after both for as long as the process leads.
    pub(crate) async fn run(self) {
        let begun = self.hub.moment().now;
        let (mut swept, mut told) = (begun, begun);
        loop {
            tokio::time::sleep(LOOKS).await;
            let now = self.hub.moment().now;
            self.ready
                .suffers(Part::Windows, self.hub.authority().fault());
            let sweeps = now >= swept + every(self.after) && now >= begun + self.after;
            if !self.hub.answers() || !(sweeps || now >= told + tells(self.after)) {
                continue;
            }
            told = now;
            let result = if sweeps {
                swept = now;
                self.sweep().await
            } else {
                self.tell().await
            };
            if let Err(error) = &result {
                tracing::error!(%error, "looking after the ledger; tried again");
            }
            let trouble = result.err().map(|error| error.to_string());
            self.ready.suffers(Part::Ledger, trouble);
        }
    }

    async fn tell(&self) -> Result<(), LedgerError> {
        let (ledger, at) = (self.hub.authority().ledger(), self.hub.moment());
        ledger.seen(self.alive(), at.unix_ms).await
    }

    /// Never nobody: a ledger that nobody has to write would not tell what it suffers from.
    fn alive(&self) -> BTreeSet<String> {
        let mut alive = self.hub.spools();
        alive.insert(OWN.to_owned());
        alive
    }

    async fn sweep(&self) -> Result<(), LedgerError> {
        let (ledger, at) = (self.hub.authority().ledger(), self.hub.moment());
        let kept_ms = u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX);
        let count = ledger.sweep(at.unix_ms, kept_ms, self.alive()).await?;
        if count > 0 {
            tracing::warn!(
                count,
                "calls of sidecars that are gone were resolved as unconfirmed"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_shortly_is_looked_for_often() {
        let seconds = Duration::from_secs;
        assert_eq!(every(seconds(900)), seconds(30));
        assert_eq!(every(seconds(2)), seconds(1));
        assert_eq!(tells(seconds(900)), seconds(5));
        assert_eq!(tells(seconds(8)), seconds(2));
        assert_eq!(tells(seconds(2)), seconds(1));
    }
}
