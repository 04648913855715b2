//! What can be typed. Read by `main`; decides nothing.

use clap::{Parser, Subcommand, ValueEnum};
use purser_config::Name;
use purser_console::{OidcArgs, WebhookArgs};
use purser_sidecar::otlp::Collector;
use std::net::SocketAddr;
use std::path::PathBuf;

/// One key, one address, every AI provider: plans and quotas beside your application.
#[derive(Debug, Parser)]
#[command(name = "purser", version)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve what manifests say, here, without a cluster.
    Up(Box<Up>),
    /// Say which objects a cluster and `purser up` would accept. Exit 0: all; 1: some are refused; 2: nothing could be read.
    Check(Check),
    /// Add credits to a key, or take some with a negative amount; once for ever by the entry's id.
    Credit(Credit),
    /// Begin a key's time on its plan anew; once for ever by the entry's id.
    Renew(Renew),
    /// Print a new key and its hash.
    Key,
    /// Print the CustomResourceDefinitions, for `kubectl apply -f -`.
    Crds,
}

/// Serve what manifests say.
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// A file, a folder (its *.yaml, *.yml and *.json, whole), or - for standard input. Watched.
    #[arg(short, long = "file", value_name = "PATH")]
    pub(crate) files: Vec<PathBuf>,
    /// Serve two built-in providers, one of which fails often.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Where callers connect; port 0 chooses one.
    #[arg(long, env = "PURSER_LISTEN", default_value = "127.0.0.1:4100")]
    pub(crate) listen: SocketAddr,
    /// Where /configz, /readyz, /healthz and /metrics are served.
    #[arg(long, env = "PURSER_ADMIN", default_value = "127.0.0.1:4101")]
    pub(crate) admin: SocketAddr,
    /// Where the management API and the web console are served; without it they are not. With --demo: 127.0.0.1:8088, if it is free.
    #[arg(long, env = "PURSER_CONSOLE", value_name = "ADDR")]
    pub(crate) console: Option<SocketAddr>,
    /// The secret of Stripe's webhook at /api/payment/stripe; several, separated by commas, while one is replaced.
    #[arg(
        long,
        env = "PURSER_STRIPE_SECRET",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) stripe_secret: Vec<String>,
    /// The secret of another processor's webhook at /api/payment/hmac.
    #[arg(
        long,
        env = "PURSER_PAYMENT_SECRET",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) payment_secret: Vec<String>,
    /// Who is told of credits that run out.
    #[command(flatten)]
    pub(crate) budget: WebhookArgs,
    /// How people sign in at the console who have no password there.
    #[command(flatten)]
    pub(crate) oidc: OidcArgs,
    /// The collector of OpenTelemetry that is told of each call, such as http://collector:4318; without it none is.
    #[arg(long, env = "PURSER_OTLP", value_name = "URL")]
    pub(crate) otlp: Option<Collector>,
    /// Where generated keys and windows are kept between runs; without it they live as long as the process.
    #[arg(long, env = "PURSER_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// How often the files are looked at, in milliseconds.
    #[arg(long, env = "PURSER_POLL_MS", default_value_t = 500, value_name = "MS")]
    pub(crate) poll_ms: u64,
    /// What is logged, as in RUST_LOG.
    #[arg(long, env = "PURSER_LOG", default_value = "info")]
    pub(crate) log: String,
}

/// Say which objects would be accepted.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// A file, a folder (its *.yaml, *.yml and *.json, whole), or - for standard input.
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// How to print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

/// Add credits to a key.
#[derive(Debug, clap::Args)]
pub(crate) struct Credit {
    /// The ApiKey.
    #[arg(value_name = "NAMESPACE/KEY")]
    pub(crate) key: Name,
    /// How many: a decimal number with at most 6 digits after the point; negative: to take.
    #[arg(allow_negative_numbers = true)]
    pub(crate) amount: String,
    /// Which entry, and where.
    #[command(flatten)]
    pub(crate) entry: Entry,
}

/// Begin a key's time anew.
#[derive(Debug, clap::Args)]
pub(crate) struct Renew {
    /// The ApiKey.
    #[arg(value_name = "NAMESPACE/KEY")]
    pub(crate) key: Name,
    /// The plan that it is on.
    #[arg(long)]
    pub(crate) plan: String,
    /// Which entry, and where.
    #[command(flatten)]
    pub(crate) entry: Entry,
}

/// Which entry of the ledger, and where the ledger is.
#[derive(Debug, clap::Args)]
pub(crate) struct Entry {
    /// Names the entry for ever, such as an invoice's number: given again, nothing is done twice.
    #[arg(long)]
    pub(crate) id: String,
    /// The data directory of a `purser up`, which may be running; without it the entry is made in a cluster, through kubectl.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The cluster, as kubectl knows it.
    #[arg(long, conflicts_with = "data_dir")]
    pub(crate) context: Option<String>,
}
