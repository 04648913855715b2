//! The request that a channel is sent: where, with which headers, and the caller's bytes or a translation of them. Part of `upstream`. It
//! must never touch a byte of an untouched body but for DESIGN 4.7's closed list, and for what a provider that shares OpenAI's wire would answer
//! 400 to (`suited`): else a chat of OpenAI's could not fall to Mistral, DeepSeek or DashScope.

use super::Sending;
use crate::call::{Call, forwarded, readdress};
use crate::kept::seal_of;
use crate::snapshot::Serving;
use crate::way::Way;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::Full;
use purser_config::{Endpoint, Provider};
use purser_dialects::address::Place;
use purser_dialects::kept::Stored;
use purser_dialects::openai::usage_option;
use purser_dialects::state::{items_for, without_foreign};
use purser_dialects::{
    Dialect, Edit, Verb, Wire, asks_usage, limit_messages, limit_output, member_first, name_within,
    rename_limit, splice, suited,
};

/// What was asked of a provider, for whoever reads its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// How the call went.
    pub(super) way: Way,
    /// Whose API answers.
    pub(super) dialect: Dialect,
    /// Whether usage was asked for that the caller did not ask for.
    pub(super) asked_usage: bool,
}

/// The request; none: there is no way, no address or no words for it, which failover found before.
pub(super) fn build(
    call: &Call,
    serving: &Serving,
    sending: Sending,
) -> Option<(Request<Full<Bytes>>, Sent)> {
    if let Some(stored) = &call.stored {
        return visit(call, stored, (serving, sending));
    }
    let way = serving.way(call.dialect, call.endpoint)?;
    let reach = serving.reach.as_ref();
    let (body, asked_usage) = match way {
        Way::Untouched => untouched(call, serving, sending),
        Way::Translated { .. } | Way::Embedded | Way::Counted => {
            let letter = call.letters.to(call, serving, sending.most_output).ok()?;
            (letter.body, false)
        }
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = reach.uri(&place(call, serving, way))?;
    let dialect = serving.quirks().wire.dialect();
    *request.headers_mut() = headers(call, serving, (way, dialect), sending.credential);
    let sent = Sent {
        way,
        dialect,
        asked_usage,
    };
    Some((request, sent))
}

/// A request about an answer that the provider keeps.
fn visit(
    call: &Call,
    stored: &Stored,
    (serving, sending): (&Serving, Sending),
) -> Option<(Request<Full<Bytes>>, Sent)> {
    let (way, dialect) = (Way::Untouched, Dialect::OpenAI);
    let mut request = Request::new(Full::default());
    *request.method_mut() = Method::from_bytes(stored.act.method().as_bytes()).ok()?;
    *request.uri_mut() = serving.reach.stored(stored)?;
    *request.headers_mut() = headers(call, serving, (way, dialect), sending.credential);
    request.headers_mut().remove(header::CONTENT_TYPE);
    let sent = Sent {
        way,
        dialect,
        asked_usage: false,
    };
    Some((request, sent))
}

fn headers(
    call: &Call,
    serving: &Serving,
    (way, dialect): (Way, Dialect),
    credential: usize,
) -> HeaderMap {
    let reach = serving.reach.as_ref();
    let mut headers = forwarded(&call.headers, &call.id);
    let untouched = way == Way::Untouched;
    if !untouched || dialect != Dialect::OpenAI {
        readdress(&mut headers, &call.headers, (dialect, untouched));
    }
    if !untouched {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
    }
    headers.insert(header::HOST, reach.host.clone());
    if let Some(value) = reach.authorizations.get(credential) {
        headers.insert(reach.auth, value.clone());
    }
    for (name, value) in &reach.headers {
        headers.insert(name, value.clone());
    }
    headers
}

fn place<'a>(call: &Call, serving: &'a Serving, way: Way) -> Place<'a> {
    let channel = &serving.reach.channel;
    let verb = call.named.as_ref().map(|named| named.verb);
    let (endpoint, verb) = match way {
        Way::Untouched => (call.endpoint, verb),
        Way::Translated {
            to: Wire::Generate, ..
        } if call.scan.stream => (Endpoint::Chat, Some(Verb::StreamGenerateContent)),
        Way::Translated {
            to: Wire::Responses,
            ..
        } => (Endpoint::Responses, None),
        Way::Translated { .. } => (Endpoint::Chat, None),
        Way::Embedded => (Endpoint::Embeddings, Some(Verb::BatchEmbedContents)),
        Way::Counted => (Endpoint::CountTokens, Some(Verb::CountTokens)),
    };
    Place {
        provider: channel.provider,
        api_version: channel.api_version.as_deref(),
        endpoint,
        verb,
        model: serving.upstream_name(),
    }
}

