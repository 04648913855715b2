//! Every folder of `cases/` is one world and what is decided about it: `input.yaml`, and the `configuration.json` and
//! `verdicts.yaml` that must come of it; `options.yaml` where a case needs others than a cluster's.
//! `UPDATE_GOLDEN=1 cargo test -p purser-compile` writes what comes out; read the difference before it is kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly"
)]

#[path = "golden/reader.rs"]
mod reader;

use purser_compile::{Compiled, compile};
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
    for (name, text) in written(&compiled) {
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
    let configuration = format!(
        "{}\n",
        serde_json::to_string_pretty(&compiled.configuration).unwrap()
    );
    [
        ("configuration.json", configuration),
        ("verdicts.yaml", reader::verdicts(compiled)),
    ]
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
        if options.gateway != purser_compile::Gateway::Absent {
            continue;
        }
        let compiled = compile(&world, options);
        for namespace in compiled
            .configuration
            .keys
            .keys()
            .map(|name| name.namespace().to_owned())
        {
            let part = purser_compile::scoped_to(&compiled.configuration, &namespace);
            assert_eq!(purser_config::check(&part), vec![], "{}", case.display());
            let own = |name: &&purser_config::Name| name.namespace() == namespace;
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
