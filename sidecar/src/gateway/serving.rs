//! Who may carry a call: the channels of its model, and of the models that the plan names in its place, whose provider can be told it in
//! some way. Part of `gateway`.

use super::Gateway;
use super::reading::shown;
use crate::call::{Call, MODERATES};
use crate::failover::gone;
use crate::reject::{Fault, Reject};
use crate::snapshot::Serving;
use crate::way::converses;
use purser_config::Endpoint;
use std::time::Duration;

impl Gateway {
    /// Who may carry the call, or which of the ways there is nobody. Empty: nobody need, it is answered here.
    pub(super) fn serving(&self, call: &Call) -> Result<Vec<Serving>, Reject> {
        match self.carriers(call) {
            Err(Reject::ModelUnknown { .. } | Reject::ModelNotInPlan { .. })
                if call.leaves_model_out() =>
            {
                Err(unnamed())
            }
            found => found,
        }
    }

    fn carriers(&self, call: &Call) -> Result<Vec<Serving>, Reject> {
        let (model, table) = (call.model(), &call.caller.table);
        let named = call.named.is_some() || call.scan.model.is_some();
        if !named && !call.leaves_model_out() {
            return Err(Reject::Missing("model"));
        }
        let mut all = table.serving(model).unwrap_or_default().to_vec();
        let plan = call.caller.plan.as_deref();
        let plan = plan.filter(|plan| !plan.fallbacks.is_empty() && !table.withholds(model));
        all.extend(table.substitutes(model, plan));
        if all.is_empty() {
            let model = shown(model);
            return Err(if table.withholds(&model) {
                Reject::ModelNotInPlan {
                    model,
                    plan: call.caller.plan_name.to_string(),
                }
            } else {
                Reject::ModelUnknown {
                    model,
                    detail: "no channel that this key may use serves it".into(),
                }
            });
        }
        let counts =
            call.endpoint == Endpoint::CountTokens && all.iter().any(|one| converses(one.model()));
        let mut serving = all;
        serving.retain(|one| one.way(call.dialect, call.endpoint).is_some());
        if serving.is_empty() && counts {
            return Ok(serving);
        }
        if serving.is_empty() {
            let detail = format!(
                "no channel serves it at the endpoint {:?}; a model lists its endpoints in spec.models[].endpoints",
                call.endpoint
            );
            return Err(Reject::ModelUnknown {
                model: shown(model),
                detail,
            });
        }
        match gone(&serving, self.clock.now()) {
            Some(retry) if retry > Duration::ZERO => Err(Reject::ModelOut {
                model: shown(model),
                retry: retry.max(Duration::from_secs(1)),
            }),
            _ => Ok(serving),
        }
    }
}

/// Whoever names no model means OpenAI's own, which is not here for this key.
fn unnamed() -> Reject {
    Reject::Invalid {
        code: Fault::Missing,
        param: Some("model".into()),
        message: format!(
            "Missing required parameter: 'model'. Without it `{MODERATES}` is meant, and no channel that this key may use serves that. Name one of the models that GET /v1/models shows with the endpoint Moderations, or ask your administrator for that one."
        ),
    }
}
