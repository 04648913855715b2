//! A channel that other namespaces reach through the shared gateway alone, in a cluster where the chart runs one that is scaled by how busy
//! it is.

use super::application::{Application, Line};
use super::grown::{grows, is_replaced};
use super::installed::{channel, installed, namespace, run};
use super::kubectl::{apply, until};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use purser_tests::helm::chart;
use serde_json::{Value, json};

const LENDER: &str = "lender";
const BORROWER: &str = "borrower";
const CREDENTIAL: &str = "sk-of-the-lender";
const ANSWER: &str = "Hello from steady";

/// Any work is more than it is to do alone, so that it grows.
const GATEWAY: [&str; 5] = [
    "--set=gateway.enabled=true",
    "--set=gateway.autoscaling.enabled=true",
    "--set=gateway.autoscaling.minReplicas=1",
    "--set=gateway.autoscaling.maxReplicas=3",
    "--set=gateway.autoscaling.targetCPUUtilizationPercentage=2",
];

async fn upgrade(how: &[&str]) {
    let chart = chart("purser");
    let line = ["upgrade", "purser", &chart, "--wait", "--timeout=6m"];
    run(&[&line[..], how].concat()).await;
}

/// A channel with a credential, for every namespace.
async fn lent() {
    namespace(LENDER).await;
    let mut spec = channel(0);
    spec["namespaces"] = json!({"from": "All"});
    spec["credentials"] = json!([{"secretRef": {"name": "lent"}}]);
    let labels = json!({"purser.dev/credential": "true"});
    let api = "purser.dev/v1alpha1";
    apply(&[
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lent", "namespace": LENDER, "labels": labels},
            "stringData": {"apiKey": CREDENTIAL}}),
        json!({"apiVersion": api, "kind": "ProviderChannel", "metadata": {"name": "lent", "namespace": LENDER}, "spec": spec}),
    ])
    .await;
}

async fn borrowed() {
    namespace(BORROWER).await;
    let plan = json!({"models": {"allow": ["*"]}, "channels": {"namespaces": [LENDER]}});
    let api = "purser.dev/v1alpha1";
    apply(&[
        json!({"apiVersion": api, "kind": "Plan", "metadata": {"name": BORROWER}, "spec": plan}),
        json!({"apiVersion": api, "kind": "ApiKey", "metadata": {"name": "app", "namespace": BORROWER}, "spec": {"plan": BORROWER}}),
    ])
    .await;
    let application = Application {
        namespace: BORROWER.into(),
        name: "app".into(),
        key: "app".into(),
    };
    application.deploy(2, "load").await;
    for pod in application.pods().await {
        let done = |printed: &[Line]| printed.len() > 1;
        let printed = application
            .until_prints(&pod, "a call and a stream", done)
            .await;
        assert_eq!(printed[0].status(), Some(200), "{printed:?}");
        assert_eq!(printed[0].says("said"), ANSWER, "{printed:?}");
        assert_eq!(printed[0].says("channel"), "lender/lent", "{printed:?}");
        assert_eq!(printed[1].says("stream"), ANSWER, "{printed:?}");
    }
    let is_there = |secret: &Value| secret["data"].is_object();
    let line = format!("secret -n {BORROWER} purser-config");
    let secret = until("the tenant's configuration is there", &line, is_there).await;
    for (name, value) in secret["data"].as_object().unwrap() {
        let value = STANDARD.decode(value.as_str().unwrap()).unwrap();
        let value = String::from_utf8_lossy(&value);
        assert!(!value.contains(CREDENTIAL), "{name}");
    }
    grows(&application).await;
    is_replaced(&application).await;
    application.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_served_by_a_channel_whose_credential_never_reaches_it_while_the_gateway_grows_and_is_replaced()
 {
    installed().await;
    upgrade(&GATEWAY).await;
    lent().await;
    let came_of_it = tokio::spawn(borrowed()).await;
    // Whatever came of it: the other tests need the operator as it was installed.
    upgrade(&["--reset-values"]).await;
    came_of_it.unwrap();
}
