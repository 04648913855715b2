//! Whose a pod's token is. The operator knows; what it says is remembered for a minute, because each call brings the same token.

use crate::link::{Endpoint, chain};
use crate::reject::Reject;
use bytes::Bytes;
use http::StatusCode;
use purser_config::SecretText;
use purser_config::stream::{REVIEW_PATH, Review, Reviewed};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long a word of the operator counts: a pod that is gone is nobody after it.
const COUNTS: Duration = Duration::from_secs(60);
/// The most that are remembered; a pod has one token at a time.
const MOST: usize = 20_000;
/// The most that are asked about at once.
const AT_ONCE: usize = 16;
const NOBODY: &str = "The operator does not know this pod's token; it must be a ServiceAccount's, of the audience purser.dev/operator, and not expired.";

type Known = HashMap<[u8; 32], (Arc<str>, Instant)>;

/// What is remembered, by the token's digest.
pub(super) struct Reviews {
    known: Mutex<Known>,
    asking: Semaphore,
}

impl Default for Reviews {
    fn default() -> Self {
        Reviews {
            known: Mutex::default(),
            asking: Semaphore::new(AT_ONCE),
        }
    }
}

impl Reviews {
    /// The namespace of whoever holds this token.
    pub(super) async fn namespace(
        &self,
        operator: &Endpoint,
        token: &str,
    ) -> Result<Arc<str>, Reject> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.known(&digest) {
            return Ok(known);
        }
        let _asking = self.asking.acquire().await;
        // Somebody may have asked meanwhile.
        if let Some(known) = self.known(&digest) {
            return Ok(known);
        }
        let namespace: Arc<str> = asked(operator, token).await?.into();
        self.remember(digest, Arc::clone(&namespace));
        Ok(namespace)
    }

    fn known(&self, digest: &[u8; 32]) -> Option<Arc<str>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (namespace, at) = known.get(digest)?;
        (at.elapsed() < COUNTS).then(|| Arc::clone(namespace))
    }

    fn remember(&self, digest: [u8; 32], namespace: Arc<str>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (_, at)| at.elapsed() < COUNTS);
        }
        if known.len() < MOST {
            known.insert(digest, (namespace, Instant::now()));
        }
    }
}

fn says(body: &[u8], code: &str) -> bool {
    let body = serde_json::from_slice::<serde_json::Value>(body);
    body.is_ok_and(|body| body["error"]["code"] == code)
}

async fn asked(operator: &Endpoint, token: &str) -> Result<String, Reject> {
    let unsure = |why: String| Reject::NoChannel {
        status: 503,
        detail: format!("the operator cannot be asked whose this pod's token is: {why}"),
        retry: Duration::from_secs(1),
    };
    let review = Review {
        token: SecretText::new(token),
    };
    let body = serde_json::to_vec(&review).map_err(|error| unsure(error.to_string()))?;
    let answer = operator.post(REVIEW_PATH, Bytes::from(body)).await;
    let (status, body) = answer.map_err(|error| unsure(chain(&error)))?;
    match status {
        StatusCode::OK => {
            let reviewed = serde_json::from_slice::<Reviewed>(&body);
            let reviewed = reviewed.map_err(|_| unsure("its answer cannot be read".into()))?;
            Ok(reviewed.namespace)
        }
        StatusCode::UNAUTHORIZED => Err(Reject::Unauthenticated(Cow::Borrowed(NOBODY))),
        // Of the caller's token, and not of this process's own.
        StatusCode::FORBIDDEN if says(&body, "not_a_service_account") => {
            Err(Reject::Unauthenticated(Cow::Borrowed(NOBODY)))
        }
        status => Err(unsure(format!(
            "it answered {status}: {}",
            String::from_utf8_lossy(&body)
        ))),
    }
}
