//! What is said of an object before it is stored, in the order in which people write them and in others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use purser_compile::{Draft, Gateway, Options, World, review};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn object<T: DeserializeOwned>(kind: &str, (namespace, name): (&str, &str), spec: Value) -> T {
    let object = json!({"apiVersion": "purser.dev/v1alpha1", "kind": kind, "spec": spec,
        "metadata": {"name": name, "namespace": namespace}});
    serde_json::from_value(object).unwrap()
}

fn plan(name: &str, spec: Value) -> purser_crds::Plan {
    object("Plan", ("", name), spec)
}

fn key(name: &str, spec: Value) -> purser_crds::ApiKey {
    object("ApiKey", ("shop", name), spec)
}

/// With a credential, whose Secret is not in any world here.
fn channel(name: &str, models: &[&str]) -> purser_crds::ProviderChannel {
    let models: Vec<Value> = models.iter().map(|name| json!({"name": name})).collect();
    let spec = json!({"provider": "OpenAI", "credentials": [{"secretRef": {"name": "unseen"}}], "models": models});
    object("ProviderChannel", ("shop", name), spec)
}

fn said(world: &World, draft: Draft) -> Vec<String> {
    let gateway = Gateway::Absent;
    review(world.clone(), Options { gateway }, draft)
}

fn allows(models: &[&str]) -> Value {
    json!({"models": {"allow": models}})
}

#[test]
fn a_channel_then_a_plan_then_a_key_are_stored_without_a_word() {
    let mut world = World::default();
    let models = channel("openai", &["gpt", "embed"]);
    assert_eq!(
        said(&world, Draft::ProviderChannel(models.clone())),
        [""; 0]
    );
    world.channels.push(models);
    let free = plan("free", allows(&["gpt", "emb*"]));
    assert_eq!(said(&world, Draft::Plan(free.clone())), [""; 0]);
    world.plans.push(free);
    let checkout = key("checkout", json!({"plan": "free"}));
    assert_eq!(said(&world, Draft::ApiKey(checkout)), [""; 0]);
}

#[test]
fn a_key_is_told_of_a_plan_that_is_missing_or_broken_or_does_not_admit_it() {
    let mut world = World::default();
    world.channels.push(channel("openai", &["gpt"]));
    world.plans.push(plan(
        "broken",
        json!({"models": {"allow": ["gpt"]}, "limits": {"requestsPerMinute": 0}}),
    ));
    let ops = json!({"from": "Selector", "selector": {"matchLabels": {"team": "ops"}}});
    world.plans.push(plan(
        "ops",
        json!({"models": {"allow": ["gpt"]}, "namespaces": ops}),
    ));
    for (named, word) in [
        ("nowhere", "does not exist"),
        ("broken", "is not accepted"),
        ("ops", "does not admit"),
    ] {
        let said = said(&world, Draft::ApiKey(key("k", json!({"plan": named}))));
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("it will not be accepted: plan ") && said[0].contains(word),
            "{said:?}"
        );
    }
}

#[test]
fn a_key_that_is_one_too_many_is_told_and_one_that_is_there_already_is_not() {
    let mut world = World::default();
    world.channels.push(channel("openai", &["gpt"]));
    world.plans.push(plan(
        "one",
        json!({"models": {"allow": ["gpt"]}, "maxKeysPerNamespace": 1}),
    ));
    let there = key("there", json!({"plan": "one"}));
    world.keys.push(there.clone());
    assert_eq!(said(&world, Draft::ApiKey(there)), [""; 0]);
    let second = said(
        &world,
        Draft::ApiKey(key("a-second", json!({"plan": "one"}))),
    );
    assert!(
        second[0].contains("has its full number of keys"),
        "{second:?}"
    );
}

#[test]
fn models_that_no_channel_has_are_told_to_the_plan_and_to_the_key() {
    let mut world = World::default();
    let claude = plan("claude", allows(&["gpt", "claude-*"]));
    let nobody = said(&world, Draft::Plan(claude.clone()));
    assert!(
        nobody[0].contains("has \"claude-*\", \"gpt\""),
        "{nobody:?}"
    );
    world.channels.push(channel("openai", &["gpt"]));
    let of_plan = said(&world, Draft::Plan(claude.clone()));
    assert!(
        of_plan[0].starts_with("no channel that it lists has \"claude-*\""),
        "{of_plan:?}"
    );
    world.plans.push(claude);
    let of_key = said(&world, Draft::ApiKey(key("k", json!({"plan": "claude"}))));
    assert!(
        of_key[0].starts_with("no channel that serves it has \"claude-*\""),
        "{of_key:?}"
    );
    let narrowed = said(
        &world,
        Draft::ApiKey(key("k", json!({"plan": "claude", "models": ["gpt"]}))),
    );
    assert_eq!(narrowed, [""; 0], "it asks for nothing else");
    let beyond = said(
        &world,
        Draft::ApiKey(key("k", json!({"plan": "claude", "models": ["gpt", "o9"]}))),
    );
    assert!(beyond[0].contains("answers to \"o9\""), "{beyond:?}");
}

#[test]
fn a_key_that_no_channel_serves_is_told_that_alone() {
    let mut world = World::default();
    world.plans.push(plan("free", allows(&["gpt", "emb*"])));
    let said = said(&world, Draft::ApiKey(key("k", json!({"plan": "free"}))));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("no channel serves it"), "{said:?}");
}

#[test]
fn a_channel_that_loses_a_model_is_told_which_plan_has_it_from_nobody_else() {
    let mut world = World::default();
    world
        .plans
        .push(plan("free", allows(&["gpt", "embed", "never-there"])));
    world.channels.push(channel("one", &["gpt", "embed"]));
    world.channels.push(channel("two", &["embed"]));
    let less = channel("one", &["other"]);
    let said = said(&world, Draft::ProviderChannel(less));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("plan \"free\" lists has \"gpt\", which"),
        "{said:?}"
    );
}

#[test]
fn what_this_version_does_not_enforce_is_told() {
    let world = World {
        channels: vec![channel("openai", &["gpt"])],
        ..World::default()
    };
    let cheap = plan(
        "cheap",
        json!({"models": {"allow": ["gpt"]}, "routing": "LowestCost"}),
    );
    let told = said(&world, Draft::Plan(cheap));
    assert_eq!(
        told,
        ["set, and not enforced by this version: spec.routing"]
    );
    let mut offered = channel("offered", &["gpt"]);
    offered.spec.namespaces = serde_json::from_value(json!({"from": "All"})).unwrap();
    let told = said(&world, Draft::ProviderChannel(offered));
    assert_eq!(
        told,
        ["set, and not enforced by this version: spec.namespaces.via"]
    );
}

#[test]
fn whether_a_secret_is_there_is_never_told() {
    let mut world = World::default();
    let of_openai = channel("openai", &["gpt"]);
    let unknown = said(&world, Draft::ProviderChannel(of_openai.clone()));
    let name = purser_config::Name::new("shop", "unseen");
    world
        .secrets
        .insert(name, purser_compile::WorldSecret::default());
    assert_eq!(said(&world, Draft::ProviderChannel(of_openai)), unknown);
}
