//! Judges each ProviderChannel alone, with its Secrets. Called by `compile`; `offer` reads what it decided. Never looks at keys
//! or plans, but for the warning that a channel serves nobody.

use crate::address::Address;
use crate::credentials::Reach;
use crate::fault::{Faults, refuse};
use crate::objects::{TWIN, Written, bad_name, by_name, is_name, name_of};
use crate::unenforced::is_shared;
use crate::{Gateway, ObjectRef, Options, Verdict, World, models, selector, times, unenforced};
use purser_config::{self as config, Key, Name};
use purser_crds::{ChannelNamespacesFrom, Provider, ProviderChannel, ProviderChannelSpec, Via};
use std::collections::{BTreeMap, BTreeSet};

const MOST_WEIGHT: u32 = 1_000_000;
const MOST_REQUESTS_PER_MINUTE: u32 = 10_000_000;
const MOST_CONCURRENT_REQUESTS: u32 = 1_000_000;

/// A ProviderChannel after judgement.
pub(crate) struct DecidedChannel<'a> {
    /// What was written.
    pub(crate) spec: &'a ProviderChannelSpec,
    /// Its labels, which plans select by.
    pub(crate) labels: Option<&'a BTreeMap<String, String>>,
    /// What is kept of it; none when it is refused.
    pub(crate) decided: Option<config::Channel>,
    /// What its status will say, but for whom it serves.
    pub(crate) verdict: Verdict,
}

/// Whether a channel is judged with the Secrets that it names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// As they are: one that is missing refuses the channel.
    Read,
    /// As whoever may not know of them judges it: as if each held what it must.
    Unseen,
}

/// All channels by name.
pub(crate) fn decide(
    world: &World,
    options: Options,
    secrets: Secrets,
) -> BTreeMap<Name, DecidedChannel<'_>> {
    let named = by_name(&world.channels, |channel| name_of(&channel.metadata));
    let decided = named.into_iter().map(|(name, written)| {
        let mut channel = decide_one((world, secrets), &name, &written);
        if let Some(decided) = &mut channel.decided {
            decided.via_gateway = options.gateway == Gateway::Apart && is_shared(channel.spec);
        }
        channel.verdict.not_yet_enforced = unenforced::of_channel(channel.spec, options);
        (name, channel)
    });
    decided.collect()
}

/// What each channel's status will say, now that it is known whom it serves.
pub(crate) fn verdicts(
    channels: &BTreeMap<Name, DecidedChannel<'_>>,
    keys: &BTreeMap<Name, Key>,
) -> Vec<(ObjectRef, Verdict)> {
    let serving: BTreeSet<&Name> = keys.values().flat_map(|key| &key.channels).collect();
    let with_use = channels.iter().map(|(name, channel)| {
        let mut verdict = channel.verdict.clone();
        if channel.decided.is_some() && !serving.contains(name) {
            verdict.warnings.push("no key that is carried may use it: a key must be in a namespace it offers itself to, and its plan must list this one".into());
        }
        (ObjectRef::ProviderChannel(name.clone()), verdict)
    });
    with_use.collect()
}

fn decide_one<'a>(
    (world, secrets): (&World, Secrets),
    name: &Name,
    written: &Written<'a, ProviderChannel>,
) -> DecidedChannel<'a> {
    let spec = &written.object.spec;
    let (mut faults, mut verdict) = (Faults::default(), Verdict::default());
    for part in [name.namespace(), name.name()] {
        faults.expect(is_name(part), || bad_name(part));
    }
    check_rules(spec, &mut faults);
    let whole = config_of((world, secrets), name, spec, (&mut faults, &mut verdict));
    let decided = whole.filter(|_| faults.0.is_empty());
    if written.twice {
        verdict.warnings.push(TWIN.into());
    }
    refuse(&mut verdict, faults.0);
    DecidedChannel {
        spec,
        labels: written.object.metadata.labels.as_ref(),
        decided,
        verdict,
    }
}

