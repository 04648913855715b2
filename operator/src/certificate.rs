//! The operator's own certificates: a CA kept in a Secret, and the stream's leaf, kept in memory and replaced without a gap.
//! `run` starts it, `serve` presents the leaf and hands the shared gateway its own, `apply` hands the bundle to sidecars.
//!
//! A new CA is in the bundle a day before it signs, and the old one stays in it a day after: whoever reads the bundle
//! within a day never meets a certificate that it cannot check. Where nobody was there to turn a CA until hardly any of its time is left,
//! the next one signs at once: a bundle that is a little behind heals by itself, a certificate that is over does not.
//!
//! A leaf is replaced when an eighth of its life is over, by the CA that is known: no API server is needed for it, so none that is away,
//! however long, lets it end.
//!
//! Invariant: a CA that exists is followed, never overwritten, except by the next turn of `turned`.

mod authority;
mod leaf;

use arc_swap::ArcSwap;
use authority::{Authorities, CA_LIFE, Pair, new_authority};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use purser_config::stream;
use purser_crds::MANAGED_BY;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The Secret that keeps the CA.
pub(crate) const SECRET: &str = "purser-ca";
/// How many leaves are made in the life of one.
const TURNS: u32 = 8;

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

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
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

/// Whose leaves are made, and for how long.
struct Terms {
    names: Vec<String>,
    life: Duration,
}

/// The operator's certificates.
pub(crate) struct Certificates {
    api: Api<Secret>,
    terms: Terms,
    current: ArcSwap<Current>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates")
            .field("names", &self.terms.names)
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the CA, after its next turn where that is due, or makes one where there is none, and signs a first leaf for `names`, which is
    /// good for `life`. A CA whose turn cannot be kept signs on, as in `turn`.
    pub(crate) async fn open(
        api: Api<Secret>,
        names: Vec<String>,
        life: Duration,
    ) -> Result<Self, Failure> {
        let authorities = match followed(&api, unix_now()).await {
            Ok(authorities) => authorities,
            Err(error) => {
                tracing::error!(%error, "turning certificates; the CA that is kept signs on");
                stored(&api).await?
            }
        };
        let terms = Terms { names, life };
        let current = terms.signed(authorities.current.clone(), authorities.bundle().into())?;
        Ok(Certificates {
            api,
            terms,
            current: ArcSwap::from_pointee(current),
        })
    }

    /// How often leaves are replaced and the CA's age is looked at.
    pub(crate) fn every(&self) -> Duration {
        self.terms.life / TURNS
    }

    /// PEM of every CA that may have signed what is presented, now or within a day.
    pub(crate) fn bundle(&self) -> Arc<str> {
        Arc::clone(&self.current.load().bundle)
    }

    /// A leaf for the shared gateway, of the CA that signs now. Asks nobody: a gateway that starts must not need the API server.
    pub(crate) fn issue(&self, names: &[String]) -> Result<stream::Certificate, Failure> {
        let (now, life) = (unix_now(), self.terms.life);
        leaf::gateways(&self.current.load().authority, names, (now, life))
    }

    /// Bytes for one purpose that every replica comes to, and that whoever cannot read the CA's Secret cannot guess. They change with the CA.
    pub(crate) fn seed(&self, purpose: &str) -> [u8; 32] {
        let current = self.current.load();
        let key = current.authority.key.as_bytes();
        Sha256::digest([purpose.as_bytes(), &[0], key].concat()).into()
    }

    /// Until when what is presented is good, in unix seconds.
    pub(crate) fn ends(&self) -> u64 {
        self.current.load().ends
    }

    /// A new leaf, and a new state of the CA when its time has come. Says whether the bundle changed. Where the CA cannot be read the leaf
    /// is new all the same.
    pub(crate) async fn turn(&self) -> Result<bool, Failure> {
        let before = self.bundle();
        let followed = followed(&self.api, unix_now()).await;
        let (authority, bundle) = match &followed {
            Ok(authorities) => (authorities.current.clone(), authorities.bundle().into()),
            Err(_) => (self.current.load().authority.clone(), Arc::clone(&before)),
        };
        let signed = self.terms.signed(authority, bundle)?;
        self.current.store(Arc::new(signed));
        followed.map(|_| before != self.bundle())
    }
}

/// The CA as it is kept, after its next turn where that is due.
async fn followed(api: &Api<Secret>, now: u64) -> Result<Authorities, Failure> {
    let authorities = stored(api).await?;
    let Some(turned) = authorities.turned(now, || new_authority(now))? else {
        return Ok(authorities);
    };
    let mut secret = api.get(SECRET).await?;
    // What was judged must be what is replaced: another replica may have turned it in between.
    if Authorities::read(secret.data.as_ref().unwrap_or(&BTreeMap::new()))? != authorities {
        return stored(api).await;
    }
    secret.data = Some(turned.data());
    match api.replace(SECRET, &PostParams::default(), &secret).await {
        Ok(_) => Ok(turned),
        // Another replica turned it first: followed.
        Err(kube::Error::Api(status)) if status.is_conflict() => stored(api).await,
        Err(error) => Err(error.into()),
    }
}

