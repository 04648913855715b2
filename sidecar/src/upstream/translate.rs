//! A whole answer of another API, read to its end and written anew in the caller's. Part of `upstream`. It must never hold more of one than
//! its bound: what is translated cannot be relayed piece by piece, so what is longer is refused.

use super::answer::{looked_at, next};
use super::build::Sent;
use super::{Answer, Attempted, Limits};
use crate::call::Call;
use crate::clock::Clock;
use crate::failover::judge::Outcome;
use crate::intake::Pieces;
use crate::letter::embed_wire;
use crate::pool::Incoming;
use crate::way::Way;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use purser_dialects::count;
use purser_dialects::embed::{self, EmbedWire};
use purser_dialects::translate::{Unreadable, read_reply, write_reply};

/// The longest answer that is translated: 16 MiB. The longest of any model known is a few images in base64.
const LONGEST: usize = 16 << 20;

/// Reads the answer, and writes it again in the caller's form.
pub(super) async fn read_whole(
    (call, sent): (&Call, Sent),
    response: Response<Incoming>,
    (limits, clock): (Limits, &Clock),
) -> Attempted {
    let (parts, mut rest) = response.into_parts();
    let held = match whole(&mut rest, limits).await {
        Ok(held) => held,
        Err(outcome) => return Attempted::failed(outcome),
    };
    let usage = match looked_at(sent.dialect, &held) {
        Ok(usage) => usage,
        Err(attempted) => return *attempted,
    };
    if call.scan.stream {
        let why = "it answered a call for a stream with a whole answer";
        return Attempted::failed(Outcome::Unusable(why.into()));
    }
    let body = match rewritten((call, sent), &held, clock) {
        Ok(body) => Bytes::from(body),
        Err(outcome) => {
            return Attempted {
                used: usage,
                ..Attempted::failed(outcome)
            };
        }
    };
    let (status, mut headers) = (parts.status, parts.headers);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let answer = Answer::Whole {
        status,
        headers,
        body,
        usage,
    };
    Attempted::answered(answer)
}

fn rewritten((call, sent): (&Call, Sent), held: &[u8], clock: &Clock) -> Result<Vec<u8>, Outcome> {
    let unusable = |Unreadable(why)| Outcome::Unusable(why);
    match sent.way {
        Way::Translated { from, to } => {
            let reply = read_reply(to, held).map_err(unusable)?;
            let asked = call.letters.asked(call, clock.wall_ms());
            write_reply(from, &reply, &asked).map_err(|Unreadable(why)| Outcome::Unshown(why))
        }
        Way::Embedded => {
            let answer = embed::read_answer(EmbedWire::of(sent.dialect), held).map_err(unusable)?;
            let asked = call.letters.embed(call);
            let asked = asked.map_err(|_| Outcome::Unusable("its question is not known".into()))?;
            Ok(embed::write_answer(embed_wire(call), &answer, asked))
        }
        Way::Counted => {
            let tokens = count::read_answer(held).map_err(unusable)?;
            Ok(count::write_answer(call.dialect, tokens))
        }
        Way::Untouched => Ok(held.to_vec()),
    }
}

async fn whole(rest: &mut Incoming, limits: Limits) -> Result<Bytes, Outcome> {
    let mut held = Pieces::default();
    while let Some(chunk) = next(rest, limits).await? {
        held.push(chunk);
        if held.length() > LONGEST {
            let why = format!(
                "an answer of more than {} MiB, which is not translated",
                LONGEST >> 20
            );
            return Err(Outcome::Unusable(why));
        }
    }
    Ok(held.join())
}
