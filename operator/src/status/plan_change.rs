//! What is said of a key that was moved to another plan: from what to what, and what becomes of its credits. Pure; `status` tells it.

use super::condition::Wanted;
use crate::credit::decimal;
use crate::reconcile::Publication;
use purser_config::price::Micros;
use purser_config::{Credits, Resets};
use purser_crds::{ApiKey, ConditionType, PlanChangedReason};

/// See the file's page. `left`: what the key can spend, if it has an account.
pub(crate) fn told(
    publication: &Publication,
    key: &ApiKey,
    (from, left): (&str, Option<Micros>),
) -> Wanted {
    let to = &key.spec.plan;
    let plans = &publication.configuration.plans;
    let credits = plans.get(to).map(|plan| plan.credits);
    Wanted {
        kind: ConditionType::PlanChanged,
        status: "True",
        reason: PlanChangedReason::PlanChanged.as_str(),
        message: format!(
            "moved from plan {from} to plan {to}: {}{}",
            kept(left),
            granted(credits)
        ),
    }
}

fn kept(left: Option<Micros>) -> String {
    match left {
        Some(left) if left > 0 => format!("the {} credits that are left stay", decimal(left)),
        _ => "no credits were left".to_owned(),
    }
}

fn granted(credits: Option<Option<Credits>>) -> String {
    let Some(credits) = credits else {
        return ", and nothing is granted while the plan is not accepted".to_owned();
    };
    let Some(Credits { grant, resets }) = credits else {
        return ", and are not needed, for the plan is not metered".to_owned();
    };
    let how_often = match resets {
        Resets::Never => "once",
        Resets::Daily => "each day",
        Resets::Monthly => "each month",
    };
    format!(
        ", and the plan grants {} {how_often}, with the next call, if it never granted them to this key before",
        decimal(grant)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_stays_and_what_is_granted() {
        let monthly = Credits {
            grant: 2_000_000_000,
            resets: Resets::Monthly,
        };
        let said = kept(Some(1_500_000)) + &granted(Some(Some(monthly)));
        assert!(
            said.starts_with(
                "the 1.5 credits that are left stay, and the plan grants 2000 each month"
            ),
            "{said}"
        );
        assert!(granted(Some(None)).contains("not metered"));
        assert!(granted(None).contains("not accepted"));
    }
}
