//! Calls that name what one account at one provider keeps: an earlier answer, a conversation, a file. They go to that account alone, or
//! nowhere. Called by `gateway` before a channel is chosen; `upstream::seal` puts the seal on answers that can be named later.
//!
//! A seal says that an id came through here; without one an id goes on only where there is one account that it can be of. Must never send
//! one account's id to another.

use crate::call::Call;
use crate::reject::{Fault, Reject};
use crate::snapshot::{Reach, Serving};
use crate::way::Way;
use purser_config::{Endpoint, Name, Plan};
use purser_dialects::kept::{Kept, SEAL, in_background, kept, sealed, thinks_at};
use purser_dialects::{Dialect, Edit};
use sha2::{Digest, Sha256};

/// What a call names, and what follows for it.
#[derive(Clone, Debug, Default)]
pub struct Keeping {
    /// The only credential that may be sent, by its place in the channel.
    pub credential: Option<usize>,
    /// The provider's ids in place of ours.
    pub edits: Vec<Edit>,
    /// The account that made the thoughts which the call gives back: the channel, and which of its credentials.
    pub prefers: Option<(Name, usize)>,
    /// The answer that is gone on from: the provider's id, and ours.
    pub previous: Option<(String, String)>,
}

/// Leaves of `serving` whose account keeps what the call names; none: it names nothing.
///
/// # Errors
/// 400 that names it, where it is nobody's here, or nobody can tell whose.
pub fn keeper(call: &Call, serving: &mut Vec<Serving>) -> Result<Option<Box<Keeping>>, Reject> {
    let named = match (call.dialect, call.endpoint, &call.stored) {
        (_, _, Some(stored)) => vec![stored.kept()],
        (Dialect::OpenAI, Endpoint::Responses | Endpoint::CountTokens, None) => kept(&call.body),
        _ => Vec::new(),
    };
    background(call)?;
    let file = call.room.file.as_ref();
    if named.is_empty() && file.is_none() {
        return Ok(preferred(call, serving));
    }
    let untouched = |one: &Serving| one.way(call.dialect, call.endpoint) == Some(Way::Untouched);
    if !serving.iter().any(untouched) {
        // Whoever translates the call says that it cannot be told.
        return Ok(None);
    }
    serving.retain(untouched);
    let mut keeping = Keeping::default();
    for one in &named {
        match &one.seal {
            Some(seal) => keeping.credential = Some(of_seal(one, seal, serving)?),
            None => only_place((one.param, &one.id), call, serving)?,
        }
        keeping.edits.extend(edit(one));
        if let (Some(seal), "previous_response_id") = (&one.seal, one.param) {
            keeping.previous = Some((one.id.clone(), sealed(&one.id, seal)));
        }
    }
    if let (Some((param, id)), None) = (file, keeping.credential) {
        only_place((param, id), call, serving)?;
    }
    Ok(Some(Box::new(keeping)))
}

/// Whoever is billed or limited by tokens gets no answer whose tokens nobody tells when it is asked for.
fn background(call: &Call) -> Result<(), Reject> {
    let is_response = call.endpoint == Endpoint::Responses && call.stored.is_none();
    let counted = |plan: &Plan| plan.credits.is_some() || plan.tokens_per_minute.is_some();
    let plan = call.caller.plan.as_deref().filter(|plan| counted(plan));
    if plan.is_none() || !is_response || !in_background(&call.body) {
        return Ok(());
    }
    Err(Reject::Invalid {
        code: Fault::Unsupported,
        param: Some("background".to_owned()),
        message: format!(
            "The plan `{}` counts tokens, and what a response uses in the background is not told when it is asked for. Leave `background` out, or stream.",
            call.caller.plan_name
        ),
    })
}

/// The account that made the thoughts of a conversation, which any other goes on with without them.
fn preferred(call: &Call, serving: &[Serving]) -> Option<Box<Keeping>> {
    if (call.dialect, call.endpoint) != (Dialect::OpenAI, Endpoint::Responses) {
        return None;
    }
    let seal = thinks_at(&call.body)?;
    let prefers = serving.iter().find_map(|one| account(one, &seal))?;
    Some(Box::new(Keeping {
        prefers: Some(prefers),
        ..Keeping::default()
    }))
}

/// The account of a seal, if it is one of this channel's.
fn account(serving: &Serving, seal: &str) -> Option<(Name, usize)> {
    let credential = (0..accounts(serving)).find(|at| seal_of(&serving.reach, *at) == seal)?;
    Some((serving.reach.lane.name.clone(), credential))
}

fn edit(named: &Kept) -> Option<Edit> {
    named.seal.as_ref()?;
    let bytes = format!("\"{}\"", named.id).into_bytes().into();
    let span = named.span.clone()?;
    Some(Edit { span, bytes })
}

/// Leaves the channel of this seal, and says which of its credentials is meant.
fn of_seal(named: &Kept, seal: &str, serving: &mut Vec<Serving>) -> Result<usize, Reject> {
    let found = serving.iter().find_map(|one| account(one, seal));
    let Some((channel, credential)) = found else {
        let (id, param) = (&named.id, named.param);
        let message = match param {
            OF_PATH => format!(
                "`{id}` is kept by a channel or a credential that this key may no longer use."
            ),
            _ => format!(
                "`{param}` names `{id}`, which is kept by a channel or a credential that no longer serves this model to this key. Send what came before in `input` instead."
            ),
        };
        return Err(refusal(param, message));
    };
    serving.retain(|one| one.reach.lane.name == channel);
    Ok(credential)
}

/// What came another way can be of any account; where there is one, it is told, and judges.
fn only_place((param, id): (&str, &str), call: &Call, serving: &[Serving]) -> Result<(), Reject> {
    let first = serving.first().map(|one| &one.reach.lane.name);
    let one_channel = serving
        .iter()
        .all(|one| Some(&one.reach.lane.name) == first);
    if one_channel && serving.first().is_none_or(|one| accounts(one) == 1) {
        return Ok(());
    }
    let model = call.model();
    let message = match param {
        OF_PATH => format!(
            "`{id}` did not come through here, one account at one provider keeps it, and this key may use several: nobody can tell which."
        ),
        _ => format!(
            "`{param}` names `{id}`, which one account at one provider keeps, and `{model}` is served by several: nobody can tell which. Send the content itself instead."
        ),
    };
    Err(refusal(param, message))
}

/// The `param` of an id that a path names.
const OF_PATH: &str = "response_id";

/// No channel of the key can have made an answer that is kept.
pub fn kept_nowhere() -> Reject {
    let message = "No channel that this key may use keeps answers: they come from providers that have OpenAI's Responses API.";
    refusal(OF_PATH, message.to_owned())
}

fn refusal(param: &str, message: String) -> Reject {
    Reject::Invalid {
        code: Fault::Value,
        param: Some(param.to_owned()),
        message,
    }
}

/// How many accounts a channel has: one for each credential, and one without any.
fn accounts(serving: &Serving) -> usize {
    serving.reach.channel.credentials.len().max(1)
}

/// The seal of what a channel keeps under this credential: the same for every sidecar and after the credential's value has changed.
pub fn seal_of(reach: &Reach, credential: usize) -> String {
    let from = reach.channel.credentials.get(credential);
    let from = from.map_or("", |credential| credential.from.as_str());
    let digest = Sha256::new()
        .chain_update(reach.lane.name.as_str())
        .chain_update([0])
        .chain_update(from)
        .finalize();
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    digits.take(SEAL / 2).collect()
}
