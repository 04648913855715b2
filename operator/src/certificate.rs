//! The operator's own certificates: a CA kept in a Secret, and the stream's leaf, kept in memory and replaced without a gap.
//! `run` starts it, `serve` presents the leaf and hands the shared gateway its own, `apply` hands the bundle to sidecars.
//!
//! A new CA is in the bundle a day before it signs, and the old one stays in it a day after: whoever reads the bundle
//! within a day never meets a certificate that it cannot check.
//!
//! Invariant: a CA that exists is followed, never overwritten, except by the next turn of `turned`.

mod leaf;

use arc_swap::ArcSwap;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use purser_config::stream;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The Secret that keeps the CA.
pub(crate) const SECRET: &str = "purser-ca";
const DAY: u64 = 86_400;
const CA_LIFE: u64 = 365 * DAY;
const CA_RENEWED: u64 = CA_LIFE - 30 * DAY;
const LEAF_LIFE: u64 = 2 * DAY;
/// How often leaves are replaced and the CA's age is looked at.
pub(crate) const TURN: Duration = Duration::from_secs(6 * 3_600);

/// Certificates could not be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// rcgen refused.
    #[error("making a certificate")]
    Make(#[from] rcgen::Error),
    /// rustls refused the key.
    #[error("using a certificate's key")]
    Use(#[from] rustls::Error),
    /// The Secret could not be read or written.
    #[error("keeping the CA in its secret")]
    Keep(#[from] kube::Error),
    /// The Secret exists and is not a CA.
    #[error("secret {SECRET} has no usable {0:?}; delete it and a new CA is made")]
    Broken(&'static str),
}

/// A certificate and its key, as PEM, and when they were made (unix seconds).
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    certificate: String,
    key: String,
    made: u64,
}

/// The CA that signs, the one that will, and the one that did.
#[derive(Clone, PartialEq, Eq)]
struct Authorities {
    current: Pair,
    next: Option<Pair>,
    previous: Option<(String, u64)>,
}

impl Authorities {
    /// The next state, if it is time for one.
    fn turned(
        &self,
        now: u64,
        make: impl FnOnce() -> Result<Pair, Failure>,
    ) -> Result<Option<Authorities>, Failure> {
        let Authorities {
            current,
            next,
            previous,
        } = self.clone();
        match (next, previous) {
            (Some(next), _) if now >= next.made + DAY => Ok(Some(Authorities {
                current: next,
                next: None,
                previous: Some((current.certificate, now)),
            })),
            (None, Some((_, since))) if now >= since + DAY => Ok(Some(Authorities {
                current,
                next: None,
                previous: None,
            })),
            (None, previous) if now >= current.made + CA_RENEWED => Ok(Some(Authorities {
                current,
                next: Some(make()?),
                previous,
            })),
            _ => Ok(None),
        }
    }

    fn bundle(&self) -> String {
        let next = self.next.as_ref().map(|next| next.certificate.as_str());
        let previous = self
            .previous
            .as_ref()
            .map(|(certificate, _)| certificate.as_str());
        [Some(self.current.certificate.as_str()), next, previous]
            .into_iter()
            .flatten()
            .collect()
    }

    fn data(&self) -> BTreeMap<String, ByteString> {
        let mut data = BTreeMap::new();
        let mut put = |name: &str, value: &str| {
            data.insert(name.to_owned(), ByteString(value.as_bytes().to_vec()))
        };
        let pairs = [("ca", Some(&self.current)), ("next", self.next.as_ref())];
        for (name, pair) in pairs
            .into_iter()
            .filter_map(|(name, pair)| Some((name, pair?)))
        {
            put(&format!("{name}.crt"), &pair.certificate);
            put(&format!("{name}.key"), &pair.key);
            put(&format!("{name}.made"), &pair.made.to_string());
        }
        if let Some((certificate, since)) = &self.previous {
            put("previous.crt", certificate);
            put("previous.since", &since.to_string());
        }
        data
    }

    fn read(data: &BTreeMap<String, ByteString>) -> Result<Self, Failure> {
        let text = |name: &str| {
            data.get(name)
                .and_then(|value| String::from_utf8(value.0.clone()).ok())
        };
        let number = |name: &str| text(name).and_then(|text| text.trim().parse().ok());
        let next = match (text("next.crt"), text("next.key"), number("next.made")) {
            (Some(certificate), Some(key), Some(made)) => Some(Pair {
                certificate,
                key,
                made,
            }),
            _ => None,
        };
        let current = Pair {
            certificate: text("ca.crt").ok_or(Failure::Broken("ca.crt"))?,
            key: text("ca.key").ok_or(Failure::Broken("ca.key"))?,
            made: number("ca.made").ok_or(Failure::Broken("ca.made"))?,
        };
        Ok(Authorities {
            current,
            next,
            previous: text("previous.crt").zip(number("previous.since")),
        })
    }
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}

fn moment(unix: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix)
}

/// The parts of a CA that leaves are signed with; equal for every CA of ours, so that a stored one need not be parsed.
fn ca_params(made: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "purser operator CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = moment(made.saturating_sub(3_600)).into();
    params.not_after = moment(made + CA_LIFE).into();
    params
}

fn new_authority(now: u64) -> Result<Pair, Failure> {
    let key = KeyPair::generate()?;
    let certificate = ca_params(now).self_signed(&key)?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        made: now,
    })
}

/// What is presented and told now.
struct Current {
    leaf: Arc<CertifiedKey>,
    /// What signs.
    authority: Pair,
    bundle: Arc<str>,
    /// When the first of the leaf and its CA ends, in unix seconds.
    ends: u64,
}

