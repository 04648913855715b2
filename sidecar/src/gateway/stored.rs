//! A request about an answer that a provider keeps: `/v1/responses/{id}` and below. It names no model, so it goes to the account that the id's
//! seal names, among the channels that the key may use; a window counts it, and it costs nothing, for its tokens were paid when they were
//! written. Part of `gateway`.

use super::respond::Told;
use super::trip::Trip;
use super::{Gateway, Refused, intake};
use crate::call::Call;
use crate::fit::Room;
use crate::kept::keeper;
use crate::letter::Letters;
use crate::reject::Reject;
use crate::relay::Body;
use crate::snapshot::{Caller, Serving};
use crate::way::Way;
use http::request::Parts;
use http::{HeaderValue, Response};
use hyper::body::Incoming;
use purser_config::Endpoint;
use purser_dialects::kept::Stored;
use purser_dialects::{Dialect, Scan};
use std::sync::Arc;
use std::time::Duration;

/// The request's id, its head, who asks, and since when.
type Who<'a> = (&'a HeaderValue, &'a mut Parts, &'a Arc<Caller>, Duration);

impl Gateway {
    /// The walk from the window on.
    pub(super) async fn visit(
        &self,
        who: Who<'_>,
        stored: Stored,
        body: &mut Incoming,
    ) -> Result<Response<Body>, Refused> {
        let ((reservation, quota), intake) = self.reserve_and_read(who.2, body).await?;
        let told = Told::before_attempts(quota, true);
        let refused = |reject| Refused { reject, told };
        let (mut call, held) = asked(who, stored, intake);
        let mut serving = keepers(&call).map_err(refused)?;
        call.keeping = keeper(&call, &mut serving).map_err(refused)?;
        let part = self.part();
        let trip = Trip {
            part,
            call,
            serving,
            reservation,
            quota,
            held,
        };
        trip.start().await
    }
}

/// Whatever its body says, only its path does.
fn asked(who: Who<'_>, stored: Stored, intake: intake::Intake) -> (Box<Call>, intake::Held) {
    let (id, parts, caller, began) = who;
    let stored = stored.with_query(parts.uri.query().unwrap_or_default());
    let scan = Scan {
        stream: stored.streams(),
        ..Scan::default()
    };
    let call = Call {
        id: id.clone(),
        caller: Arc::clone(caller),
        dialect: Dialect::OpenAI,
        endpoint: Endpoint::Responses,
        named: None,
        body: Default::default(),
        scan,
        headers: std::mem::take(&mut parts.headers),
        began,
        replay: true,
        room: Room::default(),
        keeping: None,
        stored: Some(Box::new(stored)),
        as_array: false,
        letters: Letters::default(),
    };
    (Box::new(call), intake.held)
}

/// The channels that may keep answers of this key's, each once.
fn keepers(call: &Call) -> Result<Vec<Serving>, Reject> {
    let mut serving: Vec<Serving> = Vec::new();
    for one in call.caller.table.models().flat_map(|(_, serving)| serving) {
        let keeps = one.way(Dialect::OpenAI, Endpoint::Responses) == Some(Way::Untouched);
        let known = |other: &Serving| other.reach.lane.name == one.reach.lane.name;
        if keeps && !serving.iter().any(known) {
            serving.push(one.clone());
        }
    }
    if serving.is_empty() {
        return Err(crate::kept::kept_nowhere());
    }
    Ok(serving)
}
