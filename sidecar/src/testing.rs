//! Small configurations for this crate's tests.

use purser_config::{
    Channel, Configuration, Digest, Health, Key, Model, Name, Plan, Provider, Standing, Timeouts,
    WhenQuotaUnreachable,
};
use sha2::{Digest as _, Sha256};

pub(crate) fn configuration() -> Configuration {
    Configuration::default()
}

pub(crate) fn plan(allow: &[&str], deny: &[&str], requests_per_minute: u32) -> Plan {
    let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
    Plan {
        requests_per_minute: Some(requests_per_minute),
        allow: owned(allow),
        deny: owned(deny),
        when_quota_unreachable: WhenQuotaUnreachable::Share,
        ..Plan::default()
    }
}

pub(crate) fn key(value: &str, plan: &str, channels: &[&str]) -> Key {
    Key {
        digests: vec![Digest(Sha256::digest(value.as_bytes()).into())],
        previous: None,
        standing: Standing::Good,
        plan: plan.into(),
        models: vec![],
        expires_at_ms: None,
        created_ms: None,
        plan_expires_at_ms: None,
        service_accounts: vec![],
        channels: channels
            .iter()
            .map(|name| name.parse::<Name>().unwrap())
            .collect(),
        via_gateway: false,
    }
}

pub(crate) fn channel(base_url: &str, models: &[&str]) -> Channel {
    let model = |name: &&str| Model {
        name: (*name).to_owned(),
        upstream_name: None,
        aliases: vec![],
        capabilities: None,
        context_length: None,
        max_output_tokens: None,
        endpoints: vec![],
        cost: None,
    };
    Channel {
        provider: Provider::OpenAICompatible,
        base_url: base_url.into(),
        api_version: None,
        credentials: vec![],
        models: models.iter().map(model).collect(),
        priority: 0,
        weight: 100,
        timeouts: Timeouts {
            connect_ms: 3_000,
            first_byte_ms: 30_000,
            idle_ms: 60_000,
            request_ms: 600_000,
        },
        health: Health {
            consecutive_failures: 5,
            min_requests: 5,
            success_rate_percent: 50,
            cooldown_ms: 5_000,
            max_cooldown_ms: 300_000,
        },
        headers: vec![],
        ca_pem: None,
        via_gateway: false,
        limits: Default::default(),
    }
}
