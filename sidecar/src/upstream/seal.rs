//! The id of an answer that its provider keeps, with the seal of the account that made it, so that it can be gone on from. Part of
//! `upstream`; only for the Responses API where its bytes pass untouched, which are touched here and nowhere else.

use super::{Answer, Attempted, Kind};
use crate::call::Call;
use crate::kept::seal_of;
use crate::relay::Through;
use crate::snapshot::Reach;
use purser_dialects::kept::{Renames, answer_id, sealed, stream_id};

/// Seals the answer of this credential.
pub(super) fn seal(attempted: &mut Attempted, call: &Call, (reach, credential): (&Reach, usize)) {
    let renames = |id: Option<String>| {
        let seal = seal_of(reach, credential);
        let id = id.map(|id| (sealed(&id, &seal), id));
        let previous = call
            .keeping
            .as_ref()
            .and_then(|kept| kept.previous.as_ref());
        let own = id.iter().map(|(ours, own)| (own.as_str(), ours.as_str()));
        let earlier = previous.map(|(own, ours)| (own.as_str(), ours.as_str()));
        let pairs: Vec<_> = own.chain(earlier).collect();
        Renames::new(&pairs)
    };
    match &mut attempted.answer {
        Some(Answer::Whole { body, .. }) => {
            let held = std::mem::take(body);
            *body = renames(answer_id(&held)).whole(held);
        }
        Some(Answer::Flowing(flow)) => {
            let held = flow.held.concat();
            let id = match flow.kind {
                Kind::Events => stream_id(&held),
                Kind::Bytes => answer_id(&held),
            };
            flow.through = Through::Renames(Box::new(renames(id)));
        }
        Some(Answer::Refused { .. }) | None => {}
    }
}
