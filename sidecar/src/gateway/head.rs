//! The headers of answers: DESIGN 6's, and of a provider's own those that a caller may see. Part of `gateway`; called by `respond`. It must
//! never add one that is not in DESIGN 6.
//!
//! An answer has a dozen, and to hash the name of each once more would cost more than all else that is done with them: they are copied
//! from a map in which the names stand already, and only their values are written.

use super::Quota;
use super::respond::{Answered, Told};
use crate::call::{Call, returned};
use crate::names;
use crate::reject::span;
use crate::relay::{Manner, Through};
use crate::snapshot::Serving;
use crate::upstream::{Answer, Flow, Kind};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, Entry};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::sync::LazyLock;
use std::time::Duration;

const NONE: HeaderValue = HeaderValue::from_static("");

/// What nearly every answer that was won tells, in the order in which `head` writes it.
static PREPARED: LazyLock<HeaderMap> = LazyLock::new(|| {
    let ours = [&names::REQUEST_ID, &names::ATTEMPTS];
    let ours = ours.into_iter().chain(WINDOWS);
    let ours = ours.chain([&names::CHANNEL, &names::MODEL]).cloned();
    let all = [CONTENT_TYPE, CONTENT_LENGTH].into_iter().chain(ours);
    all.map(|name| (name, NONE)).collect()
});

/// Where a plan's windows stand, in the order of `windows`.
static WINDOWS: [&HeaderName; 6] = [
    &names::LIMIT_REQUESTS,
    &names::REMAINING_REQUESTS,
    &names::RESET_REQUESTS,
    &names::LIMIT_TOKENS,
    &names::REMAINING_TOKENS,
    &names::RESET_TOKENS,
];

/// The status and the headers of an answer that was won.
pub(super) fn head(answered: &Answered<'_>) -> (StatusCode, HeaderMap) {
    let Answered {
        answer,
        serving,
        told,
        call,
        ..
    } = answered;
    let (status, mut headers) = match answer.as_ref() {
        Answer::Whole {
            status,
            headers,
            body,
            ..
        } => (
            *status,
            prepared(answered, Some(headers), Some(body.len() as u64)),
        ),
        Answer::Flowing(flow) => (flow.status, flowing(answered, flow)),
        Answer::Refused { status, .. } => (*status, prepared(answered, None, None)),
    };
    if call.letters.removed_state(serving) {
        headers.insert(&names::REMOVED, HeaderValue::from_static("reasoning-state"));
    }
    if !told.replay {
        headers.insert(&names::REPLAY, HeaderValue::from_static("off"));
    }
    (status, headers)
}

fn flowing(answered: &Answered<'_>, flow: &Flow) -> HeaderMap {
    let mut headers = prepared(answered, Some(&flow.headers), None);
    if flow.kind == Kind::Events {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if matches!(flow.through, Through::Interpreter(_) | Through::Array(_)) {
            let kind = Manner::of(answered.call).content_type();
            headers.insert(CONTENT_TYPE, kind);
        }
    } else if let Some(length) = flow.headers.get(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, length.clone());
    }
    headers
}

/// The prepared headers with their values; `from`: the provider's, where it answered, else it is JSON of ours; `length`: of the body,
/// where it is known.
fn prepared(answered: &Answered<'_>, from: Option<&HeaderMap>, length: Option<u64>) -> HeaderMap {
    let Answered {
        serving,
        told,
        call,
        ..
    } = answered;
    let kind = match from {
        Some(from) => from.get(CONTENT_TYPE).cloned(),
        None => Some(HeaderValue::from_static("application/json")),
    };
    let (model, quota) = (model(call, serving), told.quota.unwrap_or_default());
    let has_kind = kind.is_some();
    let [limit, left, reset, tokens, tokens_left, tokens_reset] = windows(&quota);
    let values = [
        kind.unwrap_or(NONE),
        number(length),
        call.id.clone(),
        number(Some(told.attempts.unwrap_or_default().into())),
        limit,
        left,
        reset,
        tokens,
        tokens_left,
        tokens_reset,
        serving.reach.label.clone(),
        model.cloned().unwrap_or(NONE),
    ];
    let mut headers = PREPARED.clone();
    for (place, value) in headers.values_mut().zip(values) {
        *place = value;
    }
    if !has_kind {
        headers.remove(CONTENT_TYPE);
    }
    if length.is_none() {
        headers.remove(CONTENT_LENGTH);
    }
    if model.is_none() {
        headers.remove(&names::MODEL);
    }
    for (name, value) in from.into_iter().flat_map(returned) {
        if let Entry::Vacant(place) = headers.entry(name) {
            place.insert(value.clone());
        }
    }
    headers
}

/// Which of a channel's models wrote an answer that it keeps is not known here.
fn model<'a>(call: &Call, serving: &'a Serving) -> Option<&'a HeaderValue> {
    serving.label().filter(|_| call.stored.is_none())
}

/// Of answers of our own: the id, the attempts, and where the plan's windows stand.
pub(super) fn identify(headers: &mut HeaderMap, id: &HeaderValue, told: &Told) {
    headers.insert(&names::REQUEST_ID, id.clone());
    if let Some(attempts) = told.attempts {
        headers.insert(&names::ATTEMPTS, number(Some(attempts.into())));
    }
    let windows = told.quota.as_ref().map(windows);
    for (name, value) in WINDOWS.iter().zip(windows.into_iter().flatten()) {
        headers.insert(*name, value);
    }
}

/// The values of `WINDOWS`.
fn windows(quota: &Quota) -> [HeaderValue; 6] {
    let remaining = quota.limit.map(|_| quota.remaining.into());
    let (tokens, tokens_reset) = match quota.tokens_left {
        Some(left) => (Some(left.remaining), reset(left.reset_ms)),
        None => (quota.tokens, HeaderValue::from_static("0ms")),
    };
    [
        number(quota.limit.map(u64::from)),
        number(remaining),
        reset(quota.reset_ms),
        number(quota.tokens),
        number(tokens),
        tokens_reset,
    ]
}

fn reset(millis: u64) -> HeaderValue {
    let text = Bytes::from(span(Duration::from_millis(millis)));
    HeaderValue::from_maybe_shared(text).unwrap_or(NONE)
}

/// A number; none is told as the largest that every JSON client reads exactly, because a number must stand there.
fn number(value: Option<u64>) -> HeaderValue {
    match value {
        Some(1) => HeaderValue::from_static("1"),
        Some(value) => value.into(),
        None => HeaderValue::from_static("9007199254740991"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_stands_where_its_name_is() {
        let names: Vec<&HeaderName> = PREPARED.keys().collect();
        let (first, rest) = names.split_at(4);
        let (windows, last) = rest.split_at(WINDOWS.len());
        assert_eq!(
            first,
            [
                &CONTENT_TYPE,
                &CONTENT_LENGTH,
                &names::REQUEST_ID,
                &names::ATTEMPTS
            ]
        );
        assert_eq!(windows, WINDOWS);
        assert_eq!(last, [&names::CHANNEL, &names::MODEL]);
    }

    #[test]
    fn what_is_left_of_a_window_is_told_and_what_has_no_limit_is_a_number_too() {
        let quota = Quota {
            limit: Some(20),
            remaining: 1,
            reset_ms: 1_500,
            ..Quota::default()
        };
        let none = "9007199254740991";
        assert_eq!(windows(&quota), ["20", "1", "1.5s", none, none, "0ms"]);
    }
}
