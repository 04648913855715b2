//! What lies in the charts a second time. The definitions' copies are held by `purser-crds`, which writes them.

use purser_tests::helm::chart;

#[test]
fn the_guard_of_credits_is_the_operators() {
    let read = |path: String| std::fs::read_to_string(path).unwrap();
    let own = read(
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../operator/credit-policy.yaml"
        )
        .into(),
    );
    let copy = format!("{}/templates/credit-policy.yaml", chart("purser"));
    assert!(!own.contains("{{"), "Helm would read a template");
    assert!(
        read(copy) == own,
        "old: cp operator/credit-policy.yaml charts/purser/templates/credit-policy.yaml"
    );
}
