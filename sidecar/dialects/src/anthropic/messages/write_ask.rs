//! A request, written for Anthropic. Called by `translate`. What its models take differs by version: `claude` knows.

use super::thinks::Thinks;
use super::tools::write_tools;
use super::write_turns::write_turns;
use crate::anthropic::claude::Claude;
use crate::anthropic::exact::exact;
use crate::fields::Field;
use crate::json::members;
use crate::json::pen::Object;
use crate::talk::{Ask, Format};
use crate::translate::{Target, Unsayable, Written};

/// Writes it for a provider.
pub(crate) fn write_ask(ask: &Ask, target: &Target<'_>) -> Result<Written, Unsayable> {
    if let Some(beyond) = ask.beyond.first() {
        return Err(Unsayable {
            param: beyond.param.clone(),
            why: "Anthropic's API has nothing that means it".into(),
        });
    }
    let claude = Claude::named(target.model);
    let thinks = Thinks::of(ask, target, &claude)?;
    check_sampling(ask, &claude, thinks.is_on())?;
    let mut body = Vec::with_capacity(1_024);
    let mut object = Object::open(&mut body);
    object.member("model", target.model);
    object.member("max_tokens", &thinks.max_tokens);
    let removed = write_turns(&mut object, ask, &claude)?;
    if ask.stream {
        object.member("stream", &true);
    }
    let schema = kept_schema(&ask.format, &claude);
    // No schema is enough for "some object", some cannot be kept to, and older models keep to none: then it is a tool's call.
    let answers = !matches!(ask.format, Format::Text) && schema.is_none();
    write_tools(&mut object, ask, &claude, (answers, thinks.is_on()))?;
    write_sampling(&mut object, ask);
    thinks.write(&mut object, &claude);
    write_config(&mut object, &thinks, schema.as_deref());
    if let Some(user) = &ask.user {
        object.object("metadata").member("user_id", user);
    }
    drop(object);
    Ok(Written {
        body,
        removed_state: removed || thinks.removed_state,
    })
}

fn check_sampling(ask: &Ask, claude: &Claude<'_>, thinks: bool) -> Result<(), Unsayable> {
    let sampling = &ask.sampling;
    let nowhere = [
        (
            Field::N,
            sampling.n.is_some_and(|n| n != 1),
            "Anthropic's API gives one answer",
        ),
        (
            Field::Logprobs,
            sampling.logprobs.is_some(),
            "Anthropic's API has no log probabilities",
        ),
        (
            Field::LogitBias,
            sampling.logit_bias.is_some(),
            "Anthropic's API has no logit bias",
        ),
        (
            Field::Seed,
            sampling.seed.is_some(),
            "Anthropic's API has no seed",
        ),
        (
            Field::MinP,
            sampling.min_p.is_some(),
            "Anthropic's API has no min_p",
        ),
        (
            Field::FrequencyPenalty,
            sampling.frequency_penalty.is_some(),
            "Anthropic's API has no penalties",
        ),
        (
            Field::PresencePenalty,
            sampling.presence_penalty.is_some(),
            "Anthropic's API has no penalties",
        ),
    ];
    if let Some((field, _, why)) = nowhere.into_iter().find(|(_, set, _)| *set) {
        return Err(field.unsayable(ask, why));
    }
    check_warmth(ask, claude, thinks)?;
    let blank = |stop: &String| stop.trim().is_empty();
    if sampling.stop.iter().any(blank) {
        return Err(Field::Stop.unsayable(ask, "Anthropic's API does not stop at blanks"));
    }
    Ok(())
}

/// `temperature`, `top_p` and `top_k`.
fn check_warmth(ask: &Ask, claude: &Claude<'_>, thinks: bool) -> Result<(), Unsayable> {
    let [temperature, top_p] = ask.sampling.warmth();
    let set = [
        (Field::Temperature, temperature.is_some()),
        (Field::TopP, top_p.is_some()),
        (Field::TopK, ask.sampling.top_k.is_some()),
    ];
    if let Some((field, _)) = set.into_iter().find(|(_, set)| *set) {
        if !claude.has_samplers() {
            return Err(field.unsayable(ask, "this model takes no samplers"));
        }
        if thinks {
            return Err(field.unsayable(ask, "a model that thinks takes no samplers"));
        }
    }
    let both = temperature.is_some() && top_p.is_some();
    if both && !claude.has_both_samplers() {
        return Err(Field::TopP.unsayable(ask, "this model takes it or a temperature, not both"));
    }
    let temperature = temperature.and_then(serde_json::Number::as_f64);
    if temperature.is_some_and(|is| is > 1.0) {
        return Err(Field::Temperature.unsayable(ask, "Anthropic's temperatures end at 1"));
    }
    Ok(())
}

fn write_sampling(object: &mut Object<'_>, ask: &Ask) {
    let sampling = &ask.sampling;
    object.some(
        "stop_sequences",
        Some(&sampling.stop).filter(|stops| !stops.is_empty()),
    );
    let [temperature, top_p] = sampling.warmth();
    object.some("temperature", temperature);
    object.some("top_p", top_p);
    object.some("top_k", sampling.top_k.as_ref());
}

fn write_config(object: &mut Object<'_>, thinks: &Thinks, schema: Option<&str>) {
    if schema.is_none() && thinks.effort().is_none() {
        return;
    }
    let mut config = object.object("output_config");
    config.some("effort", thinks.effort());
    if let Some(schema) = schema {
        let mut format = config.object("format");
        format.member("type", "json_schema");
        format.raw("schema", schema);
    }
}

/// The schema that the model keeps its answer to, where it can.
fn kept_schema(format: &Format, claude: &Claude<'_>) -> Option<String> {
    match format {
        Format::JsonSchema {
            schema,
            description,
            ..
        } if claude.keeps_schemas() => exact(&described(schema.get(), description.as_deref())),
        _ => None,
    }
}

/// What the answer is for stands in the schema there.
fn described(schema: &str, description: Option<&str>) -> String {
    let says = matches!(members(schema, ["description"]), Some([Some(_)]));
    let rest = schema.trim_start().strip_prefix('{').unwrap_or_default();
    match description.map(serde_json::to_string) {
        Some(Ok(text)) if !says && !rest.trim_start().starts_with('}') => {
            format!(r#"{{"description":{text},{rest}"#)
        }
        _ => schema.to_owned(),
    }
}
