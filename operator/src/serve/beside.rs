//! What the shared gateway asks beside its stream, and nobody else may: whose token a caller's is, and a certificate to show its callers.
//! `serve` has judged who asks; nothing here is kept.

use crate::serve::token::{Caller, Refused};
use crate::serve::{Body, Server, answer_with};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use purser_config::stream::{MAX_REVIEW, REVIEW_PATH, Review, Reviewed, SILENCE_MS};
use serde::Serialize;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("only the shared gateway's ServiceAccount may ask this")]
    NotTheGateway,
    #[error("the body must be a JSON object with a token, of at most {MAX_REVIEW} bytes")]
    Malformed,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("no certificate could be made now; try again")]
    NoCertificate,
    #[error("no answer could be written")]
    Json(#[from] serde_json::Error),
}

impl Unanswered {
    fn status(&self) -> StatusCode {
        match self {
            Unanswered::NotTheGateway => StatusCode::FORBIDDEN,
            Unanswered::Malformed => StatusCode::BAD_REQUEST,
            Unanswered::Refused(refused) => refused.status(),
            Unanswered::NoCertificate => StatusCode::SERVICE_UNAVAILABLE,
            Unanswered::Json(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Unanswered::NotTheGateway => "not_the_gateway",
            Unanswered::Malformed => "malformed",
            Unanswered::Refused(refused) => refused.code(),
            Unanswered::NoCertificate => "no_certificate",
            Unanswered::Json(_) => "internal",
        }
    }
}

impl Server {
    /// Answers a request of `caller` to one of the two paths.
    pub(super) async fn beside(
        &self,
        caller: &Caller,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let answered = match (caller.gateway, request.uri().path()) {
            (false, _) => Err(Unanswered::NotTheGateway),
            (true, REVIEW_PATH) => self.whose(request.into_body()).await,
            (true, _) => self.certificate(),
        };
        match answered {
            Ok(json) => {
                let body = BodyExt::boxed(Full::from(json));
                answer_with(StatusCode::OK, "application/json", body)
            }
            Err(why) => self.refuse(why.status(), why.code(), &why.to_string()),
        }
    }

    async fn whose(&self, body: Incoming) -> Result<Bytes, Unanswered> {
        let read = Limited::new(body, MAX_REVIEW).collect();
        let read = tokio::time::timeout(Duration::from_millis(SILENCE_MS), read).await;
        let body = read
            .ok()
            .and_then(Result::ok)
            .ok_or(Unanswered::Malformed)?;
        let review: Review =
            serde_json::from_slice(&body.to_bytes()).map_err(|_| Unanswered::Malformed)?;
        let now = self.clock.now();
        let whose = self
            .reviewer
            .review_token(review.token.reveal(), now)
            .await?;
        written(&Reviewed {
            namespace: whose.namespace,
            service_account: whose.service_account,
        })
    }

    fn certificate(&self) -> Result<Bytes, Unanswered> {
        let names = self.gateway.as_ref().map(|gateway| &*gateway.names);
        let made = self.certificates.issue(names.unwrap_or_default());
        let made = made.map_err(|error| {
            tracing::error!(%error, "making a certificate for the shared gateway");
            Unanswered::NoCertificate
        })?;
        written(&made)
    }
}

fn written(answer: &impl Serialize) -> Result<Bytes, Unanswered> {
    Ok(serde_json::to_vec(answer)?.into())
}
