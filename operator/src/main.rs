//! The program: settles the TLS provider, arguments and logs, then runs. Everything else is in the library.

use anyhow::Context;
use clap::Parser;
use purser_operator::Args;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // First of all: with `ring`, kube installs no provider by itself, and rustls panics where it finds none.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("purser-operator: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("PURSER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the operator ends");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let result = runtime.block_on(purser_operator::run(args));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result.context("running the operator")
}
