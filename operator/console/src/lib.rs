//! The management API and the web console: `/api/*` for people, `/dashboard/billing/*` for keys, and the page over them.
//!
//! ```text
//! listener --server--> request --routes--> credential (who) --> call --> House: objects as seen, changes, channels
//!                        |                                       |-----> Ledger: records, users, sessions, deeds
//!                        `--page: files, as they lie in page/    `-----> answer: envelope, or the failure that it is
//! ```
//! The operator and `purser up` give it a listener and a `House`. One table, `routes`, says what can be asked, by whom, in which shape:
//! the server dispatches by it, `/openapi.json` and docs/management-api.md are made from it, and a test walks all of it without
//! a credential.
//!
//! Beside it, with or without a listener: `alarm` tells of credits that run out, and `webhook` tells it a web address, through `outward`.
//!
//! Invariant: an API key is never a session, and a session token never a key; each refusal says which is which.
//! Invariant: no cookie lets anybody in, so that no other site can act for a person: the one that there is holds an attempt to sign in
//! with an identity provider (`oidc`), and opens nothing.
//! Invariant: nothing is kept here that an object says already; what is changed is an object or the ledger.
//! Invariant: it never sees a Kubernetes client or a file: what it does to the world goes through `House`.

mod alarm;
mod answer;
mod ask;
pub mod bill;
mod calls;
mod console;
mod house;
mod ids;
mod lockout;
mod oidc;
mod openapi;
mod outward;
mod page;
mod password;
mod permit;
mod query;
mod rights;
mod route;
mod routes;
mod secret;
mod server;
mod webhook;
mod who;

pub use alarm::{Alarm, Alarms};
pub use console::Console;
pub use house::{
    Change, Health, House, Later, PaymentSecrets, Refused, Reviewed, Seen, Tested, Written,
    own_credential, version,
};
pub use ids::name_of;
pub use oidc::{OidcArgs, Settings};
pub use rights::Right;
pub use routes::{Door, doors, table_markdown};
pub use server::serve;
pub use webhook::{Webhook, WebhookArgs};
