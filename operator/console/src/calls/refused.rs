//! `/api/log/refused`: why calls were refused. They used nothing, so they have no record; what is told here is kept by whoever refused them.

use crate::answer::{Outcome, Reply};
use crate::ask::Ask;
use crate::ids;
use purser_config::refusals::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Whose {
    /// A key: namespace/name, or a name.
    token_name: Option<String>,
    /// A namespace.
    namespace: Option<String>,
}

/// Calls of one key that were refused for one reason.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Told {
    /// namespace/name of the key.
    token_name: String,
    token_id: u64,
    namespace: String,
    status: u16,
    /// The code of the answer.
    code: String,
    /// What the last one was told.
    content: String,
    /// The last one's.
    request_id: String,
    /// How many.
    times: u64,
    /// Unix seconds.
    first_at: u64,
    /// Unix seconds.
    last_at: u64,
}

impl Whose {
    fn means(&self, refusal: &Refusal) -> bool {
        let (full, bare) = (refusal.key.as_str(), refusal.key.name());
        let named = |key: &str| key == full || key == bare;
        let within = |namespace: &str| namespace == refusal.key.namespace();
        self.token_name.as_deref().is_none_or(named) && self.namespace.as_deref().is_none_or(within)
    }
}

/// Those that the person may see, the last first.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let (whose, person): (Whose, _) = (ask.query()?, ask.person()?);
    let refusals = ask.console.house.refusals().into_iter();
    let seen = refusals.filter(|one| person.sees(one.key.namespace()) && whose.means(one));
    let told: Vec<Told> = seen.map(told).collect();
    Reply::data(&told)
}

fn told(refusal: Refusal) -> Told {
    Told {
        token_name: refusal.key.to_string(),
        token_id: ids::number("ApiKey", refusal.key.as_str()),
        namespace: refusal.key.namespace().to_owned(),
        status: refusal.status,
        code: refusal.code.into_owned(),
        content: refusal.message,
        request_id: refusal.request,
        times: refusal.times,
        first_at: refusal.first_ms / 1000,
        last_at: refusal.last_ms / 1000,
    }
}
