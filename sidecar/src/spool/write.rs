//! An intent and a record as JSON, the same bytes as serde writes, for half the instructions: two of them are on the way of every call,
//! and serde looks for characters to escape in every field's name, byte by byte. A field that is missing here does not compile.

use super::Intent;
use purser_config::price::Tokens;
use purser_config::usage::Record;
use serde::Serialize;

/// Anything, as serde writes it.
pub(super) fn json(to: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing into memory does not fail, and a half would not match its meaning when it is read.
    let _ = serde_json::to_writer(to, value);
}

/// A call about to be sent.
pub(super) fn intent(to: &mut Vec<u8>, intent: &Intent<'_>) {
    let Intent {
        id,
        key,
        plan,
        reservation,
        endpoint,
        asked,
        stream,
        began_ms,
        reserved,
        unconfirmed_pays,
    } = intent;
    text(to, b"{\"id\":", id);
    text(to, b",\"key\":", key.as_str());
    text(to, b",\"plan\":", plan);
    if let Some(reservation) = reservation {
        text(to, b",\"reservation\":", reservation);
    }
    other(to, b",\"endpoint\":", endpoint);
    text(to, b",\"asked\":", asked);
    other(to, b",\"stream\":", stream);
    other(to, b",\"began_ms\":", began_ms);
    other(to, b",\"reserved\":", reserved);
    other(to, b",\"unconfirmed_pays\":", unconfirmed_pays);
    to.push(b'}');
}

/// A call that ended.
pub(super) fn record(to: &mut Vec<u8>, record: &Record) {
    let Record {
        id,
        key,
        plan,
        reservation,
        channel,
        endpoint,
        asked,
        served,
        ..
    } = record;
    text(to, b"{\"id\":", id);
    text(to, b",\"key\":", key.as_str());
    text(to, b",\"plan\":", plan);
    if let Some(reservation) = reservation {
        text(to, b",\"reservation\":", reservation);
    }
    if let Some(channel) = channel {
        text(to, b",\"channel\":", channel.as_str());
    }
    other(to, b",\"endpoint\":", endpoint);
    text(to, b",\"asked\":", asked);
    if !served.is_empty() {
        text(to, b",\"served\":", served);
    }
    numbers(to, record);
    to.push(b'}');
}

fn numbers(to: &mut Vec<u8>, record: &Record) {
    let Record {
        id: _,
        key: _,
        plan: _,
        reservation: _,
        channel: _,
        endpoint: _,
        asked: _,
        served: _,
        attempts,
        status,
        end,
        stream,
        tokens,
        estimated,
        credits,
        unpaid,
        cost,
        waste,
        failures,
        began_ms,
        latency_ms,
        first_ms,
        user_metadata,
        pod: _,
    } = record;
    other(to, b",\"attempts\":", attempts);
    other(to, b",\"status\":", status);
    other(to, b",\"end\":", end);
    other(to, b",\"stream\":", stream);
    tokens_used(to, tokens);
    other(to, b",\"estimated\":", estimated);
    other(to, b",\"credits\":", credits);
    some(to, *unpaid > 0, b",\"unpaid\":", unpaid);
    other(to, b",\"cost\":", cost);
    some(to, !waste.is_empty(), b",\"waste\":", waste);
    some(to, !failures.is_empty(), b",\"failures\":", failures);
    other(to, b",\"began_ms\":", began_ms);
    other(to, b",\"latency_ms\":", latency_ms);
    if let Some(first_ms) = first_ms {
        other(to, b",\"first_ms\":", first_ms);
    }
    some(
        to,
        !user_metadata.is_empty(),
        b",\"user_metadata\":",
        user_metadata,
    );
}

fn tokens_used(to: &mut Vec<u8>, tokens: &Tokens) {
    let Tokens {
        input,
        cached,
        cache_write,
        output,
    } = tokens;
    other(to, b",\"tokens\":{\"input\":", input);
    if *cached > 0 {
        other(to, b",\"cached\":", cached);
    }
    if *cache_write > 0 {
        other(to, b",\"cache_write\":", cache_write);
    }
    other(to, b",\"output\":", output);
    to.push(b'}');
}

/// Of what is usually not there, nothing is written then.
fn some(to: &mut Vec<u8>, is: bool, name: &[u8], value: &impl Serialize) {
    if is {
        other(to, name, value);
    }
}

fn other(to: &mut Vec<u8>, name: &[u8], value: &impl Serialize) {
    to.extend_from_slice(name);
    json(to, value);
}

fn text(to: &mut Vec<u8>, name: &[u8], text: &str) {
    to.extend_from_slice(name);
    // Looks at all bytes, many at once, because hardly any text has one of these.
    let escaped = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |any, byte| any | escaped(byte)) {
        return json(to, text);
    }
    to.push(b'"');
    to.extend_from_slice(text.as_bytes());
    to.push(b'"');
}
