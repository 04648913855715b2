//! Signing in with somebody else's word: an OpenID Connect provider, by the authorisation code flow with PKCE. Called by `calls/user`.
//!
//! ```text
//! begin: 32 random bytes --attempt--> state, nonce, PKCE verifier --provider--> where to send the person; the bytes go into a cookie
//! end:   cookie, state, code --attempt--> is it the browser that began? --provider--> ID token, checked --claims--> who, which groups
//!                                                                                   settings: groups --> role and namespaces
//! ```
//! The crate `openidconnect` knows the protocol and checks tokens; it is given our own client, so that there is one TLS.
//!
//! Invariant: nothing is kept here between the two calls: any replica can end what another began.
//! Invariant: the cookie is no credential. It opens nothing, lasts ten minutes, and is of use to the browser alone that has the code, too.
//! It must never log a code, a token, a secret or a claim that is no name.

mod attempt;
mod claims;
mod provider;
mod settings;

pub(crate) use attempt::Attempt;
pub(crate) use claims::{Who, is_mark};
pub(crate) use provider::{Provider, Trouble};
pub use settings::{OidcArgs, Settings};
