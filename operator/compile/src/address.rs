//! The address of a channel: which URL, and whether it is one. Used by `channels`; `credentials` asks for the host. It decides
//! where secrets are sent, so what it does not understand it refuses.

use crate::fault::Fault;
use purser_crds::ProviderChannelSpec;

const EXPECTED: &str = "baseURL must be http:// or https://, a host, and at most a port and a path: no user, query, fragment or spaces";
const MOST_BYTES: usize = 512;

/// Where a channel's calls go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Without a trailing slash.
    pub(crate) url: String,
    /// In lower case, without port; an IPv6 address keeps its brackets.
    pub(crate) host: String,
    /// As written; none for the scheme's own.
    pub(crate) port: Option<u16>,
    /// Whether nobody on the way can read it.
    pub(crate) is_encrypted: bool,
}

impl Address {
    /// The written one, else the provider's own. A fault does not repeat the URL: it may hold a password.
    pub(crate) fn of(spec: &ProviderChannelSpec) -> Result<Self, Fault> {
        match spec
            .base_url
            .as_deref()
            .or(spec.provider.default_base_url())
        {
            Some(url) => Address::parse(url).ok_or_else(|| Fault::invalid(EXPECTED)),
            None => Err(Fault::invalid(format!(
                "provider {:?} has no address of its own; set baseURL",
                spec.provider
            ))),
        }
    }

    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_encrypted = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let (authority, path) = rest
            .find('/')
            .map_or((rest, ""), |slash| rest.split_at(slash));
        let path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"._~%/-".contains(&byte);
        let (host, port) = split_port(authority)?;
        let fits = url.len() <= MOST_BYTES && is_host(host) && path.bytes().all(path_byte);
        let address = || Address {
            url: url.trim_end_matches('/').to_owned(),
            host: host.to_ascii_lowercase(),
            port,
            is_encrypted,
        };
        fits.then(address)
    }

    /// Host and, where one was written, port.
    pub(crate) fn authority(&self) -> String {
        self.port
            .map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// Whether the call never leaves the machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host == "[::1]" || self.host.starts_with("127.")
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[after_host..].find(':') {
        None => Some((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at(after_host + colon);
            let digits = &port[1..];
            let port: u16 = digits
                .parse()
                .ok()
                .filter(|port| *port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            Some((host, Some(port)))
        }
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner
            .strip_suffix(']')
            .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    }
    let ends = host.as_bytes().first().zip(host.as_bytes().last());
    ends.is_some_and(|(first, last)| first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_origin_and_path() {
        let address = Address::parse("https://API.OpenAI.com/v1/").unwrap();
        assert_eq!(
            (address.url.as_str(), address.host.as_str(), address.port),
            ("https://API.OpenAI.com/v1", "api.openai.com", None)
        );
        let address = Address::parse("http://[::1]:8000").unwrap();
        assert_eq!(
            (address.host.as_str(), address.port, address.is_loopback()),
            ("[::1]", Some(8000), true)
        );
    }

    #[test]
    fn refuses_what_could_lead_elsewhere() {
        for url in [
            "",
            "api.openai.com",
            "ftp://a/",
            "https://",
            "https:///v1",
            "https://u:p@a/",
            "https://u@a/",
            "https://a/?q",
            "https://a/#f",
            "https://a b/",
            "https://a:0/",
            "https://a:99999/",
            "https://a:+1/",
            "https://a:/",
            "https://[::1/",
            "https://[zz]/",
            "https://-a/",
            "https://a./",
            "HTTPS://a/",
            "https://a\\b/",
            "https://ä/",
        ] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }
}
