//! `/api/status`: what this is, for whoever has not logged in. It must never tell what exists here.

use crate::answer::{Outcome, Reply};
use crate::ask::Ask;
use schemars::JsonSchema;
use serde::Serialize;

/// Micro-credits in a credit.
pub(crate) const QUOTA_PER_UNIT: u64 = 1_000_000;

/// What this is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Status {
    version: &'static str,
    /// Unix seconds.
    start_time: u64,
    system_name: &'static str,
    /// Quotas and credits are whole millionths.
    quota_per_unit: u64,
    /// Whether there is no user yet.
    setup: bool,
    /// Whether people may sign in with an identity provider.
    oidc_enabled: bool,
    /// Its name; empty: there is none.
    oidc_name: String,
}

/// What this is.
pub(crate) async fn status(ask: Ask) -> Outcome {
    let provider = ask.console.provider.as_ref();
    Reply::data(&Status {
        version: env!("CARGO_PKG_VERSION"),
        start_time: ask.console.started_ms / 1000,
        system_name: "Purser",
        quota_per_unit: QUOTA_PER_UNIT,
        oidc_enabled: provider.is_some(),
        oidc_name: provider.map_or_else(String::new, |one| one.settings.name.clone()),
        setup: !ask.console.is_set_up().await?,
    })
}
