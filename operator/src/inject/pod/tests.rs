//! Pods as authors write them, and what they become.

use super::*;
use serde_json::json;

fn settings() -> Settings {
    Settings {
        image: "purser-sidecar:1".into(),
        pull_policy: None,
        operator: "https://purser-operator.purser-system.svc:8443".into(),
        gateway: None,
        otlp: None,
        native: true,
    }
}

fn pod(spec: Value) -> Value {
    json!({"metadata": {"name": "app", "annotations": {"purser.dev/api-key": "checkout"}}, "spec": spec})
}

fn become_of(pod: &Value) -> (Value, Vec<String>) {
    match injected(pod, "shop", &settings()) {
        Verdict::Become(pod, notes) => (*pod, notes),
        other => panic!("{other:?}"),
    }
}

fn variable<'a>(container: &'a Value, name: &str) -> Option<&'a str> {
    let mut all = list(&container["env"]).iter();
    all.find(|one| one["name"] == name)?["value"].as_str()
}

#[test]
fn an_ordinary_pod_gets_a_sidecar_before_its_own_init_containers_and_every_sdks_variables() {
    let (pod, notes) = become_of(&pod(json!({
        "initContainers": [{"name": "migrate", "image": "app"}],
        "containers": [{"name": "app", "image": "app", "env": [{"name": "A", "value": "b"}]}],
    })));
    assert_eq!(notes, Vec::<String>::new());
    let first = &pod["spec"]["initContainers"][0];
    assert_eq!(
        (&first["name"], &first["restartPolicy"]),
        (&json!(NAME), &json!("Always"))
    );
    assert_eq!(
        variable(first, "PURSER_API_KEY_NAME"),
        Some("shop/checkout")
    );
    for container in [
        &pod["spec"]["initContainers"][1],
        &pod["spec"]["containers"][0],
    ] {
        assert_eq!(
            variable(container, "OPENAI_BASE_URL"),
            Some("http://127.0.0.1:4100/v1")
        );
        assert_eq!(
            variable(container, "ANTHROPIC_BASE_URL"),
            Some("http://127.0.0.1:4100")
        );
        assert_eq!(variable(container, "GEMINI_API_KEY"), Some("sk-purser-pod"));
    }
    assert_eq!(variable(&pod["spec"]["containers"][0], "A"), Some("b"));
    assert_eq!(pod["metadata"]["labels"][LABEL], "true");
}

#[test]
fn what_was_injected_once_stays_as_it_is() {
    let (once, _) = become_of(&pod(
        json!({"containers": [{"name": "app", "image": "app"}]}),
    ));
    let (twice, notes) = become_of(&once);
    assert_eq!((once, Vec::<String>::new()), (twice, notes));
}

#[test]
fn a_container_that_another_webhook_adds_later_gets_the_variables_too() {
    let (mut pod, _) = become_of(&pod(
        json!({"containers": [{"name": "app", "image": "app"}]}),
    ));
    let containers = pod["spec"]["containers"].as_array_mut().unwrap();
    containers.push(json!({"name": "late", "image": "late"}));
    let (pod, _) = become_of(&pod);
    assert_eq!(
        variable(&pod["spec"]["containers"][1], "OPENAI_API_KEY"),
        Some("sk-purser-pod")
    );
    assert_eq!(list(&pod["spec"]["initContainers"]).len(), 1);
}

