//! Who opens a stream: a ServiceAccount token of our own audience, judged by the API server's TokenReview. A verdict is kept for
//! at most a minute, by the token's hash.
//!
//! Invariant: a token without our audience, or of anything but a ServiceAccount, opens nothing. No token is kept or logged.

use crate::gateway::SharedGateway;
use crate::serve::scope::EVERYONE;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::{Api, PostParams};
use purser_config::stream::AUDIENCE;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a verdict holds.
const KEPT: Duration = Duration::from_secs(60);
/// How long a refusal holds: shorter, because what was wrong may have been mended.
const REFUSAL_KEPT: Duration = Duration::from_secs(5);
const MOST_KEPT: usize = 10_000;
/// A projected token has about 1.2 KiB.
const LONGEST_TOKEN: usize = 16 << 10;

/// The pod behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The token's namespace: what its sidecar may know and ask for.
    pub(crate) namespace: String,
    /// The token's ServiceAccount.
    pub(crate) service_account: String,
    /// The uid of the pod it is bound to, if any.
    pub(crate) pod: Option<String>,
    /// That pod's name, which its token's review tells.
    pub(crate) pod_name: Option<String>,
    /// Whether it is the shared gateway's, which may know and ask for every namespace.
    pub(crate) gateway: bool,
    /// Whether its sidecar said that it asks providers for people.
    pub(crate) inquires: bool,
}

impl Caller {
    /// The namespace that it may know, ask for and tell of; `None`: every one.
    pub(crate) fn scope(&self) -> Option<&str> {
        (!self.gateway).then_some(&self.namespace)
    }

    /// Whose part of the configuration it is told.
    pub(crate) fn audience(&self) -> &str {
        self.scope().unwrap_or(EVERYONE)
    }

    /// `namespace/name` of the ServiceAccount, as sidecars read it.
    pub(crate) fn account(&self) -> String {
        format!("{}/{}", self.namespace, self.service_account)
    }
}

/// Why a stream is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// No `Authorization: Bearer`.
    #[error("send the pod's projected ServiceAccount token as Authorization: Bearer")]
    NoToken,
    /// The API server does not accept it, or not for us.
    #[error("the token is not valid for audience {AUDIENCE}; project one with that audience")]
    NotAuthenticated,
    /// It is somebody's, but not a pod's.
    #[error("only a ServiceAccount may open a stream")]
    NotAServiceAccount,
    /// The API server could not be asked.
    #[error("the token could not be reviewed now; try again")]
    Unavailable,
}

impl Refused {
    /// The HTTP status of the answer.
    pub(crate) fn status(self) -> http::StatusCode {
        match self {
            Refused::NoToken | Refused::NotAuthenticated => http::StatusCode::UNAUTHORIZED,
            Refused::NotAServiceAccount => http::StatusCode::FORBIDDEN,
            Refused::Unavailable => http::StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The `code` of the answer, and the metric's label.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Refused::NoToken => "no_token",
            Refused::NotAuthenticated => "not_authenticated",
            Refused::NotAServiceAccount => "not_a_service_account",
            Refused::Unavailable => "review_unavailable",
        }
    }
}

/// What a review says.
pub(crate) fn judge(status: &TokenReviewStatus) -> Result<Caller, Refused> {
    let ours = status
        .audiences
        .iter()
        .flatten()
        .any(|audience| audience == AUDIENCE);
    if status.authenticated != Some(true) || !ours {
        return Err(Refused::NotAuthenticated);
    }
    let user = status.user.as_ref().ok_or(Refused::NotAServiceAccount)?;
    let account = user
        .username
        .as_deref()
        .and_then(|name| name.strip_prefix("system:serviceaccount:"));
    let (namespace, service_account) = account
        .and_then(|account| account.split_once(':'))
        .ok_or(Refused::NotAServiceAccount)?;
    if namespace.is_empty() || service_account.is_empty() || service_account.contains(':') {
        return Err(Refused::NotAServiceAccount);
    }
    let extra = |name: &str| {
        user.extra
            .as_ref()
            .and_then(|extra| extra.get(name)?.first().cloned())
    };
    Ok(Caller {
        namespace: namespace.to_owned(),
        service_account: service_account.to_owned(),
        pod: extra("authentication.kubernetes.io/pod-uid"),
        pod_name: extra("authentication.kubernetes.io/pod-name"),
        gateway: false,
        inquires: false,
    })
}

type Verdict = (Result<Caller, Refused>, Duration);

/// Reviews tokens and remembers the verdicts.
#[derive(Clone)]
pub(crate) struct Reviewer {
    api: Api<TokenReview>,
    gateway: Option<SharedGateway>,
    kept: Arc<Mutex<HashMap<[u8; 32], Verdict>>>,
}

