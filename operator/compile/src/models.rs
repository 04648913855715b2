//! The models of a channel, and which names lead to them. Used by `channels`. A name leads to one model: models' own names win
//! over aliases, and of two aliases the first.

use crate::fault::{Fault, Faults};
use crate::{Verdict, money};
use purser_config as config;
use purser_crds::{AcceptedReason, Capability, ChannelModel, Endpoint};
use std::collections::BTreeSet;

const MOST_MODELS: usize = 256;
const MOST_ALIASES: usize = 16;
const MOST_BYTES: usize = 256;

/// What is kept of them. Faults refuse the channel; a shadowed alias is dropped with a warning.
pub(crate) fn decide(
    written: &[ChannelModel],
    faults: &mut Faults,
    verdict: &mut Verdict,
) -> Vec<config::Model> {
    faults.expect((1..=MOST_MODELS).contains(&written.len()), || {
        format!(
            "models must have from 1 to {MOST_MODELS} entries, it has {}",
            written.len()
        )
    });
    let mut names = BTreeSet::new();
    for model in written {
        check(model, faults);
        if !names.insert(model.name.as_str()) {
            let message = format!(
                "models has two entries named {:?}; join them, or rename one",
                model.name
            );
            faults
                .0
                .push(Fault::new(AcceptedReason::DuplicateModel, message));
        }
    }
    let mut taken = names;
    written
        .iter()
        .map(|model| config::Model {
            cost: cost(model, faults),
            ..config_of(model, free_aliases(model, &mut taken, verdict))
        })
        .collect()
}

fn check(model: &ChannelModel, faults: &mut Faults) {
    let names = [&model.name].into_iter().chain(&model.aliases);
    for name in names {
        faults.expect(is_name(name) && !name.contains('*'), || {
            format!("models: {name:?} must be 1 to {MOST_BYTES} characters without spaces or *")
        });
    }
    faults.expect(model.upstream_name.as_deref().is_none_or(is_name), || {
        format!(
            "models: upstreamName of {:?} must be 1 to {MOST_BYTES} characters without spaces",
            model.name
        )
    });
    faults.expect(model.aliases.len() <= MOST_ALIASES, || {
        format!(
            "models: {:?} has more than {MOST_ALIASES} aliases",
            model.name
        )
    });
}

fn is_name(text: &str) -> bool {
    (1..=MOST_BYTES).contains(&text.len())
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

fn free_aliases<'a>(
    model: &'a ChannelModel,
    taken: &mut BTreeSet<&'a str>,
    verdict: &mut Verdict,
) -> Vec<String> {
    let mut free = Vec::new();
    for alias in &model.aliases {
        if taken.insert(alias) {
            free.push(alias.clone());
        } else {
            verdict.warnings.push(format!("alias {alias:?} of model {:?} leads to another model already and is left out; remove it", model.name));
        }
    }
    free
}

/// What its owner pays for a call; where it is faulty, the fault refuses the channel.
fn cost(model: &ChannelModel, faults: &mut Faults) -> Option<config::price::Cost> {
    let cost = model.cost.as_ref()?;
    let parts = (cost.per_request.as_ref(), cost.per_million_tokens.as_ref());
    let field = format!("models: {:?}: cost", model.name);
    faults.expect(parts.0.is_some() || parts.1.is_some(), || {
        format!("{field} needs perRequest or perMillionTokens, or both")
    });
    money::cost(&field, parts, faults)
}

fn config_of(model: &ChannelModel, aliases: Vec<String>) -> config::Model {
    config::Model {
        name: model.name.clone(),
        upstream_name: model
            .upstream_name
            .clone()
            .filter(|name| *name != model.name),
        aliases,
        capabilities: model
            .capabilities
            .as_ref()
            .map(|listed| listed.iter().copied().map(capability).collect()),
        context_length: model.context_length,
        max_output_tokens: model.max_output_tokens,
        endpoints: model.endpoints.iter().copied().map(endpoint).collect(),
        cost: None,
    }
}

fn capability(written: Capability) -> config::Capability {
    match written {
        Capability::Tools => config::Capability::Tools,
        Capability::Vision => config::Capability::Vision,
        Capability::JsonSchema => config::Capability::JsonSchema,
        Capability::Audio => config::Capability::Audio,
        Capability::Reasoning => config::Capability::Reasoning,
    }
}

fn endpoint(written: Endpoint) -> config::Endpoint {
    match written {
        Endpoint::Chat => config::Endpoint::Chat,
        Endpoint::Completions => config::Endpoint::Completions,
        Endpoint::Responses => config::Endpoint::Responses,
        Endpoint::Embeddings => config::Endpoint::Embeddings,
        Endpoint::Images => config::Endpoint::Images,
        Endpoint::Speech => config::Endpoint::Speech,
        Endpoint::Transcriptions => config::Endpoint::Transcriptions,
        Endpoint::Moderations => config::Endpoint::Moderations,
    }
}
