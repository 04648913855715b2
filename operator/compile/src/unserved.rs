//! What is allowed and no channel has: an unknown name is answered 404, however often a plan allows it. Used by `plans` and `keys` for their
//! warnings; it refuses nothing, because the channel may come later.

use crate::metering::{listed, may_call};
use purser_config::{Channel, Model, Plan, glob_matches};

/// Of these globs those to which no model of these channels answers.
pub(crate) fn unserved<'a>(
    allowed: &[String],
    channels: impl Iterator<Item = &'a Channel>,
) -> Vec<String> {
    among(allowed, channels.flat_map(|channel| &channel.models))
}

/// What a key's plan allows and no channel that serves the key has.
pub(crate) fn of_plan<'a>(
    (name, plan): (&str, &Plan),
    channels: impl Iterator<Item = &'a Channel>,
) -> Option<String> {
    let missing = quoted(unserved(&plan.allow, channels))?;
    Some(format!(
        "no channel that serves it has {missing}, which plan {name:?} allows; add that to a channel that the plan lists and that offers itself to this namespace"
    ))
}

/// What a key narrows itself to and cannot have.
pub(crate) fn of_key<'a>(
    narrowed: &[String],
    (name, plan): (&str, &Plan),
    channels: impl Iterator<Item = &'a Channel>,
) -> Option<String> {
    let models = channels.flat_map(|channel| &channel.models);
    let missing = among(narrowed, models.filter(|model| may_call(model, plan)));
    let missing = quoted(missing)?;
    Some(format!(
        "models: nothing that plan {name:?} allows and a channel that serves it has answers to {missing}; change models, the plan or a channel"
    ))
}

/// Some of them, fit to be read.
pub(crate) fn quoted(globs: Vec<String>) -> Option<String> {
    listed(globs.into_iter().map(|glob| format!("{glob:?}")).collect())
}

fn among<'a>(globs: &[String], models: impl Iterator<Item = &'a Model>) -> Vec<String> {
    let mut missing: Vec<&String> = globs.iter().collect();
    for model in models {
        let names = || std::iter::once(&model.name).chain(&model.aliases);
        missing.retain(|glob| !names().any(|name| glob_matches(glob, name)));
    }
    missing.into_iter().cloned().collect()
}
