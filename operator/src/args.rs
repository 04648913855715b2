//! What the command line says. Read once by `main`; `run` turns it into the parts' own settings.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as Group, Parser, Subcommand};
use k8s_openapi::jiff::SignedDuration;
use purser_console::{OidcArgs, WebhookArgs};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Watches Plans, ApiKeys and ProviderChannels, compiles them, and serves the result to sidecars.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "purser-operator",
    version,
    args_conflicts_with_subcommands = true
)]
pub struct Args {
    /// What to do; `run` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run, when no subcommand is given.
    #[command(flatten)]
    pub run: Run,
}

/// What the program can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the operator.
    Run(Run),
}

impl Args {
    /// The settings, with or without the word `run`.
    pub fn into_run(self) -> Run {
        match self.command {
            Some(Command::Run(run)) => run,
            None => self.run,
        }
    }
}

/// How the operator runs. The cluster and the credentials come from KUBECONFIG, or from the pod.
#[derive(Clone, Debug, Group)]
pub struct Run {
    /// The operator's own namespace: its Lease and its CA are there.
    #[arg(long, env = "POD_NAMESPACE", default_value = "purser-system")]
    pub namespace: String,
    /// Watch these namespaces only (comma-separated or repeated); all when absent.
    #[arg(long, value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Where sidecars connect.
    #[arg(long, default_value = "[::]:8443")]
    pub listen_stream: SocketAddr,
    /// Where /healthz, /readyz and /metrics are served.
    #[arg(long, default_value = "[::]:8080")]
    pub listen_metrics: SocketAddr,
    /// Where the management API and the web console are served, such as [::]:8088; without it they are not.
    #[arg(long, env = "PURSER_LISTEN_CONSOLE", value_name = "ADDR")]
    pub listen_console: Option<SocketAddr>,
    /// The secret of Stripe's webhook at /api/payment/stripe; several, separated by commas, while one is replaced.
    #[arg(
        long,
        env = "PURSER_STRIPE_SECRET",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub stripe_secret: Vec<String>,
    /// The secret of another processor's webhook at /api/payment/hmac.
    #[arg(
        long,
        env = "PURSER_PAYMENT_SECRET",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub payment_secret: Vec<String>,
    /// Who is told of credits that run out.
    #[command(flatten)]
    pub budget: WebhookArgs,
    /// How people sign in who have no password here.
    #[command(flatten)]
    pub oidc: OidcArgs,
    /// Further DNS names or addresses in the stream's certificate (comma-separated or repeated).
    #[arg(long, value_delimiter = ',')]
    pub stream_name: Vec<String>,
    /// How long the certificates for streams, webhooks and the shared gateway are good, as 48h: an eighth of it after one is made the next is.
    /// Shorter ones are for tests.
    #[arg(long, default_value = "48h", value_parser = duration, hide = true)]
    pub leaf_life: Duration,
    /// Publish even when a relist lost more than half of the keys or channels.
    #[arg(long)]
    pub force: bool,
    /// The Lease that makes this the one operator.
    #[arg(long, default_value = "purser-operator")]
    pub lease_name: String,
    /// How long the Lease holds without renewal, as 15s.
    #[arg(long, default_value = "15s", value_parser = duration)]
    pub lease_duration: Duration,
    /// Who holds the Lease; the host's name when absent. A restarted process of the same identity takes over at once.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// Where windows and the ledger are kept for the next process; a volume. Without it a restart forgets windows, and credits too
    /// unless --ledger is given.
    #[arg(long, env = "PURSER_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The PostgreSQL that keeps credits and usage, as postgres://user:password@host:port/database; a file in --data-dir when absent.
    #[arg(long, env = "PURSER_LEDGER", hide_env_values = true)]
    pub ledger: Option<String>,
    /// The Redis that keeps windows, as redis://host:port; memory when absent.
    #[arg(long, env = "PURSER_WINDOWS", hide_env_values = true)]
    pub windows: Option<String>,
    /// The image of the sidecar that is put beside pods that ask for one; without it no pod is injected.
    #[arg(long, env = "PURSER_INJECT_IMAGE")]
    pub inject_image: Option<String>,
    /// When that image is pulled: Always, IfNotPresent or Never; the kubelet's default when absent.
    #[arg(long, env = "PURSER_INJECT_PULL_POLICY")]
    pub inject_pull_policy: Option<String>,
    /// The collector of OpenTelemetry that injected sidecars tell of each call, such as http://collector:4318; without it none is told.
    #[arg(long, env = "PURSER_INJECT_OTLP", value_name = "URL")]
    pub inject_otlp: Option<String>,
    /// Answer the API server about Plans, ApiKeys and ProviderChannels, too, with warnings of what will not work with the others; each is
    /// stored all the same.
    #[arg(long)]
    pub warnings: bool,
    /// Where the API server asks about pods and about our objects.
    #[arg(long, default_value = "[::]:9443")]
    pub listen_webhook: SocketAddr,
    /// The MutatingWebhookConfiguration, and the ValidatingWebhookConfiguration, that get our CA.
    #[arg(long, default_value = "purser")]
    pub webhook_name: String,
    /// Where injected sidecars find this operator; https://purser-operator.NAMESPACE.svc:8443 when absent.
    #[arg(long, env = "PURSER_STREAM_URL")]
    pub stream_url: Option<String>,
    /// The ServiceAccount, in the operator's own namespace, that the shared gateway runs under; without it there is no gateway.
    #[arg(long, env = "PURSER_GATEWAY_ACCOUNT", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub gateway_account: Option<String>,
    /// Where sidecars find the shared gateway; https://purser-gateway.NAMESPACE.svc:8100 when absent.
    #[arg(long, env = "PURSER_GATEWAY_URL", value_name = "URL", value_parser = origin)]
    pub gateway_url: Option<http::Uri>,
    /// How long a sidecar must have been silent before calls of which nobody knows the end are resolved, as 15m.
    #[arg(long, default_value = "15m", value_parser = duration)]
    pub unconfirmed_after: Duration,
    /// How often a key's usage is written into its status at most, as 30s.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub usage_status_every: Duration,
}

fn origin(text: &str) -> Result<http::Uri, String> {
    let url: Option<http::Uri> = text.parse().ok();
    let fits = |url: &http::Uri| {
        url.scheme_str() == Some("https") && url.host().is_some() && url.path() == "/"
    };
    url.filter(fits)
        .ok_or_else(|| format!("{text:?} is not an address such as https://host:8100"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: SignedDuration = text
        .parse()
        .map_err(|_| format!("{text:?} is not a duration such as 15s"))?;
    Duration::try_from(span)
        .ok()
        .filter(|span| *span >= Duration::from_secs(1))
        .ok_or_else(|| format!("{text} is shorter than 1s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_run_may_be_left_out() {
        for line in [
            ["purser-operator", "--namespace=a"].as_slice(),
            &["purser-operator", "run", "--namespace=a"],
        ] {
            assert_eq!(Args::parse_from(line).into_run().namespace, "a");
        }
    }

    #[test]
    fn a_gateway_is_called_over_tls_and_has_no_path() {
        assert!(origin("https://gate.ops.svc:8100").is_ok());
        for text in ["http://gate:8100", "gate:8100", "https://gate/v1", ""] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_lease_is_at_least_a_second_long() {
        assert_eq!(duration("15s"), Ok(Duration::from_secs(15)));
        assert!(duration("100ms").is_err());
        assert!(duration("soon").is_err());
    }
}
