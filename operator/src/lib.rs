//! Watches what people write, compiles it, serves it to sidecars, and reports what became of it.
//!
//! ```text
//!  API server                                                                                   sidecars
//!      |                                                                                            ^
//!   watch ----dirty----> reconcile: objects -> guard -> world -> compile (pure) -> publish -> serve: hub
//!   secrets -------------^  (every change, after 20 to 200 ms, and every 30 s)       |         |  scope, change,
//!      ^                                                                             |         |  authority
//!      |                                                    effects, in their time:  v         |
//!      +--- apply: compiled Secrets, generated keys <------- Publication ---> apply -> Applied -> status <-- census
//! ```
//! `inject` puts a sidecar beside pods that ask for one, `warn` says what will not work of an object that is being written, and `webhook`
//! is where the API server asks both; `lease` makes it the only one, `certificate` makes its TLS, `stores` opens what
//! the authority keeps and `sweep` looks after it, `admin` and `metrics` let it be seen, `run` and `lead` put it together; `simulation`
//! puts together what streams ask, without them.
//!
//! `definitions` knows whether the cluster's definitions of our kinds are older than this operator, which serves all the same.
//!
//! `gateway` is what is known of the shared gateway, which is told everything and serves the keys that sidecars hand over.
//!
//! `house` is what the management API asks of the cluster, where a console is wanted.
//!
//! Invariant: one writer for each kind of effect: `apply` (Secrets), `credit` (annotations that are entries of the ledger), `status`
//! (statuses, Events), `serve` (streams), `inject` (pods as they are created), `webhook` (the CA in its configurations), `house` (what a person asks for at the
//! console). Beside them only `lease` and `certificate` write, each the one object that it owns.
//! Invariant: level, not edge: nothing decides by what changed, only by what is.
//! Invariant: publishing waits for no write to the API server.

mod accept;
mod admin;
mod apply;
mod args;
mod certificate;
mod clock;
mod credit;
mod definitions;
mod gateway;
mod guard;
mod house;
mod inject;
mod lead;
mod lease;
mod level;
mod metrics;
mod reconcile;
mod run;
mod secrets;
mod serve;
#[doc(hidden)]
pub mod simulation;
mod status;
mod stores;
mod sweep;
mod warn;
mod watch;
mod webhook;
mod world;

pub use args::Args;
pub use run::{Failure, run};
