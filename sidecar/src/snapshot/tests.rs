//! What a key sees of a configuration.

use super::*;
use crate::testing::{channel, configuration, key, plan};
use purser_config::Digest;

fn build(configuration: &Configuration) -> Snapshot {
    let (snapshot, faults) = Snapshot::build(configuration, Version::default(), &Lanes::default());
    assert_eq!(faults, []);
    snapshot
}

#[test]
fn a_key_sees_what_its_plan_allows_and_its_own_narrowing_leaves() {
    let mut all = configuration();
    all.channels.insert(
        Name::new("shop", "one"),
        channel(
            "http://127.0.0.1:1/v1",
            &["gpt-4o", "gpt-4o-mini", "claude"],
        ),
    );
    all.plans
        .insert("free".into(), plan(&["gpt-*"], &["gpt-4o"], 20));
    all.keys
        .insert(Name::new("shop", "key"), key("sk-1", "free", &["shop/one"]));
    let snapshot = build(&all);
    let table = &snapshot.by_name(&Name::new("shop", "key")).unwrap().table;
    assert_eq!(
        table.models().map(|(name, _)| name).collect::<Vec<_>>(),
        ["gpt-4o-mini"]
    );
    assert!(table.withholds("gpt-4o") && table.withholds("claude") && !table.withholds("nothing"));
}

#[test]
fn a_denied_name_is_denied_under_its_aliases_too() {
    let mut all = configuration();
    let mut aliased = channel("http://127.0.0.1:1/v1", &["gpt-4o"]);
    aliased.models[0].aliases = vec!["openai/gpt-4o".into()];
    all.channels.insert(Name::new("shop", "one"), aliased);
    all.plans
        .insert("free".into(), plan(&["*"], &["gpt-4o"], 20));
    all.keys
        .insert(Name::new("shop", "key"), key("sk-1", "free", &["shop/one"]));
    let snapshot = build(&all);
    assert!(
        snapshot
            .by_name(&Name::new("shop", "key"))
            .unwrap()
            .table
            .serving("openai/gpt-4o")
            .is_none()
    );
}

#[test]
fn a_channel_that_cannot_be_called_is_reported_and_holds_up_nobody() {
    let mut all = configuration();
    let mut broken = channel("http://127.0.0.1:1/v1", &["m"]);
    broken.ca_pem = Some("not a certificate".into());
    all.channels.insert(Name::new("shop", "broken"), broken);
    all.channels.insert(
        Name::new("shop", "fine"),
        channel("http://127.0.0.1:1/v1", &["m"]),
    );
    all.plans.insert("free".into(), plan(&["*"], &[], 20));
    all.keys.insert(
        Name::new("shop", "key"),
        key("sk-1", "free", &["shop/broken", "shop/fine"]),
    );
    let (snapshot, faults) = Snapshot::build(&all, Version::default(), &Lanes::default());
    assert_eq!(faults.len(), 1);
    let table = &snapshot.by_name(&Name::new("shop", "key")).unwrap().table;
    assert_eq!(table.serving("m").unwrap().len(), 1);
}

#[test]
fn the_value_before_works_until_its_end_and_the_live_one_goes_on() {
    let digest = |byte| [byte; 32];
    let mut rotated = key("sk-1", "free", &[]);
    rotated.digests = vec![Digest(digest(1))];
    rotated.previous = Some(Previous {
        digest: Digest(digest(2)),
        until_ms: 1_000,
    });
    let mut all = configuration();
    all.plans.insert("free".into(), plan(&["*"], &[], 20));
    all.keys.insert(Name::new("shop", "key"), rotated);
    let snapshot = build(&all);
    let works = |byte, now_ms| snapshot.by_digest(&digest(byte), || now_ms).is_some();
    assert!(works(2, 999) && !works(2, 1_000));
    assert!(works(1, 999) && works(1, u64::MAX) && !works(3, 0));
}
