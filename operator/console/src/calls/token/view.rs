//! A key as it is shown: what its object says, what was decided about it, what it has used and has left. Pure but for one question to the
//! ledger.

use crate::answer::Failure;
use crate::calls::{Said, conditions};
use crate::console::Console;
use crate::house::{Seen, version};
use crate::ids;
use purser_authority::ledger::AccountFacts;
use purser_compile::{ObjectRef, Verdict};
use purser_config::calendar::moment;
use purser_config::{Key, Name, Standing};
use purser_crds::{ApiKey, ApiKeySpec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A key.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Token {
    pub(super) id: u64,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) plan: String,
    /// 1 on, 2 suspended, 3 expired, 4 exhausted, 5 refused.
    pub(super) status: u8,
    /// Why it is not on, in a sentence.
    why: String,
    /// The first characters of its value, fit to be shown; empty: unknown here.
    key_prefix: String,
    /// Globs that narrow the plan's models; empty: all of the plan's.
    pub(super) models: Vec<String>,
    /// Unix seconds; 0: unknown.
    created_time: i64,
    /// Unix seconds; 0: never.
    accessed_time: u64,
    /// When its own time ends, in unix seconds; -1: never. Its plan's may end before: plan_expires.
    pub(super) expired_time: i64,
    /// Micro-credits; null: unmetered.
    pub(super) remain_quota: Option<u64>,
    /// Micro-credits.
    pub(super) used_quota: u64,
    pub(super) unlimited_quota: bool,
    used_requests: u64,
    /// When its time on its plan began, in unix seconds; 0: not yet.
    activated_time: u64,
    /// When its plan's validity ends, in unix seconds; null: never, or it has not begun.
    plan_expires: Option<u64>,
    service_accounts: Vec<String>,
    /// To be sent with a change that must not overwrite another.
    version: String,
    conditions: Vec<Said>,
    /// What people wrote.
    spec: Value,
    /// Its value: told once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
}

/// What a key has used and has left, as new-api tells it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Usage {
    object: &'static str,
    name: String,
    /// Micro-credits, ever.
    total_granted: u64,
    total_used: u64,
    total_available: u64,
    unlimited_quota: bool,
    model_limits: BTreeMap<String, bool>,
    model_limits_enabled: bool,
    /// Unix seconds; 0: never.
    expires_at: i64,
}

impl Token {
    pub(super) fn usage(&self) -> Usage {
        let left = self.remain_quota.unwrap_or(0);
        Usage {
            object: "token_usage",
            name: format!("{}/{}", self.namespace, self.name),
            total_granted: self.used_quota.saturating_add(left),
            total_used: self.used_quota,
            total_available: left,
            unlimited_quota: self.unlimited_quota,
            model_limits: self
                .models
                .iter()
                .map(|model| (model.clone(), true))
                .collect(),
            model_limits_enabled: !self.models.is_empty(),
            expires_at: self.expires(),
        }
    }

    /// Micro-credits that were ever granted, and used; none left to say: unmetered.
    pub(crate) fn granted_and_used(&self) -> (Option<u64>, u64) {
        let granted = self
            .remain_quota
            .map(|left| left.saturating_add(self.used_quota));
        (granted, self.used_quota)
    }

    /// The earlier of its own end and its plan's, in unix seconds; 0: never.
    pub(crate) fn expires(&self) -> i64 {
        let own = Some(self.expired_time).filter(|seconds| *seconds >= 0);
        let plan = self.plan_expires.and_then(|at| i64::try_from(at).ok());
        own.into_iter().chain(plan).min().unwrap_or(0)
    }
}

/// What is looked at to show keys.
pub(crate) struct Eyes<'a> {
    seen: &'a Seen,
    accounts: BTreeMap<Name, AccountFacts>,
    now_ms: u64,
}

