//! Tells when a key's credits run out. Whoever reads the accounts, the operator for its statuses or `purser up` for this alone, shows
//! them here; what is new is marked in the ledger first, so that of several replicas and after a restart one alone tells it, once. It
//! needs no console. A process that dies between mark and word tells nothing: the word is no bill.

use crate::bill::{decimal, stage};
use purser_authority::ledger::{AccountFacts, Ledger, LedgerError, Mark};
use purser_config::price::Micros;
use purser_config::{Configuration, Name};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// That a key's credits are used so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Whose.
    pub key: Name,
    /// Of which plan's grant.
    pub plan: String,
    /// For which period; empty: it is granted once for ever.
    pub period: String,
    /// How far: 50, 80 or 100.
    pub percent: u8,
    /// What calls cost of it.
    pub used: Micros,
    /// What was granted.
    pub granted: Micros,
    /// What can still be spent, top-ups included.
    pub left: Micros,
    /// When that was seen, in unix milliseconds.
    pub at_ms: u64,
}

impl Alarm {
    /// Names it for ever: whoever is told twice knows it again.
    pub fn id(&self) -> String {
        format!("budget:{}:{}:{}", self.key, self.budget(), self.percent)
    }

    /// As a person is told it.
    pub fn sentence(&self) -> String {
        let Alarm {
            key,
            plan,
            period,
            percent,
            ..
        } = self;
        let (used, granted, left) = (said(self.used), said(self.granted), said(self.left));
        let of = match period.as_str() {
            "" => String::new(),
            period => format!(" for {period}"),
        };
        let next = match percent {
            100 => "calls are refused with 402 until credits are added or the next period begins"
                .to_owned(),
            _ => format!("{left} can still be spent"),
        };
        format!(
            "{percent} % of the credits of key {key} on plan {plan}{of} are used, {used} of {granted}: {next}"
        )
    }

    /// As a program is told it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id(),
            "type": "budget",
            "created": self.at_ms / 1_000,
            "key": self.key.as_str(),
            "plan": self.plan,
            "period": self.period,
            "percent": self.percent,
            "used": said(self.used),
            "granted": said(self.granted),
            "left": said(self.left),
            "message": self.sentence(),
        })
    }

    fn budget(&self) -> String {
        format!("{}/{}", self.plan, self.period)
    }

    fn mark(&self) -> Mark {
        Mark {
            key: self.key.clone(),
            budget: self.budget(),
            percent: self.percent,
            at_ms: self.at_ms,
        }
    }
}

/// Without the zeros that say nothing.
fn said(micros: Micros) -> String {
    let text = decimal(i128::from(micros));
    let text = text.trim_end_matches('0');
    text.trim_end_matches('.').to_owned()
}

/// What is known to be told, so that the ledger is not asked again and again.
#[derive(Debug, Default)]
pub struct Alarms {
    told: HashMap<Name, (String, u8)>,
}

impl Alarms {
    /// What somebody is to be told now, once these are the accounts.
    ///
    /// # Errors
    /// When the ledger cannot remember it; then it is not told, and looked at again with the next accounts.
    pub async fn look(
        &mut self,
        ledger: &Ledger,
        configuration: &Configuration,
        (accounts, unix_ms): (&BTreeMap<Name, AccountFacts>, u64),
    ) -> Result<Vec<Alarm>, LedgerError> {
        self.told
            .retain(|key, _| configuration.keys.contains_key(key));
        let mut news = Vec::new();
        for (key, facts) in accounts {
            let Some(alarm) = alarm(key, configuration, (facts, unix_ms)) else {
                continue;
            };
            if self.knows(&alarm) {
                continue;
            }
            if ledger.mark(alarm.mark()).await? {
                news.push(alarm.clone());
            }
            self.told
                .insert(key.clone(), (alarm.budget(), alarm.percent));
        }
        Ok(news)
    }

    fn knows(&self, alarm: &Alarm) -> bool {
        let known = self.told.get(&alarm.key);
        known.is_some_and(|(budget, told)| *budget == alarm.budget() && *told >= alarm.percent)
    }
}

