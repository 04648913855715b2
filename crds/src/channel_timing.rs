//! How long to wait for a ProviderChannel, and when it counts as broken. Used by `provider_channel.rs`; the defaults are those of
//! the failover table. Never measures anything.

use crate::Span;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How long to wait, such as 3s or 500ms; each at most 24h.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("[self.connect, self.firstByte, self.idle, self.request].all(t, duration(t) >= duration('1ms') && duration(t) <= duration('24h'))")
        .message("each timeout must be from 1ms to 24h")
)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// For a connection, TLS included. Default 3s.
    #[serde(default = "Timeouts::connect")]
    pub connect: Span,
    /// For the first byte of any kind of a stream. Default 30s.
    #[serde(default = "Timeouts::first_byte")]
    pub first_byte: Span,
    /// For any byte of an answer that has begun, pings included. Default 60s.
    #[serde(default = "Timeouts::idle")]
    pub idle: Span,
    /// For one attempt that does not stream; for a stream, until its first content. Default 600s.
    #[serde(default = "Timeouts::request")]
    pub request: Span,
}

impl Timeouts {
    fn connect() -> Span {
        Span::new("3s")
    }

    fn first_byte() -> Span {
        Span::new("30s")
    }

    fn idle() -> Span {
        Span::new("60s")
    }

    fn request() -> Span {
        Span::new("600s")
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Self::connect(),
            first_byte: Self::first_byte(),
            idle: Self::idle(),
            request: Self::request(),
        }
    }
}

/// When a channel counts as broken. A broken one is left out for a cooldown that doubles each time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("[self.cooldown, self.maxCooldown].all(t, duration(t) >= duration('1ms') && duration(t) <= duration('24h')) && duration(self.cooldown) <= duration(self.maxCooldown)")
        .message("cooldown and maxCooldown must be from 1ms to 24h, and cooldown not longer than maxCooldown")
)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Failures in a row after which it is left out. Default 5.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub consecutive_failures: u32,
    /// Results in 30 seconds below which the success rate is not judged. Default 5.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_requests: u32,
    /// The success rate, in percent, below which it is left out. Default 50.
    #[serde(default = "fifty")]
    #[schemars(range(min = 0, max = 100))]
    pub success_rate_percent: u32,
    /// How long it is left out the first time. Default 5s.
    #[serde(default = "Health::cooldown")]
    pub cooldown: Span,
    /// The longest it is left out. Default 300s.
    #[serde(default = "Health::max_cooldown")]
    pub max_cooldown: Span,
}

fn five() -> u32 {
    5
}

fn fifty() -> u32 {
    50
}

impl Health {
    fn cooldown() -> Span {
        Span::new("5s")
    }

    fn max_cooldown() -> Span {
        Span::new("300s")
    }
}

impl Default for Health {
    fn default() -> Self {
        Health {
            consecutive_failures: five(),
            min_requests: five(),
            success_rate_percent: fifty(),
            cooldown: Self::cooldown(),
            max_cooldown: Self::max_cooldown(),
        }
    }
}
