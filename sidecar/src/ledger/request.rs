//! One request of a key's window: asked for while the body is read, or taken from what a lease brought, and spent at the last moment
//! before the send. Part of `Ledger`.

use super::alone::Daily;
use super::memory::Shared;
use super::stock::Taken;
use super::{ASK_AGAIN, Authority, Ledger, Memory, PATIENCE, Quota};
use crate::metrics::Decision;
use crate::reject::Reject;
use crate::snapshot::Caller;
use purser_config::calendar::DAY_MS;
use purser_config::quota::{Ask, GRACE_MS, Grant, LEASE_MS, Limited, Return, Verdict, WINDOW_MS};
use purser_config::{Name, Plan, WhenQuotaUnreachable};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a denial answers for the authority, so that returned grants are seen.
pub(super) const DENIAL_CACHE: Duration = Duration::from_secs(1);
pub(super) const GRACE: Duration = Duration::from_millis(GRACE_MS);
/// Requests a minute above which a key may have leases: every plan below is always exact.
const LEASED: u32 = 240;

/// A request that was granted and not yet sent. Dropped unsent, it is given back.
pub struct Reservation {
    grant: Option<Held>,
    shared: Option<Shared>,
    authority: Arc<dyn Authority>,
}

/// One granted request.
struct Held {
    key: Name,
    of: Taken,
    /// Of which connection it is; of an earlier one it is void.
    generation: u64,
}

/// What a question came to.
enum Asked {
    Granted(Held, Quota),
    /// Nobody can say now; perhaps after the wait.
    Unknown {
        wait: Duration,
        /// Whether it was the authority that said so, which counts a use of the share then.
        assumed: bool,
    },
    /// The authority does not know the key, or not that this sidecar speaks for it: one that has just begun, or another's news came first. What
    /// it would be told if that stays so.
    Stranger(Reject),
}

impl Ledger {
    /// Reserves one request of this key's plan.
    ///
    /// # Errors
    /// 429 with the wait when the window is full, 403 when the plan is over; 503 when nobody can say and the plan does not go on without.
    pub async fn reserve(&self, caller: &Caller) -> Result<(Reservation, Quota), Reject> {
        let plan = caller.plan.as_deref();
        let tokens = plan.and_then(|plan| plan.tokens_per_minute);
        let Some(plan) = plan.filter(|plan| plan.asks()) else {
            let quota = Quota {
                tokens,
                ..Quota::default()
            };
            return Ok((self.reservation(None), quota));
        };
        let began = self.clock.now();
        if let Some((by, free_at)) = self.memory.denied_until(&caller.name, began) {
            self.metrics.decided(Decision::CachedDenial);
            return Err(over(caller, plan, (by, free_at - began)));
        }
        if let Some((held, quota)) = self.ahead(caller, plan, began) {
            self.metrics.decided(Decision::Granted);
            return Ok((self.reservation(Some(held)), Quota { tokens, ..quota }));
        }
        let mut asked = began;
        loop {
            let otherwise = match self.ask(caller, plan, asked).await? {
                Asked::Granted(held, quota) => {
                    return Ok((self.reservation(Some(held)), Quota { tokens, ..quota }));
                }
                Asked::Unknown { wait, assumed } => match self.on_share(caller, plan, assumed) {
                    Some(reserved) => return Ok(reserved),
                    None => Reject::QuotaUnavailable { retry: wait },
                },
                // It may have begun just now, or the key was deleted, which this sidecar is told within that time.
                Asked::Stranger(reject) => reject,
            };
            if self.clock.now() + ASK_AGAIN > began + PATIENCE {
                self.metrics.decided(Decision::Unavailable);
                return Err(otherwise);
            }
            tokio::time::sleep(ASK_AGAIN).await;
            asked = self.clock.now();
        }
    }

    /// One of the share, where there is one left; and any of a plan that counts no requests.
    fn on_share(
        &self,
        caller: &Caller,
        plan: &Plan,
        assumed: bool,
    ) -> Option<(Reservation, Quota)> {
        let may = plan.when_quota_unreachable == WhenQuotaUnreachable::Share
            && self.is_valid(caller, plan);
        if !may {
            return None;
        }
        if plan.requests_per_minute.is_none() && plan.requests_per_day.is_none() {
            self.metrics.decided(Decision::WithoutAuthority);
            let tokens = plan.tokens_per_minute;
            let quota = Quota {
                tokens,
                ..Quota::default()
            };
            return Some((self.reservation(None), quota));
        }
        let (remaining, shared) = self.share(caller, plan, assumed)?;
        self.metrics.decided(Decision::WithoutAuthority);
        let quota = Quota {
            limit: plan.requests_per_minute,
            remaining,
            reset_ms: WINDOW_MS,
            tokens: plan.tokens_per_minute,
            tokens_left: None,
        };
        let mut reservation = self.reservation(None);
        reservation.shared = Some(shared);
        Some((reservation, quota))
    }

