//! Answers that no window gives: a plan that is over, a ledger that cannot be asked. Part of `authority`.

use crate::terms::KeyTerms;
use purser_config::quota::{Grant, Reserve, ReserveVerdict, Reserved, Verdict};
use purser_config::{Name, Refusal};

/// When a sidecar may ask again after a disk failed, in milliseconds.
const AGAIN_MS: u64 = 1_000;

pub(super) fn over(terms: &KeyTerms, ended_ms: u64) -> Verdict {
    let (plan, moment) = (&terms.plan, purser_config::calendar::moment(ended_ms));
    Verdict::Refused {
        code: Refusal::PlanExpired,
        message: format!(
            "The plan `{plan}` of this key expired at {moment}. Ask your administrator to renew it, or to move the key to another plan."
        ),
    }
}

pub(super) fn too_many(terms: &KeyTerms, max: u32) -> Verdict {
    let plan = &terms.plan;
    Verdict::Refused {
        code: Refusal::PlanNotAllowed,
        message: format!(
            "The plan `{plan}` has begun for {max} keys of this namespace, which is as often as it may, deleted keys included. Use one of them, or ask your administrator."
        ),
    }
}

/// Nobody can say now.
pub(super) fn later() -> Verdict {
    Verdict::Learning { ready_ms: AGAIN_MS }
}

pub(super) fn refused(key: &Name, verdict: Verdict) -> Grant {
    Grant {
        key: key.clone(),
        verdict,
        limit: None,
        remaining: 0,
        reset_ms: 0,
        expires_at_ms: None,
    }
}

pub(super) fn not_held(reserve: &Reserve, verdict: ReserveVerdict) -> Reserved {
    Reserved {
        id: reserve.id.clone(),
        verdict,
        tokens: None,
        credits_left: None,
    }
}
