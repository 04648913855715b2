//! Exactly one operator at a time: a Lease, written only on top of the version that was read. `run` takes it before
//! anything is served and ends the process when it is lost.
//!
//! Every taking raises `leaseTransitions`, also by the identity that had it before: that count is the authority's epoch,
//! by which grants of an earlier process are void. Ours rather than `kube-lease-manager`: that crate hides the count
//! and whether the Lease existed, and both are needed here.
//!
//! Invariant: another's Lease is taken only after it stood unchanged for its whole duration on *our* clock, so no two
//! machines' clocks are compared.

use crate::clock::Clock;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};
use purser_authority::Memory;
use purser_crds::MANAGED_BY;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The Lease could not be taken or kept.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Someone else holds it now.
    #[error("the lease is held by another operator now")]
    Taken,
    /// It could not be renewed in time.
    #[error("the lease could not be renewed in time")]
    Expired,
    /// It vanished or came back without its version.
    #[error("the lease has no resourceVersion")]
    Odd,
}

/// Where the Lease is and who we are.
#[derive(Clone)]
pub(crate) struct Election {
    /// Leases of the operator's namespace.
    pub(crate) api: Api<Lease>,
    /// The Lease's name.
    pub(crate) name: String,
    /// Our identity.
    pub(crate) identity: String,
    /// How long a taking holds without renewal.
    pub(crate) duration: Duration,
}

/// A taken Lease.
#[derive(Clone)]
pub(crate) struct Tenure {
    /// Rises with every taking.
    pub(crate) epoch: u64,
    /// Whether there was an authority before.
    pub(crate) fresh: bool,
    clock: Clock,
    valid_until_ms: Arc<AtomicU64>,
    shared: bool,
}

impl Tenure {
    /// One that needs no Lease, because a store that all replicas ask decides what holds.
    pub(crate) fn shared(clock: Clock) -> Self {
        Tenure {
            epoch: 0,
            fresh: false,
            clock,
            valid_until_ms: Arc::new(AtomicU64::new(u64::MAX)),
            shared: true,
        }
    }

    /// Whether other replicas answer, too.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether nobody else can hold the Lease at this moment. Asked before each answer of the authority.
    pub(crate) fn holds(&self) -> bool {
        (self.clock.now().as_millis() as u64) < self.valid_until_ms.load(Ordering::Relaxed)
    }

    /// One that lasts for a test.
    #[cfg(test)]
    pub(crate) fn fresh(clock: Clock) -> Self {
        Tenure::granted(clock, 1)
    }

    /// One that somebody else looks after and never ends: a test's, a simulation's. The first one has none before it.
    pub(crate) fn granted(clock: Clock, epoch: u64) -> Self {
        Tenure {
            epoch,
            fresh: epoch == 1,
            clock,
            valid_until_ms: Arc::new(AtomicU64::new(u64::MAX)),
            shared: false,
        }
    }

    /// Stops answering, before the Lease is given back.
    pub(crate) fn end(&self) {
        self.valid_until_ms.store(0, Ordering::Relaxed);
    }

    /// What the authority must assume of the time before.
    pub(crate) fn memory(&self) -> Memory {
        if self.fresh {
            Memory::Fresh
        } else {
            Memory::Lost
        }
    }

    fn extend(&self, from: Duration, duration: Duration) {
        // A fifth less than others wait, for clocks that run at different rates.
        let until = from + duration * 4 / 5;
        self.valid_until_ms
            .store(until.as_millis() as u64, Ordering::Relaxed);
    }

    fn left(&self) -> Duration {
        let now = self.clock.now().as_millis() as u64;
        Duration::from_millis(
            self.valid_until_ms
                .load(Ordering::Relaxed)
                .saturating_sub(now),
        )
    }
}

/// What to do about a Lease that exists.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Take,
    Wait(Duration),
}

fn decide(spec: &LeaseSpec, identity: &str, unchanged_for: Duration) -> Step {
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    let lasts =
        Duration::from_secs(u64::try_from(spec.lease_duration_seconds.unwrap_or(15)).unwrap_or(15));
    match lasts.checked_sub(unchanged_for) {
        _ if holder.is_empty() || holder == identity => Step::Take,
        Some(left) if !left.is_zero() => {
            Step::Wait(left.min(lasts / 4).max(Duration::from_millis(50)))
        }
        _ => Step::Take,
    }
}

