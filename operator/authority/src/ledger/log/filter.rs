//! A query as the condition that both stores read, over records and over sums alike: their columns have the same names. Text alone goes
//! into a statement that is the same for all values, so that each is prepared once.

use super::{Outcome, Query, Scope};
use crate::ledger::rows::Param;
use crate::ledger::sheet::Value;
use crate::ledger::sums::told_apart;

/// A statement that grows, and its values.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Sql {
    pub(in crate::ledger) text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Goes on with `text`, in which each `?` stands for the next of `values`.
    pub(in crate::ledger) fn add(
        mut self,
        text: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Self {
        let mut parts = text.split('?');
        self.text.push_str(parts.next().unwrap_or_default());
        for (part, value) in parts.zip(values) {
            self.values.push(value);
            let at = self.values.len().to_string();
            self.text.extend(["$", at.as_str(), part]);
        }
        self
    }

    /// The values in their order.
    pub(in crate::ledger) fn params(&self) -> Vec<Param<'_>> {
        self.values.iter().map(Param::from).collect()
    }

    /// Goes on with what a query asks of keys, plans, models, channels and ends.
    pub(in crate::ledger) fn asks(self, query: &Query) -> Self {
        let sql = self.scope(&query.scope).key(query.key.as_deref());
        let sql = match &query.namespace {
            Some(namespace) => sql.namespaces(std::slice::from_ref(namespace)),
            None => sql,
        };
        let texts = [
            (" AND model = ?", &query.model),
            (" AND channel = ?", &query.channel),
            (" AND plan = ?", &query.plan),
        ];
        let sql = texts.into_iter().fold(sql, |sql, (text, value)| {
            let Some(value) = value else { return sql };
            sql.add(text, [told_apart(value).into()])
        });
        let failed = query
            .outcome
            .map(|outcome| i64::from(outcome == Outcome::Failed));
        let numbers = [
            (" AND failed = ?", failed),
            (" AND status = ?", query.status.map(i64::from)),
        ];
        numbers
            .into_iter()
            .fold(sql, |sql, (text, value)| match value {
                Some(value) => sql.add(text, [Value::Int(value)]),
                None => sql,
            })
    }

    fn scope(self, scope: &Scope) -> Self {
        match scope {
            Scope::All => self,
            Scope::Namespaces(names) => self.namespaces(names),
            Scope::Key(key) => self.add(" AND key = ?", [key.as_str().to_owned().into()]),
        }
    }

    fn key(self, key: Option<&str>) -> Self {
        match key {
            None => self,
            Some(key) if key.contains('/') => self.add(" AND key = ?", [told_apart(key).into()]),
            Some(name) => {
                let end = told_apart(&format!("/{name}"));
                let length = i64::try_from(end.chars().count()).unwrap_or(i64::MAX);
                let text =
                    " AND SUBSTR(key, CAST(LENGTH(key) + 1 - CAST(? AS BIGINT) AS INTEGER)) = ?";
                self.add(text, [Value::Int(length), end.into()])
            }
        }
    }

    /// Keys of these namespaces. Their order in an index is of no use to a list by time, and no store shall believe that it is.
    fn namespaces(self, names: &[String]) -> Self {
        if names.is_empty() {
            return self.add(" AND 1 = 0", []);
        }
        let ranges = vec!["(key || '' > ? AND key || '' < ?)"; names.len()];
        let bounds = |name: &String| {
            let name = told_apart(name);
            [format!("{name}/").into(), format!("{name}0").into()]
        };
        let text = format!(" AND ({})", ranges.join(" OR "));
        self.add(&text, names.iter().flat_map(bounds))
    }
}

impl Query {
    /// Whether all that it can find is of one key, whose calls lie together.
    pub(in crate::ledger) fn is_of_one_key(&self) -> bool {
        let named = self.key.as_ref().is_some_and(|key| key.contains('/'));
        named || matches!(self.scope, Scope::Key(_))
    }
}
