//! The shared gateway as the operator knows it: the account that it runs under, where callers find it, and the names that its certificate
//! needs. Made of the command line by `lead`; `serve` asks it who a caller is. Pure.

use crate::args::Run;

/// See the file's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedGateway {
    /// The operator's own namespace, in which it runs.
    pub(crate) namespace: String,
    /// Its ServiceAccount there.
    pub(crate) account: String,
    /// Where sidecars hand calls over.
    pub(crate) url: String,
    /// Every name by which it may be called.
    pub(crate) names: Vec<String>,
}

impl SharedGateway {
    /// What these settings say of it; `None`: there is none.
    pub(crate) fn of(run: &Run) -> Option<Self> {
        let account = run.gateway_account.clone()?;
        let namespace = run.namespace.clone();
        let service = |suffix: &str| format!("purser-gateway.{namespace}{suffix}");
        let url = run.gateway_url.as_ref();
        let mut names = vec![
            "purser-gateway".to_owned(),
            service(""),
            service(".svc"),
            service(".svc.cluster.local"),
        ];
        let host = url.and_then(http::Uri::host).map(plain);
        names.extend(host.into_iter().chain(run.stream_name.iter().cloned()));
        names.sort();
        names.dedup();
        let url = match url {
            Some(url) => url.to_string().trim_end_matches('/').to_owned(),
            None => format!("https://{}:8100", service(".svc")),
        };
        Some(SharedGateway {
            namespace,
            account,
            url,
            names,
        })
    }

    /// Whether this ServiceAccount is the one that it runs under.
    pub(crate) fn is(&self, namespace: &str, account: &str) -> bool {
        (namespace, account) == (&self.namespace, &self.account)
    }
}

/// An IPv6 address stands in brackets in a URL, and without them in a certificate.
fn plain(host: &str) -> String {
    host.trim_matches(['[', ']']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::Parser;

    fn of(line: &[&str]) -> Option<SharedGateway> {
        let line = [&["purser-operator", "--namespace=ops"], line].concat();
        SharedGateway::of(&Args::parse_from(line).into_run())
    }

    #[test]
    fn there_is_none_without_an_account() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["--gateway-url=https://here:1"]), None);
    }

    #[test]
    fn it_is_its_account_in_the_operators_own_namespace_and_nobody_else() {
        let gateway = of(&["--gateway-account=gate"]).unwrap();
        assert!(gateway.is("ops", "gate"));
        assert!(!gateway.is("shop", "gate") && !gateway.is("ops", "default"));
    }

    #[test]
    fn its_certificate_has_the_names_by_which_it_is_called() {
        let gateway = of(&["--gateway-account=gate"]).unwrap();
        assert_eq!(gateway.url, "https://purser-gateway.ops.svc:8100");
        assert!(gateway.names.contains(&"purser-gateway.ops.svc".to_owned()));
        let line = [
            "--gateway-account=gate",
            "--gateway-url=https://[::1]:8100/",
            "--stream-name=10.0.0.1",
        ];
        let gateway = of(&line).unwrap();
        assert_eq!(gateway.url, "https://[::1]:8100");
        for name in ["::1", "10.0.0.1"] {
            assert!(gateway.names.contains(&name.to_owned()), "{name}");
        }
    }
}
