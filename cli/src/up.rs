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
mod budget;
mod desk;
mod drafts;
mod house;
mod keybook;
mod log;
mod pen;
mod shown;
mod sources;

pub(crate) use authority::LEDGER;

use crate::args::Up;
use anyhow::Context;
use authority::Local;
use desk::{Desk, Errand};
use house::LocalHouse;
use keybook::Keybook;
use purser_console::{Console, PaymentSecrets};
use purser_sidecar::clock::Clock;
use purser_sidecar::gateway::Gateway;
use purser_sidecar::run::{self, Ending, Listen, Sidecar};
use sources::Sources;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};

/// Where the demo's console is, if the port is free.
const CONSOLE: &str = "127.0.0.1:8088";
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
    if let Some(collector) = &args.otlp {
        gateway.ledger.tell(collector);
    }
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
        shared: None,
    };
    let spool = Arc::clone(&gateway.ledger.spool);
    let sidecar = Sidecar::open(Arc::clone(&gateway), listen).await?;
    let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for Ctrl-C")?;
    let (console, errands) = window(&args, &desk, (&authority, &gateway, &sources)).await?;
    shown::serving(&desk, sidecar.address()?, sidecar.admin_address()?)?;
    if let Some(console) = &console {
        shown::console(console).await?;
    }
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let every = Duration::from_millis(args.poll_ms.max(10));
    let webhook = args.budget.webhook();
    let in_force = desk.seen();
    tokio::select! {
        () = sidecar.serve(ENDING, end) => {}
        () = desk.watch((sources, errands), seen, every) => {}
        () = look_after(console) => {}
        () = authority.sweep(&spool) => {}
        () = authority.follow() => {}
        () = budget::watch(&authority, in_force, (clock, webhook)) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The console, its port open.
pub(crate) struct Window {
    listener: TcpListener,
    console: Arc<Console>,
}

/// Opens the console where one is wanted; and the way by which it reaches the desk.
async fn window(
    args: &Up,
    desk: &Desk,
    (authority, gateway, sources): (&Arc<Local>, &Arc<Gateway>, &Arc<Sources>),
) -> anyhow::Result<(Option<Window>, mpsc::Receiver<Errand>)> {
    let (send, errands) = mpsc::channel(16);
    let listener = match (args.console, args.demo) {
        (Some(address), _) => {
            let opened = TcpListener::bind(address).await;
            Some(opened.with_context(|| {
                format!("opening {address} for the console; is another process using it?")
            })?)
        }
        // Taken by something else: then the demo goes without.
        (None, true) => TcpListener::bind(CONSOLE).await.ok(),
        (None, false) => None,
    };
    let Some(listener) = listener else {
        return Ok((None, errands));
    };
    let house = LocalHouse {
        authority: Arc::clone(authority),
        gateway: Arc::clone(gateway),
        sources: Arc::clone(sources),
        seen: desk.seen(),
        errands: send,
        payment_secrets: PaymentSecrets {
            stripe: args.stripe_secret.clone(),
            hmac: args.payment_secret.clone(),
        },
        turn: Mutex::default(),
    };
    let sign_in = args.oidc.settings().map_err(anyhow::Error::msg)?;
    let console = Console::new(Arc::new(house)).signing_in(sign_in);
    let console = Arc::new(console);
    Ok((Some(Window { listener, console }), errands))
}

async fn look_after(window: Option<Window>) {
    match window {
        Some(window) => purser_console::serve(window.listener, window.console).await,
        None => std::future::pending().await,
    }
}
