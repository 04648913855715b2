//! Every folder of `cases/` is one world and what is decided about it: `input.yaml`, and the `configuration.json` and
//! `verdicts.yaml` that must come of it; `options.yaml` where a case needs others than a cluster's; with a gateway apart, `parts.json`
//! is what each namespace is told.
//! `UPDATE_GOLDEN=1 cargo test -p purser-compile` writes what comes out; read the difference before it is kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "golden/reader.rs"]
mod reader;

use purser_compile::{Compiled, Gateway, compile, scoped_to};
use purser_config::{Configuration, Name};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

fn check(case: &Path) -> Result<(), String> {
    let (world, options) = reader::read(case);
    let compiled = compile(&world, options);
    let faults = purser_config::check(&compiled.configuration);
    if !faults.is_empty() {
        return Err(format!(
            "{}: the sidecar would refuse {faults:?}",
            case.display()
        ));
    }
    let told = (options.gateway == Gateway::Apart).then(|| ("parts.json", json(&parts(&compiled))));
    for (name, text) in written(&compiled).into_iter().chain(told) {
        let path = case.join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected != text {
            return Err(format!("{} differs; now it is\n{text}", path.display()));
        }
    }
    Ok(())
}

fn written(compiled: &Compiled) -> [(&'static str, String); 2] {
    [
        ("configuration.json", json(&compiled.configuration)),
        ("verdicts.yaml", reader::verdicts(compiled)),
    ]
}

fn json(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap())
}

/// What each namespace that has a key is told.
fn parts(compiled: &Compiled) -> BTreeMap<String, Configuration> {
    let names = compiled.configuration.keys.keys();
    let part = |name: &Name| {
        let part = scoped_to(&compiled.configuration, name.namespace());
        (name.namespace().to_owned(), part)
    };
    names.map(part).collect()
}

#[test]
fn every_case_comes_out_as_written() {
    let wrong: Vec<String> = cases()
        .iter()
        .filter_map(|case| check(case).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(cases().len() >= 25);
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    for case in cases() {
        let (world, options) = reader::read(&case);
        let expected = written(&compile(&world, options));
        for seed in 1..=20 {
            let mut shuffled = world.clone();
            reader::shuffle(&mut shuffled.plans, seed);
            reader::shuffle(&mut shuffled.keys, seed + 100);
            reader::shuffle(&mut shuffled.channels, seed + 200);
            assert_eq!(
                written(&compile(&shuffled, options)),
                expected,
                "{}, seed {seed}",
                case.display()
            );
        }
    }
}

#[test]
fn what_one_namespace_is_told_is_whole_and_no_more() {
    for case in cases() {
        let (world, options) = reader::read(&case);
        if options.gateway == Gateway::SameProcess {
            continue;
        }
        let compiled = compile(&world, options);
        for (namespace, part) in parts(&compiled) {
            assert_eq!(purser_config::check(&part), vec![], "{}", case.display());
            let own = |name: &&Name| name.namespace() == namespace;
            assert!(
                part.keys
                    .keys()
                    .eq(compiled.configuration.keys.keys().filter(own))
            );
            let named = |plan: &String| part.keys.values().any(|key| key.plan == *plan);
            assert!(
                part.plans.keys().all(named),
                "a plan that no key of {namespace} names"
            );
            for name in part.channels.keys() {
                assert!(
                    part.keys.values().any(|key| key.channels.contains(name)),
                    "{name} is not for {namespace}"
                );
                let shared = world.channels.iter().any(|channel| {
                    channel.metadata.name.as_deref() == Some(name.name())
                        && channel.spec.namespaces.via == purser_crds::Via::Sidecar
                });
                assert!(
                    name.namespace() == namespace || shared,
                    "the credential of {name} leaked to {namespace}"
                );
            }
        }
    }
}

#[test]
fn no_credential_of_a_channel_via_gateway_is_told_to_another_namespace() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/offer-through-the-gateway");
    let (world, options) = reader::read(&case);
    let compiled = compile(&world, options);
    let parts = parts(&compiled);
    for namespace in ["shop", "dark"] {
        let part = &parts[namespace];
        assert!(
            !json(part).contains("provider-secret-shared"),
            "{namespace}"
        );
        let handed = |name: &str| {
            let key = &part.keys[&Name::new(namespace, name)];
            assert!(!key.via_gateway || key.channels.is_empty(), "{name}");
            key.via_gateway
        };
        assert!(handed(&format!("wide-{namespace}")), "{namespace}");
    }
    assert!(json(&parts["models"]).contains("provider-secret-shared"));
    let whole = compiled.configuration.keys.values();
    assert!(
        whole.clone().all(|key| !key.via_gateway),
        "the gateway's own"
    );
    let flagged = |part: &Configuration| part.channels.values().any(|one| one.via_gateway);
    assert!(flagged(&compiled.configuration) && !parts.values().any(flagged));
}

#[test]
fn no_secret_is_in_a_verdict() {
    for case in cases() {
        let (world, options) = reader::read(&case);
        let [_, (_, verdicts)] = written(&compile(&world, options));
        for value in world
            .secrets
            .values()
            .flat_map(|secret| secret.data.values())
            .map(|value| value.reveal())
            .filter(|value| value.len() > 11)
        {
            assert!(!verdicts.contains(value), "{}", case.display());
        }
    }
}
