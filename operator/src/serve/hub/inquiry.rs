//! A person's question to a channel's provider: handed to one sidecar that has the channel, and answered by it. The operator calls no
//! provider: its network policy may not let it, and what a sidecar finds is what calls find.
//!
//! Invariant: an answer counts only from the connection that was asked.

use super::fleet::Sidecar;
use super::{Hub, Seat, lines, lock};
use purser_config::stream::{FromOperator, Inquired};
use purser_config::{Name, Resource};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longer than a sidecar waits for the provider, so that its own word comes first.
const PATIENCE: Duration = Duration::from_secs(18);
/// The longest that a sidecar's word may be, in characters.
const LONGEST: usize = 512;

/// Questions that are not answered yet, by number: which connection was asked, and who waits.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    last: u64,
    open: HashMap<u64, (u64, oneshot::Sender<Inquired>)>,
}

/// Why a provider was not asked, or nothing is known of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unasked {
    /// Nobody here has the channel.
    #[error(
        "no sidecar that is connected here has this channel and can ask its provider, so nothing was asked; start a pod with a key that may use it, or restart pods whose sidecar is of an older release"
    )]
    NoSidecar,
    /// The sidecar left, or kept silent.
    #[error("the sidecar that was to ask the provider did not answer; try again")]
    Silent,
}

impl Hub {
    /// Asks a channel's provider through a sidecar.
    pub(crate) async fn inquire(&self, channel: &Name) -> Result<Inquired, Unasked> {
        let (id, answer) = self.hand_on(channel).ok_or(Unasked::NoSidecar)?;
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        lock(&self.inquiries).open.remove(&id);
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(Unasked::Silent),
        }
    }

    /// What a sidecar found. What nobody waits for, or asked it, is passed over.
    pub(crate) fn inquired(&self, seat: &Seat, mut told: Inquired) {
        let mut inquiries = lock(&self.inquiries);
        let asked = inquiries.open.get(&told.id);
        if asked.is_none_or(|(connection, _)| *connection != seat.connection) {
            return;
        }
        let words = told.message.chars().filter(|letter| !letter.is_control());
        told.message = words.take(LONGEST).collect();
        if let Some((_, waits)) = inquiries.open.remove(&told.id) {
            let _ = waits.send(told); // Who asked may have left.
        }
    }

    /// The question's number, and where its answer comes; none: there is nobody to ask.
    fn hand_on(&self, channel: &Name) -> Option<(u64, oneshot::Receiver<Inquired>)> {
        let fleet = lock(&self.fleet);
        let able = fleet.connected.iter();
        let mut able: Vec<_> = able.filter(|(_, one)| one.can_ask(channel)).collect();
        // Its own namespace knows it best, then the gateway of all.
        able.sort_by_key(|(name, one)| {
            let is_own = one.caller.namespace == channel.namespace();
            (!is_own, !one.caller.gateway, (*name).clone())
        });
        let mut inquiries = lock(&self.inquiries);
        inquiries.open.retain(|_, (_, waits)| !waits.is_closed());
        inquiries.last += 1;
        let id = inquiries.last;
        let question = FromOperator::Inquire {
            id,
            channel: channel.clone(),
        };
        let line = lines::written(&question).ok()?;
        let asked = able
            .into_iter()
            .find(|(_, one)| one.lines.try_send(line.clone()).is_ok())?;
        let (waits, answer) = oneshot::channel();
        inquiries.open.insert(id, (asked.1.connection, waits));
        Some((id, answer))
    }
}

impl Sidecar {
    /// Whether it has the channel and understands the question.
    fn can_ask(&self, channel: &Name) -> bool {
        let holds = self.holds.as_ref();
        let faulty =
            |resource: &Resource| matches!(resource, Resource::Channel(one) if one == channel);
        self.caller.inquires
            && holds.is_some_and(|scope| scope.configuration.channels.contains_key(channel))
            && !self.faults.iter().any(|fault| faulty(&fault.resource))
    }
}