fn alarm(
    key: &Name,
    configuration: &Configuration,
    (facts, unix_ms): (&AccountFacts, u64),
) -> Option<Alarm> {
    let plan = &configuration.keys.get(key)?.plan;
    let credits = configuration.plans.get(plan)?.credits?;
    let reached = stage((plan, credits), facts, unix_ms)?;
    Some(Alarm {
        key: key.clone(),
        plan: plan.clone(),
        period: reached.period,
        percent: reached.percent,
        used: reached.used,
        granted: reached.whole,
        left: reached.left,
        at_ms: unix_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::{Credits, Key, Plan, Resets, Standing};

    /// 2026-11-22T21:52:36Z.
    const NOW: u64 = 1_795_384_356_000;

    fn configuration() -> Configuration {
        let plan = Plan {
            credits: Some(Credits {
                grant: 1_000_000,
                resets: Resets::Monthly,
            }),
            ..Plan::default()
        };
        let key = Key {
            digests: vec![],
            standing: Standing::Good,
            previous: None,
            plan: "team".into(),
            models: vec![],
            expires_at_ms: None,
            created_ms: None,
            plan_expires_at_ms: None,
            service_accounts: vec![],
            channels: vec![],
            via_gateway: false,
        };
        Configuration {
            keys: [(Name::new("shop", "a"), key)].into(),
            plans: [("team".to_owned(), plan)].into(),
            ..Configuration::default()
        }
    }

    fn accounts(left: Micros) -> BTreeMap<Name, AccountFacts> {
        let grant = ("team".to_owned(), "2026-11".to_owned());
        let facts = AccountFacts {
            credits_left: left,
            granted: [(grant.clone(), 1_000_000)].into(),
            grants: [(grant, left)].into(),
            ..AccountFacts::default()
        };
        // And one whose ApiKey is gone.
        let gone = (Name::new("shop", "gone"), facts.clone());
        [(Name::new("shop", "a"), facts), gone].into()
    }

    async fn percents(alarms: &mut Alarms, ledger: &Ledger, left: Micros) -> Vec<u8> {
        let (accounts, configuration) = (accounts(left), configuration());
        let news = alarms.look(ledger, &configuration, (&accounts, NOW));
        let percents = news.await.unwrap().into_iter().map(|alarm| alarm.percent);
        percents.collect()
    }

    #[tokio::test]
    async fn each_stage_is_told_once_over_replicas_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::sqlite(&path).await.unwrap();
        let (mut one, mut other) = (Alarms::default(), Alarms::default());
        assert!(percents(&mut one, &ledger, 600_000).await.is_empty());
        assert_eq!(percents(&mut one, &ledger, 500_000).await, [50]);
        assert!(percents(&mut other, &ledger, 400_000).await.is_empty());
        assert_eq!(percents(&mut other, &ledger, 100_000).await, [80]);
        assert!(percents(&mut one, &ledger, 100_000).await.is_empty());
        drop(ledger);
        let ledger = Ledger::sqlite(&path).await.unwrap();
        let mut again = Alarms::default();
        assert!(percents(&mut again, &ledger, 50_000).await.is_empty());
        assert_eq!(percents(&mut again, &ledger, 0).await, [100]);
        assert!(percents(&mut again, &ledger, 0).await.is_empty());
    }

    #[test]
    fn it_says_whose_how_far_and_what_is_left() {
        let key = Name::new("shop", "a");
        let of = |left| alarm(&key, &configuration(), (&accounts(left)[&key], NOW)).unwrap();
        assert_eq!(
            of(162_500).sentence(),
            "80 % of the credits of key shop/a on plan team for 2026-11 are used, 0.8375 of 1: 0.1625 can still be spent"
        );
        assert!(of(0).sentence().contains("402"));
        let told = of(162_500).json();
        assert_eq!(told["id"], "budget:shop/a:team/2026-11:80");
        assert_eq!(told["created"], NOW / 1_000);
        assert_eq!(
            (&told["left"], &told["percent"]),
            (&json!("0.1625"), &json!(80))
        );
    }
}
