//! The provider at the other end: what it says of itself, where a person is sent, and what a code is worth. What it says of itself is
//! asked for once an hour, and anew when a token is signed with a key that is not known. Called by `calls/user`.

use super::attempt::Attempt;
use super::claims::{Who, are_enough};
use super::settings::Settings;
use crate::outward::{Outward, chain};
use bytes::Bytes;
use http_body_util::Full;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AdditionalClaims, AuthType, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse,
    StandardTokenResponse, SubjectIdentifier, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// For one call.
const WITHIN: Duration = Duration::from_secs(10);
/// How long it is believed what a provider says of itself.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
/// How soon it is asked again at the soonest, whatever it answered.
const ASKED_AGAIN: Duration = Duration::from_secs(5);

/// Claims that no standard names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Extra {
    #[serde(flatten)]
    all: Map<String, Value>,
}

impl AdditionalClaims for Extra {}

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type Relying = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;
type Said = Arc<CoreProviderMetadata>;
type Answering = Pin<Box<dyn Future<Output = Result<HttpResponse, Unreached>> + Send>>;

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It does not answer, or not as it must.
    #[error("the identity provider cannot be asked now: {0}")]
    Unreached(String),
    /// What is set up here does not fit what it says.
    #[error("the identity provider does not know this console as it is set up: {0}")]
    Misfit(String),
    /// It will give nothing for this code.
    #[error(
        "the identity provider refuses this sign-in ({0}): it was used already, or took too long; begin again"
    )]
    Refused(String),
    /// What it gave is not to be believed.
    #[error("what the identity provider gave is not believed: {0}")]
    Disbelieved(String),
}

/// No answer, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreached(String);

/// See the file's page.
pub(crate) struct Provider {
    pub(crate) settings: Settings,
    outward: Outward,
    said: Mutex<Option<(Result<Said, String>, Instant)>>,
}

impl Provider {
    /// Not asked yet.
    pub(crate) fn new(settings: Settings) -> Self {
        Provider {
            settings,
            outward: Outward::new(WITHIN),
            said: Mutex::default(),
        }
    }

    /// Where a person is sent to sign in.
    pub(crate) async fn address(&self, attempt: &Attempt) -> Result<String, Trouble> {
        let said = self.said(KNOWN_FOR).await?;
        let client = self.client(&said)?;
        let verifier = PkceCodeVerifier::new(attempt.verifier());
        let scopes = self.settings.scopes.iter().filter(|one| !one.is_empty());
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let asked = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(scopes.cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let (address, _, _) = asked.url();
        Ok(address.into())
    }

    /// Who came back with this code.
    pub(crate) async fn who(&self, attempt: &Attempt, code: String) -> Result<Who, Trouble> {
        let said = self.said(KNOWN_FOR).await?;
        let client = self.client(&said)?;
        let misfit = |error: openidconnect::ConfigurationError| Trouble::Misfit(error.to_string());
        let http = self.http();
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(misfit)?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier()))
            .request_async(&http)
            .await
            .map_err(exchanged)?;
        let nonce = Nonce::new(attempt.nonce());
        let (subject, mut claims) = match believed(&client, &tokens, &nonce) {
            Ok(believed) => believed,
            // Its keys may have changed within the hour.
            Err(_) => {
                let said = self.said(ASKED_AGAIN).await?;
                believed(&self.client(&said)?, &tokens, &nonce)?
            }
        };
        if !are_enough(&claims, &self.settings.groups_claim) {
            let more = self
                .more(&client, (tokens.access_token(), &subject))
                .await?;
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        let of = (self.settings.issuer.as_str(), subject.as_str());
        Ok(Who::of(of, &claims, &self.settings.groups_claim))
    }

    /// What its user info says of the same person, where it has one.
    async fn more(
        &self,
        client: &Relying,
        (token, subject): (&AccessToken, &SubjectIdentifier),
    ) -> Result<Map<String, Value>, Trouble> {
        let Ok(asked) = client.user_info(token.clone(), Some(subject.clone())) else {
            return Ok(Map::new());
        };
        let http = self.http();
        let told: UserInfoClaims<Extra, CoreGenderClaim> = asked
            .request_async(&http)
            .await
            .map_err(|error| Trouble::Unreached(chain(&error)))?;
        Ok(members(&told))
    }

