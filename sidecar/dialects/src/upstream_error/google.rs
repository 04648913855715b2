//! What Google's errors say beside their message: a list of typed details. Part of `upstream_error`.

use crate::json::{any_element, members, string};
use std::time::Duration;

/// The longest wait that is believed.
const A_DAY: f64 = 86_400.0;

/// What of the details matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// `RetryInfo.retryDelay`.
    pub(super) retry_after: Option<Duration>,
    /// `ErrorInfo.reason` is about the key: Gemini answers 400 to a bad one.
    pub(super) bad_key: bool,
}

pub(super) fn details(text: &str) -> Details {
    let mut found = Details::default();
    any_element(text, |detail| {
        let Some([delay, reason]) = members(detail, ["retryDelay", "reason"]) else {
            return false;
        };
        found.retry_after = found
            .retry_after
            .or_else(|| string(delay).as_deref().and_then(seconds));
        let reason = string(reason).unwrap_or_default();
        found.bad_key |= matches!(
            reason.as_str(),
            "API_KEY_INVALID" | "API_KEY_EXPIRED" | "API_KEY_SERVICE_BLOCKED"
        );
        false
    });
    found
}

/// A span as protobuf writes it in JSON: `12s`, `0.5s`.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(A_DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_and_a_bad_key_are_read_from_typed_details() {
        let said = details(
            r#"[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[]},
                {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12.5s"}]"#,
        );
        assert_eq!(said.retry_after, Some(Duration::from_millis(12_500)));
        assert!(!said.bad_key);
        assert!(details(r#"[{"reason":"API_KEY_INVALID"}]"#).bad_key);
        for absurd in ["-1s", "soon", "NaNs", "12"] {
            assert_eq!(
                details(&format!(r#"[{{"retryDelay":"{absurd}"}}]"#)).retry_after,
                None
            );
        }
    }
}
