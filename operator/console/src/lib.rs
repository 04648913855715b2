//! The management API and the web console: a room that is kept free until issue E furnishes it.
//!
//! Owns `/api/*` and the page over it. The operator and `purser up` will call it. It must never accept an API key as a
//! session, nor keep what an object already says.

pub mod bill;
