//! How many keys of a namespace have what only so many may have, counted under a lock. Called when a sheet is loaded.

use super::{Count, Sheet, Wants, namespace};
use crate::ledger::LedgerError;
use crate::ledger::rows::{ActivationRow, Param, Rows};
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

impl Sheet {
    /// Counts the keys of a namespace where one of them wants what only so many may have.
    pub(super) async fn count<S: Rows>(
        &mut self,
        store: &S,
        wants: &Wants,
    ) -> Result<(), LedgerError> {
        let lacks = |(key, plan, period): &&(String, String, String)| {
            !self
                .holders
                .get(key)
                .is_some_and(|holder| holder.account.was_granted(plan, period))
        };
        let grants: Vec<_> = wants.grants.iter().filter(lacks).cloned().collect();
        let begins = wants
            .activations
            .iter()
            .filter(|of| self.activations.get(*of).is_none());
        let begins: Vec<_> = begins.cloned().collect();
        let of_grants = grants
            .iter()
            .map(|(key, plan, _)| format!("grant {}/{plan}", namespace(key)));
        let of_begins = begins
            .iter()
            .map(|(key, plan)| format!("begin {}/{plan}", namespace(key)));
        let locks: BTreeSet<String> = of_grants.chain(of_begins).collect();
        store.lock(&locks).await?;
        for (key, plan, period) in grants {
            self.count_granted(store, key, plan, period).await?;
        }
        // Seen again under the lock: another replica may have begun them meanwhile.
        let keys = begins.iter().map(|(key, _)| key.clone()).collect();
        for row in store.load::<ActivationRow>("key", &keys).await? {
            self.activations
                .rows
                .insert((row.key.clone(), row.plan.clone()), row);
        }
        for (key, plan) in begins {
            self.count_begun(store, &key, plan).await?;
        }
        Ok(())
    }

    async fn count_granted<S: Rows>(
        &mut self,
        store: &S,
        key: String,
        plan: String,
        period: String,
    ) -> Result<(), LedgerError> {
        const HAS: &str =
            "SELECT COUNT(*) AS n FROM grants WHERE key = $1 AND plan = $2 AND period = $3";
        const COUNT: &str = "SELECT COUNT(*) AS n FROM grants WHERE plan = $1 AND period = $2 AND key > $3 AND key < $4";
        let with = [Param::Text(&key), Param::Text(&plan), Param::Text(&period)];
        let had: Vec<Count> = store.ask(HAS, &with).await?;
        let of = (namespace(&key).to_owned(), plan, period);
        if !self.granted.contains_key(&of) {
            let (from, to) = (format!("{}/", of.0), format!("{}0", of.0));
            let with = [
                Param::Text(&of.1),
                Param::Text(&of.2),
                Param::Text(&from),
                Param::Text(&to),
            ];
            let count: Vec<Count> = store.ask(COUNT, &with).await?;
            self.granted
                .insert(of.clone(), count.first().map_or(0, |count| count.n));
        }
        if had.first().is_some_and(|had| had.n > 0) {
            self.closed.insert((key, of.1, of.2));
        }
        Ok(())
    }

    async fn count_begun<S: Rows>(
        &mut self,
        store: &S,
        key: &str,
        plan: String,
    ) -> Result<(), LedgerError> {
        const COUNT: &str =
            "SELECT COUNT(*) AS n FROM activations WHERE plan = $1 AND key > $2 AND key < $3";
        let of = (namespace(key).to_owned(), plan);
        if let Entry::Vacant(begun) = self.begun.entry(of) {
            let of = begun.key();
            let (from, to) = (format!("{}/", of.0), format!("{}0", of.0));
            let with = [Param::Text(&of.1), Param::Text(&from), Param::Text(&to)];
            let count: Vec<Count> = store.ask(COUNT, &with).await?;
            begun.insert(count.first().map_or(0, |count| count.n));
        }
        Ok(())
    }
}
