//! What the API server asks us before it stores something: the listener, and the CA in the configurations that send it here. `inject`
//! answers for pods at `POST /inject`, `warn` for our own objects at `POST /warn`; `lead` starts it, before anything else is served.
//!
//! ```text
//! API server --AdmissionReview--> server -> inject (changes pods, or refuses them) | warn (says something, and always allows)
//! certificates --bundle--> registration --> MutatingWebhookConfiguration, ValidatingWebhookConfiguration
//! ```
//! Invariant: nothing is answered here that was not asked by one of the two paths; the rooms decide, this one carries.

mod registration;
mod server;

pub(crate) use registration::Registration;
pub(crate) use server::Server;