    /// One that a lease brought.
    fn ahead(&self, caller: &Caller, plan: &Plan, now: Duration) -> Option<(Held, Quota)> {
        if !is_leased(plan) {
            return None;
        }
        let (of, quota, generation) = self.memory.take_ahead(&caller.name, now)?;
        let key = caller.name.clone();
        Some((
            Held {
                key,
                of,
                generation,
            },
            quota,
        ))
    }

    /// One question, asked now. A denial is the caller's answer at once.
    async fn ask(&self, caller: &Caller, plan: &Plan, asked: Duration) -> Result<Asked, Reject> {
        let name = &caller.name;
        let generation = self.memory.generation();
        let far = Duration::from_micros(self.round_trip.load(Ordering::Relaxed));
        let want = match is_leased(plan) {
            true => self.memory.want(name, asked, far),
            false => 1,
        };
        // Whoever must reserve before it sends, or is far away, cannot send within the grace.
        let is_slow = plan.reserves() || far > GRACE / 4;
        let ask = Ask {
            key: name.clone(),
            want,
            ttl_ms: if is_slow { LEASE_MS } else { 0 },
        };
        let asking = (want > 1).then(|| Asking(&self.memory, name));
        let grant = self.authority.ask(ask).await;
        drop(asking);
        let Ok(grant) = grant else {
            let (wait, assumed) = (Duration::from_secs(1), false);
            return Ok(Asked::Unknown { wait, assumed });
        };
        self.note_round_trip(self.clock.now().saturating_sub(asked));
        // Whoever knows the limit says it with each denial.
        if let (Verdict::Denied { next_free_ms, by }, None, Some(_)) =
            (&grant.verdict, grant.limit, plan.requests_per_minute)
        {
            let wait = Duration::from_millis(*next_free_ms);
            return Ok(Asked::Stranger(over(caller, plan, (*by, wait))));
        }
        self.memory.expires(name, grant.expires_at_ms);
        self.answered(caller, plan, (grant, asked, generation))
    }

    /// What an answer comes to, of a question that was asked then, on that connection.
    fn answered(
        &self,
        caller: &Caller,
        plan: &Plan,
        (grant, asked, generation): (Grant, Duration, u64),
    ) -> Result<Asked, Reject> {
        let name = &caller.name;
        let (limit, reset_ms) = match (grant.limit, plan.requests_per_day) {
            (None, Some(day)) => (Some(day), until_midnight(self.clock.wall_ms())),
            (minute, _) => (minute, grant.reset_ms),
        };
        let quota = Quota {
            limit,
            remaining: grant.remaining,
            reset_ms,
            ..Quota::default()
        };
        match grant.verdict {
            Verdict::Granted {
                count,
                ttl_ms,
                token,
            } => {
                let of = Taken {
                    token,
                    asked,
                    ttl: Duration::from_millis(ttl_ms),
                };
                let left = count.saturating_sub(1);
                self.memory.put_ahead(name, (of, left), (quota, generation));
                let key = name.clone();
                let held = Held {
                    key,
                    of,
                    generation,
                };
                self.metrics.decided(Decision::Granted);
                Ok(Asked::Granted(held, quota))
            }
            Verdict::Refused { code, message } => {
                self.metrics.decided(Decision::Refused);
                Err(Reject::Refused(code, message))
            }
            Verdict::Denied { next_free_ms, by } => {
                self.metrics.decided(Decision::over(by));
                let wait = Duration::from_millis(next_free_ms);
                let until = (asked + wait.min(DENIAL_CACHE), asked + wait);
                self.memory.deny(name, by, until);
                Err(over(caller, plan, (by, wait)))
            }
            Verdict::Learning { ready_ms } => {
                let wait = Duration::from_millis(ready_ms.max(1_000));
                // By windows that have but begun, which say the limit. Whoever cannot write or ask its store counts nothing.
                let assumed = limit.is_some();
                Ok(Asked::Unknown { wait, assumed })
            }
        }
    }

