//! `/dashboard/billing`: OpenAI's old shape, for the key that asks, in credits where it said dollars.

use super::status::QUOTA_PER_UNIT;
use super::token::Token;
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::ids;
use crate::who::hidden;
use schemars::JsonSchema;
use serde::Serialize;

/// What an unmetered key may spend, as new-api says it.
const UNLIMITED: f64 = 100_000_000.0;

/// What a key may spend.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Subscription {
    object: &'static str,
    has_payment_method: bool,
    /// Credits.
    soft_limit_usd: f64,
    hard_limit_usd: f64,
    system_hard_limit_usd: f64,
    /// Unix seconds; 0: for ever.
    access_until: i64,
}

/// What a key has spent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Spent {
    object: &'static str,
    /// Hundredths of a credit.
    total_usage: f64,
}

async fn token(ask: &Ask) -> Result<Token, Failure> {
    let (seen, name) = (ask.console.house.seen(), ask.key()?);
    let mut keys = seen.keys.iter();
    let key = keys.find(|key| ids::name_of(&key.metadata) == *name);
    let key = key.ok_or_else(|| hidden("key"))?;
    Ok(super::token::Eyes::open(&ask.console, &seen)
        .await?
        .token(key))
}

/// What it may spend.
pub(crate) async fn subscription(ask: Ask) -> Outcome {
    let token = token(&ask).await?;
    let (granted, _) = token.granted_and_used();
    let limit = granted.map_or(UNLIMITED, |micros| micros as f64 / QUOTA_PER_UNIT as f64);
    Reply::bare(&Subscription {
        object: "billing_subscription",
        has_payment_method: true,
        soft_limit_usd: limit,
        hard_limit_usd: limit,
        system_hard_limit_usd: limit,
        access_until: token.expires(),
    })
}

/// What it has spent.
pub(crate) async fn usage(ask: Ask) -> Outcome {
    let (_, used) = token(&ask).await?.granted_and_used();
    Reply::bare(&Spent {
        object: "list",
        total_usage: used as f64 * 100.0 / QUOTA_PER_UNIT as f64,
    })
}
