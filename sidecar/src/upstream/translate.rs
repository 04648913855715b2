//! A whole answer of another API, read to its end and written anew in the caller's. Part of `upstream`. It must never hold more of one than
//! its bound: what is translated cannot be relayed piece by piece, so what is longer is refused.

use super::answer::{looked_at, next};
use super::{Answer, Attempted, Limits};
use crate::call::Call;
use crate::clock::Clock;
use crate::failover::judge::Outcome;
use crate::intake::Pieces;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use hyper::body::Incoming;
use purser_dialects::translate::{read_reply, write_reply};
use purser_dialects::{Dialect, Wire};

/// The longest answer that is translated: 16 MiB. The longest of any model known is a few images in base64.
const LONGEST: usize = 16 << 20;

/// Reads the answer, and writes it again from the provider's wire form (`to`) into the caller's (`from`).
pub(super) async fn read_whole(
    (call, dialect): (&Call, Dialect),
    response: Response<Incoming>,
    (limits, clock): (Limits, &Clock),
    (from, to): (Wire, Wire),
) -> Attempted {
    let (parts, mut rest) = response.into_parts();
    let held = match whole(&mut rest, limits).await {
        Ok(held) => held,
        Err(outcome) => return Attempted::failed(outcome),
    };
    let usage = match looked_at(dialect, &held) {
        Ok(usage) => usage,
        Err(attempted) => return *attempted,
    };
    if call.scan.stream {
        let why = "it answered a call for a stream with a whole answer";
        return Attempted::failed(Outcome::Unusable(why.into()));
    }
    let reply = match read_reply(to, &held) {
        Ok(reply) => reply,
        Err(unreadable) => return Attempted::failed(Outcome::Unusable(unreadable.to_string())),
    };
    drop(held);
    let asked = call.letters.asked(call, clock.wall_ms());
    let body = Bytes::from(write_reply(from, &reply, &asked));
    let (status, mut headers) = (parts.status, parts.headers);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let answer = Answer::Whole {
        status,
        headers,
        body,
        usage,
    };
    Attempted {
        outcome: Outcome::Answered,
        answer: Some(answer),
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
