//! What the operator may do, against what it asked the API server for while all other tests of the node ran, as the audit log says.
//! tests/run.sh runs it after them.

use super::installed::SYSTEM;
use super::kubectl::variable;
use purser_tests::figures::figure;
use purser_tests::helm::template;
use purser_tests::rights::{Right, documents, rights};
use serde_json::Value;
use std::collections::BTreeSet;

/// Granted, and asked for in no run of these tests; each for its reason.
const RARE: [[&str; 4]; 2] = [
    // No request has this verb: the guard of credits asks whether its caller has it.
    ["purser.dev", "apikeys", "*", "credit"],
    // When a CA is replaced, after most of a year; the operator's own tests turn the clock.
    ["", "secrets", "purser-ca", "update"],
];

/// Something that the operator asked for: of which namespace, if any; which object; what.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    namespace: String,
    right: Right,
}

fn deed(line: &str) -> Option<Deed> {
    let event: Value = serde_json::from_str(line).unwrap();
    // Paths without an object, as /version, are everybody's.
    let of = event["objectRef"].as_object()?;
    let text = |name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default();
    let resource = match text("subresource") {
        "" => text("resource").to_owned(),
        sub => format!("{}/{sub}", text("resource")),
    };
    let verb = event["verb"].as_str().unwrap_or_default().to_owned();
    Some(Deed {
        namespace: text("namespace").to_owned(),
        right: [
            text("apiGroup").to_owned(),
            resource,
            text("name").to_owned(),
            verb,
        ],
    })
}

/// Whether this right is what allows such a request.
fn allows(right: &Right, asked: &Right) -> bool {
    let [group, resource, name, verb] = right;
    let same = [group, resource, verb] == [&asked[0], &asked[1], &asked[3]];
    same && (name == "*" || *name == asked[2])
}

#[test]
fn every_right_that_is_granted_is_used_and_every_right_that_is_used_is_granted() {
    let log = std::fs::read_to_string(variable("PURSER_TEST_NODE_AUDIT")).unwrap();
    let deeds: BTreeSet<Deed> = log.lines().filter_map(deed).collect();
    let chart = documents(&template("default").unwrap()).unwrap();
    let everywhere = rights(&chart, "ClusterRole", None);
    let own = rights(&chart, "Role", Some(SYSTEM));
    let is_own = |deed: &Deed| deed.namespace == SYSTEM;
    let beyond: Vec<&Deed> = deeds
        .iter()
        .filter(|deed| {
            let by = |rights: &BTreeSet<Right>| rights.iter().any(|one| allows(one, &deed.right));
            !(by(&everywhere) || is_own(deed) && by(&own))
        })
        .collect();
    assert!(beyond.is_empty(), "used and not granted: {beyond:#?}");
    let idle = |right: &&Right, only_own: bool| {
        let mut there = deeds.iter().filter(|deed| !only_own || is_own(deed));
        !there.any(|deed| allows(right, &deed.right))
    };
    let unused = everywhere.iter().filter(|right| idle(right, false));
    let unused: BTreeSet<&Right> = unused
        .chain(own.iter().filter(|right| idle(right, true)))
        .collect();
    let rare = RARE.map(|right| right.map(str::to_owned));
    assert_eq!(unused, rare.iter().collect(), "granted and not used");
    let granted = everywhere.len() + own.len();
    let line = format!(
        "rights: {granted} granted, {} used by {} requests, {} rare",
        granted - rare.len(),
        log.lines().count(),
        rare.len()
    );
    figure("node.txt", &line).unwrap();
}
