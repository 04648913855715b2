//! Whose a Kubernetes token is, and what its owner may do here: what RBAC lets them do to the objects themselves. Asked of the API server
//! by TokenReview and SubjectAccessReview. Whose it is, and what they see, is kept for half a minute, by the token's digest; what they may
//! change is asked for each change anew.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};
use purser_console::{Reviewed, Right};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const KEPT: Duration = Duration::from_secs(30);
const MOST_KEPT: usize = 1_000;
/// The most namespaces that one person is asked about.
const MOST_NAMESPACES: usize = 200;
const LONGEST_TOKEN: usize = 16 << 10;

/// SHA-256 of a token: the token itself is not kept.
type TokenDigest = [u8; 32];

/// Verdicts, and who is asked for them.
pub(crate) struct Reviews {
    client: Client,
    kept: Mutex<HashMap<TokenDigest, (Instant, Option<Reviewed>)>>,
}

impl Reviews {
    /// None yet.
    pub(crate) fn new(client: Client) -> Self {
        Reviews {
            client,
            kept: Mutex::default(),
        }
    }

    /// Who this is, and what they see; none: nobody.
    pub(super) async fn of(
        &self,
        token: String,
        namespaces: Vec<String>,
    ) -> Result<Option<Reviewed>, String> {
        if token.len() > LONGEST_TOKEN {
            return Ok(None);
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(kept) = self.kept(&digest) {
            return Ok(kept);
        }
        let asked = self.ask(token, namespaces).await;
        let reviewed =
            asked.map_err(|error| format!("the token cannot be reviewed now: {error}"))?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(digest, (Instant::now(), reviewed.clone()));
        Ok(reviewed)
    }

    fn kept(&self, digest: &[u8; 32]) -> Option<Option<Reviewed>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, reviewed) = kept.get(digest)?;
        (at.elapsed() < KEPT).then(|| reviewed.clone())
    }

    async fn ask(&self, token: String, namespaces: Vec<String>) -> kube::Result<Option<Reviewed>> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token),
                audiences: None,
            },
            ..TokenReview::default()
        };
        let reviews: Api<TokenReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &review).await?;
        let status = review.status.unwrap_or_default();
        let Some(user) = status.user.filter(|_| status.authenticated == Some(true)) else {
            return Ok(None);
        };
        let keys = self.listed(&user, "apikeys", &namespaces).await?;
        let channels = self.listed(&user, "providerchannels", &namespaces).await?;
        let plans = self.allows(&user, &list("plans", "")).await?;
        Ok(Some(Reviewed {
            who: user,
            keys,
            channels,
            plans,
        }))
    }

    /// In which of these namespaces they may list such objects; `*`: in all that there are.
    async fn listed(
        &self,
        user: &UserInfo,
        resource: &'static str,
        namespaces: &[String],
    ) -> kube::Result<Vec<String>> {
        if self.allows(user, &list(resource, "")).await? {
            return Ok(vec!["*".to_owned()]);
        }
        let mut listed = Vec::new();
        for namespace in namespaces.iter().take(MOST_NAMESPACES) {
            if self.allows(user, &list(resource, namespace)).await? {
                listed.push(namespace.clone());
            }
        }
        Ok(listed)
    }

    /// Whether RBAC lets them do this now.
    pub(super) async fn may(&self, user: &UserInfo, right: &Right) -> Result<bool, String> {
        let asked = self.allows(user, right).await;
        asked.map_err(|error| format!("whether you may {right} cannot be asked now: {error}"))
    }

    async fn allows(&self, user: &UserInfo, right: &Right) -> kube::Result<bool> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: user.username.clone(),
                groups: user.groups.clone(),
                uid: user.uid.clone(),
                extra: user.extra.clone(),
                resource_attributes: Some(ResourceAttributes {
                    group: some(right.group()),
                    resource: Some(right.resource.to_owned()),
                    verb: Some(right.verb.to_owned()),
                    namespace: some(&right.namespace),
                    name: some(&right.name),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &review).await?;
        Ok(review.status.is_some_and(|status| status.allowed))
    }
}

/// An empty namespace means all.
fn list(resource: &'static str, namespace: &str) -> Right {
    Right {
        verb: "list",
        resource,
        namespace: namespace.to_owned(),
        name: String::new(),
    }
}
