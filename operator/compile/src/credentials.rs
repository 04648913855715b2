//! What a channel's calls carry: credentials, headers, and the authority that they trust. Used by `channels`.

use crate::address::Address;
use crate::fault::{Fault, Faults};
use crate::{Verdict, World, secrets};
use purser_config::{Credential, Header, Name, SecretText};
use purser_crds::{Provider, ProviderChannelSpec, SecretRef};
use std::collections::BTreeSet;

const MOST_CREDENTIALS: usize = 16;
const MOST_HEADERS: usize = 32;
/// Headers that belong to the connection, to the body or to credentials.
const NOT_OURS: [&str; 13] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "authorization",
    "te",
    "upgrade",
    "expect",
    "trailer",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
];

/// Where Secrets are looked for and where their values would be sent.
pub(crate) struct Reach<'a> {
    pub(crate) world: &'a World,
    pub(crate) namespace: &'a str,
    pub(crate) address: &'a Address,
}

impl Reach<'_> {
    fn value(&self, secret: &SecretRef) -> Result<SecretText, Fault> {
        secrets::credential(
            self.world,
            &Name::new(self.namespace, &secret.name),
            &secret.key,
            self.address,
        )
    }

    /// The credentials that can be used. Some may fail, with a warning each; when all do, the channel does.
    pub(crate) fn credentials(
        &self,
        spec: &ProviderChannelSpec,
        faults: &mut Faults,
        verdict: &mut Verdict,
    ) -> Vec<Credential> {
        let written = &spec.credentials;
        faults.expect(
            !written.is_empty() || spec.provider == Provider::OpenAICompatible,
            || {
                format!(
                    "provider {:?} asks for a credential; add credentials[].secretRef",
                    spec.provider
                )
            },
        );
        faults.expect(written.len() <= MOST_CREDENTIALS, || {
            format!(
                "credentials has {} entries, at most {MOST_CREDENTIALS} are possible",
                written.len()
            )
        });
        let (mut usable, mut failed, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for source in written {
            let from = format!("{}/{}", source.secret_ref.name, source.secret_ref.key);
            if !seen.insert(from.clone()) {
                verdict.warnings.push(format!(
                    "credential {from} is listed more than once; remove one"
                ));
                continue;
            }
            match self.value(&source.secret_ref) {
                Ok(value) => usable.push(Credential { from, value }),
                Err(fault) => failed.push(fault),
            }
        }
        if usable.is_empty() {
            faults.0.append(&mut failed);
        }
        verdict.warnings.extend(
            failed
                .into_iter()
                .map(|fault| format!("a credential is not used: {}", fault.message)),
        );
        if !usable.is_empty() && !self.address.is_encrypted && !self.address.is_loopback() {
            verdict.warnings.push(format!(
                "the credential crosses the network unencrypted; use https in baseURL ({})",
                self.address.url
            ));
        }
        usable
    }

    /// The headers. One that cannot be made fails the channel: without it calls would mean something else.
    pub(crate) fn headers(&self, spec: &ProviderChannelSpec, faults: &mut Faults) -> Vec<Header> {
        faults.expect(spec.headers.len() <= MOST_HEADERS, || {
            format!(
                "headers has {} entries, at most {MOST_HEADERS} are possible",
                spec.headers.len()
            )
        });
        let mut seen = BTreeSet::new();
        let made = spec.headers.iter().filter_map(|header| {
            let name = header.name.to_ascii_lowercase();
            let is_token = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            faults.expect(is_token, || format!("headers: the name {name:?} must be 1 to 64 letters, digits and hyphens"));
            faults.expect(!NOT_OURS.contains(&name.as_str()), || format!("headers: {name} belongs to the connection or to credentials and cannot be set here"));
            faults.expect(seen.insert(name.clone()), || format!("headers: {name} is set twice; remove one"));
            let value = faults.take(self.header_value(header))?;
            Some(Header { name, value })
        });
        made.collect()
    }

    fn header_value(&self, header: &purser_crds::Header) -> Result<SecretText, Fault> {
        match (&header.value, &header.secret_ref) {
            (None, Some(secret)) => self.value(secret),
            (Some(value), None)
                if value.len() <= 1_024
                    && value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) =>
            {
                Ok(SecretText::new(value))
            }
            (Some(_), None) => Err(Fault::invalid(format!(
                "headers: the value of {} must be at most 1024 printable ASCII characters",
                header.name
            ))),
            _ => Err(Fault::invalid(format!(
                "headers: {} takes value or secretRef; set one of them",
                header.name
            ))),
        }
    }

    /// The authority that its certificate must chain to.
    pub(crate) fn authority(
        &self,
        spec: &ProviderChannelSpec,
        faults: &mut Faults,
    ) -> Option<String> {
        let secret = &spec.tls.as_ref()?.ca_secret_ref;
        faults.take(secrets::certificates(
            self.world,
            &Name::new(self.namespace, &secret.name),
            &secret.key,
        ))
    }
}
