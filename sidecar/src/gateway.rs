//! The walk of a request: `handle`, which cannot fail, and `walk`, which reads top to bottom. Called by `server` for each
//! request. Every step is a room of its own; this one only joins them.

mod head;
mod ids;
mod reading;
mod respond;
mod serving;
mod standing;
mod stored;
mod trip;

use crate::call::Call;
use crate::clock::Clock;
use crate::failover::Failover;
use crate::fit::fit;
use crate::handover::Handover;
use crate::identity::{Peer, identify};
use crate::images::{Images, Unknown};
use crate::intake::{self, Intake};
use crate::kept::keeper;
use crate::ledger::{Ledger, Quota, Reservation};
use crate::letter;
use crate::metrics::Metrics;
use crate::models;
use crate::otlp::Known;
use crate::refusals::Refusals;
use crate::reject::Reject;
use crate::relay::Body;
use crate::snapshot::{Caller, Serving, Snapshot};
use crate::store::Store;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use ids::Ids;
use purser_config::{Name, Provider};
use purser_dialects::{Aim, Dialect, Route, classify};
use reading::{content_type, dialect, understand, unknown};
use respond::Told;
use std::sync::{Arc, RwLock};
use std::task::Poll;
use std::time::Duration;
use trip::{Part, Trip};

/// Everything a request meets on its way.
pub struct Gateway {
    /// The configuration in force.
    pub store: Arc<Store>,
    /// Grants.
    pub ledger: Arc<Ledger>,
    /// Attempts.
    pub failover: Arc<Failover>,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// Why calls were refused.
    pub refusals: Refusals,
    /// Images at addresses.
    pub images: Images,
    /// The way to the shared gateway.
    pub handover: Handover,
    /// Time.
    pub clock: Clock,
    /// Whose pod this is.
    pub own: RwLock<Own>,
    bodies: Arc<intake::Memory>,
    ids: Ids,
}

/// How the pod's own key is found: by its name, or by the pod's ServiceAccount.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// The ApiKey, when it was named.
    pub key: Option<Name>,
    /// `namespace/name` of the pod's ServiceAccount.
    pub service_account: Option<Name>,
}

/// A call of a known caller at a known endpoint.
struct Entered<'a> {
    id: &'a HeaderValue,
    parts: &'a mut Parts,
    caller: &'a Arc<Caller>,
    aim: Aim,
    began: Duration,
}

/// A refusal, and what is known of the call by then.
struct Refused {
    reject: Reject,
    told: Told,
}

impl From<Reject> for Refused {
    fn from(reject: Reject) -> Self {
        Refused {
            reject,
            told: Told::default(),
        }
    }
}

impl Gateway {
    /// Joins the rooms.
    pub fn new(
        store: Arc<Store>,
        ledger: Arc<Ledger>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let failover = Arc::new(Failover {
            budget: Default::default(),
            clock,
            metrics: Arc::clone(&metrics),
            ledger: Arc::clone(&ledger),
        });
        let ids = Ids::default();
        Gateway {
            store,
            ledger,
            failover,
            metrics,
            refusals: Refusals::default(),
            images: Images::default(),
            handover: Handover::default(),
            clock,
            own: RwLock::default(),
            bodies: Arc::default(),
            ids,
        }
    }

