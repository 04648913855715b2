//! A gateway beside an application: it obeys the compiled configuration, says who may call which model and how often, and
//! carries the call to a provider that works.
//!
//! The walk of a request, which [`gateway`] joins and each room does:
//!
//! 1. **snapshot** ([`snapshot`], [`store`]): one `Arc` for the whole request.
//! 2. **identity** ([`identity`]): header to caller, by digest.
//! 3. **dialect** (`purser-dialects`): which call it is; its model and limits, read from the body without changing it.
//!    [`fit`] passes over models that cannot do what it asks, and [`images`] refuses addresses that nobody may be sent to;
//!    [`kept`] leaves the account that keeps what it names.
//! 4. **reserve** ([`ledger`]): one request of the plan's window, asked for while the body is read ([`intake`]).
//! 5. **route** ([`route`], [`way`]): the channels of this key and model, in order, and how the call goes there; pure functions.
//! 6. **failover** ([`failover`]): for each channel: its circuit ([`circuit`], [`lane`]), one attempt ([`upstream`], [`pool`]), the
//!    judge ([`failover::judge`], a pure function).
//! 7. **relay** ([`relay`]): the first content byte is the commit point; after it, an honest end.
//! 8. **settle** ([`relay::Meter`]): a guard in the body counts the call when it ends or is dropped.
//!
//! A key that reaches channels of other namespaces is served by the shared gateway: [`handover`] takes its calls there, and there
//! [`shared`] is the door.
//!
//! What is told of calls beyond [`metrics`], where a collector is named: [`otlp`].
//!
//! Where configuration comes from: [`source`] (a folder, a file) and [`link`] (the operator); both put it into [`store`].
//!
//! Invariant: an upstream address comes from configuration only; never from a body, a query or a header.
//! Invariant: three lifetimes, kept apart: the snapshot (replaced at reload), what survives it (ledger, circuits, pools),
//! and the call. Never a counter inside a snapshot.
//! Invariant: no Kubernetes here. The operator and this crate share `purser-config` and nothing else.
//! Invariant: after the first content byte nothing is tried again, and no answer that broke ends as if it were whole.

pub mod admin;
pub mod args;
pub mod bill;
mod budget;
pub mod call;
pub mod charge;
pub mod circuit;
pub mod clock;
pub mod dial;
pub mod failover;
pub mod fit;
pub mod gateway;
pub mod handover;
pub mod identity;
pub mod images;
pub mod inquiry;
pub mod intake;
pub mod kept;
pub mod lane;
pub mod ledger;
pub mod letter;
pub mod link;
pub mod metrics;
pub mod models;
pub mod names;
pub mod otlp;
pub mod pool;
pub mod probe;
pub mod refusals;
pub mod reject;
pub mod relay;
pub mod route;
pub mod run;
pub mod server;
pub mod shared;
pub mod snapshot;
pub mod source;
pub mod spool;
pub mod store;
pub mod upstream;
pub mod way;

#[cfg(test)]
mod testing;
