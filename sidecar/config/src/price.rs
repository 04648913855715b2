//! What calls cost, in whole millionths: of a credit for a plan, of the owner's currency for a channel. The one place that multiplies
//! tokens by prices; sidecar and authority both call it, so that an estimate and its settlement agree.

use crate::glob_matches;
use serde::{Deserialize, Serialize};

/// Millionths of a credit, or of a unit of currency. Never a float.
pub type Micros = u64;

/// So much of a currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Money {
    /// In millionths.
    pub micros: Micros,
    /// As ISO 4217 writes it, in capitals; empty: no money at all.
    pub currency: String,
}

/// One row of a plan's prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Globs of the models that it is for.
    pub models: Vec<String>,
    /// What a call of them costs.
    pub cost: Cost,
}

/// What a call costs: so much for itself, and so much for its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// For each call.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub per_request: Micros,
    /// For a million tokens, by kind; absent: tokens cost nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_million_tokens: Option<TokenCost>,
}

/// What a million tokens cost, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenCost {
    /// Read, and neither from nor into a provider's prompt cache.
    pub input: Micros,
    /// Read from the cache.
    pub cached_input: Micros,
    /// Read and written into the cache.
    pub cache_write: Micros,
    /// Written by the model.
    pub output: Micros,
}

/// The tokens of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    /// All that were read.
    pub input: u64,
    /// Those of `input` that came from a prompt cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached: u64,
    /// Those of `input` that went into one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// All that were written, reasoning included.
    pub output: u64,
}

impl Tokens {
    /// Read and written.
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl Cost {
    /// What a call with these tokens costs, rounded up to a millionth once. A cache that reports more than was read counts no token
    /// twice; what does not fit saturates.
    pub fn of(&self, tokens: &Tokens) -> Micros {
        let Some(price) = &self.per_million_tokens else {
            return self.per_request;
        };
        let cached = tokens.cached.min(tokens.input);
        let written = tokens.cache_write.min(tokens.input - cached);
        let plain = tokens.input - cached - written;
        let kinds = [
            (plain, price.input),
            (cached, price.cached_input),
            (written, price.cache_write),
            (tokens.output, price.output),
        ];
        let sum: u128 = kinds
            .into_iter()
            .map(|(count, price)| u128::from(count) * u128::from(price))
            .fold(0, u128::saturating_add);
        let for_tokens = Micros::try_from(sum.div_ceil(1_000_000)).unwrap_or(Micros::MAX);
        self.per_request.saturating_add(for_tokens)
    }

    /// The most that a call with at most these tokens can cost: nothing of it came from a cache, all of it went into one, whichever
    /// is dearer.
    pub fn at_most(&self, input: u64, output: u64) -> Micros {
        let kind = |cached, cache_write| Tokens {
            input,
            cached,
            cache_write,
            output,
        };
        let kinds = [kind(0, 0), kind(input, 0), kind(0, input)];
        kinds
            .iter()
            .map(|tokens| self.of(tokens))
            .max()
            .unwrap_or(0)
    }

    /// Whether it depends on tokens.
    pub fn counts_tokens(&self) -> bool {
        self.per_million_tokens.is_some()
    }
}

/// What a call of this model costs by these rows: the first that matches decides; none: it has no price.
pub fn price_of<'a>(prices: &'a [Price], model: &str) -> Option<&'a Cost> {
    let matches = |price: &&Price| price.models.iter().any(|glob| glob_matches(glob, model));
    prices.iter().find(matches).map(|price| &price.cost)
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_token(input: u64, cached_input: u64, cache_write: u64, output: u64) -> Cost {
        let per_million_tokens = Some(TokenCost {
            input,
            cached_input,
            cache_write,
            output,
        });
        Cost {
            per_request: 0,
            per_million_tokens,
        }
    }

    #[test]
    fn tokens_are_priced_by_kind_and_rounded_up_once() {
        let cost = by_token(2_000_000, 1_000_000, 3_000_000, 8_000_000);
        let tokens = Tokens {
            input: 100,
            cached: 40,
            cache_write: 10,
            output: 5,
        };
        assert_eq!(cost.of(&tokens), 50 * 2 + 40 + 10 * 3 + 5 * 8);
        let tiny = by_token(1, 1, 1, 1);
        let one = Tokens {
            input: 1,
            output: 1,
            ..Tokens::default()
        };
        assert_eq!(tiny.of(&one), 1);
    }

    #[test]
    fn a_cache_that_reports_more_than_was_read_costs_no_more_than_all_of_it() {
        let cost = by_token(2_000_000, 1_000_000, 3_000_000, 0);
        let lying = Tokens {
            input: 10,
            cached: 1_000,
            cache_write: 1_000,
            output: 0,
        };
        assert_eq!(cost.of(&lying), 10);
    }

    #[test]
    fn no_call_costs_more_than_its_upper_estimate() {
        let cost = by_token(2_000_000, 1_000_000, 3_000_000, 8_000_000);
        for cached in 0..=10 {
            for cache_write in 0..=10 - cached {
                let tokens = Tokens {
                    input: 10,
                    cached,
                    cache_write,
                    output: 4,
                };
                assert!(cost.of(&tokens) <= cost.at_most(10, 4));
            }
        }
    }

    #[test]
    fn what_does_not_fit_saturates() {
        let cost = by_token(u64::MAX, 0, 0, u64::MAX);
        let most = Tokens {
            input: u64::MAX,
            output: u64::MAX,
            ..Tokens::default()
        };
        assert_eq!(cost.of(&most), Micros::MAX);
    }

    #[test]
    fn the_first_row_that_matches_decides() {
        let row = |glob: &str, per_request| Price {
            models: vec![glob.into()],
            cost: Cost {
                per_request,
                per_million_tokens: None,
            },
        };
        let prices = [row("gpt-4o*", 4), row("*", 1)];
        let price = |model| price_of(&prices, model).map(|cost| cost.per_request);
        assert_eq!(price("gpt-4o-mini"), Some(4));
        assert_eq!(price("llama"), Some(1));
        assert_eq!(price_of(&prices[..1], "llama"), None);
    }
}
