//! What a call wishes of a key, as members of its spec. Called by `change`. Pure. What is given back as it was shown is no wish; and a limit
//! that nothing here keeps is refused: it must never be passed over, or its owner takes the key for narrower than it is.

use super::Token;
use crate::answer::Failure;
use crate::house::Seen;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What can be said of a key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Members {
    pub(super) plan: Option<String>,
    /// As plan.
    group: Option<String>,
    display_name: Option<String>,
    /// Globs that narrow the plan's models.
    models: Option<Models>,
    /// The same as text, separated by commas.
    model_limits: Option<String>,
    /// When its own time ends, in unix seconds; -1: never, but for its plan.
    expired_time: Option<i64>,
    suspended: Option<bool>,
    /// Pods under these ServiceAccounts are this key.
    service_accounts: Option<Vec<String>>,
    /// Empty: callers are not told apart by address.
    allow_ips: Option<String>,
    /// As allow_ips.
    subnet: Option<String>,
    /// As it was shown, or beside unlimited_quota: credits come from the plan and from top-ups.
    remain_quota: Option<i64>,
    /// As it was shown.
    used_quota: Option<i64>,
    /// True, or as it was shown.
    unlimited_quota: Option<bool>,
}

/// Globs, as a list or as text with commas.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Models {
    List(Vec<String>),
    Text(String),
}

impl Models {
    fn list(self) -> Vec<String> {
        match self {
            Models::List(list) => list,
            Models::Text(text) => split(&text),
        }
    }
}

fn split(text: &str) -> Vec<String> {
    let models = text.split(',').map(str::trim);
    let models = models.filter(|model| !model.is_empty());
    models.map(str::to_owned).collect()
}

impl Members {
    /// The members of a spec; null: to be removed. `shown`: the key, where there is one already.
    ///
    /// # Errors
    /// 422 when a member cannot be kept.
    pub(super) fn spec(
        &self,
        shown: Option<&Token>,
        seen: &Seen,
    ) -> Result<Map<String, Value>, Failure> {
        self.keepable(shown)?;
        let mut spec = Map::new();
        let mut put = |name: &str, value: Value| drop(spec.insert(name.to_owned(), value));
        if let Some(plan) = self.plan(shown, seen)? {
            put("plan", plan.into());
        }
        let display = self.display_name.as_ref();
        if let Some(name) =
            display.filter(|name| shown.is_none_or(|key| key.display_name != **name))
        {
            put("displayName", or_null(name.is_empty(), name.as_str()));
        }
        let models = self.models.clone().map(Models::list);
        let models = models.filter(|models| shown.is_none_or(|key| key.models != *models));
        if let Some(models) = models.or(self.model_limits.as_deref().map(split)) {
            put("models", or_null(models.is_empty(), models));
        }
        let ends = self.expired_time;
        if let Some(seconds) = ends.filter(|ends| shown.is_none_or(|key| key.expired_time != *ends))
        {
            put("expiresAt", end(seconds)?);
        }
        if let Some(suspended) = self.suspended {
            put("suspended", suspended.into());
        }
        if let Some(accounts) = self.service_accounts.clone() {
            put("serviceAccounts", or_null(accounts.is_empty(), accounts));
        }
        Ok(spec)
    }

    /// The plan, by either of its names: the one that is not what it is already.
    fn plan(&self, shown: Option<&Token>, seen: &Seen) -> Result<Option<String>, Failure> {
        let new = |plan: &&String| shown.is_none_or(|key| key.plan != **plan);
        let group = self.group.as_ref().filter(|group| !group.is_empty());
        let (plan, group) = (self.plan.as_ref().filter(new), group.filter(new));
        let known = |name: &String| {
            let mut plans = seen.plans.iter();
            plans.any(|plan| plan.metadata.name.as_ref() == Some(name))
        };
        match (plan, group) {
            (Some(plan), Some(group)) if plan != group => Err(Failure::new(
                422,
                "plan and group are one thing here, and they differ; send one of them",
            )),
            (None, Some(group)) if !known(group) => Err(Failure::new(
                422,
                format!(
                    "group: a key's group is its plan, and there is no plan {group}; /api/plan/ lists them"
                ),
            )),
            (plan, group) => Ok(plan.or(group).cloned()),
        }
    }

    /// Whether nothing is asked that new-api keeps and this does not.
    fn keepable(&self, shown: Option<&Token>) -> Result<(), Failure> {
        let addresses = [("allow_ips", &self.allow_ips), ("subnet", &self.subnet)];
        for (name, text) in addresses {
            if text.as_ref().is_some_and(|text| !text.trim().is_empty()) {
                return Err(Failure::new(
                    422,
                    format!(
                        "{name}: callers are not told apart by address here, so that the key would be open to all of them; leave it empty, and bound callers by a NetworkPolicy"
                    ),
                ));
            }
        }
        let is_bound = match self.unlimited_quota {
            Some(unlimited) => !unlimited,
            None => self.remain_quota.is_some(),
        };
        if is_bound && !shown.is_some_and(|key| self.is_quota_of(key)) {
            return Err(Failure::new(
                422,
                "remain_quota and unlimited_quota: a key has no quota of its own here; choose a plan with credits, leave both out, and add more by POST /api/token/{id}/topup",
            ));
        }
        Ok(())
    }

    /// Whether what is said of the quota is what was shown, be it some calls ago.
    fn is_quota_of(&self, key: &Token) -> bool {
        let left = key.remain_quota.map(i128::from);
        let granted = left.map(|left| left + i128::from(key.used_quota));
        let said = |said: i64| {
            let then = self
                .used_quota
                .map(|used| i128::from(said) + i128::from(used));
            left == Some(said.into()) || (then.is_some() && then == granted)
        };
        self.unlimited_quota
            .is_none_or(|said| said == key.unlimited_quota)
            && self.remain_quota.is_none_or(said)
    }
}

/// What is empty is removed.
fn or_null(is_empty: bool, value: impl Into<Value>) -> Value {
    match is_empty {
        true => Value::Null,
        false => value.into(),
    }
}

fn end(seconds: i64) -> Result<Value, Failure> {
    if matches!(seconds, -1 | 0) {
        return Ok(Value::Null);
    }
    let moment = Timestamp::from_second(seconds).ok().filter(|_| seconds > 0);
    moment
        .map(|moment| moment.to_string().into())
        .ok_or_else(|| Failure::new(422, "expired_time is in unix seconds; -1: never"))
}
