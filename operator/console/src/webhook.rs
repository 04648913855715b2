//! Tells a web address of alarms: a JSON object in a POST, signed as `POST /api/payment/hmac` wants it of others, tried three times. In
//! tasks of its own, so that nobody waits for a receiver that does not answer. It must never send an account's word to an address that
//! a redirect names.

use crate::alarm::Alarm;
use crate::outward::{Outward, web_address};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request, Uri, header};
use http_body_util::Full;
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// For one try.
const WITHIN: Duration = Duration::from_secs(10);
/// Between tries.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// The most tries under way at once; others wait.
const AT_ONCE: usize = 8;

/// The command line's part, of whoever tells.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct WebhookArgs {
    /// Where it is told, by a POST, that a key's credits are used to 50, 80 and 100 percent.
    #[arg(long, env = "PURSER_BUDGET_WEBHOOK", value_name = "URL", hide_env_values = true, value_parser = web_address)]
    pub budget_webhook: Option<Uri>,
    /// With what it is signed, in X-Signature: sha256=HMAC of the body.
    #[arg(long, env = "PURSER_BUDGET_SECRET", hide_env_values = true)]
    pub budget_secret: Option<String>,
}

impl WebhookArgs {
    /// Who is told, if somebody is.
    pub fn webhook(&self) -> Option<Webhook> {
        let to = self.budget_webhook.clone()?;
        Some(Webhook::new(to, self.budget_secret.clone()))
    }
}

/// See the file's page.
#[derive(Clone)]
pub struct Webhook {
    to: Uri,
    secret: Option<String>,
    outward: Outward,
    places: Arc<Semaphore>,
}

impl Webhook {
    /// To this address; with a secret, signed.
    pub fn new(to: Uri, secret: Option<String>) -> Self {
        Webhook {
            to,
            secret: secret.filter(|secret| !secret.trim().is_empty()),
            outward: Outward::new(WITHIN),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Sends it, in its own time.
    pub fn tell(&self, alarm: &Alarm) {
        let (hook, id) = (self.clone(), alarm.id());
        let body = Bytes::from(alarm.json().to_string());
        tokio::spawn(async move {
            let _place = hook.places.acquire().await;
            match hook.delivered(&body).await {
                Ok(()) => tracing::debug!(id, "the budget's webhook is told"),
                Err(error) => tracing::error!(
                    id,
                    error,
                    to = hook.to.host(),
                    "the budget's webhook was not told, after three tries"
                ),
            }
        });
    }

    async fn delivered(&self, body: &Bytes) -> Result<(), String> {
        for pause in PAUSES {
            match self.post(body).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::debug!(error, "the budget's webhook; tried again"),
            }
            tokio::time::sleep(pause).await;
        }
        self.post(body).await
    }

    async fn post(&self, body: &Bytes) -> Result<(), String> {
        let request = self.request(body).map_err(|error| error.to_string())?;
        let answer = self.outward.send(request).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answered {status}")),
        }
    }

    fn request(&self, body: &Bytes) -> http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&self.to)
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("purser/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(signature) = self.secret.as_ref().and_then(|key| signed(key, body)) {
            request = request.header("x-signature", signature);
        }
        request.body(Full::new(body.clone()))
    }
}

/// The scheme of `bill::check_hmac`.
fn signed(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    let digits = mac.finalize().into_bytes();
    let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("sha256={digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bill::{Window, check_hmac};

    #[test]
    fn it_signs_as_it_wants_others_to_sign() {
        let secrets = ["secret".to_owned()];
        let header = signed("secret", b"body").unwrap();
        let window = Window {
            now: 0,
            tolerance: 0,
        };
        let check = |body| check_hmac(&header, body, &secrets, window);
        assert_eq!(check(b"body"), Ok(()));
        assert!(check(b"bodx").is_err());
    }

    #[test]
    fn without_a_secret_it_is_not_signed() {
        let to: Uri = "http://127.0.0.1:9/".parse().unwrap();
        for secret in [None, Some(" ".to_owned())] {
            let hook = Webhook::new(to.clone(), secret);
            let request = hook.request(&Bytes::from_static(b"{}")).unwrap();
            assert!(!request.headers().contains_key("x-signature"));
        }
    }
}