impl<'a> Eyes<'a> {
    pub(crate) async fn open(console: &Console, seen: &'a Seen) -> Result<Eyes<'a>, Failure> {
        let now_ms = console.house.wall_ms();
        let accounts = console.ledger()?.accounts(now_ms).await?;
        Ok(Eyes {
            seen,
            accounts,
            now_ms,
        })
    }

    pub(crate) fn token(&self, object: &ApiKey) -> Token {
        let name = ids::name_of(&object.metadata);
        let spec = &object.spec;
        let facts = self.accounts.get(&name).cloned().unwrap_or_default();
        let verdict = self.seen.verdicts.get(&ObjectRef::ApiKey(name.clone()));
        let key = self.seen.configuration.keys.get(&name);
        let left = self.left(spec, &facts);
        let (status, why) = self.status(spec, (verdict, key), left);
        let shown = verdict.and_then(|verdict| verdict.key.as_ref());
        let plan_expires_ms = key.and_then(|key| key.plan_expires_at_ms);
        let told = object
            .status
            .as_ref()
            .map(|status| status.conditions.as_slice());
        Token {
            id: ids::number("ApiKey", name.as_str()),
            namespace: name.namespace().to_owned(),
            name: name.name().to_owned(),
            display_name: spec
                .display_name
                .clone()
                .unwrap_or_else(|| name.name().to_owned()),
            plan: spec.plan.clone(),
            status,
            why,
            key_prefix: shown.map(|facts| facts.prefix.clone()).unwrap_or_default(),
            models: spec.models.clone(),
            created_time: object
                .metadata
                .creation_timestamp
                .as_ref()
                .map_or(0, |time| time.0.as_second()),
            accessed_time: facts.last_used_ms / 1000,
            expired_time: ends_ms(spec, None).map_or(-1, |ms| ms / 1000),
            remain_quota: left,
            used_quota: facts.credits_used,
            unlimited_quota: left.is_none(),
            used_requests: facts.requests_used,
            activated_time: facts.activated.get(&spec.plan).map_or(0, |ms| ms / 1000),
            plan_expires: plan_expires_ms.map(|ms| ms / 1000),
            service_accounts: spec.service_accounts.clone(),
            version: version(spec),
            conditions: conditions(verdict, told.unwrap_or_default()),
            spec: serde_json::to_value(spec).unwrap_or_default(),
            key: None,
        }
    }

    /// What a call may still draw on. A grant is made with the first call that needs it, and counts before that.
    fn left(&self, spec: &ApiKeySpec, facts: &AccountFacts) -> Option<u64> {
        let plan = self.seen.configuration.plans.get(&spec.plan)?;
        let credits = plan.credits?;
        let is_granted = facts.grants.keys().any(|(of, _)| *of == spec.plan);
        let awaited = if is_granted
            || (facts.requests_used > 0 && credits.resets == purser_config::Resets::Never)
        {
            0
        } else {
            credits.grant
        };
        Some(facts.credits_left.saturating_add(awaited))
    }

    fn status(
        &self,
        spec: &ApiKeySpec,
        (verdict, key): (Option<&Verdict>, Option<&Key>),
        left: Option<u64>,
    ) -> (u8, String) {
        if spec.suspended {
            return (
                2,
                "It is suspended; calls are refused until it is resumed.".to_owned(),
            );
        }
        let ended = ends_ms(spec, key.and_then(|key| key.plan_expires_at_ms));
        if let Some(ms) = ended
            .and_then(|ms| u64::try_from(ms).ok())
            .filter(|ms| *ms <= self.now_ms)
        {
            return (3, format!("It ended at {}.", moment(ms)));
        }
        if let Some((reason, message)) = verdict.and_then(|verdict| verdict.refused.as_ref()) {
            return (5, format!("{}: {message}", reason.as_str()));
        }
        match key.map(|key| &key.standing) {
            Some(Standing::Refused { code, message }) => {
                return (5, format!("{}: {message}", code.code()));
            }
            None => return (5, "It is not in force yet.".to_owned()),
            Some(Standing::Good) => {}
        }
        match left {
            Some(0) => (
                4,
                "Its credits are spent; add some, or wait for the next grant of its plan."
                    .to_owned(),
            ),
            _ => (1, String::new()),
        }
    }
}

/// The earlier of the two ends, in unix milliseconds.
fn ends_ms(spec: &ApiKeySpec, plan_ms: Option<u64>) -> Option<i64> {
    let own = spec.expires_at.as_ref().map(|time| time.0.as_millisecond());
    let plan = plan_ms.and_then(|ms| i64::try_from(ms).ok());
    own.into_iter().chain(plan).min()
}
