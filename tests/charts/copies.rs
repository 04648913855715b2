//! What lies in the charts a second time. The definitions' copies are held by `purser-crds`, which writes them.

use purser_tests::helm::chart;

#[test]
fn the_guards_of_credits_and_of_secrets_are_the_operators() {
    for name in ["credit-policy.yaml", "secret-policy.yaml"] {
        let own = format!("{}/../operator/{name}", env!("CARGO_MANIFEST_DIR"));
        let own = std::fs::read_to_string(own).unwrap();
        let copy = format!("{}/templates/{name}", chart("purser"));
        assert!(!own.contains("{{"), "Helm would read a template");
        assert!(
            std::fs::read_to_string(copy).unwrap_or_default() == own,
            "old: cp operator/{name} charts/purser/templates/{name}"
        );
    }
}