    /// What it says of itself, no older than this.
    async fn said(&self, newest: Duration) -> Result<Said, Trouble> {
        let mut said = self.said.lock().await;
        let fresh = |(known, at): &(Result<Said, String>, Instant)| {
            let good_for = if known.is_ok() { newest } else { ASKED_AGAIN };
            at.elapsed() < good_for
        };
        if said.as_ref().is_none_or(|known| !fresh(known)) {
            *said = Some((self.asked().await, Instant::now()));
        }
        let known = said.as_ref().map(|(known, _)| known.clone());
        known
            .unwrap_or_else(|| Err("it was not asked".to_owned()))
            .map_err(Trouble::Unreached)
    }

    async fn asked(&self) -> Result<Said, String> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone());
        let issuer = issuer.map_err(|error| error.to_string())?;
        let http = self.http();
        let said = CoreProviderMetadata::discover_async(issuer, &http).await;
        let said = said.map_err(|error| chain(&error))?;
        let plain =
            |url: &str| self.settings.issuer.starts_with("https:") && !url.starts_with("https:");
        match said.token_endpoint() {
            Some(url) if plain(url.as_str()) => Err("its token endpoint is without TLS".to_owned()),
            Some(_) => Ok(Arc::new(said)),
            None => Err("it names no token endpoint".to_owned()),
        }
    }

    fn client(&self, said: &CoreProviderMetadata) -> Result<Relying, Trouble> {
        let settings = &self.settings;
        let redirect = RedirectUrl::new(settings.redirect.to_string());
        let redirect = redirect.map_err(|error| Trouble::Misfit(error.to_string()))?;
        let id = ClientId::new(settings.client_id.clone());
        let secret = settings.secret.clone().map(ClientSecret::new);
        let client = Relying::from_provider_metadata(said.clone(), id, secret);
        let basic = said
            .token_endpoint_auth_methods_supported()
            .is_none_or(|known| known.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth = if basic {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        };
        Ok(client.set_auth_type(auth).set_redirect_uri(redirect))
    }

    fn http(&self) -> impl Fn(HttpRequest) -> Answering + Send + Sync + use<> {
        let outward = self.outward.clone();
        move |request| {
            let outward = outward.clone();
            Box::pin(async move {
                let request = request.map(|body| Full::new(Bytes::from(body)));
                let answer = outward.send(request).await.map_err(Unreached)?;
                Ok(answer.map(|body| body.to_vec()))
            })
        }
    }
}

/// The subject and the claims of an ID token whose signature, issuer, audience, time and nonce are as they must be.
fn believed(
    client: &Relying,
    tokens: &Tokens,
    nonce: &Nonce,
) -> Result<(SubjectIdentifier, Map<String, Value>), Trouble> {
    let missing = || Trouble::Disbelieved("it gave no ID token".to_owned());
    let token = tokens.id_token().ok_or_else(missing)?;
    let claims = token.claims(&client.id_token_verifier(), nonce);
    let claims = claims.map_err(|error| Trouble::Disbelieved(chain(&error)))?;
    Ok((claims.subject().clone(), members(claims)))
}

fn members(claims: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn exchanged(
    error: RequestTokenError<Unreached, StandardErrorResponse<CoreErrorResponseType>>,
) -> Trouble {
    match error {
        RequestTokenError::ServerResponse(said) => match said.error() {
            CoreErrorResponseType::InvalidGrant => Trouble::Refused(said.error().to_string()),
            other => Trouble::Misfit(other.to_string()),
        },
        RequestTokenError::Request(error) => Trouble::Unreached(error.to_string()),
        // Neither may repeat what was answered: a token could stand in it.
        RequestTokenError::Parse(..) => Trouble::Unreached("its answer cannot be read".to_owned()),
        RequestTokenError::Other(why) => Trouble::Unreached(why),
    }
}
