//! What users hold already: the definitions and the contract's files, applied as they stand.

use super::cluster::{API, condition, field_of};
use super::operator::World;
use super::place::Place;

const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contract");
/// The contract's first key, as its Secret has it.
const CHECKOUT: &str = "sk-shop0001-7Qm2xV9bT4kR8nZ3wY6dJ5fH1cL0pS2g";

#[tokio::test]
async fn the_contract_is_accepted_unchanged_and_says_what_is_not_enforced_yet() {
    let world = World::shared().await;
    let cluster = &world.cluster;
    let said = cluster.kubectl(&["apply", "-f", CONTRACT], "").await;
    assert!(said.good && !said.err.contains("Warning"), "{said:?}");
    let plans = [
        "free",
        "trial-pack",
        "ten-day-pass",
        "unlimited",
        "enterprise-acme",
    ];
    let plans = plans.map(|name| format!("{API}/plans/{name}"));
    let keys = ["checkout", "search", "brought-along"];
    let keys = keys.map(|name| format!("{API}/namespaces/shop/apikeys/{name}"));
    let channels = ["openai", "azure", "anthropic", "gemini", "in-cluster-vllm"];
    let channels = channels.map(|name| format!("{API}/namespaces/shop/providerchannels/{name}"));
    // Each has a field whose behaviour comes later, and says which.
    let later = ["/enterprise-acme", "/anthropic", "/in-cluster-vllm"];
    for path in plans.iter().chain(&keys).chain(&channels) {
        let what = format!("{path} is accepted");
        let so = |object: &_| condition(object, "Accepted") == "True";
        let object = cluster.until(&what, path, so).await;
        let is_later = later.iter().any(|name| path.ends_with(name));
        let expected = if is_later { "True" } else { "False" };
        assert_eq!(condition(&object, "NotYetEnforced"), expected, "{object:#}");
        let fields = field_of(&object, "NotYetEnforced", "message");
        assert_eq!(
            fields.contains("spec."),
            is_later,
            "it names the fields: {fields}"
        );
    }
    let place = Place::existing(&world, "shop").await;
    let sidecars = place.sidecars(1).await;
    let models = sidecars[0].models(CHECKOUT).await;
    assert!(models.contains(&"gpt-4o-mini".to_owned()), "{models:?}");
    reads_well(&world).await;
    // What a GitOps controller does all day: no object is another one afterwards.
    let again = cluster.says(&["apply", "-f", CONTRACT]).await;
    // kubectl calls a Secret configured whenever its file has stringData.
    let stays = |line: &&str| line.ends_with(" unchanged") || line.starts_with("secret/");
    let others: Vec<&str> = again.lines().filter(|line| !stays(line)).collect();
    assert!(others.is_empty(), "{others:?}");
}

async fn reads_well(world: &World) {
    let cluster = &world.cluster;
    let wide = cluster.says(&["get", "keys,plans,chan", "-A"]).await;
    for word in [
        "PREFIX", "RPM", "PROVIDER", "PRIORITY", "ACCEPTED", "ENFORCED",
    ] {
        assert!(wide.contains(word), "no column {word} in\n{wide}");
    }
    let line = |name: &str| {
        let found = wide.lines().find(|line| line.contains(name));
        found
            .unwrap_or_else(|| panic!("no {name} in\n{wide}"))
            .to_owned()
    };
    let checkout = line("apikey.purser.dev/checkout");
    for word in ["shop", "free", "sk-shop0001", "True"] {
        assert!(checkout.contains(word), "no {word} in {checkout}");
    }
    assert!(!wide.contains(CHECKOUT), "a whole value is shown");
    assert!(line("plan.purser.dev/free").contains("20"));
    assert!(line("providerchannel.purser.dev/azure").contains("AzureOpenAI"));
    let all = cluster.says(&["get", "purser", "-n", "shop"]).await;
    assert!(
        all.contains("checkout") && all.contains("in-cluster-vllm"),
        "{all}"
    );
}

#[tokio::test]
async fn kubectl_explains_limits_with_units_and_defaults() {
    let world = World::shared().await;
    let limits = world.cluster.says(&["explain", "plan.spec.limits"]).await;
    for word in ["requestsPerMinute", "60 seconds", "UTC day", "not limited"] {
        assert!(limits.contains(word), "no {word:?} in\n{limits}");
    }
    let silent = ["plan.spec", "key.spec", "chan.spec", "key.status"];
    for field in silent {
        let text = world.cluster.says(&["explain", field]).await;
        assert!(!text.contains("<no description>"), "{field}:\n{text}");
    }
}
