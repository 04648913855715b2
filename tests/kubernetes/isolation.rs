//! What a namespace may know: its own keys, and credentials only where their owner offers them.

use super::cluster::SOON;
use super::operator::{World, decoded};
use super::place::{ACCOUNT, Place};
use super::sidecar::code;
use super::stream::Stream;
use flate2::read::GzDecoder;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const CREDENTIAL: &str = "sk-canary-provider-1111111111111111111111111111";

/// A provider of one namespace whose channel asks for a credential.
pub(super) async fn credentialed(place: &Place, url: &str, offer: &str) {
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: cred, namespace: {}, labels: {{purser.dev/credential: 'true'}}}}\nstringData: {{apiKey: {CREDENTIAL}}}",
        place.namespace
    );
    let spec = format!(
        "provider: OpenAICompatible, baseURL: '{url}', credentials: [{{secretRef: {{name: cred}}}}], models: [{{name: m}}]{offer}"
    );
    let channel = place.object("ProviderChannel", "live", &spec);
    place.apply(&[secret, channel]).await;
}

#[tokio::test]
async fn a_namespace_is_told_nothing_of_another_ones_keys_or_credentials() {
    let world = World::shared().await;
    let own = Place::new(&world, "one-team").await;
    let other = Place::new(&world, "other-team").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    for place in [&own, &other] {
        let [secret, key] = place.key("key", "open");
        let plan = place.plan("open", "models: {allow: ['*']}");
        place.apply(&[plan, secret, key]).await;
    }
    credentialed(&other, &provider.url(), "").await;
    other.until_key("key", "True").await;
    own.until_key("key", "True").await;
    let path = other.ours("providerchannels", "live");
    let accepted = |object: &Value| super::cluster::condition(object, "Accepted") == "True";
    world
        .cluster
        .until("its channel is accepted", &path, accepted)
        .await;

    let mut stream = Stream::open(&world, &own.token_of_pod("raw").await)
        .await
        .ok()
        .unwrap();
    stream.hello("raw-1").await;
    let theirs = [other.namespace.as_str(), CREDENTIAL];
    let compiled_here = compiled(&own, &own.namespace).await;
    for text in [&stream.told, &compiled_here] {
        assert!(
            text.contains(&own.namespace),
            "it tells the own key: {text}"
        );
        for secret in theirs {
            assert!(
                !text.contains(secret),
                "{secret} is told to {}",
                own.namespace
            );
        }
    }
    compiled(&other, CREDENTIAL).await;
    let sidecars = own.sidecars(1).await;
    let theirs = sidecars[0].judged("m", &other.value("key")).await;
    assert_eq!(theirs.0, 401, "another namespace's key is unknown here");
    assert!(
        !sidecars[0]
            .page("/configz")
            .await
            .contains(&other.namespace)
    );
}

