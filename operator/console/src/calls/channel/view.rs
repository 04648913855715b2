//! A channel as it is shown: what its object says, how it fares, what it has cost. Never a credential.

use crate::answer::Failure;
use crate::calls::{Said, conditions};
use crate::console::Console;
use crate::house::{Health, Seen, version};
use crate::ids;
use purser_authority::ledger::{By, Query, Sum};
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_config::calendar::moment;
use purser_config::stream::Ailment;
use purser_crds::{Provider, ProviderChannel};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// For so long back money is summed, in milliseconds: thirty days.
const BACK_MS: u64 = 30 * 86_400_000;

/// A channel.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ChannelView {
    id: u64,
    namespace: String,
    name: String,
    provider: String,
    /// The provider's number in new-api.
    #[serde(rename = "type")]
    kind: u16,
    base_url: String,
    models: Vec<String>,
    /// The lower number is tried first.
    priority: u32,
    weight: u32,
    /// 1 on, 3 out.
    status: u8,
    /// How it fares, in a sentence.
    health: String,
    circuit: Circuit,
    /// What was wrong last, as far as it still is; empty: nothing.
    last_error: String,
    /// Milliseconds, mean of 30 days; null: it was not called.
    response_time: Option<u64>,
    /// Micro-credits that keys paid for its calls in 30 days.
    used_quota: u64,
    /// What its provider charged for them, in millionths of its owner's currency.
    cost: u64,
    /// What attempts at it cost that served nobody.
    waste: u64,
    /// Calls of 30 days, and those of them that failed.
    calls: u64,
    errors: u64,
    version: String,
    conditions: Vec<Said>,
    /// What people wrote; Secrets are only named.
    spec: Value,
}

/// Whether calls are sent to it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Circuit {
    Flowing,
    Shut,
    /// Nobody has called it yet.
    Unknown,
}

/// What is looked at to show channels.
pub(super) struct Eyes<'a> {
    seen: &'a Seen,
    health: BTreeMap<Name, Health>,
    sums: Vec<Sum>,
}

impl<'a> Eyes<'a> {
    pub(super) async fn open(console: &Console, seen: &'a Seen) -> Result<Eyes<'a>, Failure> {
        let query = Query {
            from_ms: console.house.wall_ms().saturating_sub(BACK_MS),
            ..Query::default()
        };
        Ok(Eyes {
            seen,
            health: console.house.health(),
            sums: console.ledger()?.sums(query, &[By::Channel]).await?,
        })
    }

    pub(super) fn channel(&self, object: &ProviderChannel) -> ChannelView {
        let name = ids::name_of(&object.metadata);
        let spec = &object.spec;
        let verdict = ObjectRef::ProviderChannel(name.clone());
        let verdict = self.seen.verdicts.get(&verdict);
        let refused = verdict.and_then(|verdict| verdict.refused.as_ref());
        let health = self.health.get(&name);
        let told = object.status.as_ref();
        let told = told.map(|status| status.conditions.as_slice());
        let mut sums = self.sums.iter();
        let is = |sum: &&Sum| {
            sum.group
                .first()
                .is_some_and(|group| group == name.as_str())
        };
        let sum = sums.find(is).cloned().unwrap_or_default();
        let (works, sentence, last_error) = match refused {
            Some((reason, why)) => (false, format!("{}: {why}", reason.as_str()), why.clone()),
            None => fares(health),
        };
        ChannelView {
            id: ids::number("ProviderChannel", name.as_str()),
            namespace: name.namespace().to_owned(),
            name: name.name().to_owned(),
            provider: format!("{:?}", spec.provider),
            kind: number(spec.provider),
            base_url: address(object),
            models: spec.models.iter().map(|model| model.name.clone()).collect(),
            priority: spec.priority,
            weight: spec.weight,
            status: if works { 1 } else { 3 },
            health: sentence,
            circuit: circuit(health),
            last_error,
            response_time: sum.latency_ms.checked_div(sum.calls),
            used_quota: sum.credits,
            cost: sum.cost,
            waste: sum.waste,
            calls: sum.calls,
            errors: sum.errors,
            version: version(spec),
            conditions: conditions(verdict, told.unwrap_or_default()),
            spec: serde_json::to_value(spec).unwrap_or_default(),
        }
    }
}

fn address(object: &ProviderChannel) -> String {
    let own = object.spec.base_url.clone();
    own.unwrap_or_else(|| {
        let usual = object.spec.provider.default_base_url();
        usual.unwrap_or_default().to_owned()
    })
}

fn circuit(health: Option<&Health>) -> Circuit {
    let Some(health) = health else {
        return Circuit::Unknown;
    };
    let mut troubles = health.troubles.iter();
    match troubles.any(|(ailment, ..)| *ailment == Ailment::CircuitOpen) {
        true => Circuit::Shut,
        false => Circuit::Flowing,
    }
}

/// Whether it works, in a sentence, and what is wrong.
fn fares(health: Option<&Health>) -> (bool, String, String) {
    let Some(health) = health else {
        return (true, "Nobody has called it yet.".to_owned(), String::new());
    };
    let troubles: Vec<String> = health.troubles.iter().map(trouble).collect();
    let troubles = troubles.join(" ");
    match (health.works, troubles.is_empty()) {
        (_, true) => (health.works, "Calls succeed.".to_owned(), String::new()),
        (true, false) => (true, format!("Calls succeed; but: {troubles}"), troubles),
        (false, false) => (false, troubles.clone(), troubles),
    }
}

fn trouble((ailment, about, since_ms): &(Ailment, Option<String>, u64)) -> String {
    let about = about.as_deref();
    let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
    let what = match ailment {
        Ailment::AuthFailed => "its provider refuses the credential",
        Ailment::OutOfMoney => "its account has no credit left",
        Ailment::ModelUnknown => "its provider does not know the model",
        Ailment::CircuitOpen => "calls failed, and for now none is sent",
    };
    format!("Since {} {what}{about}.", moment(*since_ms))
}

/// As new-api numbers them.
const NUMBERS: [(Provider, u16); 9] = [
    (Provider::OpenAI, 1),
    (Provider::AzureOpenAI, 3),
    (Provider::OpenAICompatible, 8),
    (Provider::Anthropic, 14),
    (Provider::DashScope, 17),
    (Provider::Gemini, 24),
    (Provider::Mistral, 42),
    (Provider::DeepSeek, 43),
    (Provider::XAI, 48),
];

fn number(provider: Provider) -> u16 {
    let mut known = NUMBERS.iter();
    let found = known.find(|(one, _)| *one == provider);
    found.map_or(8, |(_, number)| *number)
}

/// The provider of a number.
pub(super) fn provider(number: u16) -> Option<Provider> {
    let mut known = NUMBERS.iter();
    let found = known.find(|(_, one)| *one == number);
    found.map(|(provider, _)| *provider)
}
