//! Puts a sidecar beside applications whose pods ask for one: what the mutating webhook says. `webhook` asks it.
//!
//! ```text
//! AdmissionReview -> review -> pod (pure): container, volumes, environment -> JSON patch
//! ```
//! Invariant: what a pod's author wrote is never changed, only added to; what is ours is added once, however often we are asked.
//! Invariant: a pod is injected whole, refused with a reason, or left alone because it did not ask. Never half.

mod container;
mod environment;
mod pod;
mod review;

pub(crate) use pod::Settings;
pub(crate) use review::{Answered, answer};

/// By this label, on a pod or its namespace, a sidecar is asked for (`"true"`) or refused (`"false"`; a pod's wins).
pub(crate) const LABEL: &str = "purser.dev/inject";
/// What an injected pod carries: which sidecar it got.
pub(crate) const INJECTED: &str = "purser.dev/injected";
/// The annotation of a pod that keeps environment variables of its own: which, and why.
pub(crate) const KEPT: &str = "purser.dev/kept-env";
