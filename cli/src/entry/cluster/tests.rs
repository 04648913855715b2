//! Against a kubectl that a test writes down: what it was called with, and what the ApiKey looks like at each look.

use super::*;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const CREDIT: &str = "credit.purser.dev/invoice-7";

/// Answers the nth `get` with the nth object, and from the last on with the last.
fn kubectl(looks: &[Value]) -> (TempDir, Cluster) {
    let folder = tempfile::tempdir().unwrap();
    for (number, look) in looks.iter().enumerate() {
        std::fs::write(
            folder.path().join(format!("{number}.json")),
            look.to_string(),
        )
        .unwrap();
    }
    let here = folder.path().display();
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {here}/calls\n[ \"$1\" = get ] || exit 0\nn=$(cat {here}/n 2>/dev/null || echo 0)\n\
         [ -f {here}/$n.json ] || n=$((n - 1))\ncat {here}/$n.json\necho $((n + 1)) > {here}/n\n"
    );
    let program = folder.path().join("kubectl");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let cluster = Cluster {
        program: program.into(),
        context: Some("prod".to_owned()),
        patience: Duration::from_millis(600),
        words: Duration::from_millis(600),
    };
    (folder, cluster)
}

fn object(annotated: bool, condition: Option<(&str, &str, &str)>) -> Value {
    let annotations = if annotated {
        json!({CREDIT: "500"})
    } else {
        json!({})
    };
    let conditions = condition.map(|(status, reason, message)| {
        json!([{"type": "Credited", "status": status, "reason": reason, "message": message}])
    });
    json!({"metadata": {"annotations": annotations}, "spec": {"plan": "free"},
           "status": {"conditions": conditions, "creditsLeft": "520"}})
}

fn calls(folder: &Path) -> Vec<String> {
    let calls = std::fs::read_to_string(folder.join("calls")).unwrap();
    calls.lines().map(str::to_owned).collect()
}

fn enter(cluster: &Cluster) -> anyhow::Result<String> {
    cluster.enter(&Name::new("shop", "checkout"), (CREDIT, "500"), None)
}

#[test]
fn an_entry_is_annotated_waited_for_and_told() {
    let made = "500 credits were added (invoice-7); 520 can be used now";
    let (folder, cluster) = kubectl(&[
        object(false, None),
        object(true, None),
        object(false, None),
        object(false, Some(("True", "Credited", made))),
    ]);
    let told = enter(&cluster).unwrap();
    assert_eq!(
        told,
        format!("{made}\nstatus.creditsLeft, which follows within 30 s: 520")
    );
    let common = "apikeys.purser.dev/checkout --namespace=shop --request-timeout=10s";
    let calls = calls(folder.path());
    assert_eq!(
        calls[0],
        format!("get {common} --output=json --context=prod")
    );
    assert_eq!(
        calls[1],
        format!("annotate {common} {CREDIT}=500 --context=prod")
    );
}

#[test]
fn a_refusal_is_the_operators_own_words() {
    let why = "credit.purser.dev/invoice-7: only 3 can be taken; take less";
    let (_folder, cluster) = kubectl(&[
        object(false, None),
        object(true, Some(("False", "Refused", why))),
    ]);
    assert_eq!(enter(&cluster).unwrap_err().to_string(), why);
    let open = "credit.purser.dev/invoice-7 was removed and not acted on: the policy is missing";
    let (_folder, cluster) = kubectl(&[
        object(false, None),
        object(false, Some(("False", "NotGuarded", open))),
    ]);
    assert_eq!(enter(&cluster).unwrap_err().to_string(), open);
}

#[test]
fn words_about_another_entry_and_old_ones_decide_nothing() {
    let other = object(true, Some(("False", "Refused", "credit.purser.dev/x: no")));
    let (_folder, cluster) = kubectl(&[object(false, None), other]);
    let error = enter(&cluster).unwrap_err().to_string();
    assert!(error.contains("has not acted on annotation"), "{error}");
    assert!(
        error.contains("kubectl annotate apikey checkout -n shop credit.purser.dev/invoice-7-"),
        "{error}"
    );

    let open = "credit.purser.dev/invoice-7 was removed and not acted on: the policy is missing";
    let stale = Some(("False", "NotGuarded", open));
    let made = "500 credits were added (invoice-7); 520 can be used now";
    let (_folder, cluster) = kubectl(&[
        object(false, stale),
        object(true, stale),
        object(false, stale),
        object(false, Some(("True", "Credited", made))),
    ]);
    assert!(enter(&cluster).unwrap().starts_with(made));
}

#[test]
fn a_renewal_is_of_the_plan_that_the_key_is_on() {
    let renewed = "its time on plan free began anew at 2026-11-22T10:00:00Z (renew/invoice-7)";
    let (folder, cluster) = kubectl(&[
        object(false, None),
        object(false, Some(("True", "Renewed", renewed))),
    ]);
    let key = Name::new("shop", "checkout");
    let entry = ("renew.purser.dev/invoice-7", "");
    let error = cluster.enter(&key, entry, Some("gold")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it is on plan free and not on gold"),
        "{error}"
    );
    assert_eq!(calls(folder.path()).len(), 1, "nothing was annotated");
    let (_folder, cluster) = kubectl(&[
        object(false, None),
        object(false, Some(("True", "Renewed", renewed))),
    ]);
    assert!(
        cluster
            .enter(&key, entry, Some("free"))
            .unwrap()
            .starts_with(renewed)
    );
}

#[test]
fn a_kubectl_that_is_missing_or_refuses_is_told() {
    let (folder, mut cluster) = kubectl(&[]);
    std::fs::write(
        folder.path().join("kubectl"),
        "#!/bin/sh\necho 'E1122 23:45:13.6 memcache.go] x' >&2\necho 'Forbidden: no' >&2\nexit 1\n",
    )
    .unwrap();
    let error = format!("{:#}", enter(&cluster).unwrap_err());
    assert!(
        error.contains("kubectl get ApiKey shop/checkout: Forbidden: no"),
        "{error}"
    );
    cluster.program = "/nowhere/kubectl".into();
    let error = format!("{:#}", enter(&cluster).unwrap_err());
    assert!(error.contains("install it, or give --data-dir"), "{error}");
}

#[test]
fn an_annotation_of_an_earlier_try_is_waited_for_and_another_amount_is_not_written_over_it() {
    let why = "credit.purser.dev/invoice-7: no account can hold so much; add less";
    let (folder, cluster) = kubectl(&[object(true, Some(("False", "Refused", why)))]);
    assert_eq!(enter(&cluster).unwrap_err().to_string(), why);
    let key = Name::new("shop", "checkout");
    let error = cluster.enter(&key, (CREDIT, "9"), None).unwrap_err();
    assert!(
        error.to_string().contains("is there already, with \"500\""),
        "{error}"
    );
    let written = calls(folder.path());
    assert!(written.iter().all(|call| call.starts_with("get ")));
}
