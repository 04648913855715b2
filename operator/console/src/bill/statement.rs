//! A statement: what each key, namespace or plan used in a stretch of time, what its plans were sold for, and what it cost. Made of the
//! ledger's sums by key and plan, so that it can be made again to the millionth from the records. Pure.

use super::money::Money;
use purser_authority::ledger::{By, Query, Scope, Sum, Term};
use purser_config::Name;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a statement's lines are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// A line for each key.
    Key,
    /// A line for each namespace.
    Namespace,
    /// A line for each plan.
    Plan,
}

/// Which statement.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What its lines are of.
    pub of: Of,
    /// That one alone: a key as `namespace/name`, a namespace, or a plan.
    pub name: Option<String>,
    /// Whose calls may be seen.
    pub scope: Scope,
    /// From this moment on, in unix milliseconds.
    pub from_ms: u64,
    /// Until before this moment, in unix milliseconds.
    pub to_ms: u64,
    /// The currency that channels' costs are in, and margins.
    pub currency: String,
    /// What plans are sold for today, for times of which nobody wrote it down.
    pub prices: BTreeMap<String, Money>,
}

/// By what the sums are that a statement is made of.
pub const GROUPS: [By; 2] = [By::Key, By::Plan];

/// A statement, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// What its lines are of.
    pub of: Of,
    /// From this moment on, in unix milliseconds.
    pub from_ms: u64,
    /// Until before this moment, in unix milliseconds.
    pub to_ms: u64,
    /// The currency of `cost`, `waste`, `price` and `margin`.
    pub currency: String,
    /// Sorted by name.
    pub lines: Vec<Line>,
    /// All of them together.
    pub total: Line,
}

/// What one of them comes to. Amounts are millionths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Whose; of the total: empty.
    pub name: String,
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Those of them from a prompt cache.
    pub cached_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Credits that calls cost.
    pub credits: u64,
    /// What nobody paid: beyond what was reserved, or for an end that costs nothing.
    pub unpaid: u64,
    /// How often a plan's time was sold.
    pub terms: u64,
    /// What that was sold for in the statement's currency.
    pub price: u64,
    /// The same in other currencies, which no margin is made of.
    pub other_prices: BTreeMap<String, u64>,
    /// What the channels' providers took for what was served.
    pub cost: u64,
    /// What they took for nothing.
    pub waste: u64,
    /// The price less cost and waste.
    pub margin: i64,
}

impl Wanted {
    /// What to ask the ledger, by [`GROUPS`].
    pub fn query(&self) -> Query {
        let query = Query {
            scope: self.scope.clone(),
            from_ms: self.from_ms,
            to_ms: self.to_ms,
            ..Query::default()
        };
        let name = self.name.clone();
        match self.of {
            Of::Key => Query { key: name, ..query },
            Of::Namespace => Query {
                namespace: name,
                ..query
            },
            Of::Plan => Query {
                plan: name,
                ..query
            },
        }
    }

    fn line_of(&self, key: &str, plan: &str) -> String {
        let namespace = key.split_once('/').map_or(key, |(namespace, _)| namespace);
        let name = match self.of {
            Of::Key => key,
            Of::Namespace => namespace,
            Of::Plan => plan,
        };
        name.to_owned()
    }

    fn asks(&self, term: &Term) -> bool {
        let sees = match &self.scope {
            Scope::All => true,
            Scope::Namespaces(names) => names.iter().any(|name| name == term.key.namespace()),
            Scope::Key(key) => *key == term.key,
        };
        let within = (self.from_ms..self.to_ms).contains(&term.sale.at_ms);
        sees && within && self.names(&term.key, &term.plan)
    }

    /// Whether it is what is named; a key also by its bare name, as the ledger takes it.
    fn names(&self, key: &Name, plan: &str) -> bool {
        let line = self.line_of(key.as_str(), plan);
        let bare = self.of == Of::Key && self.name.as_deref() == Some(key.name());
        self.name.as_ref().is_none_or(|name| *name == line) || bare
    }
}

/// Makes a statement of the ledger's sums by [`GROUPS`] and of the times of plans that were sold.
pub fn statement(wanted: &Wanted, sums: &[Sum], terms: &[Term]) -> Statement {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let mut total = Line::default();
    for sum in sums {
        let [key, plan] = &sum.group[..] else {
            continue;
        };
        let line = lines.entry(wanted.line_of(key, plan)).or_default();
        line.add(sum);
        total.add(sum);
    }
    for term in terms.iter().filter(|term| wanted.asks(term)) {
        let line = lines
            .entry(wanted.line_of(term.key.as_str(), &term.plan))
            .or_default();
        let price = term.sale.price.as_ref();
        let price = price.or_else(|| wanted.prices.get(&term.plan));
        line.sell(price, &wanted.currency);
        total.sell(price, &wanted.currency);
    }
    total.close();
    let lines = lines.into_iter().map(|(name, mut line)| {
        line.close();
        Line { name, ..line }
    });
    Statement {
        of: wanted.of,
        from_ms: wanted.from_ms,
        to_ms: wanted.to_ms,
        currency: wanted.currency.clone(),
        lines: lines.collect(),
        total,
    }
}

impl Line {
    fn add(&mut self, sum: &Sum) {
        let pairs = [
            (&mut self.calls, sum.calls),
            (&mut self.errors, sum.errors),
            (&mut self.input_tokens, sum.input),
            (&mut self.cached_tokens, sum.cached),
            (&mut self.output_tokens, sum.output),
            (&mut self.credits, sum.credits),
            (&mut self.unpaid, sum.unpaid),
            (&mut self.cost, sum.cost),
            (&mut self.waste, sum.waste),
        ];
        for (to, amount) in pairs {
            *to = to.saturating_add(amount);
        }
    }

    fn sell(&mut self, price: Option<&Money>, currency: &str) {
        self.terms += 1;
        let Some(price) = price.filter(|price| !price.currency.is_empty()) else {
            return;
        };
        let to = if price.currency == currency {
            &mut self.price
        } else {
            self.other_prices.entry(price.currency.clone()).or_default()
        };
        *to = to.saturating_add(price.micros);
    }

    fn close(&mut self) {
        let spent = i128::from(self.cost) + i128::from(self.waste);
        let margin = i128::from(self.price) - spent;
        let beyond = if margin < 0 { i64::MIN } else { i64::MAX };
        self.margin = i64::try_from(margin).unwrap_or(beyond);
    }
}
