//! What whoever writes an object should know before it is stored: what `compile` would say of it among the others that are there. The
//! operator's webhook calls it and prints the result as warnings; nothing is refused here.
//!
//! An object is told of what it needs and lacks, never of who might need it: a channel comes first, then a plan, then a key, and whoever
//! writes in this order is told nothing. A channel that exists is told which plans a change takes a model from.
//!
//! Invariant: no Secret is looked at, for its writer may not be allowed to.

use crate::channels::Secrets;
use crate::objects::name_of;
use crate::unserved::quoted;
use crate::{ObjectRef, Options, Verdict, World, channels, keys, plans};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use purser_config::Name;
use purser_crds::{ApiKey, Plan, ProviderChannel};

/// An object that is to be stored.
#[derive(Clone, Debug)]
pub enum Draft {
    /// A Plan.
    Plan(Plan),
    /// An ApiKey.
    ApiKey(ApiKey),
    /// A ProviderChannel.
    ProviderChannel(ProviderChannel),
}

impl Draft {
    /// Which object it is, or will be.
    pub fn object(&self) -> ObjectRef {
        match self {
            Draft::Plan(plan) => ObjectRef::Plan(plan.metadata.name.clone().unwrap_or_default()),
            Draft::ApiKey(key) => ObjectRef::ApiKey(name_of(&key.metadata)),
            Draft::ProviderChannel(channel) => {
                ObjectRef::ProviderChannel(name_of(&channel.metadata))
            }
        }
    }
}

/// What should be said of it, one sentence each. Of `world` only this must be there: for a plan all channels and the keys on it; for a
/// key its plan, all channels and the keys of its namespace; for a channel all plans and channels.
pub fn review(mut world: World, options: Options, draft: Draft) -> Vec<String> {
    // Whether they hold what they must is nobody's business here.
    world.secrets.clear();
    match draft {
        Draft::Plan(plan) => of_plan(world, options, plan),
        Draft::ApiKey(key) => of_key(world, options, key),
        Draft::ProviderChannel(channel) => of_channel(world, options, channel),
    }
}

fn of_plan(mut world: World, options: Options, plan: Plan) -> Vec<String> {
    let name = plan.metadata.name.clone().unwrap_or_default();
    world
        .plans
        .retain(|other| other.metadata.name != plan.metadata.name);
    world.plans.push(plan);
    let channels = channels::decide(&world, options, Secrets::Unseen);
    let plans = plans::decide(&world);
    let keys = keys::decide(&world, options, &plans, &channels);
    let mut verdicts = plans::verdicts(&plans, &channels, &keys.keys).into_iter();
    let found = verdicts.find(|(object, _)| *object == ObjectRef::Plan(name.clone()));
    said(found.map(|(_, verdict)| verdict))
}

fn of_key(mut world: World, options: Options, mut key: ApiKey) -> Vec<String> {
    let name = name_of(&key.metadata);
    let others = world.keys.len();
    world.keys.retain(|other| name_of(&other.metadata) != name);
    if world.keys.len() == others {
        is_youngest(&mut key.metadata);
    }
    world.keys.push(key);
    let channels = channels::decide(&world, options, Secrets::Unseen);
    let plans = plans::decide(&world);
    let mut keys = keys::decide(&world, options, &plans, &channels);
    said(keys.verdicts.remove(&ObjectRef::ApiKey(name)))
}

/// Seats and values belong to the older of two keys, and one that is not stored yet is older than none.
fn is_youngest(metadata: &mut ObjectMeta) {
    metadata.creation_timestamp = Some(Time(Timestamp::MAX));
}

fn of_channel(mut world: World, options: Options, channel: ProviderChannel) -> Vec<String> {
    let name = name_of(&channel.metadata);
    let lacked = lacks(&world, options);
    let is_new = !world
        .channels
        .iter()
        .any(|other| name_of(&other.metadata) == name);
    world
        .channels
        .retain(|other| name_of(&other.metadata) != name);
    world.channels.push(channel);
    let mut lines = of_itself(&world, options, &name);
    if is_new {
        return lines;
    }
    for ((plan, before), (_, now)) in lacked.into_iter().zip(lacks(&world, options)) {
        let lost = now.into_iter().filter(|glob| !before.contains(glob));
        if let Some(lost) = quoted(lost.collect()) {
            lines.push(format!("with this, no channel that plan {plan:?} lists has {lost}, which the plan allows; leave it in, or add it to another channel first"));
        }
    }
    lines
}

fn of_itself(world: &World, options: Options, name: &Name) -> Vec<String> {
    let mut channels = channels::decide(world, options, Secrets::Unseen);
    said(channels.remove(name).map(|channel| channel.verdict))
}

/// What each plan allows and nobody has, by the plan's name.
fn lacks(world: &World, options: Options) -> Vec<(String, Vec<String>)> {
    let channels = channels::decide(world, options, Secrets::Unseen);
    let plans = plans::decide(world);
    let lacks = plans
        .iter()
        .map(|(name, plan)| (name.clone(), plan.unserved(&channels)));
    lacks.collect()
}

fn said(verdict: Option<Verdict>) -> Vec<String> {
    let Some(verdict) = verdict else {
        return Vec::new();
    };
    let refused = verdict
        .refused
        .map(|(_, message)| format!("it will not be accepted: {message}"));
    let later = verdict.not_yet_enforced;
    let later = (!later.is_empty()).then(|| {
        format!(
            "set, and not enforced by this version: {}",
            later.join(", ")
        )
    });
    refused
        .into_iter()
        .chain(verdict.warnings)
        .chain(later)
        .collect()
}
