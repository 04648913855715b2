//! Whose a Kubernetes token is, and what its owner may do here: what RBAC lets them do to the objects themselves. Asked of the API server
//! by TokenReview and SubjectAccessReview; a verdict is kept for half a minute, by the token's digest.
//!
//! Who may write Plans, and ApiKeys everywhere, is an administrator; who may write ApiKeys in some namespaces is of their teams; who may
//! list them, and no more, is a viewer.

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};
use purser_authority::ledger::Role;
use purser_console::Reviewed;
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

    /// Who this is; none: nobody, or nobody who may do anything here.
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
        let name = user.username.clone().unwrap_or_default();
        let told = |role, namespaces| {
            Some(Reviewed {
                name: name.clone(),
                role,
                namespaces,
            })
        };
        if self.may(&user, ("create", "plans", "")).await?
            && self.may(&user, ("create", "apikeys", "")).await?
        {
            return Ok(told(Role::Administrator, Vec::new()));
        }
        let (mut writes, mut reads) = (Vec::new(), Vec::new());
        for namespace in namespaces.into_iter().take(MOST_NAMESPACES) {
            if self.may(&user, ("create", "apikeys", &namespace)).await? {
                writes.push(namespace);
            } else if self.may(&user, ("list", "apikeys", &namespace)).await? {
                reads.push(namespace);
            }
        }
        Ok(match (writes.is_empty(), reads.is_empty()) {
            (false, _) => told(Role::Team, writes),
            (true, false) => told(Role::Viewer, reads),
            (true, true) => None,
        })
    }

    /// Whether RBAC lets them; an empty namespace means all.
    async fn may(
        &self,
        user: &UserInfo,
        (verb, resource, namespace): (&str, &str, &str),
    ) -> kube::Result<bool> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: user.username.clone(),
                groups: user.groups.clone(),
                uid: user.uid.clone(),
                extra: user.extra.clone(),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(purser_crds::GROUP.to_owned()),
                    resource: Some(resource.to_owned()),
                    verb: Some(verb.to_owned()),
                    namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
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
