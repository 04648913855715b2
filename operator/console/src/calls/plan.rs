//! `/api/plan`: plans, which are objects of the whole cluster.

use super::{Said, conditions, fits, replacing};
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::house::{Change, Seen, version};
use crate::ids;
use crate::rights::Right;
use crate::who::hidden;
use purser_compile::ObjectRef;
use purser_crds::Plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PlanView {
    id: u64,
    name: String,
    display_name: String,
    /// amount and currency; null: none is set.
    price: Value,
    validity: Value,
    limits: Value,
    credits: Value,
    /// allow and deny, as globs.
    models: Value,
    prices: Value,
    /// Keys on it that you see.
    keys: u64,
    /// 1 on, 5 refused.
    status: u8,
    why: String,
    version: String,
    conditions: Vec<Said>,
    /// The whole spec, as people wrote it.
    spec: Value,
}

/// A plan to be made, or to be replaced.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PlanWish {
    name: String,
    /// The whole spec, as in its manifest.
    spec: Map<String, Value>,
    /// As it was read: then nothing newer is overwritten.
    version: Option<String>,
}

/// All plans.
pub(crate) async fn list(ask: Ask) -> Outcome {
    ask.may(&Right::new("list", "plans", ("", ""))).await?;
    let seen = ask.console.house.seen();
    let views = seen.plans.iter().map(|plan| view(&ask, &seen, plan));
    let views: Vec<PlanView> = views.collect::<Result<_, _>>()?;
    Reply::data(&ask.paging()?.cut(views))
}

/// One plan.
pub(crate) async fn read(ask: Ask) -> Outcome {
    let seen = ask.console.house.seen();
    let plan = found(&seen, &ask.id)?;
    let right = Right::new("get", "plans", ("", name(plan)));
    ask.may(&right).await?;
    Reply::data(&view(&ask, &seen, plan)?)
}

fn found<'a>(seen: &'a Seen, id: &str) -> Result<&'a Arc<Plan>, Failure> {
    let mut plans = seen.plans.iter();
    let means = |plan: &&Arc<Plan>| ids::means(id, "Plan", name(plan));
    plans.find(means).ok_or_else(|| hidden("plan"))
}

fn name(plan: &Plan) -> &str {
    plan.metadata.name.as_deref().unwrap_or_default()
}

fn view(ask: &Ask, seen: &Seen, plan: &Plan) -> Result<PlanView, Failure> {
    let (person, name) = (ask.person()?, name(plan));
    let verdict = seen.verdicts.get(&ObjectRef::Plan(name.to_owned()));
    let spec = serde_json::to_value(&plan.spec).unwrap_or_default();
    let keys = seen.keys.iter().filter(|key| {
        key.spec.plan == name && person.sees(ids::name_of(&key.metadata).namespace())
    });
    let refused = verdict.and_then(|verdict| verdict.refused.as_ref());
    let told = plan
        .status
        .as_ref()
        .map(|status| status.conditions.as_slice());
    Ok(PlanView {
        id: ids::number("Plan", name),
        name: name.to_owned(),
        display_name: plan
            .spec
            .display_name
            .clone()
            .unwrap_or_else(|| name.to_owned()),
        price: spec["price"].clone(),
        validity: spec["validity"].clone(),
        limits: spec["limits"].clone(),
        credits: spec["credits"].clone(),
        models: spec["models"].clone(),
        prices: spec["prices"].clone(),
        keys: keys.count() as u64,
        status: if refused.is_some() { 5 } else { 1 },
        why: refused
            .map(|(reason, why)| format!("{}: {why}", reason.as_str()))
            .unwrap_or_default(),
        version: version(&plan.spec),
        conditions: conditions(verdict, told.unwrap_or_default()),
        spec,
    })
}

/// Makes one.
pub(crate) async fn create(ask: Ask) -> Outcome {
    let wanted: PlanWish = ask.body()?;
    fits("name", &wanted.name)?;
    let object = json!({
        "apiVersion": "purser.dev/v1alpha1", "kind": "Plan",
        "metadata": {"name": wanted.name}, "spec": wanted.spec,
    });
    let change = Change::Create {
        object,
        secret: None,
    };
    ask.write(change).await?;
    told(&ask, "create plan", &wanted.name).await
}

/// Replaces one's spec.
pub(crate) async fn update(ask: Ask) -> Outcome {
    let wanted: PlanWish = ask.body()?;
    let seen = ask.console.house.seen();
    let plan = found(&seen, &wanted.name)?;
    let old = serde_json::to_value(&plan.spec).unwrap_or_default();
    let patch = replacing(&old, &Value::Object(wanted.spec));
    let name = name(plan).to_owned();
    let change = Change::Patch {
        of: ObjectRef::Plan(name.clone()),
        patch: json!({"spec": patch}),
        version: wanted.version,
        secret: None,
    };
    ask.write(change).await?;
    told(&ask, "change plan", &name).await
}

/// Deletes one.
pub(crate) async fn delete(ask: Ask) -> Outcome {
    let seen = ask.console.house.seen();
    let name = name(found(&seen, &ask.id)?).to_owned();
    let of = ObjectRef::Plan(name.clone());
    ask.write(Change::Delete { of }).await?;
    let by = ask.person()?.name();
    ask.console
        .note(by, "delete plan", (&format!("Plan {name}"), ""))
        .await;
    Ok(Reply::Data(Value::Null))
}

async fn told(ask: &Ask, what: &str, name: &str) -> Outcome {
    let by = ask.person()?.name();
    ask.console
        .note(by, what, (&format!("Plan {name}"), ""))
        .await;
    let seen = ask.console.house.seen();
    Reply::data(&view(ask, &seen, found(&seen, name)?)?)
}
