//! A stream that has waited 15 s for its first content: it is answered 200 with keep-alives in the caller's dialect, and
//! failover goes on inside the body until content comes or nothing is left. Polled by `Body`.

use super::{Body, Manner};
use crate::reject::Reject;
use bytes::Bytes;
use purser_dialects::ErrorBody;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How long a stream waits for content before it says that it is alive, and how often it says so.
pub const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);

/// The way through the channels, still under way.
pub type Search = Pin<Box<dyn Future<Output = Result<Body, Reject>> + Send>>;

/// A stream without content yet.
pub struct Waiting {
    search: Search,
    tick: Interval,
    manner: Manner,
    id: String,
}

/// What comes of a poll.
pub(super) enum Step {
    /// A keep-alive.
    Bytes(Bytes),
    /// From here on, this body.
    Turn(Body),
}

impl Waiting {
    /// Goes on searching; the first keep-alive is due at once.
    pub fn new(search: Search, manner: Manner, id: String) -> Self {
        let mut tick = interval(KEEP_ALIVE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Waiting {
            search,
            tick,
            manner,
            id,
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(found) = self.search.as_mut().poll(context) {
            return Poll::Ready(Step::Turn(
                found.unwrap_or_else(|reject| self.refusal(&reject)),
            ));
        }
        self.tick
            .poll_tick(context)
            .map(|_| Step::Bytes(Bytes::from_static(self.manner.keep_alive())))
    }

    /// The status was 200 before the refusal was known, so the refusal is the stream's only event.
    fn refusal(&self, reject: &Reject) -> Body {
        let message = reject.message();
        let body = ErrorBody {
            status: reject.status(),
            kind: reject.kind(),
            code: Some(reject.code()),
            param: reject.param(),
            message: &message,
            request_id: &self.id,
        };
        Body::Whole(Some(self.manner.only(&body).into()))
    }
}