/// The configuration in a namespace's compiled Secret, unpacked, once it holds this.
pub(super) async fn compiled(place: &Place, expected: &str) -> String {
    let begun = Instant::now();
    loop {
        let folder = tempfile::tempdir().unwrap();
        place.mounted_secret(folder.path()).await;
        let part = std::fs::File::open(folder.path().join("part-0")).unwrap();
        let mut text = String::new();
        GzDecoder::new(part).read_to_string(&mut text).unwrap();
        if text.contains(expected) {
            return text;
        }
        assert!(begun.elapsed() < SOON, "no {expected} in {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn only_a_valid_token_of_our_audience_opens_a_stream() {
    let world = World::shared().await;
    let place = Place::new(&world, "tokens").await;
    let servers = place.token(json!({})).await;
    let vaults = place.token(json!({"audiences": ["vault"]})).await;
    let good = place.token_of_pod("pod").await;
    let mut forged: Vec<char> = good.chars().collect();
    let last = forged.len() - 10;
    forged[last] = if forged[last] == 'A' { 'B' } else { 'A' };
    let forged: String = forged.into_iter().collect();
    for (what, token) in [
        ("the API server's audience", servers.as_str()),
        ("another audience", &vaults),
        ("garbage", "garbage"),
        ("a forged signature", &forged),
    ] {
        let Err((status, body)) = Stream::open(&world, token).await else {
            panic!("{what} opened a stream");
        };
        assert_eq!(status, 401, "{what}: {body}");
        assert!(!body.contains("configuration"), "{what}: {body}");
    }
    assert!(Stream::open(&world, &good).await.is_ok());
}

#[tokio::test]
async fn a_channel_offered_to_all_via_sidecar_is_used_where_the_plan_lists_its_namespace() {
    let world = World::shared().await;
    let (owner, user) = (
        Place::new(&world, "owner").await,
        Place::new(&world, "user").await,
    );
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    credentialed(
        &owner,
        &provider.url(),
        ", namespaces: {from: All, via: Sidecar}",
    )
    .await;
    let listed = format!(
        "models: {{allow: ['*']}}, channels: {{namespaces: [{}]}}",
        owner.namespace
    );
    let [listed_secret, listed_key] = user.key("listed", "listed");
    let [plain_secret, plain_key] = user.key("plain", "plain");
    let documents = [
        user.plan("listed", &listed),
        user.plan("plain", "models: {allow: ['*']}"),
        listed_secret,
        listed_key,
        plain_secret,
        plain_key,
    ];
    user.apply(&documents).await;
    user.until_key("listed", "True").await;
    user.until_key("plain", "True").await;
    let sidecars = user.sidecars(1).await;
    let good = sidecars[0].judged("m", &user.value("listed")).await;
    assert_eq!(good, (200, String::new()));
    let bearer = format!("Bearer {CREDENTIAL}");
    let sent = provider.last().unwrap();
    assert_eq!(sent.header("authorization"), Some(bearer.as_str()));
    let (status, code) = sidecars[0].judged("m", &user.value("plain")).await;
    assert_eq!(
        (status, code.as_str()),
        (404, "model_not_found"),
        "its plan lists no such namespace"
    );
    // What was handed over names where it may be sent, and is the owner's no less.
    let secret = world.cluster.get(&owner.core("secrets", "cred")).await;
    assert_eq!(decoded(&secret["data"]["apiKey"]), CREDENTIAL.as_bytes());
}

#[tokio::test]
async fn a_pod_under_a_keys_service_account_is_that_key_and_holds_no_secret() {
    let world = World::shared().await;
    let place = Place::new(&world, "account").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let spec = format!("plan: {}, serviceAccounts: [{ACCOUNT}]", place.wide("open"));
    let documents = [
        place.plan("open", "models: {allow: ['*']}"),
        place.channel("live", &provider.url(), "{name: m}"),
        place.object("ApiKey", "pods", &spec),
    ];
    place.apply(&documents).await;
    place.until_key("pods", "True").await;
    let sidecars = place.sidecars(1).await;
    let good = |judged: (u16, String)| judged == (200, String::new());
    let call = async |call: Call| {
        let answer = call.send(sidecars[0].address).await.unwrap();
        (answer.status(), code(answer.json().await.unwrap()))
    };
    let bare = Call::chat("m", "hello", false);
    assert!(good(call(bare.clone()).await), "without a credential");
    assert!(
        good(call(bare.key("sk-purser-pod")).await),
        "with the word for it"
    );
    let other = Place::new(&world, "same-account").await;
    let sidecars = other.sidecars(1).await;
    let (status, code) = sidecars[0].judged("m", "sk-purser-pod").await;
    assert_eq!(
        (status, code.as_str()),
        (401, "invalid_api_key"),
        "of the same name elsewhere"
    );
}

#[tokio::test]
async fn a_sidecars_stolen_token_is_worthless_at_the_api_server() {
    let world = World::shared().await;
    let place = Place::new(&world, "stolen").await;
    let ask = |token: String| {
        let (cluster, token) = (Arc::clone(&world.cluster), format!("--token={token}"));
        let path = place.core("secrets", "");
        async move { cluster.kubectl(&["get", "--raw", &path, &token], "").await }
    };
    let said = ask(place.token_of_pod("pod").await).await;
    assert!(!said.good && said.err.contains("Unauthorized"), "{said:?}");
    // The same account's token for the API server is believed, and may do nothing.
    let account = ["create", "token", ACCOUNT, "-n", &place.namespace];
    let token = world.cluster.says(&account).await;
    let said = ask(token.trim().to_owned()).await;
    assert!(!said.good && said.err.contains("forbidden"), "{said:?}");
}