    /// Turns a reservation into a use, at the last moment before the send; says which that was, where there was a grant to be looked at. A
    /// grant that waited too long, or of a connection that is gone, is void: it is given back, and another asked for.
    ///
    /// # Errors
    /// As `reserve`.
    pub async fn spend(
        &self,
        mut reservation: Reservation,
        caller: &Caller,
    ) -> Result<Option<Duration>, Reject> {
        let began = self.clock.now();
        let mut now = began;
        loop {
            let good = match (&reservation.grant, reservation.shared) {
                (Some(held), _) => {
                    let in_time = now <= held.of.asked + held.of.ttl + GRACE;
                    in_time && self.memory.used_of(&held.key, held.generation, now)
                }
                // It occupies the window from the send on, however long its body took; one that a Hello has told is not sent later.
                (None, Some(shared)) => {
                    let moved = self.memory.moved(&caller.name, shared, now);
                    if moved {
                        let wall_ms = self.clock.wall_ms();
                        self.spool.alone.used(&caller.name, wall_ms);
                    }
                    moved
                }
                (None, None) => return Ok(None),
            };
            if good {
                return Ok(reservation.grant.take().map(|_| now));
            }
            drop(reservation);
            if now > began + PATIENCE {
                let retry = Duration::from_secs(1);
                return Err(Reject::QuotaUnavailable { retry });
            }
            (reservation, _) = self.reserve(caller).await?;
            now = self.clock.now();
        }
    }

    /// A use of the share that was handed out for such times; it counts what this sidecar used before the loss too. Shares are of the minute:
    /// where only a day is limited, it is not known how much of it is left.
    fn share(&self, caller: &Caller, plan: &Plan, assumed: bool) -> Option<(u32, Shared)> {
        let minute = plan.requests_per_minute?;
        let daily = Daily {
            today: self.clock.today(),
            limits: plan.requests_per_day.map(|day| (day, minute)),
        };
        // The generation first: a Hello that comes between tells of the use, and voids it.
        let shared = Shared {
            taken: self.clock.now(),
            generation: self.memory.generation(),
            assumed,
        };
        let left = self.memory.take_share(&caller.name, shared.taken, daily)?;
        Some((left, shared))
    }

    /// Whether the plan's validity is known to have begun, and is not over. A key that was not used yet begins with nobody but the
    /// authority.
    pub(super) fn is_valid(&self, caller: &Caller, plan: &Plan) -> bool {
        self.is_valid_for(caller, plan, Duration::ZERO)
    }

    /// The same, and for so long yet.
    pub(super) fn is_valid_for(&self, caller: &Caller, plan: &Plan, yet: Duration) -> bool {
        if plan.validity.is_none() {
            return true;
        }
        let told = self.memory.expires_at(&caller.name);
        let ends = caller.plan_expires_at_ms.or(told);
        let until = self.clock.wall_ms().saturating_add(yet.as_millis() as u64);
        ends.is_some_and(|ends| until < ends)
    }

    /// A quarter of the news counts, so that one slow answer does not make every key lease.
    fn note_round_trip(&self, took: Duration) {
        let before = self.round_trip.load(Ordering::Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 4);
        self.round_trip
            .store(before - before / 4 + took / 4, Ordering::Relaxed);
    }

    /// Gives back what leases brought and nobody used in time.
    pub(super) fn give_back_expired(&self) {
        for (key, token, count) in self.memory.expired_ahead(self.clock.now()) {
            self.authority.give_back(Return { key, token, count });
        }
    }

    fn reservation(&self, grant: Option<Held>) -> Reservation {
        Reservation {
            grant,
            shared: None,
            authority: Arc::clone(&self.authority),
        }
    }
}

/// What is left of a UTC day, in milliseconds.
fn until_midnight(wall_ms: u64) -> u64 {
    DAY_MS - wall_ms % DAY_MS
}

fn is_leased(plan: &Plan) -> bool {
    plan.requests_per_minute.is_some_and(|limit| limit > LEASED)
}

fn over(caller: &Caller, plan: &Plan, (by, retry): (Limited, Duration)) -> Reject {
    let limit = match by {
        Limited::Minute => plan.requests_per_minute,
        Limited::Day => plan.requests_per_day,
    };
    Reject::OverRate {
        limit: limit.unwrap_or(0),
        by,
        retry,
        plan: caller.plan_name.to_string(),
    }
}

/// A lease is being asked for; over also where the caller leaves before the answer.
struct Asking<'a>(&'a Memory, &'a Name);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asked(self.1);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(Held { key, of, .. }) = self.grant.take() {
            self.authority.give_back(Return {
                key,
                token: of.token,
                count: 1,
            });
        }
    }
}
