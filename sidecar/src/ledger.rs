//! Reserve before the send: asks the authority for each request, keeps the plan's word while it cannot be asked, and
//! remembers what was used so that a new authority can be told. Survives every reload. Called by `gateway` (reserve) and
//! `failover` (spend). It must never let a request through that nobody granted.

mod memory;

pub use memory::Memory;

use crate::clock::Clock;
use crate::reject::Reject;
use crate::snapshot::Caller;
use purser_config::quota::{Ask, GRACE_MS, Grant, Return, Verdict, WINDOW_MS};
use purser_config::{Name, WhenQuotaUnreachable};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a call waits for an authority that is coming back, where its plan does not go on without.
const PATIENCE: Duration = Duration::from_secs(2);
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How long a denial answers for the authority, so that returned grants are seen.
const DENIAL_CACHE: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_millis(GRACE_MS);

/// The authority's answer, or word that it cannot be asked.
pub type Answer = Pin<Box<dyn Future<Output = Result<Grant, Unreachable>> + Send>>;

/// No answer came: there is no connection, or it broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority cannot be asked")]
pub struct Unreachable;

/// Whoever decides: the operator over a stream, or a value in this process.
pub trait Authority: Send + Sync {
    /// Asks one question.
    fn ask(&self, ask: Ask) -> Answer;
    /// Gives back a grant that was not used.
    fn give_back(&self, unused: Return);
}

/// What a plan's window looks like, for the `x-ratelimit-*` headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Requests in any 60 s; absent: no limit.
    pub limit: Option<u32>,
    /// What is left of them.
    pub remaining: u32,
    /// Until all of them are there again, in milliseconds.
    pub reset_ms: u64,
    /// Tokens per minute; absent: no limit.
    pub tokens: Option<u64>,
}

impl Quota {
    /// The window as a refusal tells it: full, until it is free.
    pub fn refused(reject: &Reject, caller: &Caller) -> Option<Quota> {
        let plan = caller.plan.as_ref()?;
        let retry = reject.retry()?;
        Some(Quota {
            limit: plan.requests_per_minute,
            remaining: 0,
            reset_ms: retry.as_millis() as u64,
            tokens: plan.tokens_per_minute,
        })
    }
}

/// The sidecar's side of every window.
pub struct Ledger {
    authority: Arc<dyn Authority>,
    memory: Arc<Memory>,
    clock: Clock,
}

/// A request that was granted and not yet sent. Dropped unsent, it is given back.
pub struct Reservation {
    grant: Option<Held>,
    authority: Arc<dyn Authority>,
}

/// What a question came to.
enum Asked {
    Granted(Held, Quota),
    /// Nobody can say now; perhaps after the wait.
    Unknown {
        wait: Duration,
    },
}

struct Held {
    key: Name,
    token: u64,
    asked: Duration,
}

impl Ledger {
    /// A ledger over this authority; `memory` is shared with the link that says Hello.
    pub fn new(authority: Arc<dyn Authority>, memory: Arc<Memory>, clock: Clock) -> Self {
        Ledger {
            authority,
            memory,
            clock,
        }
    }

    /// Reserves one request of this key's plan.
    ///
    /// # Errors
    /// 429 with the wait when the window is full; 503 when nobody can say and the plan does not go on without.
    pub async fn reserve(&self, caller: &Caller) -> Result<(Reservation, Quota), Reject> {
        let tokens = caller.plan.as_ref().and_then(|plan| plan.tokens_per_minute);
        let limit = caller
            .plan
            .as_ref()
            .and_then(|plan| plan.requests_per_minute);
        let Some(limit) = limit else {
            return Ok((
                self.reservation(None),
                Quota {
                    tokens,
                    ..Quota::default()
                },
            ));
        };
        let began = self.clock.now();
        if let Some(free_at) = self.memory.denied_until(&caller.name, began) {
            return Err(over(caller, limit, free_at - began));
        }
        loop {
            let wait = match self.ask(caller, limit).await? {
                Asked::Granted(held, quota) => {
                    return Ok((self.reservation(Some(held)), Quota { tokens, ..quota }));
                }
                Asked::Unknown { wait } => wait,
            };
            if let Some(remaining) = self.share(caller) {
                let quota = Quota {
                    limit: Some(limit),
                    remaining,
                    reset_ms: WINDOW_MS,
                    tokens,
                };
                return Ok((self.reservation(None), quota));
            }
            if self.clock.now() + ASK_AGAIN > began + PATIENCE {
                return Err(Reject::QuotaUnavailable { retry: wait });
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// One question. A denial is the caller's answer at once.
    async fn ask(&self, caller: &Caller, limit: u32) -> Result<Asked, Reject> {
        let asked = self.clock.now();
        let grant = self
            .authority
            .ask(Ask {
                key: caller.name.clone(),
                want: 1,
            })
            .await;
        let Ok(Grant {
            verdict,
            limit: told,
            remaining,
            reset_ms,
            ..
        }) = grant
        else {
            return Ok(Asked::Unknown {
                wait: Duration::from_secs(1),
            });
        };
        match verdict {
            Verdict::Granted { token, .. } => {
                let quota = Quota {
                    limit: told,
                    remaining,
                    reset_ms,
                    tokens: None,
                };
                Ok(Asked::Granted(
                    Held {
                        key: caller.name.clone(),
                        token,
                        asked,
                    },
                    quota,
                ))
            }
            Verdict::Denied { next_free_ms } => {
                let wait = Duration::from_millis(next_free_ms);
                self.memory
                    .deny(&caller.name, asked + wait.min(DENIAL_CACHE), asked + wait);
                Err(over(caller, told.unwrap_or(limit), wait))
            }
            Verdict::Learning { ready_ms } => Ok(Asked::Unknown {
                wait: Duration::from_millis(ready_ms.max(1_000)),
            }),
        }
    }

    /// Turns a reservation into a use, at the last moment before the send. A grant that waited too long is void: it is
    /// given back, and another asked for.
    ///
    /// # Errors
    /// As `reserve`.
    pub async fn spend(&self, mut reservation: Reservation, caller: &Caller) -> Result<(), Reject> {
        let began = self.clock.now();
        loop {
            let now = self.clock.now();
            let Some(held) = &reservation.grant else {
                return Ok(());
            };
            if now <= held.asked + GRACE {
                self.memory.used(&held.key, now);
                reservation.grant = None;
                return Ok(());
            }
            drop(reservation);
            if now > began + PATIENCE {
                return Err(Reject::QuotaUnavailable {
                    retry: Duration::from_secs(1),
                });
            }
            (reservation, _) = self.reserve(caller).await?;
        }
    }

    /// A use of the share that was handed out for such times; it counts what this sidecar used before the loss too.
    fn share(&self, caller: &Caller) -> Option<u32> {
        let plan = caller.plan.as_ref()?;
        let may = plan.when_quota_unreachable == WhenQuotaUnreachable::Share;
        may.then(|| self.memory.take_share(&caller.name, self.clock.now()))
            .flatten()
    }

    fn reservation(&self, grant: Option<Held>) -> Reservation {
        Reservation {
            grant,
            authority: Arc::clone(&self.authority),
        }
    }
}

fn over(caller: &Caller, limit: u32, retry: Duration) -> Reject {
    Reject::OverRate {
        limit,
        retry,
        plan: caller.plan_name.to_string(),
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(Held { key, token, .. }) = self.grant.take() {
            self.authority.give_back(Return { key, token });
        }
    }
}

#[cfg(test)]
mod tests;
