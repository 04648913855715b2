//! What configuration promises each key and each channel's account, as far as the authority keeps it. Made at every publication;
//! read by `windows`, `book` and the facade. Decides nothing.

use purser_config::price::Money;
use purser_config::{
    ChannelLimits, Configuration, Credits, Key, Name, Plan, Standing, Validity,
    WhenQuotaUnreachable,
};
use std::collections::BTreeMap;

/// All promises of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Keys in good standing. A key that is refused, or whose plan is missing, is left out, and so denied, not free.
    pub keys: BTreeMap<Name, KeyTerms>,
    /// Channels whose account has limits.
    pub channels: BTreeMap<Name, ChannelLimits>,
    /// What a time of each plan is sold for; of one without a price, no money.
    pub prices: BTreeMap<String, Money>,
}

/// What a key's plan promises.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTerms {
    /// The plan's name.
    pub plan: String,
    /// The most requests in any 60 seconds; `None`: no limit.
    pub requests_per_minute: Option<u32>,
    /// The most requests in a UTC day.
    pub requests_per_day: Option<u32>,
    /// The most tokens in any 60 seconds.
    pub tokens_per_minute: Option<u64>,
    /// The most requests under way at once.
    pub concurrent_requests: Option<u32>,
    /// What a metered key is granted.
    pub credits: Option<Credits>,
    /// How long the key works.
    pub validity: Option<Validity>,
    /// How many keys of a namespace are granted credits or begin a validity.
    pub max_keys_per_namespace: u32,
    /// When the object was made, in unix milliseconds; `None`: unknown.
    pub created_ms: Option<u64>,
    /// Whether a call of which nobody knows how it ended pays what was reserved for it.
    pub unconfirmed_pays: bool,
    /// What sidecars do while there is no authority, and so how long a new one must listen before it grants.
    pub when_unreachable: WhenQuotaUnreachable,
    /// The channels with limits that it may use. Sorted.
    pub channels: Vec<Name>,
    /// Who makes its calls.
    pub callers: Callers,
}

/// Who makes a key's calls, of those that may speak for it: what it may without an authority is shared among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Callers {
    /// All of them.
    #[default]
    All,
    /// The sidecars of its namespace.
    Namespace,
    /// The shared gateway, to which they hand its calls over.
    Gateway,
}

/// What of a key is shared, and among whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) limit: u32,
    pub(crate) callers: Callers,
}

impl Terms {
    /// What a configuration promises.
    pub fn of(configuration: &Configuration) -> Self {
        let limited = configuration
            .channels
            .iter()
            .filter(|(_, channel)| !channel.limits.is_empty());
        let channels: BTreeMap<Name, ChannelLimits> = limited
            .map(|(name, channel)| (name.clone(), channel.limits))
            .collect();
        let apart = configuration.channels.values().any(|one| one.via_gateway);
        let good = configuration
            .keys
            .iter()
            .filter(|(_, key)| key.standing == Standing::Good);
        let keys = good
            .filter_map(|(name, key)| {
                let plan = configuration.plans.get(&key.plan)?;
                let callers = match (apart, configuration.hands_over(name, key)) {
                    (false, _) => Callers::All,
                    (true, false) => Callers::Namespace,
                    (true, true) => Callers::Gateway,
                };
                let terms = KeyTerms::of(key, plan, &channels);
                Some((name.clone(), KeyTerms { callers, ..terms }))
            })
            .collect();
        let prices = configuration.plans.iter().map(|(name, plan)| {
            let price = plan.price.clone().unwrap_or_default();
            (name.clone(), price)
        });
        Terms {
            keys,
            channels,
            prices: prices.collect(),
        }
    }
}

impl KeyTerms {
    fn of(key: &Key, plan: &Plan, limited: &BTreeMap<Name, ChannelLimits>) -> Self {
        let mut channels: Vec<Name> = key
            .channels
            .iter()
            .filter(|channel| limited.contains_key(channel))
            .cloned()
            .collect();
        channels.sort_unstable();
        KeyTerms {
            plan: key.plan.clone(),
            requests_per_minute: plan.requests_per_minute,
            requests_per_day: plan.requests_per_day,
            tokens_per_minute: plan.tokens_per_minute,
            concurrent_requests: plan.concurrent_requests,
            credits: plan.credits,
            validity: plan.validity,
            max_keys_per_namespace: plan.max_keys_per_namespace,
            created_ms: key.created_ms,
            unconfirmed_pays: plan.on_abort.unconfirmed_pays,
            when_unreachable: plan.when_quota_unreachable,
            channels,
            callers: Callers::All,
        }
    }

