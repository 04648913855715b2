//! What people write: the three kinds of `purser.dev/v1alpha1`, with every rule that one object can show.
//!
//! ```text
//! Plan             what a key may do             cluster-scoped, so that a tenant cannot write its own
//! ApiKey           who may call                  namespaced
//! ProviderChannel  where calls can go, and how   namespaced
//! ```
//!
//! The operator, `purser-compile` and the CLI read these types; `kubectl apply -f crds/` installs the YAML made from them
//! (`cargo run -p purser-crds` rewrites it). Field docs are `kubectl explain`'s text, so they are written for users.
//!
//! Invariant: serde's defaults equal the schema's, because `purser up -f` reads YAML that no API server has completed.
//! Invariant: text that may be malformed (spans, amounts) stays text here and is parsed by whoever needs the number, so that
//! one bad object cannot make a whole list unreadable.
//! Invariant: nothing here knows the compiled configuration.

#![allow(
    clippy::duplicated_attributes,
    reason = "printer columns repeat their words"
)]
#![allow(
    unreachable_pub,
    reason = "KubeSchema copies each public struct into a function"
)]

mod api_key;
mod channel_model;
mod channel_parts;
mod channel_timing;
mod condition;
mod definitions;
mod names;
mod plan;
mod plan_parts;
mod provider_channel;
mod quantity;
#[cfg(test)]
mod rules;
mod selector;

pub use api_key::{ApiKey, ApiKeySpec, ApiKeyStatus, Rotation};
pub use channel_model::{Capability, ChannelModel, Cost, Endpoint};
pub use channel_parts::{CaSecretRef, ChannelNamespaces, ChannelNamespacesFrom, Header, Tls, Via};
pub use channel_timing::{Health, Timeouts};
pub use condition::{
    AcceptedReason, ConditionType, CreditedReason, EnforceableReason, HealthyReason,
    NotYetEnforcedReason, PlanChangedReason, ProgrammedReason, RecordedReason,
};
pub use definitions::{all, chart_yaml, yaml};
pub use names::{
    API_KEY_ANNOTATION, CATEGORY, CREDENTIAL_LABEL, CREDIT_ANNOTATION, FIELD_MANAGER,
    GENERATED_ANNOTATION, GROUP, HOSTS_ANNOTATION, INJECT_LABEL, KEY_DATA, MANAGED_BY,
    PREVIOUS_DATA, PREVIOUS_UNTIL_ANNOTATION, RENEW_ANNOTATION, ROTATED_AT_ANNOTATION, VERSION,
};
pub use plan::{Plan, PlanSpec, PlanStatus};
pub use plan_parts::{
    ChannelRules, ClientLeft, CreditResets, Credits, Fallback, Limits, ModelPrice, ModelRules,
    NamespacesFrom, OnAbort, PlanNamespaces, Price, Routing, TokenPrices, Unconfirmed, Validity,
    ValidityStart, WhenQuotaUnreachable,
};
pub use provider_channel::{
    Azure, ChannelLimits, CredentialSource, Provider, ProviderChannel, ProviderChannelSpec,
    ProviderChannelStatus, SecretRef,
};
pub use quantity::{Amount, InvalidAmount, InvalidSpan, Span};
pub use selector::{Expression, Operator, Selector};
