//! What is counted of calls: under which words, and that no caller can add one. Read from
//! `/metrics`, as Prometheus does.

use super::records::up_with_admin;
use super::setup::{SOON, Sidecar, channel, configuration, key, model, scaled};
use purser_config::{Channel, Configuration, Name};
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use purser_tests::wire::Wire;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use tokio::task::JoinSet;

const CALLERS: usize = 8;
pub(super) const SHOP_KEY: &str = "sk-metrics0-0123456789abcdefghijklmnopqrstuv";

/// The series of a page, without their values.
fn series(page: &str) -> BTreeSet<String> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
    names.collect()
}

/// The n-th valid key's value.
fn valid(number: usize) -> String {
    format!("sk-holder-{number:040}")
}

/// The n-th call: a key, a model, a user and a path of its own.
fn strange(number: usize) -> Call {
    let (own, name) = (valid(number), format!("model-{number}"));
    let chat = |model: &str| {
        let body = format!(
            r#"{{"model":"{model}","user":"team:{number}","messages":[{{"role":"user","content":"{number}"}}]}}"#
        );
        Call::post("/v1/chat/completions", body)
    };
    match number % 6 {
        0 => chat(&name).key(&format!("sk-stranger-{number:040}")),
        1 => chat(&name).key(&own),
        // Another name for `m`, which an administrator chose.
        2 | 3 => chat(&format!("nick-{number}")).key(&own),
        4 => Call::get(&format!("/v1/models/{name}")).key(&own),
        _ => Call::post(&format!("/v1/{name}"), "{}").key(&own),
    }
}

/// A channel that fails before one that works, a name of their one model for each call, and a key for each call.
fn closed(busy: &Provider, good: &Provider, calls: usize) -> Configuration {
    let mut named = model("m");
    named.aliases = (0..calls).map(|number| format!("nick-{number}")).collect();
    let models = vec![named];
    let first = Channel {
        models: models.clone(),
        ..channel(busy)
    };
    let second = Channel {
        models,
        priority: 1,
        ..channel(good)
    };
    let mut all = configuration(&[("busy", first), ("good", second)]);
    let channels: Vec<Name> = all.channels.keys().cloned().collect();
    let keys = (0..calls).map(|number| {
        let name = Name::new("shop", &format!("holder-{number}"));
        (name, key(&valid(number), channels.clone()))
    });
    all.keys.extend(keys);
    all
}

/// The values of each label of a page.
fn labels(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for series in series(page) {
        let Some((_, inner)) = series.split_once('{') else {
            continue;
        };
        for pair in inner.trim_end_matches('}').split("\",") {
            let (name, value) = pair.split_once("=\"").unwrap();
            let value = value.trim_end_matches('"').to_owned();
            labels.entry(name.to_owned()).or_default().insert(value);
        }
    }
    labels
}

/// Calls on connections that stay open, each read to its end.
async fn ask_all(address: SocketAddr, numbers: impl Iterator<Item = usize>) {
    let mut wire = Wire::connect(address).await.unwrap();
    for number in numbers {
        wire.send(&strange(number).bytes(address)).await.unwrap();
        let head = wire.head().await.unwrap().unwrap();
        wire.body(head.rest()).await.unwrap();
        if !head.keeps_open() {
            wire = Wire::connect(address).await.unwrap();
        }
    }
}

/// Of the process that callers meet, and of the one that asks providers.
async fn pages(sidecar: &Sidecar) -> String {
    let met = sidecar.page_of_met("/metrics").await.1;
    met + &sidecar.page("/metrics").await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_any_keys_and_models_grow_no_series() {
    let busy = Provider::start(Behaviour::status(503)).await.unwrap();
    let good = Provider::start(Behaviour::healthy()).await.unwrap();
    let calls = scaled(10_000);
    let all = closed(&busy, &good, calls);
    let sidecar = Sidecar::start(&all).await;
    let address = sidecar.address;
    ask_all(address, 0..60).await;
    let before = series(&pages(&sidecar).await);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(ask_all(address, (60 + caller..calls).step_by(CALLERS)));
    }
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    let page = pages(&sidecar).await;
    let after = series(&page);
    let new: Vec<_> = after.difference(&before).collect();
    assert_eq!(new, Vec::<&String>::new(), "after {calls} calls");
    for strange in ["stranger", "holder", "model-", "nick", "team"] {
        assert!(!page.contains(strange), "{strange} is a label in\n{page}");
    }
    let labels = labels(&page);
    for (label, closed) in [
        ("plan", &["open"][..]),
        ("channel", &["shop/busy", "shop/good"]),
        ("model", &["m"]),
    ] {
        let values: Vec<&str> = labels[label].iter().map(String::as_str).collect();
        assert_eq!(values, closed, "{label}");
    }
    let named = labels
        .keys()
        .filter(|name| name.contains("key") || name.contains("user"));
    assert_eq!(named.collect::<Vec<_>>(), Vec::<&String>::new());
}

/// A metered plan, its key and a channel.
pub(super) fn manifests(provider: &Provider) -> String {
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: metered}}\nspec: {{models: {{allow: ['*']}}, maxOutputTokens: 50, limits: {{requestsPerMinute: 4}}, credits: {{grant: '10'}}, prices: [{{models: ['*'], perMillionTokens: {{input: '3', output: '15'}}}}]}}\n---\n\
         apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: one, namespace: shop}}\nspec: {{plan: metered}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: one-key, namespace: shop}}\nstringData: {{apiKey: {SHOP_KEY}}}\n---\n\
         apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: one, namespace: shop}}\nspec: {{provider: OpenAICompatible, baseURL: '{}', models: [{{name: m}}]}}\n",
        provider.url()
    )
}

#[tokio::test]
async fn what_the_authority_decides_and_what_calls_pay_is_counted() {
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let [files, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    std::fs::write(files.path().join("shop.yaml"), manifests(&provider)).unwrap();
    let (mut process, address, admin) = up_with_admin(files.path(), data.path()).await;
    for status in [200, 200, 200, 200, 429, 429] {
        let answer = Call::chat("m", "hello", false)
            .key(SHOP_KEY)
            .send(address)
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
        answer.body().await.unwrap();
    }
    let page = Call::get("/metrics").send(admin).await.unwrap();
    let page = String::from_utf8(page.body().await.unwrap().to_vec()).unwrap();
    // The provider reports 7 tokens read and 5 written, at 3 and 15 millionths.
    let paid = 4 * (7 * 3 + 5 * 15);
    for line in [
        r#"purser_quota_decisions_total{decision="granted"} 4"#.to_owned(),
        r#"purser_quota_decisions_total{decision="held"} 4"#.to_owned(),
        r#"purser_quota_decisions_total{decision="requests_per_minute"} 1"#.to_owned(),
        r#"purser_quota_decisions_total{decision="cached_denial"} 1"#.to_owned(),
        r#"purser_quota_decisions_total{decision="without_authority"} 0"#.to_owned(),
        format!(r#"purser_charged_microcredits_total{{plan="metered"}} {paid}"#),
    ] {
        assert!(page.contains(&line), "{line} is not in\n{page}");
    }
    assert!(process.end(SOON).await.unwrap().success());
}
