//! A call on its way through the channels: what of `walk` goes on when the answer's body outlives it. A stream is
//! answered when its first content is there, or after 15 s with keep-alives while the search goes on.

use super::respond::{self, Answered, Told};
use super::{Quota, Refused};
use crate::call::Call;
use crate::clock::Clock;
use crate::failover::{Failover, Lost, Won};
use crate::intake;
use crate::ledger::Reservation;
use crate::metrics::Metrics;
use crate::reject::Reject;
use crate::relay::{Body, KEEP_ALIVE_EVERY, Manner, Search, Waiting};
use crate::snapshot::Serving;
use http::Response;
use purser_config::Endpoint;
use std::pin::Pin;
use std::sync::Arc;

/// What of the gateway goes along.
pub(super) struct Part {
    pub(super) failover: Arc<Failover>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
}

/// One call and all that it needs.
pub(super) struct Trip {
    pub(super) part: Part,
    pub(super) call: Box<Call>,
    pub(super) serving: Vec<Serving>,
    pub(super) reservation: Reservation,
    pub(super) quota: Quota,
    pub(super) held: intake::Held,
}

impl Trip {
    /// Sets out, as a stream or not. Boxed, for a trip is large and is moved no more.
    pub(super) fn start(
        self,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, Refused>> + Send>> {
        if self.call.scan.stream {
            Box::pin(self.run_stream())
        } else {
            Box::pin(self.run())
        }
    }

    /// Finds a channel that answers.
    async fn run(self) -> Result<Response<Body>, Refused> {
        let Trip {
            part,
            call,
            serving,
            reservation,
            quota,
            held,
        } = self;
        let (failover, metrics, clock) = (part.failover, part.metrics, part.clock);
        metrics.in_flight.inc();
        let under_way = UnderWay(Arc::clone(&metrics));
        let result = failover.run(&call, &serving, reservation).await;
        drop(held);
        let replay = call.replay;
        let told = |attempts| Told {
            quota: Some(quota),
            attempts: Some(attempts),
            replay,
        };
        match result {
            Ok(Won {
                answer,
                serving,
                attempts,
                bill,
            }) => {
                let mut told = told(attempts);
                if let Some(quota) = &mut told.quota {
                    quota.tokens_left = bill.tokens_left();
                }
                let (call, metrics) = (&call, &metrics);
                under_way.hand_over();
                Ok(respond::answer(Answered {
                    answer,
                    serving,
                    told,
                    call,
                    metrics,
                    clock,
                    bill,
                }))
            }
            Err(Lost { reject, attempts }) if could_not_count(&call, &reject, attempts) => {
                let told = told(attempts);
                respond::counted(&call, &told).map_err(|reject| Refused { reject, told })
            }
            Err(Lost { reject, attempts }) => Err(lost(reject, told(attempts), &call)),
        }
    }

    /// The same for a stream, which must not be kept waiting in silence.
    async fn run_stream(self) -> Result<Response<Body>, Refused> {
        let (id, manner, quota) = (self.call.id.clone(), Manner::of(&self.call), self.quota);
        let metrics = Arc::clone(&self.part.metrics);
        let mut search = Box::pin(self.run());
        if let Ok(found) = tokio::time::timeout(KEEP_ALIVE_EVERY, &mut search).await {
            return found;
        }
        let text = id.to_str().unwrap_or_default().to_owned();
        let search: Search = Box::pin(async move {
            let found = search.await.map_err(|Refused { reject, .. }| {
                metrics.rejected(reject.code());
                reject
            });
            found.map(|response| respond::as_events(manner, response))
        });
        let waiting = Waiting::new(search, manner, text);
        Ok(respond::waiting(
            &id,
            (waiting, manner),
            &Told {
                quota: Some(quota),
                attempts: None,
                replay: true,
            },
        ))
    }
}

/// Then an estimate is given, as where a provider's API has no counting: those who can count did not, or cannot be told the call.
fn could_not_count(call: &Call, reject: &Reject, attempts: u32) -> bool {
    let untold = matches!(reject, Reject::Invalid { .. });
    call.endpoint == Endpoint::CountTokens && (attempts > 0 || untold)
}

fn lost(reject: Reject, mut told: Told, call: &Call) -> Refused {
    match &reject {
        // The grant waited too long, and another was denied: what the first one told is past.
        Reject::OverRate { .. } => told.quota = Quota::refused(&reject, &call.caller),
        Reject::OverTokens { left, .. } => {
            if let Some(quota) = &mut told.quota {
                quota.tokens_left = *left;
            }
        }
        _ => {}
    }
    Refused { reject, told }
}

/// Counts a call as in flight until its meter does, also when its caller leaves before there is one.
struct UnderWay(Arc<Metrics>);

impl UnderWay {
    fn hand_over(self) {
        // The meter takes the count down at the end of the answer; this guard must not.
        self.0.in_flight.inc();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}