/// All parts are read before the first fault ends it, so that one edit can mend all.
fn config_of(
    (world, secrets): (&World, Secrets),
    name: &Name,
    spec: &ProviderChannelSpec,
    (faults, verdict): (&mut Faults, &mut Verdict),
) -> Option<config::Channel> {
    let models = models::decide(&spec.models, faults, verdict);
    let timeouts = times::timeouts(&spec.timeouts, faults);
    let health = times::health(&spec.health, faults);
    let limits = limits(spec, faults);
    let address = faults.take(Address::of(spec))?;
    let reach = Reach {
        world,
        namespace: name.namespace(),
        address: &address,
    };
    let (credentials, headers, ca_pem) = match secrets {
        Secrets::Unseen => Default::default(),
        Secrets::Read => (
            reach.credentials(spec, faults, verdict),
            reach.headers(spec, faults),
            reach.authority(spec, faults),
        ),
    };
    Some(config::Channel {
        provider: provider(spec.provider),
        base_url: address.url,
        api_version: spec.azure.as_ref().map(|azure| azure.api_version.clone()),
        credentials,
        models,
        priority: spec.priority,
        weight: spec.weight,
        timeouts: timeouts?,
        health: health?,
        headers,
        limits,
        ca_pem,
        via_gateway: false,
    })
}

fn limits(spec: &ProviderChannelSpec, faults: &mut Faults) -> config::ChannelLimits {
    let written = spec.limits.clone().unwrap_or_default();
    let limits = [
        (
            "requestsPerMinute",
            written.requests_per_minute,
            MOST_REQUESTS_PER_MINUTE,
        ),
        (
            "concurrentRequests",
            written.concurrent_requests,
            MOST_CONCURRENT_REQUESTS,
        ),
    ];
    for (field, limit, most) in limits {
        let within = limit.is_none_or(|limit| (1..=most).contains(&limit));
        faults.expect(within, || {
            format!("limits.{field} must be from 1 to {most}; leave it out for no limit")
        });
    }
    config::ChannelLimits {
        requests_per_minute: written.requests_per_minute,
        concurrent_requests: written.concurrent_requests,
    }
}

fn check_rules(spec: &ProviderChannelSpec, faults: &mut Faults) {
    let is_azure = spec.provider == Provider::AzureOpenAI;
    faults.expect(is_azure || spec.azure.is_none(), || {
        "azure is for provider AzureOpenAI only; remove it, or change provider".into()
    });
    let api_version = spec.azure.as_ref().map(|azure| azure.api_version.as_str());
    let is_version = |text: &str| {
        (10..=32).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    faults.expect(api_version.is_none_or(is_version), || {
        "azure.apiVersion must be a date such as 2024-10-21, at most with -preview".into()
    });
    faults.expect(spec.weight <= MOST_WEIGHT, || {
        format!("weight must be from 0 to {MOST_WEIGHT}")
    });
    let namespaces = &spec.namespaces;
    let chosen = namespaces.from == ChannelNamespacesFrom::Selector;
    faults.expect(chosen == namespaces.selector.is_some(), || {
        "namespaces: set selector when from is Selector, and only then".into()
    });
    namespaces.selector.iter().for_each(|selector| {
        faults.take(selector::check("namespaces.selector", selector));
    });
    let idle = namespaces.from == ChannelNamespacesFrom::Same && namespaces.via == Via::Sidecar;
    faults.expect(!idle, || "via: Sidecar copies credentials to other namespaces, and from: Same offers to none; remove via, or change from".into());
}

fn provider(written: Provider) -> config::Provider {
    match written {
        Provider::OpenAI => config::Provider::OpenAI,
        Provider::AzureOpenAI => config::Provider::AzureOpenAI,
        Provider::Anthropic => config::Provider::Anthropic,
        Provider::Gemini => config::Provider::Gemini,
        Provider::Mistral => config::Provider::Mistral,
        Provider::DeepSeek => config::Provider::DeepSeek,
        Provider::XAI => config::Provider::XAI,
        Provider::DashScope => config::Provider::DashScope,
        Provider::OpenAICompatible => config::Provider::OpenAICompatible,
    }
}