impl Reviewer {
    /// Asks the API server through `client`; knows the shared gateway, if there is one.
    pub(crate) fn new(client: kube::Client, gateway: Option<SharedGateway>) -> Self {
        Reviewer {
            api: Api::all(client),
            gateway,
            kept: Arc::default(),
        }
    }

    /// Whose token this is, at `now`.
    pub(crate) async fn review(
        &self,
        authorization: Option<&http::HeaderValue>,
        now: Duration,
    ) -> Result<Caller, Refused> {
        let header = authorization
            .and_then(|value| value.to_str().ok())
            .ok_or(Refused::NoToken)?;
        let (scheme, token) = header.split_once(' ').ok_or(Refused::NoToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refused::NoToken);
        }
        self.review_token(token.trim(), now).await
    }

    /// The same of a token without its scheme.
    pub(crate) async fn review_token(&self, token: &str, now: Duration) -> Result<Caller, Refused> {
        if token.is_empty() || token.len() > LONGEST_TOKEN {
            return Err(Refused::NoToken);
        }
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some((verdict, until)) = self.lock().get(&digest)
            && now < *until
        {
            return verdict.clone();
        }
        let verdict = self.ask(token).await.map(|caller| self.known(caller));
        if verdict != Err(Refused::Unavailable) {
            let until = now + if verdict.is_ok() { KEPT } else { REFUSAL_KEPT };
            let mut kept = self.lock();
            if kept.len() >= MOST_KEPT {
                kept.retain(|_, (_, until)| now < *until);
            }
            if kept.len() < MOST_KEPT {
                kept.insert(digest, (verdict.clone(), until));
            }
        }
        verdict
    }

    fn known(&self, caller: Caller) -> Caller {
        let is = |gateway: &SharedGateway| gateway.is(&caller.namespace, &caller.service_account);
        let gateway = self.gateway.as_ref().is_some_and(is);
        Caller { gateway, ..caller }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Verdict>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, token: &str) -> Result<Caller, Refused> {
        let spec = TokenReviewSpec {
            token: Some(token.to_owned()),
            audiences: Some(vec![AUDIENCE.to_owned()]),
        };
        let review = TokenReview {
            spec,
            ..TokenReview::default()
        };
        let answer = tokio::time::timeout(
            Duration::from_secs(5),
            self.api.create(&PostParams::default(), &review),
        )
        .await;
        match answer {
            Ok(Ok(review)) => judge(&review.status.unwrap_or_default()),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "reviewing a token");
                Err(Refused::Unavailable)
            }
            Err(_) => Err(Refused::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::authentication::v1::UserInfo;

    fn review(username: &str, audiences: &[&str]) -> TokenReviewStatus {
        let extra = [(
            "authentication.kubernetes.io/pod-uid".to_owned(),
            vec!["7f".to_owned()],
        )]
        .into();
        TokenReviewStatus {
            authenticated: Some(true),
            audiences: Some(
                audiences
                    .iter()
                    .map(|&audience| audience.to_owned())
                    .collect(),
            ),
            user: Some(UserInfo {
                username: Some(username.into()),
                extra: Some(extra),
                ..UserInfo::default()
            }),
            ..TokenReviewStatus::default()
        }
    }

    #[test]
    fn a_pods_token_of_our_audience_gives_its_namespace_account_and_pod() {
        let caller = judge(&review("system:serviceaccount:shop:search", &[AUDIENCE])).unwrap();
        assert_eq!(
            (caller.namespace.as_str(), caller.service_account.as_str()),
            ("shop", "search")
        );
        assert_eq!(caller.pod.as_deref(), Some("7f"));
    }

    #[test]
    fn a_token_of_another_audience_is_refused_though_it_is_authentic() {
        let other = review(
            "system:serviceaccount:shop:search",
            &["https://kubernetes.default.svc"],
        );
        assert_eq!(judge(&other), Err(Refused::NotAuthenticated));
        assert_eq!(
            judge(&review("system:serviceaccount:shop:search", &[])),
            Err(Refused::NotAuthenticated)
        );
    }

    #[test]
    fn whoever_is_no_service_account_is_refused() {
        for name in [
            "admin",
            "system:node:a",
            "system:serviceaccount:shop",
            "system:serviceaccount::x",
            "system:serviceaccount:a:b:c",
        ] {
            assert_eq!(
                judge(&review(name, &[AUDIENCE])),
                Err(Refused::NotAServiceAccount),
                "{name}"
            );
        }
    }

    #[test]
    fn an_unauthenticated_review_is_refused() {
        let status = TokenReviewStatus {
            authenticated: Some(false),
            ..review("system:serviceaccount:a:b", &[AUDIENCE])
        };
        assert_eq!(judge(&status), Err(Refused::NotAuthenticated));
    }
}