    /// What sidecars share of it for the time without an authority, if they do.
    pub(crate) fn shared(&self) -> Option<Shared> {
        let limit = self.leading()?;
        let callers = self.callers;
        (self.when_unreachable == WhenQuotaUnreachable::Share).then_some(Shared { limit, callers })
    }

    /// The limit that shares are parts of: requests a minute, else concurrent requests, else thousandths of the tokens.
    pub fn leading(&self) -> Option<u32> {
        self.requests_per_minute
            .or(self.concurrent_requests)
            .or(self.tokens_per_minute.map(|_| 1_000))
    }

    /// The part of another limit of the key that a share of the leading one stands for, rounded down.
    pub(crate) fn part(&self, limit: u64, share: u32) -> u64 {
        let leading = u128::from(self.leading().unwrap_or(0).max(1));
        let part = u128::from(limit) * u128::from(share) / leading;
        u64::try_from(part).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::Refusal;

    fn key(plan: &str, standing: Standing) -> Key {
        serde_json::from_value(serde_json::json!({
            "digests": [], "standing": standing, "plan": plan, "channels": ["shop/open", "shop/small"],
        }))
        .unwrap()
    }

    fn channel(limits: serde_json::Value) -> purser_config::Channel {
        serde_json::from_value(serde_json::json!({
            "provider": "OpenAI", "base_url": "http://127.0.0.1:1/v1", "models": [], "priority": 0, "weight": 1, "limits": limits,
            "timeouts": { "connect_ms": 1, "first_byte_ms": 1, "idle_ms": 1, "request_ms": 1 },
            "health": { "consecutive_failures": 1, "min_requests": 1, "success_rate_percent": 1, "cooldown_ms": 1, "max_cooldown_ms": 1 },
        }))
        .unwrap()
    }

    #[test]
    fn only_keys_in_good_standing_with_a_plan_have_terms_and_only_limited_channels_are_named() {
        let refused = Standing::Refused {
            code: Refusal::ApiKeySuspended,
            message: String::new(),
        };
        let (good, open, small) = (Standing::Good, "shop/open", "shop/small");
        let plan = Plan {
            requests_per_minute: Some(15),
            tokens_per_minute: Some(1_000),
            ..Plan::default()
        };
        let configuration = Configuration {
            keys: [
                ("shop/good", key("free", good.clone())),
                ("shop/suspended", key("free", refused)),
                ("shop/planless", key("gone", good)),
            ]
            .map(|(name, key)| (name.parse().unwrap(), key))
            .into(),
            plans: [("free".to_owned(), plan)].into(),
            channels: [
                (open, channel(serde_json::json!({}))),
                (
                    small,
                    channel(serde_json::json!({ "concurrent_requests": 2 })),
                ),
            ]
            .map(|(name, channel)| (name.parse().unwrap(), channel))
            .into(),
        };
        let terms = Terms::of(&configuration);
        let keys: Vec<&str> = terms.keys.keys().map(Name::as_str).collect();
        assert_eq!(keys, ["shop/good"]);
        assert!(terms.channels.keys().map(Name::as_str).eq([small]));
        let good = &terms.keys[&Name::new("shop", "good")];
        assert_eq!(good.channels, [Name::new("shop", "small")]);
        assert_eq!((good.leading(), good.part(1_000, 5)), (Some(15), 333));
    }
    #[test]
    fn a_keys_calls_are_its_sidecars_or_where_they_may_not_the_gateways() {
        let mut configuration = Configuration::default();
        let plans = [("free".to_owned(), Plan::default())];
        configuration.plans = plans.into();
        let name = Name::new("shop", "key");
        let key = key("free", Standing::Good);
        configuration.keys.insert(name.clone(), key);
        let of = |configuration: &Configuration| Terms::of(configuration).keys[&name].callers;
        assert_eq!(of(&configuration), Callers::All, "there is no gateway");
        let mut shared = channel(serde_json::json!({}));
        shared.via_gateway = true;
        let own = Name::new("shop", "open");
        configuration.channels.insert(own, shared.clone());
        assert_eq!(of(&configuration), Callers::Namespace);
        let theirs = Name::new("models", "open");
        configuration.channels.insert(theirs.clone(), shared);
        let keys = configuration.keys.values_mut();
        keys.for_each(|key| key.channels.push(theirs.clone()));
        assert_eq!(of(&configuration), Callers::Gateway);
    }
}
