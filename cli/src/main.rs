//! `purser`: reads what was typed, starts the room that does it, and turns its end into an exit code.

mod args;
mod check;
mod demo;
mod entry;
mod key;
mod manifests;
mod up;

use anyhow::Context;
use args::{Args, Command};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// As in the sidecar: a third of the system's instructions for each call's memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Up(args) => up::up(*args),
        Command::Check(args) => check::check(&args),
        Command::Credit(args) => entry::credit(&args).map(|()| ExitCode::SUCCESS),
        Command::Renew(args) => entry::renew(&args).map(|()| ExitCode::SUCCESS),
        Command::Key => print_key().map(|()| ExitCode::SUCCESS),
        Command::Crds => print_crds().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        eprintln!("purser: {error:#}");
        ExitCode::FAILURE
    })
}

/// Whoever read our output (`head`, `less`) has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

fn print_key() -> anyhow::Result<()> {
    let value = key::generate()?;
    writeln!(
        std::io::stdout(),
        "key   {value}\nhash  {}",
        key::hash(&value)
    )
    .context("printing the key")
}

fn print_crds() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (_, text) in purser_crds::yaml().context("writing the definitions as YAML")? {
        write!(out, "---\n{text}").context("printing the definitions")?;
    }
    Ok(())
}