#[test]
fn a_family_of_which_the_author_set_any_is_left_whole_and_said_so() {
    let own = json!({"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "own", "key": "k"}}});
    let (pod, notes) = become_of(&pod(
        json!({"containers": [{"name": "app", "env": [own.clone()]}]}),
    ));
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["env"][0], own);
    assert_eq!(variable(container, "OPENAI_BASE_URL"), None);
    assert_eq!(
        variable(container, "ANTHROPIC_API_KEY"),
        Some("sk-purser-pod")
    );
    assert!(notes.len() == 1 && notes[0].contains("OpenAI"), "{notes:?}");
    assert_eq!(pod["metadata"]["annotations"][KEPT], notes[0]);
}

#[test]
fn an_env_from_may_hold_anything_so_nothing_is_set_unless_forced() {
    let spec =
        json!({"containers": [{"name": "app", "envFrom": [{"secretRef": {"name": "all"}}]}]});
    let mut asked = pod(spec);
    let (left, notes) = become_of(&asked);
    assert_eq!(
        (&left["spec"]["containers"][0]["env"], notes.len()),
        (&Value::Null, 4)
    );
    asked["metadata"]["annotations"]["purser.dev/inject-env"] = "force".into();
    let (forced, notes) = become_of(&asked);
    assert_eq!(
        variable(&forced["spec"]["containers"][0], "OPENAI_API_KEY"),
        Some("sk-purser-pod")
    );
    assert_eq!(notes.len(), 0);
}

#[test]
fn what_cannot_have_a_sidecar_is_refused_with_a_reason() {
    for (spec, why) in [
        (
            json!({"hostNetwork": true, "containers": []}),
            "hostNetwork",
        ),
        (
            json!({"os": {"name": "windows"}, "containers": []}),
            "Linux",
        ),
        (
            json!({"containers": [{"name": "purser-sidecar"}]}),
            "rename",
        ),
        (
            json!({"containers": [], "initContainers": [{"name": "purser-sidecar"}]}),
            "rename",
        ),
        (
            json!({"containers": [], "volumes": [{"name": "purser-spool", "hostPath": {"path": "/"}}]}),
            "rename",
        ),
    ] {
        let Verdict::Refuse(said) = injected(&pod(spec.clone()), "shop", &settings()) else {
            panic!("{spec}");
        };
        assert!(said.contains(why), "{said}");
    }
    let old = Settings {
        native: false,
        ..settings()
    };
    let refused = injected(&pod(json!({"containers": []})), "shop", &old);
    assert!(matches!(refused, Verdict::Refuse(why) if why.contains("1.29")));
}

#[test]
fn a_pod_that_says_no_is_left_alone() {
    let mut asked = pod(json!({"hostNetwork": true, "containers": []}));
    asked["metadata"]["labels"] = json!({(LABEL): "false"});
    assert_eq!(injected(&asked, "shop", &settings()), Verdict::Leave);
}

#[test]
fn annotations_choose_image_resources_and_log() {
    let mut asked = pod(json!({"containers": [{"name": "app"}]}));
    for (name, value) in [
        ("image", "mine:2"),
        ("log", "debug"),
        ("cpu-limit", "1"),
        ("memory-request", "64Mi"),
    ] {
        asked["metadata"]["annotations"][format!("purser.dev/{name}")] = value.into();
    }
    let (pod, _) = become_of(&asked);
    let sidecar = &pod["spec"]["initContainers"][0];
    assert_eq!(sidecar["image"], "mine:2");
    assert_eq!(variable(sidecar, "PURSER_LOG"), Some("debug"));
    assert_eq!(sidecar["resources"]["limits"]["cpu"], "1");
    assert_eq!(sidecar["resources"]["requests"]["memory"], "64Mi");
}

#[test]
fn a_sidecar_knows_the_shared_gateway_and_the_collector_where_there_is_one() {
    let of = |gateway: Option<&str>, otlp: Option<&str>| {
        let settings = Settings {
            gateway: gateway.map(str::to_owned),
            otlp: otlp.map(str::to_owned),
            ..settings()
        };
        let pod = pod(json!({"containers": []}));
        let Verdict::Become(pod, _) = injected(&pod, "shop", &settings) else {
            panic!("it is injected");
        };
        let sidecar = &pod["spec"]["initContainers"][0];
        ["PURSER_GATEWAY", "PURSER_OTLP"].map(|name| variable(sidecar, name).map(str::to_owned))
    };
    let url = "https://purser-gateway.purser-system.svc:8100";
    let collector = "http://collector.ops.svc:4318";
    let both = of(Some(url), Some(collector));
    assert_eq!(both.map(|one| one.unwrap()), [url, collector]);
    assert_eq!(of(None, None), [None, None]);
}
