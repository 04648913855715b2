//! How a model picks its words, written for a provider of OpenAI's family. Called by `write_ask`; what a model takes is `openai::models`'s.

use crate::fields::Field;
use crate::json::pen::Object;
use crate::openai::models::{Takes, takes};
use crate::provider::Quirks;
use crate::talk::{Ask, Effort};
use crate::translate::{Target, Unsayable};

/// Writes them, and the most tokens of the answer. `told`: the effort that goes with the request.
pub(super) fn write_sampling(
    object: &mut Object<'_>,
    ask: &Ask,
    target: &Target<'_>,
    told: Option<Effort>,
) -> Result<(), Unsayable> {
    let (sampling, quirks) = (&ask.sampling, target.quirks);
    check(ask, takes(quirks.models, target.model, told))?;
    let most = match (sampling.max_output, target.most_output) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    };
    let limit = match quirks.max_completion_tokens {
        true => "max_completion_tokens",
        false => "max_tokens",
    };
    object.some(limit, most.as_ref());
    write_stops(object, ask, quirks)?;
    let [temperature, top_p] = match quirks.warmth_is_one {
        true => sampling.warmth(),
        false => [sampling.temperature.as_ref(), sampling.top_p.as_ref()],
    };
    object.some("temperature", temperature);
    object.some("top_p", top_p);
    object.some("frequency_penalty", sampling.frequency_penalty.as_ref());
    object.some("presence_penalty", sampling.presence_penalty.as_ref());
    object.some("n", sampling.n.filter(|n| *n != 1).as_ref());
    if let Some(alternatives) = &sampling.logprobs {
        object.member("logprobs", &true);
        object.some("top_logprobs", Some(alternatives).filter(|most| **most > 0));
    }
    match (quirks.seed, &sampling.seed) {
        (Some(name), seed) => object.some(name, seed.as_ref()),
        (None, Some(_)) => return Err(Field::Seed.unsayable(ask, "it takes no seed")),
        (None, None) => {}
    }
    write_rarer(object, ask, quirks)
}

fn write_stops(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) -> Result<(), Unsayable> {
    let stops = &ask.sampling.stop;
    if stops.len() > quirks.most_stops {
        let most = quirks.most_stops;
        return Err(Field::Stop.unsayable(ask, format!("it takes at most {most} stop sequences")));
    }
    object.some("stop", Some(stops).filter(|stops| !stops.is_empty()));
    Ok(())
}

fn write_rarer(object: &mut Object<'_>, ask: &Ask, quirks: &Quirks) -> Result<(), Unsayable> {
    let sampling = &ask.sampling;
    if sampling.top_k.is_some() && !quirks.top_k {
        return Err(Field::TopK.unsayable(ask, "it has no top_k"));
    }
    if sampling.min_p.is_some() && !quirks.min_p {
        return Err(Field::MinP.unsayable(ask, "it has no min_p"));
    }
    if sampling.logit_bias.is_some() && !quirks.logit_bias {
        return Err(Field::LogitBias.unsayable(ask, "it has no logit_bias"));
    }
    object.some("top_k", sampling.top_k.as_ref());
    object.some("min_p", sampling.min_p.as_ref());
    object.some("logit_bias", sampling.logit_bias.as_ref());
    Ok(())
}

/// What a model that thinks answers 400 to.
fn check(ask: &Ask, takes: Takes) -> Result<(), Unsayable> {
    let sampling = &ask.sampling;
    let [temperature, top_p] = sampling.warmth();
    let refused = [
        (Field::Temperature, temperature.is_some() && !takes.warmth),
        (Field::TopP, top_p.is_some() && !takes.warmth),
        (
            Field::FrequencyPenalty,
            sampling.frequency_penalty.is_some() && !takes.penalties,
        ),
        (
            Field::PresencePenalty,
            sampling.presence_penalty.is_some() && !takes.penalties,
        ),
        (Field::Stop, !sampling.stop.is_empty() && !takes.stop),
        (
            Field::Logprobs,
            sampling.logprobs.is_some() && !takes.logprobs,
        ),
        (
            Field::LogitBias,
            sampling.logit_bias.is_some() && !takes.logit_bias,
        ),
    ];
    match refused.into_iter().find(|(_, refused)| *refused) {
        Some((field, _)) => Err(field.unsayable(ask, "this model thinks, and does not take it")),
        None => Ok(()),
    }
}
