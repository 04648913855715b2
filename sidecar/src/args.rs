//! The sidecar's command line. Every flag has an environment variable, because pods are easier to write with those.

use crate::otlp::Collector;
use crate::server::HEAD_TIMEOUT;
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A gateway beside an application: one key, one address, every provider.
#[derive(Debug, Parser)]
#[command(name = "purser-sidecar", version)]
pub struct Args {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where callers connect.
    #[arg(long, env = "PURSER_LISTEN", default_value = "127.0.0.1:4100")]
    pub listen: SocketAddr,
    /// Where /configz, /readyz, /healthz and /metrics are served.
    #[arg(long, env = "PURSER_ADMIN", default_value = "127.0.0.1:4101")]
    pub admin: SocketAddr,
    /// Where /metrics, /healthz and /readyz are served for others; nowhere when absent.
    #[arg(long, env = "PURSER_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// A folder with index.json and its parts (a mounted Secret), or a file with the configuration's JSON.
    #[arg(long, env = "PURSER_CONFIG")]
    pub config: Option<PathBuf>,
    /// A folder of this process's own, for the last good configuration; it holds credentials, so memory is the place.
    #[arg(long, env = "PURSER_LAST_GOOD")]
    pub last_good: Option<PathBuf>,
    /// A folder of this process's own on disk, for usage records until the operator has them; without it they are lost with the process.
    #[arg(long, env = "PURSER_SPOOL", value_name = "DIR")]
    pub spool: Option<PathBuf>,
    /// The operator's stream, https://host:port. Without it there is no authority: only plans without limits are carried.
    #[arg(long, env = "PURSER_OPERATOR")]
    pub operator: Option<http::Uri>,
    /// PEM certificates of the operator's CA, or the folder of the mounted Secret that carries them.
    #[arg(long, env = "PURSER_OPERATOR_CA", requires = "operator")]
    pub operator_ca: Option<PathBuf>,
    /// The file with this pod's ServiceAccount token, audience purser.dev/operator.
    #[arg(
        long,
        env = "PURSER_TOKEN",
        default_value = "/var/run/secrets/purser.dev/token"
    )]
    pub token: PathBuf,
    /// The shared gateway, https://host:port, for keys that reach channels of other namespaces.
    #[arg(long, env = "PURSER_GATEWAY", requires = "operator")]
    pub gateway: Option<http::Uri>,
    /// Be the shared gateway: where sidecars connect, by TLS and with their pods' tokens.
    #[arg(long, env = "PURSER_SHARED", requires = "operator")]
    pub shared: Option<SocketAddr>,
    /// The ApiKey of this pod, NAMESPACE/NAME, for callers without a credential of their own.
    #[arg(long, env = "PURSER_API_KEY_NAME")]
    pub own_key: Option<purser_config::Name>,
    /// The collector of OpenTelemetry that is told of each call, such as http://collector:4318; without it none is.
    #[arg(long, env = "PURSER_OTLP", value_name = "URL")]
    pub otlp: Option<Collector>,
    /// How often the folder or file is looked at, in milliseconds.
    #[arg(long, env = "PURSER_POLL_MS", default_value_t = 1_000)]
    pub poll_ms: u64,
    /// Take a configuration that lost most of its keys or channels, too.
    #[arg(long, env = "PURSER_FORCE")]
    pub force: bool,
    /// Within how many seconds a request's head must have come; an idle connection is kept as long.
    #[arg(long, env = "PURSER_HEAD_TIMEOUT", default_value_t = HEAD_TIMEOUT.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub head_timeout: u64,
    /// For how many seconds calls are still accepted after SIGTERM.
    #[arg(long, env = "PURSER_LINGER", default_value_t = 5)]
    pub linger: u64,
    /// Within how many seconds of SIGTERM everything ends.
    #[arg(long, env = "PURSER_GRACE", default_value_t = 30)]
    pub grace: u64,
    /// What is logged, as in RUST_LOG.
    #[arg(long, env = "PURSER_LOG", default_value = "info")]
    pub log: String,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask the admin port of a running sidecar; exit 0 when it answers 200.
    Probe {
        /// What to ask.
        #[arg(default_value = "/healthz")]
        path: String,
        /// Somebody else's admin port, HOST:PORT, where HOST may be a name.
        #[arg(long, value_name = "HOST:PORT")]
        at: Option<String>,
    },
}

impl Args {
    /// How to end.
    pub fn ending(&self) -> crate::run::Ending {
        crate::run::Ending {
            linger: Duration::from_secs(self.linger),
            grace: Duration::from_secs(self.grace),
        }
    }
}