impl Terms {
    fn signed(&self, authority: Pair, bundle: Arc<str>) -> Result<Current, Failure> {
        let now = unix_now();
        let leaf = leaf::own(&authority, &self.names, (now, self.life))?;
        Ok(Current {
            leaf: Arc::new(leaf),
            bundle,
            ends: (now + self.life.as_secs()).min(authority.made + CA_LIFE),
            authority,
        })
    }
}

async fn stored(api: &Api<Secret>) -> Result<Authorities, Failure> {
    loop {
        if let Some(secret) = api.get_opt(SECRET).await? {
            return Authorities::read(&secret.data.unwrap_or_default());
        }
        let made = Authorities::new(unix_now())?;
        let metadata = ObjectMeta {
            name: Some(SECRET.to_owned()),
            labels: Some([(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())].into()),
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
    use http::{Request, Response};
    use kube::client::Body;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicBool, Ordering};

    const LIFE: Duration = Duration::from_secs(80);

    #[test]
    fn the_gateways_leaf_is_its_own_and_can_be_presented_until_the_next() {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let authority = new_authority(unix_now()).unwrap();
        let names = ["gate.ops.svc".to_owned(), "::1".to_owned()];
        let leaf = leaf::gateways(&authority, &names, (unix_now(), LIFE)).unwrap();
        let chain = CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes());
        assert_eq!(chain.map(Result::unwrap).count(), 1);
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.reveal().as_bytes()).unwrap();
        assert!(rustls::crypto::ring::sign::any_supported_type(&key).is_ok());
        assert_eq!(leaf.renew_after_ms, 10_000);
    }

    /// An API server whose answers are of this code and text.
    fn server(answers: impl Fn(&Request<Body>) -> (u16, String) + Send + 'static) -> Api<Secret> {
        let service = tower::service_fn(move |request: Request<Body>| {
            let (code, text) = answers(&request);
            let answer = Response::builder().status(code);
            let answer = answer.body(Body::from(text.into_bytes())).unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        Api::namespaced(kube::Client::new(service, "ops"), "ops")
    }

    fn secret(authorities: &Authorities) -> String {
        let secret = Secret {
            data: Some(authorities.data()),
            ..Secret::default()
        };
        serde_json::to_string(&secret).unwrap()
    }

    fn refused(code: u16, reason: &str) -> (u16, String) {
        let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": reason, "reason": reason, "code": code});
        (code, status.to_string())
    }

    /// One that has this CA, or none, until it is written: then somebody else was faster.
    fn contended(kept: Option<&Authorities>, winner: &Authorities) -> Api<Secret> {
        let (kept, winner) = (kept.map(secret), secret(winner));
        let lost = AtomicBool::new(false);
        server(move |request| match request.method().as_str() {
            "GET" if lost.load(Ordering::SeqCst) => (200, winner.clone()),
            "GET" => kept
                .clone()
                .map_or_else(|| refused(404, "NotFound"), |kept| (200, kept)),
            method => {
                lost.store(true, Ordering::SeqCst);
                refused(
                    409,
                    if method == "POST" {
                        "AlreadyExists"
                    } else {
                        "Conflict"
                    },
                )
            }
        })
    }

    #[tokio::test]
    async fn a_replica_that_loses_the_race_to_make_or_turn_the_ca_follows_the_winner() {
        let winner = Authorities::new(unix_now()).unwrap();
        let over = Authorities::new(unix_now() - CA_LIFE - 1).unwrap();
        for kept in [None, Some(&over)] {
            let api = contended(kept, &winner);
            let certificates = Certificates::open(api, vec!["localhost".into()], LIFE);
            assert_eq!(*certificates.await.unwrap().bundle(), *winner.bundle());
        }
    }

    #[tokio::test]
    async fn a_ca_that_is_over_is_replaced_before_anything_is_presented() {
        let over = Authorities::new(unix_now() - CA_LIFE - 1).unwrap();
        let kept = secret(&over);
        let api = server(move |_| (200, kept.clone()));
        let certificates = Certificates::open(api, vec!["localhost".into()], LIFE);
        let certificates = certificates.await.unwrap();
        assert!(certificates.ends() >= unix_now() + LIFE.as_secs() - 1);
        assert_ne!(*certificates.bundle(), *over.bundle());
    }

    #[tokio::test]
    async fn while_the_api_server_is_away_leaves_are_replaced_by_the_ca_that_is_known() {
        let kept = Authorities::new(unix_now()).unwrap();
        let away = Arc::new(AtomicBool::new(false));
        let (is_away, has) = (Arc::clone(&away), secret(&kept));
        let api = server(move |_| match is_away.load(Ordering::SeqCst) {
            true => (503, "{}".to_owned()),
            false => (200, has.clone()),
        });
        let certificates = Certificates::open(api, vec!["localhost".into()], LIFE);
        let certificates = certificates.await.unwrap();
        assert_eq!(certificates.every(), Duration::from_secs(10));
        let presented = || certificates.current.load().leaf.cert[0].clone();
        let first = presented();
        assert!(
            !certificates.turn().await.unwrap(),
            "the bundle is the same"
        );
        let second = presented();
        assert_ne!(first, second);
        away.store(true, Ordering::SeqCst);
        assert!(certificates.turn().await.is_err(), "it is said");
        assert_ne!(presented(), second, "and nothing ends for it");
        assert_eq!(*certificates.bundle(), *kept.bundle());
    }
}
