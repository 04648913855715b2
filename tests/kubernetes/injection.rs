//! Pods as people create them on a real API server, and what comes back: the chart's webhook, the operator's CA, the API server's own
//! rules for pods. No kubelet runs them here.

use super::cluster::Cluster;
use super::installed::{HOOK, IMAGE, Installed, WARNINGS, pod};
use super::operator::{NAMESPACE, World};
use purser_tests::helm::{CASES, template};
use serde_json::{Value, json};

const LABEL: &str = "purser.dev/inject";

fn asks() -> Value {
    json!({LABEL: "true"})
}

fn init_names(pod: &Value) -> Vec<&str> {
    let all = pod["spec"]["initContainers"].as_array();
    let names = all.into_iter().flatten();
    names.map(|one| one["name"].as_str().unwrap()).collect()
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a str {
    let all = container["env"].as_array().into_iter().flatten();
    let mut found = all.filter(|one| one["name"] == name);
    found
        .next()
        .and_then(|one| one["value"].as_str())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_asks_comes_back_with_its_sidecar_first_and_its_namespace_gets_the_configuration()
 {
    let installed = Installed::shared().await;
    installed.namespace("asks", json!({})).await;
    let mut asked = pod("app", &asks());
    asked["metadata"]["annotations"] = json!({"purser.dev/api-key": "checkout"});
    asked["spec"]["initContainers"] = json!([{"name": "migrate", "image": "app"}]);
    let (status, made) = installed.create("asks", &asked).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(init_names(&made), ["purser-sidecar", "migrate"]);
    let sidecar = &made["spec"]["initContainers"][0];
    assert_eq!(
        (&sidecar["image"], &sidecar["restartPolicy"]),
        (&json!(IMAGE), &json!("Always"))
    );
    assert_eq!(variable(sidecar, "PURSER_API_KEY_NAME"), "asks/checkout");
    let operator = format!("https://purser-operator.{NAMESPACE}.svc:8443");
    assert_eq!(variable(sidecar, "PURSER_OPERATOR"), operator);
    for container in [
        &made["spec"]["initContainers"][1],
        &made["spec"]["containers"][0],
    ] {
        assert_eq!(
            variable(container, "OPENAI_BASE_URL"),
            "http://127.0.0.1:4100/v1"
        );
        assert_eq!(variable(container, "OPENAI_API_KEY"), "sk-purser-pod");
    }
    let secret = "/api/v1/namespaces/asks/secrets/purser-config";
    let cluster = &installed.world.cluster;
    cluster
        .until("what the sidecar mounts is there", secret, Value::is_object)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespaces_label_is_enough_and_a_pods_false_wins() {
    let installed = Installed::shared().await;
    installed.namespace("labelled", asks()).await;
    for (name, labels, expected) in [
        ("silent", json!({}), &["purser-sidecar"][..]),
        ("both", asks(), &["purser-sidecar"]),
        ("against", json!({LABEL: "false"}), &[]),
    ] {
        let (status, made) = installed.create("labelled", &pod(name, &labels)).await;
        assert_eq!(status, 201, "{name}: {made}");
        assert_eq!(init_names(&made), expected, "{name}");
        let given = !variable(&made["spec"]["containers"][0], "OPENAI_API_KEY").is_empty();
        assert_eq!(given, !expected.is_empty(), "{name}");
    }
    let silent = "/api/v1/namespaces/labelled/pods/silent";
    let silent = installed.world.cluster.get(silent).await;
    assert_eq!(silent["metadata"]["labels"][LABEL], "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_ask_is_left_alone_and_so_is_the_operators_own_namespace() {
    let installed = Installed::shared().await;
    installed.namespace("quiet", json!({})).await;
    let (status, made) = installed.create("quiet", &pod("app", &json!({}))).await;
    assert_eq!((status, init_names(&made)), (201, vec![]));
    installed.account(NAMESPACE).await;
    let (status, made) = installed.create(NAMESPACE, &pod("app", &asks())).await;
    assert_eq!((status, init_names(&made)), (201, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_have_a_sidecar_is_not_created_and_the_reason_is_said() {
    let installed = Installed::shared().await;
    installed.namespace("refused", json!({})).await;
    let mut asked = pod("app", &asks());
    asked["spec"]["hostNetwork"] = true.into();
    let (status, said) = installed.create("refused", &asked).await;
    let why = said["message"].as_str().unwrap_or_default();
    assert!(
        status == 400 && why.contains("hostNetwork"),
        "{status}: {said}"
    );
    let (status, made) = installed.create("refused", &pod("app", &asks())).await;
    assert_eq!((status, init_names(&made)), (201, vec!["purser-sidecar"]));
}

/// A controller that writes down what it got back, and applies it again, must not get a second sidecar.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_injected_and_is_created_anew_is_the_same() {
    let installed = Installed::shared().await;
    installed.namespace("again", asks()).await;
    let (status, once) = installed.create("again", &pod("app", &asks())).await;
    assert_eq!(status, 201, "{once}");
    let mut again = json!({"metadata": {"name": "again"}, "spec": once["spec"]});
    for member in ["labels", "annotations"] {
        again["metadata"][member] = once["metadata"][member].clone();
    }
    let (status, twice) = installed.dry("again", &again).await;
    assert_eq!(status, 201, "{twice}");
    assert_eq!(twice["spec"], once["spec"]);
    for member in ["labels", "annotations"] {
        assert_eq!(twice["metadata"][member], once["metadata"][member]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pod_security_restricted_accepts_what_was_added() {
    let installed = Installed::shared().await;
    let labels = json!({LABEL: "true", "pod-security.kubernetes.io/enforce": "restricted"});
    installed.namespace("restricted", labels).await;
    let mut asked = pod("app", &json!({}));
    let (status, said) = installed.create("restricted", &asked).await;
    let why = said["message"].as_str().unwrap_or_default();
    assert_eq!(status, 403, "the policy must be at work: {said}");
    assert!(!why.contains("purser-sidecar"), "{why}");
    asked["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    asked["spec"]["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let (status, made) = installed.create("restricted", &asked).await;
    assert_eq!(
        (status, init_names(&made)),
        (201, vec!["purser-sidecar"]),
        "{made}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_upgrades_rolls_back_and_uninstalls_without_taking_keys_or_blocking_pods() {
    let installed = Installed::new().await;
    let cluster = &installed.world.cluster;
    installed.namespace("shop", asks()).await;
    let key = "apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {name: k, namespace: shop}\nspec: {plan: none}\n";
    cluster.apply(key).await;
    let chart = purser_tests::helm::chart("purser");
    let bundle = bundle(cluster).await;
    let upgrade = ["upgrade", "purser", &chart, "--set", "log=debug"];
    for change in [&upgrade[..], &["rollback", "purser", "1"]] {
        installed.helm(change).await;
        assert_eq!(self::bundle(cluster).await, bundle, "after {change:?}");
    }
    installed.reach_webhook().await;
    installed.world.kill();
    let (status, said) = installed.create("shop", &pod("app", &json!({}))).await;
    let why = said["message"].as_str().unwrap_or_default();
    assert!(
        status == 500 && why.contains("purser.dev"),
        "never bare: {status} {said}"
    );
    let (status, _) = installed.create("reached", &pod("quiet", &json!({}))).await;
    assert_eq!(status, 201, "who did not ask does not wait for an operator");
    installed.helm(&["uninstall", "purser"]).await;
    installed.helm(&["uninstall", "purser-crds"]).await;
    for hook in [HOOK, WARNINGS] {
        assert_eq!(cluster.get(hook).await, Value::Null, "{hook}");
    }
    freed(&installed).await;
    let kept = "/apis/purser.dev/v1alpha1/namespaces/shop/apikeys/k";
    assert!(cluster.get(kept).await.is_object());
    let volume = format!("/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/purser-operator");
    assert!(cluster.get(&volume).await.is_object());
}

async fn bundle(cluster: &Cluster) -> [Value; 3] {
    let (pods, objects) = (cluster.get(HOOK).await, cluster.get(WARNINGS).await);
    [(&pods, 0), (&pods, 1), (&objects, 0)].map(|(hook, one)| {
        let bundle = hook["webhooks"][one]["clientConfig"]["caBundle"].clone();
        assert!(bundle.is_string(), "{hook}");
        bundle
    })
}

/// The API server hears of the end of a webhook through a watch.
async fn freed(installed: &Installed) {
    let begun = std::time::Instant::now();
    loop {
        let (status, said) = installed.dry("shop", &pod("app", &asks())).await;
        if status == 201 {
            return;
        }
        assert!(begun.elapsed() < super::cluster::SOON, "{said}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Monitors and rules are Prometheus Operator's kinds, which this cluster does not have.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_chart_renders_is_accepted_for_every_set_of_values() {
    let world = World::shared().await;
    for name in ["north", "south"] {
        let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}");
        world.cluster.apply(&namespace).await;
    }
    for case in CASES {
        let rendered = template(case).unwrap();
        let known = rendered.split("\n---\n");
        let known: Vec<_> = known
            .filter(|one| !one.contains("apiVersion: monitoring.coreos.com/"))
            .collect();
        let dry = ["apply", "--dry-run=server", "-f", "-"];
        let said = world.cluster.kubectl(&dry, &known.join("\n---\n")).await;
        assert!(said.good, "{case}: {}", said.err);
    }
}