/// The operator's certificates.
pub(crate) struct Certificates {
    api: Api<Secret>,
    names: Vec<String>,
    current: ArcSwap<Current>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the CA, or makes one where there is none, and signs a first leaf for `names`.
    pub(crate) async fn open(api: Api<Secret>, names: Vec<String>) -> Result<Self, Failure> {
        let authorities = stored(&api).await?;
        let current = ArcSwap::from_pointee(current(&authorities, &names)?);
        Ok(Certificates {
            api,
            names,
            current,
        })
    }

    /// PEM of every CA that may have signed what is presented, now or within a day.
    pub(crate) fn bundle(&self) -> Arc<str> {
        Arc::clone(&self.current.load().bundle)
    }

    /// A leaf for the shared gateway, of the CA that signs now. Asks nobody: a gateway that starts must not need the API server.
    pub(crate) fn issue(&self, names: &[String]) -> Result<stream::Certificate, Failure> {
        leaf::gateways(&self.current.load().authority, names, unix_now())
    }

    /// Until when what is presented is good, in unix seconds.
    pub(crate) fn ends(&self) -> u64 {
        self.current.load().ends
    }

    /// A new leaf, and a new state of the CA when its time has come. Says whether the bundle changed.
    pub(crate) async fn turn(&self) -> Result<bool, Failure> {
        let mut authorities = stored(&self.api).await?;
        let now = unix_now();
        if let Some(turned) = authorities.turned(now, || new_authority(now))? {
            let mut secret = self.api.get(SECRET).await?;
            secret.data = Some(turned.data());
            let replaced = self
                .api
                .replace(SECRET, &PostParams::default(), &secret)
                .await;
            authorities = match replaced {
                Ok(_) => turned,
                // Another replica turned it first: followed.
                Err(kube::Error::Api(status)) if status.is_conflict() => stored(&self.api).await?,
                Err(error) => return Err(error.into()),
            };
        }
        let before = self.bundle();
        self.current
            .store(Arc::new(current(&authorities, &self.names)?));
        Ok(before != self.bundle())
    }
}

fn current(authorities: &Authorities, names: &[String]) -> Result<Current, Failure> {
    let now = unix_now();
    let leaf = Arc::new(leaf::own(&authorities.current, names, now)?);
    Ok(Current {
        leaf,
        authority: authorities.current.clone(),
        bundle: authorities.bundle().into(),
        ends: (now + LEAF_LIFE).min(authorities.current.made + CA_LIFE),
    })
}

async fn stored(api: &Api<Secret>) -> Result<Authorities, Failure> {
    loop {
        if let Some(secret) = api.get_opt(SECRET).await? {
            return Authorities::read(&secret.data.unwrap_or_default());
        }
        let made = Authorities {
            current: new_authority(unix_now())?,
            next: None,
            previous: None,
        };
        let metadata = ObjectMeta {
            name: Some(SECRET.to_owned()),
            labels: Some(
                [(
                    "app.kubernetes.io/managed-by".to_owned(),
                    "purser".to_owned(),
                )]
                .into(),
            ),
            ..ObjectMeta::default()
        };
        let secret = Secret {
            metadata,
            data: Some(made.data()),
            ..Secret::default()
        };
        match api.create(&PostParams::default(), &secret).await {
            Ok(_) => return Ok(made),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {} // Another made one first: follow it.
            Err(error) => return Err(error.into()),
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().leaf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, made: u64) -> Pair {
        Pair {
            certificate: format!("{name}\n"),
            key: String::new(),
            made,
        }
    }

    #[test]
    fn a_new_authority_is_told_a_day_before_it_signs_and_the_old_one_a_day_after() {
        let first = Authorities {
            current: pair("a", 0),
            next: None,
            previous: None,
        };
        let make = || Ok(pair("b", CA_RENEWED));
        assert!(first.turned(CA_RENEWED - 1, make).unwrap().is_none());
        let told = first.turned(CA_RENEWED, make).unwrap().unwrap();
        assert_eq!(
            (told.current.certificate.as_str(), told.bundle().as_str()),
            ("a\n", "a\nb\n")
        );
        assert!(told.turned(CA_RENEWED + DAY - 1, make).unwrap().is_none());
        let signs = told.turned(CA_RENEWED + DAY, make).unwrap().unwrap();
        assert_eq!(
            (signs.current.certificate.as_str(), signs.bundle().as_str()),
            ("b\n", "b\na\n")
        );
        let alone = signs.turned(CA_RENEWED + 2 * DAY, make).unwrap().unwrap();
        assert_eq!(alone.bundle(), "b\n");
    }

    #[test]
    fn what_is_kept_reads_back_and_a_leaf_can_be_signed_from_it() {
        let kept = Authorities {
            current: new_authority(1_000_000).unwrap(),
            next: None,
            previous: Some(("old".into(), 7)),
        };
        let read = Authorities::read(&kept.data()).unwrap();
        assert!(kept == read);
        let leaf = leaf::own(
            &read.current,
            &["localhost".into(), "127.0.0.1".into()],
            unix_now(),
        )
        .unwrap();
        assert_eq!(leaf.cert.len(), 1);
    }

    #[test]
    fn the_gateways_leaf_is_its_own_and_can_be_presented_until_the_next() {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let authority = new_authority(unix_now()).unwrap();
        let names = ["gate.ops.svc".to_owned(), "::1".to_owned()];
        let leaf = leaf::gateways(&authority, &names, unix_now()).unwrap();
        let chain = CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes());
        assert_eq!(chain.map(Result::unwrap).count(), 1);
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.reveal().as_bytes()).unwrap();
        assert!(rustls::crypto::ring::sign::any_supported_type(&key).is_ok());
        assert!(leaf.renew_after_ms < LEAF_LIFE * 1_000 / 2);
    }
}
