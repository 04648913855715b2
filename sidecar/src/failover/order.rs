//! In which order a call's channels are tried, and whether all of them are out. Part of `failover`; the rules are `route`'s.

use super::Failover;
use crate::call::Call;
use crate::circuit::Admission;
use crate::clock;
use crate::lane::Claim;
use crate::route::{self, Candidate};
use crate::snapshot::{Reach, Serving};
use std::time::Duration;

/// All channels out for longer than this: the model counts as gone.
const GONE: Duration = Duration::from_secs(60);

/// Whether all of these have been out for more than a minute; then, how long until one may be back.
pub fn gone<'a>(serving: impl IntoIterator<Item = &'a Serving>, now: Duration) -> Option<Duration> {
    let mut soonest: Option<Duration> = None;
    for one in serving {
        let model = one.upstream_name();
        let since = one.reach.lane.out_since(model, now)?;
        if now.saturating_sub(since) <= GONE {
            return None;
        }
        let wait = wait_of(&one.reach, model, now);
        soonest = Some(soonest.map_or(wait, |soonest| soonest.min(wait)));
    }
    soonest
}

pub(super) fn wait_of(reach: &Reach, model: &str, now: Duration) -> Duration {
    match reach.lane.peek(model, now).0 {
        Admission::Wait(until) => until.saturating_sub(now),
        _ => Duration::ZERO,
    }
}

impl Failover {
    pub(super) fn in_order<'a>(
        &self,
        call: &Call,
        serving: &'a [Serving],
        now: Duration,
    ) -> Vec<&'a Serving> {
        if let [only] = serving {
            return vec![only];
        }
        let candidates: Vec<Candidate> = serving.iter().map(|one| candidate(one, now)).collect();
        let together = call
            .scan
            .prompt_cache_key
            .as_deref()
            .or(call.scan.user.as_deref());
        let sticky = together.map_or_else(clock::draw, |together| {
            route::mix(call.caller.hash ^ route::hash(together))
        });
        let order = route::order(&candidates, sticky).into_iter();
        let mut order: Vec<_> = order.filter_map(|at| serving.get(at)).collect();
        if let Some((channel, _)) = call.preferred() {
            order.sort_by_key(|one| one.reach.lane.name != *channel);
        }
        order
    }
}

/// Takes a channel for one attempt, with the only credential that may be used, or at first with the one that is best.
pub(super) fn claim(
    call: &Call,
    serving: &Serving,
    (now, force, first): (Duration, bool, bool),
) -> Option<Claim> {
    let lane = &serving.reach.lane;
    let preferred = call.preferred();
    let preferred = preferred.filter(|(channel, _)| first && *channel == lane.name);
    let claim = |only| lane.claim((serving.upstream_name(), only), now, force).ok();
    let preferred = preferred.and_then(|(_, credential)| claim(Some(*credential)));
    preferred.or_else(|| claim(call.pinned()))
}

fn candidate(serving: &Serving, now: Duration) -> Candidate {
    let channel = &serving.reach.channel;
    let (admission, factor) = serving.reach.lane.peek(serving.upstream_name(), now);
    let flows = !matches!(admission, Admission::Wait(_));
    Candidate {
        priority: u64::from(serving.substitute) << 32 | u64::from(channel.priority),
        weight: f64::from(channel.weight) * factor,
        hash: serving.reach.lane.hash,
        flows,
    }
}
