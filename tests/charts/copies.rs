//! What lies in the charts a second time. The definitions' copies are held by `purser-crds`, which writes them.

use purser_tests::helm::chart;

#[test]
fn the_guards_of_credits_and_of_secrets_are_the_operators() {
    for name in [
        "credit-policy.yaml",
        "secret-policy.yaml",
        "fence-policy.yaml",
    ] {
        let own = format!("{}/../operator/{name}", env!("CARGO_MANIFEST_DIR"));
        let own = std::fs::read_to_string(own).unwrap();
        let copy = format!("{}/templates/{name}", chart("purser"));
        assert!(!own.contains("{{"), "Helm would read a template");
        // The one account that they name is the chart's, wherever it is installed.
        let copied = std::fs::read_to_string(copy).unwrap_or_default();
        let copied = copied.replace("{{ .Release.Namespace }}:", "purser-system:");
        assert!(
            copied == own,
            "old: sed 's/purser-system:/{{{{ .Release.Namespace }}}}:/' operator/{name} > charts/purser/templates/{name}"
        );
    }
}
