//! Prices, credits and costs, from text to millionths. Used by `plans` and `models`. What is faulty is left out of what it returns: its
//! fault refuses the whole object, so that nothing is ever kept at the price of 0.

use crate::fault::{Fault, Faults};
use purser_config::price;
use purser_config::{Credits, Resets};
use purser_crds::{Amount, CreditResets, ModelPrice, PlanSpec, TokenPrices};

const MOST_PRICES: usize = 64;
const MOST_GLOBS: usize = 64;

/// Millionths of an amount.
pub(crate) fn micros(field: &str, amount: &Amount, faults: &mut Faults) -> Option<price::Micros> {
    let micros = amount.micros();
    faults.take(micros.map_err(|error| Fault::invalid(format!("{field}: {error}"))))
}

/// What a plan grants, where it is metered.
pub(crate) fn credits(spec: &PlanSpec, faults: &mut Faults) -> Option<Credits> {
    let credits = spec.credits.as_ref()?;
    let grant = micros("credits.grant", &credits.grant, faults);
    let resets = match credits.resets {
        CreditResets::Never => Resets::Never,
        CreditResets::Daily => Resets::Daily,
        CreditResets::Monthly => Resets::Monthly,
    };
    faults.expect(!(resets != Resets::Never && grant == Some(0)), || {
        "credits that reset need a grant above 0; raise grant, or set resets to Never".into()
    });
    faults.expect(!spec.prices.is_empty(), || {
        "a plan with credits refuses every model without a price; add prices".into()
    });
    let grant = grant?;
    Some(Credits { grant, resets })
}

/// What a plan's time is sold for.
pub(crate) fn price(spec: &PlanSpec, faults: &mut Faults) -> Option<price::Money> {
    let written = spec.price.as_ref()?;
    let micros = micros("price.amount", &written.amount, faults)?;
    let currency = written.currency.clone();
    Some(price::Money { micros, currency })
}

/// A price that no statement will ever show.
pub(crate) fn unsold(spec: &PlanSpec) -> Option<String> {
    let price = spec.price.as_ref()?;
    let costs = price.amount.micros().is_ok_and(|micros| micros > 0);
    (costs && spec.validity.is_none()).then(|| {
        "price is counted in statements whenever a key's time begins, and without validity none begins but by a payment or a renewal; set validity, such as {months: 1}, or leave price out".into()
    })
}

/// What a plan's calls cost.
pub(crate) fn prices(written: &[ModelPrice], faults: &mut Faults) -> Vec<price::Price> {
    faults.expect(written.len() <= MOST_PRICES, || {
        format!(
            "prices has {} entries, at most {MOST_PRICES} are possible; use * to join some",
            written.len()
        )
    });
    written
        .iter()
        .filter_map(|row| row_of(row, faults))
        .collect()
}

fn row_of(written: &ModelPrice, faults: &mut Faults) -> Option<price::Price> {
    let one = written.per_request.is_some() != written.per_million_tokens.is_some();
    faults.expect(one, || {
        "prices[]: a price is either perRequest or perMillionTokens; set one of them".into()
    });
    faults.expect((1..=MOST_GLOBS).contains(&written.models.len()), || {
        format!("prices[].models must have from 1 to {MOST_GLOBS} entries")
    });
    let parts = (
        written.per_request.as_ref(),
        written.per_million_tokens.as_ref(),
    );
    let cost = cost("prices[]", parts, faults)?;
    let models = written.models.clone();
    Some(price::Price { models, cost })
}

/// What a call costs: for itself, and for its tokens.
pub(crate) fn cost(
    field: &str,
    (per_request, per_million): (Option<&Amount>, Option<&TokenPrices>),
    faults: &mut Faults,
) -> Option<price::Cost> {
    let for_itself =
        per_request.map(|amount| micros(&format!("{field}.perRequest"), amount, faults));
    let for_tokens =
        per_million.map(|prices| tokens(&format!("{field}.perMillionTokens"), prices, faults));
    Some(price::Cost {
        per_request: for_itself.unwrap_or(Some(0))?,
        per_million_tokens: match for_tokens {
            Some(cost) => Some(cost?),
            None => None,
        },
    })
}

/// A prompt cache costs as reading without one, unless it is said.
fn tokens(field: &str, written: &TokenPrices, faults: &mut Faults) -> Option<price::TokenCost> {
    let mut kind = |name: &str, amount: &Amount| micros(&format!("{field}.{name}"), amount, faults);
    let input = kind("input", &written.input);
    let output = kind("output", &written.output);
    let mut cache = |name: &str, amount: &Option<Amount>| match amount {
        Some(amount) => kind(name, amount),
        None => input,
    };
    let cached_input = cache("cachedInput", &written.cached_input);
    let cache_write = cache("cacheWrite", &written.cache_write);
    Some(price::TokenCost {
        input: input?,
        cached_input: cached_input?,
        cache_write: cache_write?,
        output: output?,
    })
}
