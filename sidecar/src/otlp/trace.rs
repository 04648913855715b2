//! One call's place in a trace: the caller's `traceparent` is its parent, or it begins one. Begun by `ledger` when the bill is opened, told by
//! `bill` of each attempt. It holds ids and times, and must never hold what was asked.

use crate::clock::draw;
use crate::snapshot::Serving;
use http::HeaderMap;
use std::time::Duration;

/// See the file's page.
#[derive(Clone)]
pub(crate) struct Trace {
    /// Of the whole trace, 32 hexadecimal digits.
    pub(super) id: String,
    /// Of the call's span, 16 of them.
    pub(super) span: String,
    /// Of the span that the caller is in.
    pub(super) parent: Option<String>,
    /// Whether spans are wanted: the caller may have decided that its trace is not kept.
    pub(super) sampled: bool,
    /// Where each attempt was made, and how long after the call began.
    pub(super) attempts: Vec<(Serving, Duration)>,
    /// The code of the refusal, where nothing was sent.
    pub(super) refused: Option<&'static str>,
}

impl Trace {
    /// As the caller's headers have it; without a usable `traceparent` a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let said = headers
            .get("traceparent")
            .and_then(|said| said.to_str().ok());
        let parent = said.and_then(parent);
        let (id, parent, sampled) = match parent {
            Some((id, span, sampled)) => (id.to_owned(), Some(span.to_owned()), sampled),
            None => (format!("{:016x}{}", draw(), span_id()), None, true),
        };
        Trace {
            id,
            span: span_id(),
            parent,
            sampled,
            attempts: Vec::new(),
            refused: None,
        }
    }

    /// An attempt begins, so long after the call.
    pub(crate) fn attempt(&mut self, serving: &Serving, after: Duration) {
        self.attempts.push((serving.clone(), after));
    }
}

/// One of a span; none is all zeros.
pub(super) fn span_id() -> String {
    format!("{:016x}", draw().max(1))
}

/// The ids and the flag of a `traceparent`, as W3C has it: later versions may have more parts.
fn parent(said: &str) -> Option<(&str, &str, bool)> {
    let mut parts = said.trim().split('-');
    let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str, length: usize| {
        let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == length && text.bytes().all(lower)
    };
    let known =
        digits(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let named = |text: &str| text.bytes().any(|byte| byte != b'0');
    let good =
        known && digits(id, 32) && digits(span, 16) && digits(flags, 2) && named(id) && named(span);
    let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    good.then_some((id, span, sampled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn of(said: &str) -> Trace {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_str(said).unwrap());
        Trace::of(&headers)
    }

    #[test]
    fn the_caller_s_span_is_the_parent_and_its_word_on_sampling_counts() {
        for (flags, sampled) in [("01", true), ("00", false), ("03", true)] {
            let trace = of(&format!("00-{ID}-{SPAN}-{flags}"));
            assert_eq!(
                (trace.id.as_str(), trace.parent.as_deref()),
                (ID, Some(SPAN))
            );
            assert_eq!(trace.sampled, sampled);
            assert_ne!(trace.span, SPAN);
        }
        assert_eq!(of(&format!("cc-{ID}-{SPAN}-01-later")).id, ID);
    }

    #[test]
    fn what_is_no_traceparent_begins_a_trace() {
        let zeros = "0".repeat(32);
        for wrong in [
            String::new(),
            "00".to_owned(),
            format!("00-{ID}-{SPAN}"),
            format!("ff-{ID}-{SPAN}-01"),
            format!("00-{ID}-{SPAN}-01-more"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{ID}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", ID.to_uppercase()),
        ] {
            let trace = of(&wrong);
            assert!(trace.parent.is_none() && trace.sampled, "{wrong}");
            assert_eq!((trace.id.len(), trace.span.len()), (32, 16));
            assert_ne!(trace.id, ID);
        }
    }
}
