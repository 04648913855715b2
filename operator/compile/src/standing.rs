//! Whether a key's calls are carried, by its plan. Used by `keys`. When in doubt, refused: a key must never be free of a rule that
//! its plan promises.

use crate::plans::DecidedPlan;
use crate::{World, selector};
use purser_config::{Name, Refusal};
use purser_crds::{AcceptedReason, ApiKeySpec, NamespacesFrom};
use std::collections::BTreeMap;

/// Why a key's calls are refused.
pub(crate) struct Refused {
    /// As callers see it.
    pub(crate) code: Refusal,
    /// What is wrong and what to do.
    pub(crate) message: String,
    /// The reason of `Accepted=False`.
    pub(crate) reason: AcceptedReason,
}

/// What decides a key's standing besides the key.
pub(crate) struct Court<'a> {
    pub(crate) world: &'a World,
    pub(crate) plans: &'a BTreeMap<String, DecidedPlan<'a>>,
}

impl<'a> Court<'a> {
    /// The plan that admits the key, or why none does. `seat` counts the older keys on this plan in this namespace.
    pub(crate) fn judge(
        &self,
        name: &Name,
        key: &ApiKeySpec,
        seat: u32,
    ) -> Result<&'a DecidedPlan<'a>, Refused> {
        let plan = self.plan(&key.plan)?;
        let namespace = name.namespace();
        if !self.admits(plan, namespace) {
            return Err(refused(
                AcceptedReason::PlanNotAllowed,
                format!(
                    "plan {:?} does not admit namespace {namespace}; name another plan, or ask its owner",
                    plan.name
                ),
            ));
        }
        let seats = plan.spec.max_keys_per_namespace;
        if seat >= seats {
            return Err(refused(
                AcceptedReason::TooManyKeys,
                format!(
                    "namespace {namespace} has its full number of keys on plan {:?}, which is {seats}; delete an older one, or ask the plan's owner for more",
                    plan.name
                ),
            ));
        }
        Ok(plan)
    }

    fn plan(&self, name: &str) -> Result<&'a DecidedPlan<'a>, Refused> {
        match self.plans.get(name) {
            Some(plan) if plan.decided.is_some() => Ok(plan),
            Some(_) => Err(refused(
                AcceptedReason::PlanInvalid,
                format!("plan {name:?} is not accepted; its condition Accepted says why"),
            )),
            None => Err(refused(
                AcceptedReason::PlanNotFound,
                format!("plan {name:?} does not exist; create it, or name another in spec.plan"),
            )),
        }
    }

    fn admits(&self, plan: &DecidedPlan<'_>, namespace: &str) -> bool {
        let unlabelled = BTreeMap::new();
        let labels = self.world.namespaces.get(namespace).unwrap_or(&unlabelled);
        match plan.spec.namespaces.from {
            NamespacesFrom::All => true,
            NamespacesFrom::Selector => plan
                .spec
                .namespaces
                .selector
                .as_ref()
                .is_some_and(|selector| selector::matches(selector, labels)),
        }
    }
}

fn refused(reason: AcceptedReason, message: String) -> Refused {
    let code = match reason {
        AcceptedReason::PlanNotAllowed | AcceptedReason::TooManyKeys => Refusal::PlanNotAllowed,
        _ => Refusal::PlanNotFound,
    };
    Refused {
        code,
        message,
        reason,
    }
}
