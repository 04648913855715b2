//! Spans of a channel, from text to milliseconds. Used by `channels`.

use crate::fault::{Fault, Faults};
use purser_config as config;
use purser_crds::{Health, Span, Timeouts};

const DAY_MS: u64 = 24 * 3_600_000;

/// Milliseconds, from 1 to a day.
fn span(field: &str, span: &Span) -> Result<u64, Fault> {
    let length = span
        .milliseconds()
        .map_err(|error| Fault::invalid(format!("{field}: {error}")))?;
    if (1..=DAY_MS).contains(&length) {
        return Ok(length);
    }
    Err(Fault::invalid(format!(
        "{field} must be from 1ms to 24h, it is {}",
        span.as_str()
    )))
}

/// The timeouts, when all of them are good.
pub(crate) fn timeouts(written: &Timeouts, faults: &mut Faults) -> Option<config::Timeouts> {
    let connect = faults.take(span("timeouts.connect", &written.connect));
    let first_byte = faults.take(span("timeouts.firstByte", &written.first_byte));
    let idle = faults.take(span("timeouts.idle", &written.idle));
    let request = faults.take(span("timeouts.request", &written.request));
    Some(config::Timeouts {
        connect_ms: connect?,
        first_byte_ms: first_byte?,
        idle_ms: idle?,
        request_ms: request?,
    })
}

/// When it counts as broken, when all of it is good.
pub(crate) fn health(written: &Health, faults: &mut Faults) -> Option<config::Health> {
    let cooldown = faults.take(span("health.cooldown", &written.cooldown));
    let max_cooldown = faults.take(span("health.maxCooldown", &written.max_cooldown));
    faults.expect(
        cooldown
            .zip(max_cooldown)
            .is_none_or(|(first, most)| first <= most),
        || "health.cooldown must not be longer than health.maxCooldown".into(),
    );
    let failures = written.consecutive_failures;
    faults.expect((1..=1_000_000).contains(&failures), || {
        "health.consecutiveFailures must be from 1 to 1000000".into()
    });
    faults.expect(written.success_rate_percent <= 100, || {
        "health.successRatePercent must be from 0 to 100".into()
    });
    Some(config::Health {
        consecutive_failures: failures,
        min_requests: written.min_requests,
        success_rate_percent: written.success_rate_percent,
        cooldown_ms: cooldown?,
        max_cooldown_ms: max_cooldown?,
    })
}
