//! `purser up`: one process that is compiler, authority and gateway. Called by `main`.
//!
//! ```text
//! files --manifests--> World --desk, compile--> Configuration --> Store --> gateway
//!                        |                          |
//!                 keybook: keys without a Secret    authority: limits
//! ```
//!
//! Invariant: standard output holds what a person was promised (addresses, keys, the line to paste); logs go to standard error.
//! Invariant: what cannot be read never replaces what is in force.

mod authority;
mod desk;
mod keybook;
mod log;
mod shown;
mod sources;

pub(crate) use authority::LEDGER;

use crate::args::Up;
use anyhow::Context;
use authority::Local;
use desk::Desk;
use keybook::Keybook;
use purser_sidecar::clock::Clock;
use purser_sidecar::run::{self, Ending, Listen, Sidecar};
use sources::Sources;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A person who stops it wants it stopped; streams that are under way get this long.
const ENDING: Ending = Ending {
    linger: Duration::ZERO,
    grace: Duration::from_secs(5),
};

/// Serves until it is told to end.
///
/// # Errors
/// When it cannot begin.
pub(crate) fn up(args: Up) -> anyhow::Result<ExitCode> {
    log::start(&args.log)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("choosing the TLS provider")?;
    // One thread, as the sidecar: so it is measured as what it is.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(serve(args))
}

async fn serve(args: Up) -> anyhow::Result<ExitCode> {
    let clock = Clock::start();
    let (authority, spool) = Local::open(args.data_dir.as_deref(), clock).await?;
    let authority = Arc::new(authority);
    let gateway = run::gateway(authority.clone(), (Arc::default(), spool), clock)?;
    let sources = Arc::new(Sources::open(&args).await?);
    let seen = sources.look();
    let keybook = Keybook::open(args.data_dir.clone())?;
    let mut desk = Desk::new(keybook, Arc::clone(&authority), Arc::clone(&gateway));
    if !desk.begin(&sources) {
        return Ok(ExitCode::from(2));
    }
    authority.hello().await?;
    let listen = Listen {
        gateway: args.listen,
        admin: args.admin,
        metrics: None,
    };
    let spool = Arc::clone(&gateway.ledger.spool);
    let sidecar = Sidecar::open(gateway, listen).await?;
    let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for Ctrl-C")?;
    shown::serving(&desk, sidecar.address()?, sidecar.admin_address()?)?;
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let every = Duration::from_millis(args.poll_ms.max(10));
    tokio::select! {
        () = sidecar.serve(ENDING, end) => {}
        () = desk.watch(sources, seen, every) => {}
        () = authority.sweep(&spool) => {}
        () = authority.follow() => {}
    }
    Ok(ExitCode::SUCCESS)
}
