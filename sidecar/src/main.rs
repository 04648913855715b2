//! `purser-sidecar`: reads its arguments, starts the rooms, and waits for a signal.

use anyhow::Context;
use clap::Parser;
use purser_sidecar::args::{Args, Command};
use purser_sidecar::clock::Clock;
use purser_sidecar::gateway::Gateway;
use purser_sidecar::ledger::{Authority, Memory};
use purser_sidecar::run::{self, Listen, Sidecar};
use purser_sidecar::shared::Shared;
use purser_sidecar::source::{Cache, Source};
use purser_sidecar::spool::Spool;
use purser_sidecar::store::Store;
use purser_sidecar::{link, probe};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// A small call takes and gives back memory 36 times, for which this allocator needs a third of the system's instructions;
/// where that system is musl, fewer still.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much usage is held without a folder for it, in bytes.
const IN_MEMORY: u64 = 4 << 20;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Command::Probe { path, at }) = &args.command {
        let at = at.clone().unwrap_or_else(|| args.admin.to_string());
        return probe::probe(&at, path);
    }
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log)
        .with_context(|| format!("reading --log {:?}", args.log))?;
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok()
        .context("choosing the TLS provider")?;
    // One thread: a sidecar has about one CPU, and a second thread costs a third more CPU per request (crates.md 7).
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(serve(args))
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let something = args.config.is_some() || args.operator.is_some() || args.last_good.is_some();
    anyhow::ensure!(
        something,
        "nothing to obey: give --config, --operator, or both"
    );
    let (clock, memory) = (Clock::start(), Arc::new(Memory::default()));
    let (handle, link) = link::new();
    let gateway = run::gateway(
        Arc::new(handle) as Arc<dyn Authority>,
        (Arc::clone(&memory), spool(&args)?),
        clock,
    )?;
    equip(&args, &gateway);
    obey_files(&args, &gateway.store);
    let orderly = gateway.store.orderly_end();
    let listen = Listen {
        gateway: args.listen,
        admin: args.admin,
        metrics: args.metrics,
        shared: args.shared,
    };
    let mut sidecar = Sidecar::open(Arc::clone(&gateway), listen).await?;
    sidecar.head_timeout = Duration::from_secs(args.head_timeout);
    if let Some(endpoint) = operator(&args)? {
        join_gateway(&args, &endpoint, &mut sidecar);
        let store = Arc::clone(&gateway.store);
        tokio::spawn(link.run(link::Surroundings {
            operator: Arc::new(endpoint),
            store,
            memory,
            gateway,
            clock,
        }));
    }
    let (callers, admin) = (sidecar.address()?, sidecar.admin_address()?);
    tracing::info!(%callers, %admin, "serving");
    let told = told_to_end()?;
    let end = async move {
        told.await;
        // Whatever becomes of it now, it did not die of its configuration.
        drop(orderly);
    };
    sidecar.serve(args.ending(), end).await;
    Ok(())
}

/// Whose pod this is, and who is told of calls.
fn equip(args: &Args, gateway: &Gateway) {
    let mut own = gateway.own.write().unwrap_or_else(PoisonError::into_inner);
    own.key = args.own_key.clone();
    if let Some(collector) = &args.otlp {
        gateway.ledger.tell(collector);
    }
}

/// Where the shared gateway is, or what makes this one it.
fn join_gateway(args: &Args, operator: &link::Endpoint, sidecar: &mut Sidecar) {
    if let Some(uri) = args.gateway.clone() {
        let remote = link::Endpoint {
            uri,
            ..operator.clone()
        };
        sidecar.gateway.handover.to(remote);
    }
    sidecar.door = args.shared.map(|_| Arc::new(Shared::new(operator.clone())));
}

/// Resolves with the first SIGTERM or SIGINT.
fn told_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Where usage is kept until the authority has it.
fn spool(args: &Args) -> anyhow::Result<Spool> {
    let Some(folder) = &args.spool else {
        let bytes = if args.operator.is_some() {
            IN_MEMORY
        } else {
            0
        };
        return Ok(Spool::memory(bytes));
    };
    let (spool, recovered) = Spool::open(folder).context("opening --spool")?;
    tracing::info!(?recovered, folder = %folder.display(), "the usage spool is open");
    Ok(spool)
}

/// The last good configuration, then the mounted one, and from then on whatever changes.
fn obey_files(args: &Args, store: &Arc<Store>) {
    if let Some(folder) = args.last_good.clone() {
        let cache = Cache::new(folder);
        let kept = cache.restore(store).inspect_err(
            |error| tracing::info!(%error, "no last good configuration to begin with"),
        );
        tokio::spawn(cache.follow(Arc::clone(store), kept.ok()));
    }
    if let Some(path) = args.config.clone() {
        let every = Duration::from_millis(args.poll_ms.max(1));
        let source = Source {
            path,
            every,
            force: args.force,
        };
        let seen = source.load(store).unwrap_or_else(|error| {
            tracing::warn!(%error, "no configuration from --config to begin with");
            store.failed(error.to_string());
            None
        });
        tokio::spawn(source.watch(seen, Arc::clone(store)));
    }
}

fn operator(args: &Args) -> anyhow::Result<Option<link::Endpoint>> {
    let Some(uri) = args.operator.clone() else {
        return Ok(None);
    };
    let ca = args.operator_ca.clone().or_else(|| args.config.clone());
    let ca = ca
        .context("--operator needs --operator-ca, or --config with a folder that carries the CA")?;
    Ok(Some(link::Endpoint {
        uri,
        ca,
        token: args.token.clone(),
    }))
}
