//! Reads a case's folder into a `World`, and writes verdicts down. For these tests only: what people's files need (base64 `data`,
//! line numbers, unknown fields) is the CLI's.

use purser_compile::{
    Compiled, Gateway, ObjectRef, Options, Rotation, Step, Verdict, World, WorldSecret,
};
use purser_config::{Name, SecretText};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(crate) fn read(case: &Path) -> (World, Options) {
    let text = fs::read_to_string(case.join("input.yaml")).unwrap();
    let documents: Vec<Value> = serde_yaml::from_multiple(&text)
        .unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    let mut world = World::default();
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .for_each(|document| add(&mut world, document));
    let options = fs::read_to_string(case.join("options.yaml"))
        .map_or(json!({}), |text| serde_yaml::from_str(&text).unwrap());
    let gateway = match options["gateway"].as_str() {
        Some("SameProcess") => Gateway::SameProcess,
        Some("Apart") => Gateway::Apart,
        _ => Gateway::Absent,
    };
    (world, Options { gateway })
}

fn add(world: &mut World, document: Value) {
    let labels = texts(&document["metadata"]["labels"]);
    let name = document["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    match document["kind"].as_str().unwrap() {
        "Activation" => {
            let (key, plan) = (&document["key"], &document["plan"]);
            let key = key.as_str().unwrap().parse().unwrap();
            let activation = (key, plan.as_str().unwrap().to_owned());
            world
                .activations
                .insert(activation, document["atMs"].as_u64().unwrap());
        }
        "Plan" => world.plans.push(serde_json::from_value(document).unwrap()),
        "ApiKey" => world.keys.push(serde_json::from_value(document).unwrap()),
        "ProviderChannel" => world
            .channels
            .push(serde_json::from_value(document).unwrap()),
        "Namespace" => drop(world.namespaces.insert(name, labels)),
        "Secret" => {
            let namespace = document["metadata"]["namespace"]
                .as_str()
                .unwrap_or("default");
            let data = texts(&document["stringData"])
                .into_iter()
                .map(|(key, value)| (key, SecretText::new(value)))
                .collect();
            let kind = document["type"].as_str().unwrap_or_default().to_owned();
            let secret = WorldSecret {
                labels,
                annotations: texts(&document["metadata"]["annotations"]),
                kind,
                data,
            };
            world.secrets.insert(Name::new(namespace, &name), secret);
        }
        other => panic!("kind {other}"),
    }
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    map.as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

pub(crate) fn verdicts(compiled: &Compiled) -> String {
    let objects: Map<String, Value> = compiled
        .verdicts
        .iter()
        .map(|(object, verdict)| (title(object), one(verdict)))
        .collect();
    let wanted: Vec<Value> = compiled
        .wanted
        .iter()
        .map(|wanted| json!({"secret": wanted.secret, "key": wanted.key}))
        .collect();
    let mut shown = json!({"verdicts": objects, "wanted": wanted});
    if !compiled.rotations.is_empty() {
        shown["rotations"] = compiled.rotations.iter().map(rotation).collect();
    }
    serde_yaml::to_string(&shown).unwrap()
}

fn rotation(due: &Rotation) -> Value {
    let (step, overlap_ms) = match due.step {
        Step::Replace { overlap_ms } => ("replace", Some(overlap_ms)),
        Step::Forget => ("forget", None),
    };
    let mut shown = json!({"secret": due.secret, "key": due.key, "atMs": due.at_ms, "step": step});
    if let Some(overlap_ms) = overlap_ms {
        shown["overlapMs"] = json!(overlap_ms);
    }
    shown
}

fn title(object: &ObjectRef) -> String {
    match object {
        ObjectRef::Plan(name) => format!("Plan {name}"),
        ObjectRef::ApiKey(name) => format!("ApiKey {name}"),
        ObjectRef::ProviderChannel(name) => format!("ProviderChannel {name}"),
    }
}

fn one(verdict: &Verdict) -> Value {
    let mut shown = match &verdict.refused {
        None => json!({"accepted": true}),
        Some((reason, message)) => {
            json!({"accepted": false, "reason": reason.as_str(), "message": message})
        }
    };
    if !verdict.not_yet_enforced.is_empty() {
        shown["notYetEnforced"] = json!(verdict.not_yet_enforced);
    }
    if !verdict.warnings.is_empty() {
        shown["warnings"] = json!(verdict.warnings);
    }
    if let Some(facts) = &verdict.key {
        shown["key"] = json!({"prefix": facts.prefix, "digests": facts.digests});
    }
    shown
}

/// Fisher and Yates with a linear generator: the same shuffle for the same seed.
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for at in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        items.swap(at, (state >> 33) as usize % (at + 1));
    }
}
