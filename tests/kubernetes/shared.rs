//! The shared gateway: what a tenant's sidecar hands over to it, whom it believes, and that nobody else gets what it may.

use super::cluster::{SOON, field_of};
use super::isolation::{CREDENTIAL, compiled, credentialed};
use super::operator::{NAMESPACE, World};
use super::place::{ACCOUNT, Place};
use super::sidecar::{Sidecar, code};
use super::stream::{Stream, http2};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use purser_config::stream::{CERTIFICATE_PATH, Certificate, REVIEW_PATH, Reviewed};
use purser_tests::port::reserve;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::{Call, End};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// An operator with a gateway, which runs as tests' pods do, in the operator's own namespace.
pub(super) struct Gated {
    pub(super) world: Arc<World>,
    /// Where its pods would be.
    place: Place,
    pub(super) address: SocketAddr,
    _gateway: Sidecar,
    _secret: tempfile::TempDir,
}

static GATED: Mutex<Weak<Gated>> = Mutex::const_new(Weak::new());

impl Gated {
    async fn shared() -> Arc<Self> {
        let mut shared = GATED.lock().await;
        if let Some(gated) = shared.upgrade() {
            return gated;
        }
        let gated = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&gated);
        gated
    }

    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same, of an operator with these arguments, too.
    pub(super) async fn with(more: &[&str]) -> Self {
        let address = reserve().unwrap();
        let account = format!("--gateway-account={ACCOUNT}");
        let url = format!("--gateway-url=https://{address}");
        let own = [account.as_str(), &url, "--usage-status-every=1s"];
        let world = World::own(&[&own[..], more].concat()).await;
        let place = Place::existing(&world, NAMESPACE).await;
        // No key is there: it is written for the gateway, which has the operator's CA from it.
        let secret = tempfile::tempdir().unwrap();
        place.mounted_secret(secret.path()).await;
        let ca = format!("--operator-ca={}", secret.path().display());
        let shared = format!("--shared={address}");
        let mut gateway = place.sidecar("gateway", &[&ca, &shared]).await;
        gateway.until_connected().await;
        Gated {
            world,
            place,
            address,
            _gateway: gateway,
            _secret: secret,
        }
    }

    /// A namespace whose channel serves every other one through the gateway.
    pub(super) async fn lender(&self, name: &str, provider: &Provider) -> Place {
        let lender = Place::new(&self.world, name).await;
        credentialed(&lender, &provider.url(), ", namespaces: {from: All}").await;
        lender
    }

    /// A namespace with a key `any` that may use that channel, and a key `three` that may thrice a minute.
    pub(super) async fn tenant(&self, name: &str, lender: &Place) -> Place {
        let tenant = Place::new(&self.world, name).await;
        let listed = format!(
            "models: {{allow: ['*']}}, channels: {{namespaces: [{}]}}",
            lender.namespace
        );
        let three = format!("limits: {{requestsPerMinute: 3}}, {listed}");
        let mut documents = vec![tenant.plan("any", &listed), tenant.plan("three", &three)];
        documents.extend(["any", "three"].map(|key| tenant.key(key, key)).concat());
        tenant.apply(&documents).await;
        for key in ["any", "three"] {
            tenant.until_key(key, "True").await;
        }
        tenant
    }

    /// A sidecar in a pod of this name that hands over, once a call goes through.
    pub(super) async fn sidecar(&self, tenant: &Place, pod: &str) -> Sidecar {
        let gateway = format!("--gateway=https://{}", self.address);
        let mut sidecar = tenant.sidecar(pod, &[&gateway]).await;
        sidecar.until_connected().await;
        let begun = Instant::now();
        loop {
            let judged = sidecar.judged("m", &tenant.value("any")).await;
            if judged == (200, String::new()) {
                return sidecar;
            }
            assert!(begun.elapsed() < SOON, "{judged:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Status and body of a request with this token, at the operator or at the gateway.
    async fn ask(&self, at: SocketAddr, token: &str, request: Asked<'_>) -> (u16, Value) {
        let mut sender = http2(&self.world, at).await;
        let mut built = Request::post(format!("https://{at}{}", request.path));
        if !token.is_empty() {
            built = built.header("authorization", format!("Bearer {token}"));
        }
        if !request.key.is_empty() {
            built = built.header("x-purser-key", request.key);
        }
        let body = match request.body {
            Value::Null => Bytes::new(),
            body => body.to_string().into(),
        };
        let built = built.body(Full::new(body)).unwrap();
        let answer = sender.send_request(built).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// The same, of the operator.
    async fn review(&self, token: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Asked {
            path,
            key: "",
            body,
        };
        self.ask(self.world.stream, token, request).await
    }
}

/// What is asked.
struct Asked<'a> {
    path: &'a str,
    /// The key that it is asked for; empty: none is named.
    key: &'a str,
    body: Value,
}

#[tokio::test]
async fn a_tenants_calls_reach_another_namespaces_provider_and_its_credential_never_the_tenant() {
    let gated = Gated::shared().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let lender = gated.lender("lender", &provider).await;
    let tenant = gated.tenant("tenant", &lender).await;
    let sidecar = gated.sidecar(&tenant, "pod").await;

    let plain = sidecar.chat("m", &tenant.value("any")).await;
    let channel = format!("{}/live", lender.namespace);
    assert_eq!(plain.header("x-purser-channel"), Some(channel.as_str()));
    let body = plain.json().await.unwrap();
    let said = &body["choices"][0]["message"]["content"];
    let streamed = Call::chat("m", "hello", true).key(&tenant.value("any"));
    let streamed = streamed.send(sidecar.address).await.unwrap();
    assert_eq!(streamed.status(), 200);
    let stream = streamed.stream().await;
    assert!(matches!(stream.end, End::Done), "{stream:?}");
    assert!(!stream.text().is_empty() && said.is_string(), "{body}");
    let bearer = format!("Bearer {CREDENTIAL}");
    for received in provider.log() {
        assert_eq!(received.header("authorization"), Some(bearer.as_str()));
        assert_eq!(received.header("x-purser-key"), None);
    }

    let told = compiled(&tenant, "\"via_gateway\":true").await;
    let configured = sidecar.page("/configz").await;
    for text in [&told, &configured] {
        assert!(text.contains(&tenant.namespace), "it is its own: {text}");
        assert!(!text.contains(CREDENTIAL) && !text.contains(&provider.url()));
    }
    let path = lender.ours("providerchannels", "live");
    let enforced = |object: &Value| field_of(object, "NotYetEnforced", "status") == "False";
    let cluster = &gated.world.cluster;
    cluster
        .until("all of it is enforced", &path, enforced)
        .await;
}

#[tokio::test]
async fn a_tenants_quota_holds_at_the_gateway_and_its_use_is_the_keys() {
    let gated = Gated::shared().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let lender = gated.lender("owner", &provider).await;
    let tenant = gated.tenant("user", &lender).await;
    let sidecar = gated.sidecar(&tenant, "pod").await;
    let before = provider.calls();
    for call in 1..=3 {
        let judged = sidecar.judged("m", &tenant.value("three")).await;
        assert_eq!(judged, (200, String::new()), "call {call}");
    }
    let over = sidecar.chat("m", &tenant.value("three")).await;
    assert!(over.header("retry-after").is_some());
    let judged = (over.status(), code(over.json().await.unwrap()));
    assert_eq!(judged, (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(provider.calls(), before + 3);
    let path = tenant.ours("apikeys", "three");
    let used = |key: &Value| key["status"]["requestsUsed"] == 3;
    let cluster = &gated.world.cluster;
    cluster.until("the calls are the key's", &path, used).await;
}

#[tokio::test]
async fn while_no_operator_answers_the_gateway_has_the_whole_rate_of_a_key_that_is_handed_over() {
    let gated = Gated::start().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let lender = gated.lender("idle", &provider).await;
    let tenant = gated.tenant("cut-off", &lender).await;
    let mut sidecar = gated.sidecar(&tenant, "pod").await;
    // Shares are told at once, and again after a second until they are confirmed; nothing shows when they are.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    gated.world.kill();
    sidecar.until_connection(false).await;
    for call in 1..=3 {
        let judged = sidecar.judged("m", &tenant.value("three")).await;
        assert_eq!(judged, (200, String::new()), "call {call}");
    }
    let over = sidecar.judged("m", &tenant.value("three")).await;
    assert_eq!(over, (503, "quota_unavailable".to_owned()));
}

#[tokio::test]
async fn while_the_gateway_is_away_calls_are_told_to_come_again_and_why() {
    let gated = Gated::shared().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let lender = gated.lender("alone", &provider).await;
    let tenant = gated.tenant("waiting", &lender).await;
    compiled(&tenant, "\"via_gateway\":true").await;
    let nowhere = format!("--gateway=https://{}", reserve().unwrap());
    let mut sidecar = tenant.sidecar("pod", &[&nowhere]).await;
    sidecar.until_connected().await;
    let answer = sidecar.chat("m", &tenant.value("any")).await;
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.status(), 503);
    let body = answer.json().await.unwrap();
    let why = body["error"]["message"].as_str().unwrap();
    assert!(
        why.contains("the shared gateway cannot be reached"),
        "{why}"
    );
}

#[tokio::test]
async fn a_pod_calls_the_gateway_for_keys_of_its_own_namespace_alone() {
    let gated = Gated::shared().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let lender = gated.lender("bank", &provider).await;
    let tenant = gated.tenant("honest", &lender).await;
    let thief = Place::new(&gated.world, "thief").await;
    gated.sidecar(&tenant, "pod").await;
    let calls = provider.calls();
    let key = format!("{}/any", tenant.namespace);
    let own = tenant.token_of_pod("pod").await;
    let thiefs = thief.token_of_pod("pod").await;
    let value = tenant.value("any");
    let servers = thief.token(json!({})).await;
    for (what, token, key) in [
        ("a pod of another namespace", thiefs.as_str(), key.as_str()),
        ("a token for the API server", &servers, &key),
        ("no token", "", &key),
        ("the key's value", &value, &key),
        ("no key's name", &own, ""),
        ("a key that is not there", &own, "nowhere/any"),
    ] {
        let chat = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
        let request = Asked {
            path: "/v1/chat/completions",
            key,
            body: chat,
        };
        let (status, body) = gated.ask(gated.address, token, request).await;
        assert!([401, 403].contains(&status), "{what}: {status} {body}");
    }
    assert_eq!(provider.calls(), calls);
}

#[tokio::test]
async fn only_the_gateway_is_told_everything_and_whose_a_token_is() {
    let gated = Gated::shared().await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let lender = gated.lender("rich", &provider).await;
    let tenant = gated.tenant("poor", &lender).await;
    let tenants = tenant.token_of_pod("pod").await;
    for path in [REVIEW_PATH, CERTIFICATE_PATH] {
        let asked = json!({"token": tenants});
        let (status, body) = gated.review(&tenants, path, asked).await;
        assert_eq!((status, code(body).as_str()), (403, "not_the_gateway"));
        let (status, _) = gated.review("garbage", path, Value::Null).await;
        assert_eq!(status, 401);
    }
    let gateways = gated.place.token_of_pod("another").await;
    let asked = json!({"token": tenants});
    let (status, body) = gated.review(&gateways, REVIEW_PATH, asked).await;
    assert_eq!(status, 200, "{body}");
    let whose: Reviewed = serde_json::from_value(body).unwrap();
    let expected = (tenant.namespace.as_str(), ACCOUNT);
    assert_eq!((&*whose.namespace, &*whose.service_account), expected);
    for (asked, expected) in [
        (json!({"token": "garbage"}), 401),
        (json!({"token": tenant.token(json!({})).await}), 401),
        (json!({"token": "a".repeat(70_000)}), 400),
        (json!({"tokens": tenants}), 400),
    ] {
        let (status, body) = gated.review(&gateways, REVIEW_PATH, asked).await;
        assert_eq!(status, expected, "{body}");
    }
    let (status, body) = gated.review(&gateways, CERTIFICATE_PATH, Value::Null).await;
    assert_eq!(status, 200);
    let certificate: Certificate = serde_json::from_value(body).unwrap();
    assert!(certificate.chain_pem.contains("BEGIN CERTIFICATE"));

    let mut all = Stream::open(&gated.world, &gateways).await.ok().unwrap();
    all.hello("another-1").await;
    for known in [tenant.namespace.as_str(), &lender.namespace, CREDENTIAL] {
        assert!(all.told.contains(known), "{known} is not told the gateway");
    }
    let mut own = Stream::open(&gated.world, &tenants).await.ok().unwrap();
    own.hello("own-1").await;
    assert!(own.told.contains(&tenant.namespace));
    assert!(!own.told.contains(CREDENTIAL) && !own.told.contains("\"channels\":{\""));
}
