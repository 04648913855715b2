//! The ids of an answer that its provider keeps, with the seal of the account that made it, so that it can be gone on from. Part of
//! `upstream`; only for the Responses API where its bytes pass untouched, which are touched here and nowhere else.

use super::{Answer, Attempted, Kind};
use crate::call::Call;
use crate::kept::seal_of;
use crate::relay::Through;
use crate::snapshot::Reach;
use bytes::Bytes;
use purser_dialects::kept::{Renames, answer_id, earlier_id, sealed, stream_id};
use purser_dialects::upstream_error::clean_failed;

/// Seals the answer of this credential.
pub(super) fn seal(attempted: &mut Attempted, call: &Call, (reach, credential): (&Reach, usize)) {
    let seal = seal_of(reach, credential);
    match attempted.answer.as_deref_mut() {
        Some(Answer::Whole { body, .. }) => {
            let held = std::mem::take(body);
            let held = match call.stored {
                Some(_) => clean_failed(held),
                None => held,
            };
            *body = renames(call, (&held, answer_id(&held)), &seal).whole(held);
        }
        Some(Answer::Flowing(flow)) => {
            let held: Bytes = flow.held.concat().into();
            let id = match flow.kind {
                Kind::Events => stream_id(&held),
                Kind::Bytes => answer_id(&held),
            };
            flow.through = Through::Renames(Box::new(renames(call, (&held, id), &seal)));
        }
        Some(Answer::Refused { .. }) | None => {}
    }
}

/// Our ids in place of the provider's: the answer's own, the one that it goes on from, and those of its thoughts.
fn renames(call: &Call, (held, id): (&[u8], Option<String>), seal: &str) -> Renames {
    let previous = call.keeping.as_ref().and_then(|kept| kept.previous.clone());
    let told = || earlier_id(held).map(|own| (own.clone(), sealed(&own, seal)));
    let earlier = match call.stored {
        Some(_) => told(),
        None => previous,
    };
    let own = id.map(|own| (own.clone(), sealed(&own, seal)));
    let pairs: Vec<_> = own.into_iter().chain(earlier).collect();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(own, ours)| (own.as_str(), ours.as_str()))
        .collect();
    Renames::new(&pairs).sealing(seal)
}
