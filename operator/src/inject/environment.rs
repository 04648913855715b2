//! The variables by which SDKs find the sidecar, by families: one is given whole or not at all, so that nobody's key is sent to an
//! address that is not its own. Pure; part of `pod`.

use serde_json::{Value, json};

/// The callers' port of the sidecar beside it.
const AT: &str = "http://127.0.0.1:4100";
/// "This pod's own key": accepted on loopback only, so it opens nothing anywhere else.
const OWN_KEY: &str = "sk-purser-pod";

/// The variables of one SDK.
struct Family {
    name: &'static str,
    /// Where it looks for its address, and the path below ours.
    address: (&'static str, &'static str),
    key: &'static str,
    /// Others that decide the same: whoever sets one has chosen.
    also: &'static [&'static str],
}

const FAMILIES: [Family; 4] = [
    Family {
        name: "OpenAI",
        address: ("OPENAI_BASE_URL", "/v1"),
        key: "OPENAI_API_KEY",
        also: &["OPENAI_API_BASE"],
    },
    Family {
        name: "Anthropic",
        address: ("ANTHROPIC_BASE_URL", ""),
        key: "ANTHROPIC_API_KEY",
        also: &["ANTHROPIC_AUTH_TOKEN"],
    },
    Family {
        name: "Gemini",
        address: ("GOOGLE_GEMINI_BASE_URL", ""),
        key: "GEMINI_API_KEY",
        also: &["GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI"],
    },
    Family {
        name: "BluesMinds",
        address: ("BLUESMINDS_BASE", "/v1"),
        key: "BLUESMINDS_API_KEY",
        also: &[],
    },
];

impl Family {
    fn variables(&self) -> [(&'static str, String); 2] {
        let (address, path) = self.address;
        [(address, format!("{AT}{path}")), (self.key, OWN_KEY.into())]
    }

    fn decides(&self, name: &str) -> bool {
        name == self.address.0 || name == self.key || self.also.contains(&name)
    }

    /// Whether the author set any of it to something of their own.
    fn is_taken(&self, set: &[Value]) -> bool {
        let ours = self.variables();
        set.iter().any(|variable| {
            let name = variable["name"].as_str().unwrap_or_default();
            let same = |(own, value): &(&str, String)| {
                *own == name && variable["value"].as_str() == Some(value)
            };
            self.decides(name) && !ours.iter().any(same)
        })
    }
}

/// Gives one container its variables; says which families it keeps for itself, and why. With `force` it keeps none.
pub(super) fn give(container: &mut Value, force: bool) -> Vec<String> {
    let name = container["name"].as_str().unwrap_or_default().to_owned();
    let hidden = container["envFrom"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    let mut set: Vec<Value> = container["env"].as_array().cloned().unwrap_or_default();
    let mut kept = Vec::new();
    for family in &FAMILIES {
        if !force && family.is_taken(&set) {
            kept.push(format!(
                "container {name}: the {} variables stay as the pod's author set them",
                family.name
            ));
            continue;
        }
        if !force && hidden && !has(&set, family) {
            kept.push(format!(
                "container {name}: the {} variables are not set, because its envFrom may; set them in env, or annotate the pod with purser.dev/inject-env: force",
                family.name
            ));
            continue;
        }
        set.retain(|variable| !family.decides(variable["name"].as_str().unwrap_or_default()));
        let variables = family.variables();
        set.extend(variables.map(|(name, value)| json!({"name": name, "value": value})));
    }
    if !set.is_empty() {
        container["env"] = set.into();
    }
    kept
}

/// Whether it was given before.
fn has(set: &[Value], family: &Family) -> bool {
    let named = |name: &str| set.iter().any(|variable| variable["name"] == name);
    family.variables().iter().all(|(name, _)| named(name))
}