impl Election {
    /// Waits until the Lease is ours.
    pub(crate) async fn take(&self, clock: Clock) -> (Tenure, Lease) {
        let mut seen: Option<(Option<String>, Duration)> = None;
        loop {
            let asked = clock.now();
            let pause = match self.api.get_opt(&self.name).await {
                Ok(None) => match self
                    .api
                    .create(&PostParams::default(), &self.lease(1, None))
                    .await
                {
                    Ok(lease) => return (self.tenure(&lease, true, clock, asked), lease),
                    Err(error) => retry_after(&error, "creating the lease"),
                },
                Ok(Some(lease)) => {
                    let since = match &seen {
                        Some((version, since)) if *version == lease.metadata.resource_version => {
                            *since
                        }
                        _ => clock.now(),
                    };
                    seen = Some((lease.metadata.resource_version.clone(), since));
                    let spec = lease.spec.clone().unwrap_or_default();
                    match decide(&spec, &self.identity, clock.now() - since) {
                        Step::Wait(pause) => pause,
                        Step::Take => match self.claim(&lease).await {
                            Ok(lease) => return (self.tenure(&lease, false, clock, asked), lease),
                            Err(error) => retry_after(&error, "taking the lease"),
                        },
                    }
                }
                Err(error) => retry_after(&error, "reading the lease"),
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn claim(&self, found: &Lease) -> kube::Result<Lease> {
        let transitions = found
            .spec
            .as_ref()
            .and_then(|spec| spec.lease_transitions)
            .unwrap_or(0);
        let lease = self.lease(
            transitions.saturating_add(1),
            found.metadata.resource_version.clone(),
        );
        self.api
            .replace(&self.name, &PostParams::default(), &lease)
            .await
    }

    fn tenure(&self, lease: &Lease, fresh: bool, clock: Clock, asked: Duration) -> Tenure {
        let transitions = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.lease_transitions)
            .unwrap_or(1);
        let epoch = u64::try_from(transitions).unwrap_or(1);
        let tenure = Tenure {
            epoch,
            fresh,
            clock,
            valid_until_ms: Arc::default(),
            shared: false,
        };
        tenure.extend(asked, self.duration);
        tenure
    }

    fn lease(&self, transitions: i32, resource_version: Option<String>) -> Lease {
        let now = MicroTime(Timestamp::now());
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version,
                labels: Some([(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())].into()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: Some(
                    i32::try_from(self.duration.as_secs()).unwrap_or(15).max(1),
                ),
                lease_transitions: Some(transitions),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
        }
    }

    /// Renews until it is lost; returns why.
    pub(crate) async fn keep(&self, tenure: &Tenure, mut lease: Lease) -> Failure {
        loop {
            tokio::time::sleep(self.duration / 4).await;
            let asked = tenure.clock.now();
            let left = tenure.left();
            match tokio::time::timeout(left, self.renew(&mut lease, tenure)).await {
                Ok(Ok(true)) => tenure.extend(asked, self.duration),
                Ok(Ok(false)) => return Failure::Taken,
                Ok(Err(error)) => {
                    tracing::warn!(error = %error, "renewing the lease");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(_) => return Failure::Expired,
            }
            if !tenure.holds() {
                return Failure::Expired;
            }
        }
    }

    async fn renew(&self, lease: &mut Lease, tenure: &Tenure) -> kube::Result<bool> {
        if let Some(spec) = lease.spec.as_mut() {
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        match self
            .api
            .replace(&self.name, &PostParams::default(), lease)
            .await
        {
            Ok(renewed) => *lease = renewed,
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {
                let Some(found) = self.api.get_opt(&self.name).await? else {
                    return Ok(false);
                };
                let spec = found.spec.clone().unwrap_or_default();
                let ours = spec.holder_identity.as_deref() == Some(&self.identity);
                if !ours
                    || spec
                        .lease_transitions
                        .and_then(|count| u64::try_from(count).ok())
                        != Some(tenure.epoch)
                {
                    return Ok(false);
                }
                *lease = found; // Someone wrote an annotation: renewed at the next turn.
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Gives the Lease back, so that a successor need not wait.
    pub(crate) async fn release(&self, tenure: &Tenure) {
        let Ok(Some(mut lease)) = self.api.get_opt(&self.name).await else {
            return;
        };
        let Some(spec) = lease.spec.as_mut() else {
            return;
        };
        let epoch = spec
            .lease_transitions
            .and_then(|count| u64::try_from(count).ok());
        if spec.holder_identity.as_deref() != Some(&self.identity) || epoch != Some(tenure.epoch) {
            return;
        }
        spec.holder_identity = None;
        if let Err(error) = self
            .api
            .replace(&self.name, &PostParams::default(), &lease)
            .await
        {
            tracing::warn!(error = %error, "giving the lease back");
        }
    }
}

fn retry_after(error: &kube::Error, doing: &'static str) -> Duration {
    match error {
        kube::Error::Api(status) if status.is_conflict() || status.is_already_exists() => {
            Duration::from_millis(50)
        }
        _ => {
            tracing::warn!(error = %error, "{doing}");
            Duration::from_secs(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(10),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn takes_what_is_free_or_its_own_at_once() {
        assert_eq!(decide(&held_by(""), "a", Duration::ZERO), Step::Take);
        assert_eq!(decide(&held_by("a"), "a", Duration::ZERO), Step::Take);
    }

    #[test]
    fn waits_out_a_foreign_lease_on_its_own_clock() {
        assert!(matches!(
            decide(&held_by("b"), "a", Duration::from_secs(9)),
            Step::Wait(_)
        ));
        assert_eq!(
            decide(&held_by("b"), "a", Duration::from_secs(10)),
            Step::Take
        );
    }
}
