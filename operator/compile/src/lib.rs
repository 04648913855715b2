//! World to configuration and verdicts: pure, total, sorted. The only place that knows both what people write
//! (`purser-crds`) and what sidecars obey (`purser-config`).
//!
//! ```text
//! World { plans, keys, channels, namespaces, secrets, activations } --compile--> Compiled { configuration, verdicts, wanted, rotations }
//!                                                                                         |
//!                                                          scoped_to(namespace) <---------+
//! ```
//!
//! `plans` and `channels` each judge their kind alone; `keys` judges keys against both, asking `offer` which channels serve
//! whom, `secrets` what a Secret may be used for and `rotation` what is due for it; `money` reads prices; `scope` cuts one namespace's part out of the result.
//!
//! `review` says of one object, before it is stored, what `compile` would say of it among the others.
//!
//! The operator calls it with what its watches hold, `purser up` and `purser check` with what YAML files hold.
//!
//! Invariant: it never fails and never reads a clock; a bad object becomes a verdict, is left out, and holds up nobody else.
//! Invariant: equal worlds give equal bytes, in whatever order objects arrived.
//! Invariant: a key whose plan is missing or broken is in the configuration and refused, never free.
//! Invariant: it relies on no API server having checked the schema, because on a laptop none did.

mod address;
mod channels;
mod credentials;
mod fault;
mod keys;
mod metering;
mod models;
mod money;
mod objects;
mod offer;
mod plans;
mod review;
mod rotation;
mod scope;
mod secrets;
mod selector;
mod standing;
mod times;
mod unenforced;
mod unserved;
mod world;

pub use review::{Draft, review};
pub use scope::scoped_to;
pub use world::{
    Compiled, Gateway, KeyFacts, ObjectRef, Options, Rotation, Step, Verdict, WantedSecret, World,
    WorldSecret,
};

use purser_config::Configuration;

/// Decides everything. See the crate's page for what goes in and out.
pub fn compile(world: &World, options: Options) -> Compiled {
    let plans = plans::decide(world);
    let channels = channels::decide(world, options, channels::Secrets::Read);
    let keys = keys::decide(world, options, &plans, &channels);
    let mut verdicts = keys.verdicts;
    verdicts.extend(plans::verdicts(&plans, &channels, &keys.keys));
    verdicts.extend(channels::verdicts(&channels, &keys.keys));
    let configuration = Configuration {
        keys: keys.keys,
        plans: plans
            .into_iter()
            .filter_map(|(name, plan)| Some((name, plan.decided?)))
            .collect(),
        channels: channels
            .into_iter()
            .filter_map(|(name, channel)| Some((name, channel.decided?)))
            .collect(),
    };
    Compiled {
        configuration,
        verdicts,
        wanted: keys.wanted,
        rotations: keys.rotations,
    }
}