/// The caller's bytes, untouched but for the model's name where the provider has another, the output limit where the plan sets one or the
/// provider has another name for it, and the wish for usage where a stream would not tell it or the provider refuses to be told.
fn untouched(call: &Call, serving: &Serving, sending: Sending) -> (Bytes, bool) {
    let (name, endpoint) = (serving.upstream_name(), call.endpoint);
    let provider = serving.reach.channel.provider;
    let json = !purser_dialects::is_multipart(endpoint);
    let mut edits = Vec::new();
    if let Some(member) = call
        .scan
        .model
        .as_ref()
        .filter(|member| member.value != name)
    {
        edits.push(Edit::name(&member.span, name, json));
    }
    if call.dialect == Dialect::Gemini && endpoint != Endpoint::Chat {
        edits.extend(name_within(&call.body, name));
    }
    if call.leaves_model_out() {
        edits.extend(member_first(&call.body, "model", name));
    }
    if let Some(keeping) = &call.keeping {
        edits.extend(keeping.edits.iter().cloned());
    }
    let mut asked_usage = false;
    if json && call.scan.stream && asks_usage(provider, endpoint) {
        let ask = usage_option::ask(&call.body, &call.scan);
        asked_usage = ask.is_some();
        edits.extend(ask);
    }
    if json && call.dialect == Dialect::OpenAI {
        edits.extend(usage_option::leave_out(&call.body, &call.scan, provider));
        edits.extend(rename_limit(&call.body, &call.scan, provider, endpoint));
    }
    if let Some(most) = sending.most_output.filter(|_| json) {
        edits.extend(limited(call, serving, most));
    }
    edits.extend(sifted(call, serving, sending.credential));
    (
        suit(call, serving, splice(&call.body, &mut edits)),
        asked_usage,
    )
}

/// A chat as its provider takes it, which failover found that it can be told; of a provider that takes all of OpenAI's not a byte is read.
fn suit(call: &Call, serving: &Serving, body: Bytes) -> Bytes {
    let provider = serving.reach.channel.provider;
    if !call.is_to_be_suited(serving) {
        return body;
    }
    let Ok(suited) = suited(&body, provider, serving.upstream_name()) else {
        return body;
    };
    if suited.removed_state {
        call.letters.sifted(provider);
    }
    suited.body.map_or(body, Bytes::from)
}

/// The edit after which nothing is left that another sealed or keeps.
fn sifted(call: &Call, serving: &Serving, credential: usize) -> Option<Edit> {
    let provider = serving.reach.channel.provider;
    // Where thoughts may be missing that another left out, and where ids may have seals, plain words are no proof.
    let is_known = call.endpoint != Endpoint::Responses && provider != Provider::DeepSeek;
    if call.room.plain && is_known {
        return None;
    }
    let (edit, removed) = match Wire::of(call.dialect, call.endpoint)? {
        Wire::Responses => items_for(&call.body, &seal_of(&serving.reach, credential))?,
        wire => without_foreign(wire, &call.body, provider, serving.upstream_name())?,
    };
    if removed {
        call.letters.sifted(provider);
    }
    Some(edit)
}

/// The edits that keep an answer below a limit; only a conversation has one.
fn limited(call: &Call, serving: &Serving, most: u64) -> Vec<Edit> {
    match (call.dialect, call.endpoint) {
        (Dialect::OpenAI, endpoint) => {
            limit_output(&call.scan, serving.reach.channel.provider, endpoint, most)
        }
        (Dialect::Anthropic, Endpoint::Chat) => limit_messages(&call.body, &call.scan, most),
        (Dialect::Gemini, Endpoint::Chat) => {
            let generation = call.scan.generation.as_ref();
            let model = serving.upstream_name();
            generation.map_or_else(Vec::new, |known| known.lower(&call.body, most, model))
        }
        _ => Vec::new(),
    }
}
