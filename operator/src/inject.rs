//! Puts a sidecar beside applications whose pods ask for one: the mutating webhook, `POST /inject` on its own port, and the CA in its
//! configuration.
//!
//! ```text
//! API server --AdmissionReview--> server -> review -> pod (pure): container, volumes, environment -> JSON patch
//! certificates --bundle--> registration --> MutatingWebhookConfiguration
//! ```
//! Invariant: what a pod's author wrote is never changed, only added to; what is ours is added once, however often we are asked.
//! Invariant: a pod is injected whole, refused with a reason, or left alone because it did not ask. Never half.

mod container;
mod environment;
mod pod;
mod registration;
mod review;
mod server;

pub(crate) use pod::Settings;
pub(crate) use registration::Registration;
pub(crate) use server::Server;

/// By this label, on a pod or its namespace, a sidecar is asked for (`"true"`) or refused (`"false"`; a pod's wins).
pub(crate) const LABEL: &str = "purser.dev/inject";
/// What an injected pod carries: which sidecar it got.
pub(crate) const INJECTED: &str = "purser.dev/injected";
