//! The certificate that the shared gateway shows: the operator makes it, and makes another one in time. It is kept in memory only.

use crate::link::{Endpoint, chain};
use bytes::Bytes;
use http::StatusCode;
use purser_config::stream::{CERTIFICATE_PATH, Certificate};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Until the next try, where there is no certificate yet, and where there is.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// The one in force.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    now: RwLock<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }
}

impl Certificates {
    pub(super) fn is_there(&self) -> bool {
        let now = self.now.read();
        now.unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn put(&self, certificate: CertifiedKey) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = Some(Arc::new(certificate));
    }

    pub(super) async fn keep(&self, operator: &Endpoint) {
        let mut again = AGAIN.0;
        loop {
            match fetched(operator).await {
                Ok((certificate, renew_after)) => {
                    self.put(certificate);
                    again = AGAIN.1;
                    tokio::time::sleep(renew_after.max(AGAIN.0)).await;
                }
                Err(error) => {
                    tracing::warn!(error, %operator, "the operator made no certificate; trying again");
                    tokio::time::sleep(again).await;
                }
            }
        }
    }
}

async fn fetched(operator: &Endpoint) -> Result<(CertifiedKey, Duration), String> {
    let answer = operator.post(CERTIFICATE_PATH, Bytes::new()).await;
    let (status, body) = answer.map_err(|error| chain(&error))?;
    if status != StatusCode::OK {
        let said = String::from_utf8_lossy(&body).into_owned();
        return Err(format!("it answered {status}: {said}"));
    }
    let made: Certificate =
        serde_json::from_slice(&body).map_err(|_| "its answer is not a certificate".to_owned())?;
    let certificate = read(&made).map_err(|error| format!("reading its certificate: {error}"))?;
    Ok((certificate, Duration::from_millis(made.renew_after_ms)))
}

fn read(made: &Certificate) -> Result<CertifiedKey, String> {
    let certificates = CertificateDer::pem_slice_iter(made.chain_pem.as_bytes());
    let certificates: Result<Vec<_>, _> = certificates.collect();
    let certificates = certificates.map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(made.key_pem.reveal().as_bytes());
    let key = key.map_err(|error| error.to_string())?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key);
    let key = key.map_err(|error| error.to_string())?;
    Ok(CertifiedKey::new(certificates, key))
}