    /// Answers a request, whatever it is.
    pub async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> Response<Body> {
        let id = self.ids.next();
        let (mut parts, mut body) = request.into_parts();
        match self.walk(&id, (&mut parts, &peer), &mut body).await {
            Ok(response) => response,
            Err(Refused { reject, told }) => {
                self.metrics.rejected(reject.code());
                let request = id.to_str().unwrap_or_default();
                tracing::debug!(
                    request,
                    code = reject.code(),
                    path = parts.uri.path(),
                    "call refused"
                );
                let mut response = respond::refusal(&reject, dialect(&parts), &id, &told);
                // hyper would close the connection on the rest of the body, and its caller would not be told.
                let waits = parts.headers.contains_key(header::EXPECT);
                let passed = !waits && intake::pass_over(&mut body).await;
                if !passed && parts.version < Version::HTTP_2 {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                response
            }
        }
    }

    /// snapshot → identity → dialect → reserve → route → failover → relay → settle.
    async fn walk(
        &self,
        id: &HeaderValue,
        (parts, peer): (&mut Parts, &Peer),
        body: &mut Incoming,
    ) -> Result<Response<Body>, Refused> {
        let began = self.clock.now();
        intake::check(parts)?;
        let route = classify(parts.method.as_str(), parts.uri.path())
            .map_err(|unrouted| unknown(unrouted, parts))?;
        let snapshot = self.snapshot()?;
        let caller = identify(
            (parts, peer),
            &snapshot,
            || self.own(&snapshot),
            || self.clock.wall_ms(),
        )?;
        let known = self.known((id, caller), &route, (&parts.headers, began));
        let noted = |refused: &Refused| self.note((id, caller), refused, known.as_ref());
        self.admit(caller)
            .map_err(Refused::from)
            .inspect_err(noted)?;
        if caller.via_gateway {
            let intake = intake::read(body, &self.bodies).await?;
            let handed = self.handover.carry(parts, &caller.name, intake.bytes);
            return handed.await.map_err(Refused::from).inspect_err(noted);
        }
        match route {
            Route::Call(aim) => {
                let entered = Entered {
                    id,
                    parts,
                    caller,
                    aim,
                    began,
                };
                // A future of several KiB is copied whole wherever it is moved: the parts of a walk are boxed.
                Box::pin(self.carry(entered, body)).await.inspect_err(noted)
            }
            Route::Stored(stored) => {
                let who = (id, parts, caller, began);
                Box::pin(self.visit(who, stored, body))
                    .await
                    .inspect_err(noted)
            }
            Route::Models(of) => {
                let asking = asking(of, (parts, caller), &snapshot, began);
                Ok(respond::json(id, models::list(&asking)))
            }
            Route::Model(of, model) => {
                let asking = asking(of, (parts, caller), &snapshot, began);
                Ok(respond::json(id, models::one(&asking, &model)?))
            }
        }
    }

    /// For whoever asks later why; and for a collector, where there is one: of a call that was sent its bill tells.
    fn note(
        &self,
        (id, caller): (&HeaderValue, &Caller),
        refused: &Refused,
        known: Option<&Known<'_>>,
    ) {
        let request = id.to_str().unwrap_or_default();
        let when = (request, self.clock.wall_ms());
        self.refusals.note(&caller.name, &refused.reject, when);
        let sent = refused.told.attempts.is_some_and(|attempts| attempts > 0);
        if let Some((otlp, known)) = self.ledger.otlp().zip(known).filter(|_| !sent) {
            otlp.refused(known, &refused.reject, self.clock);
        }
    }

    /// What a collector would be told of a call, were it refused; none: there is no collector, or it is no call.
    fn known<'a>(
        &self,
        (id, caller): (&'a HeaderValue, &'a Caller),
        route: &Route,
        (headers, began): (&HeaderMap, Duration),
    ) -> Option<Known<'a>> {
        let trace = self.ledger.trace(headers)?;
        let Route::Call(aim) = route else {
            return None;
        };
        Some(Known {
            id: id.to_str().unwrap_or_default(),
            caller,
            endpoint: aim.endpoint,
            began,
            trace,
        })
    }

    /// The walk from the window on, for a call that a provider answers.
    async fn carry(
        &self,
        entered: Entered<'_>,
        body: &mut Incoming,
    ) -> Result<Response<Body>, Refused> {
        let boundary = content_type(entered.parts, entered.aim.endpoint)?;
        let ((reservation, quota), intake) = self.reserve_and_read(entered.caller, body).await?;
        let told = Told::before_attempts(quota, intake.replay);
        let refused = |reject| Refused { reject, told };
        let (mut call, held) = understand(entered, intake, boundary).map_err(refused)?;
        let mut serving = self.serving(&call).map_err(refused)?;
        if serving.is_empty() {
            // Unsent, the reservation is given back.
            return respond::counted(&call, &told).map_err(refused);
        }
        call.room = fit(&call, &mut serving).map_err(refused)?;
        call.keeping = keeper(&call, &mut serving).map_err(refused)?;
        if !call.room.media.is_empty() {
            let looked = Box::pin(self.look(&mut call, &serving)).await;
            looked.map_err(refused)?;
        }
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

    /// At the addresses in a call, and gets what a channel must be given.
    async fn look(&self, call: &mut Call, serving: &[Serving]) -> Result<(), Reject> {
        let may_be_ours = |one: &Serving| one.reach.channel.provider == Provider::OpenAICompatible;
        let unknown = match serving.iter().any(may_be_ours) {
            true => Unknown::Refused,
            false => Unknown::Passes,
        };
        self.images.check(&call.room.media, unknown).await?;
        letter::with_bytes(call, serving, &self.images).await
    }

    fn part(&self) -> Part {
        Part {
            failover: Arc::clone(&self.failover),
            metrics: Arc::clone(&self.metrics),
            clock: self.clock,
        }
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, Reject> {
        let snapshot = self.store.load();
        if snapshot.ready {
            Ok(snapshot)
        } else {
            Err(Reject::NotReady)
        }
    }

    fn own<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a Arc<Caller>> {
        let own = self
            .own
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let named = own.key.as_ref().and_then(|name| snapshot.by_name(name));
        named.or_else(|| {
            own.service_account
                .as_ref()
                .and_then(|account| snapshot.by_service_account(account))
        })
    }

    /// The window is asked for while the body is read; a denial does not wait for the body.
    async fn reserve_and_read(
        &self,
        caller: &Arc<Caller>,
        body: &mut Incoming,
    ) -> Result<((Reservation, Quota), Intake), Refused> {
        let mut reserve = std::pin::pin!(self.reserve(caller));
        let read = async {
            intake::read(body, &self.bodies)
                .await
                .map_err(Refused::from)
        };
        // An authority in this process has answered before there is anything to wait for.
        match futures::poll!(reserve.as_mut()) {
            Poll::Ready(reserved) => Ok((reserved?, read.await?)),
            Poll::Pending => tokio::try_join!(reserve, read),
        }
    }

    async fn reserve(&self, caller: &Caller) -> Result<(Reservation, Quota), Refused> {
        self.ledger.reserve(caller).await.map_err(|reject| {
            let reject = self.refused_since(caller).unwrap_or(reject);
            let quota = Quota::refused(&reject, caller);
            let told = Told {
                quota,
                ..Told::default()
            };
            Refused { reject, told }
        })
    }
}

/// Who asks for models: `/v1/models` is OpenAI's and Anthropic's path, which the caller's headers tell apart.
fn asking<'a>(
    of: Dialect,
    (parts, caller): (&Parts, &'a Caller),
    snapshot: &'a Snapshot,
    now: Duration,
) -> models::Asking<'a> {
    models::Asking {
        caller,
        dialect: if of == Dialect::OpenAI {
            dialect(parts)
        } else {
            of
        },
        version: &snapshot.version,
        now,
    }
}
