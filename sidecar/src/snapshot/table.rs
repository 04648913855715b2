//! Model to channels, for all keys that may call the same: built once per distinct combination of plan, narrowing and
//! channels, so that ten thousand keys on five plans cost five tables.

use super::Reach;
use crate::metrics::Series;
use crate::way::{Way, way};
use http::HeaderValue;
use purser_config::{Endpoint, Key, Model, Name, Plan, glob_matches};
use purser_dialects::Dialect;
use purser_dialects::provider::Quirks;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One channel's offer of one model.
#[derive(Clone)]
pub struct Serving {
    /// The channel.
    pub reach: Arc<Reach>,
    /// Where calls of this plan to this model of this channel are counted.
    pub series: Arc<Series>,
    /// Which of its models.
    model: usize,
    /// 0: it is what was asked for. Else how many of the plan's fallbacks come before it.
    pub substitute: u8,
}

/// What a key may call. Models it may not call are known too, so that the refusal can say which of the two it is.
#[derive(Default)]
pub struct Table {
    allowed: BTreeMap<String, Vec<Serving>>,
    denied: BTreeSet<String>,
    limited: bool,
}

impl Serving {
    /// The model as configured. The index was made from this very list, which never changes.
    #[expect(clippy::indexing_slicing)]
    pub fn model(&self) -> &Model {
        &self.reach.channel.models[self.model]
    }

    /// What the provider is asked for.
    pub fn upstream_name(&self) -> &str {
        let model = self.model();
        model.upstream_name.as_deref().unwrap_or(&model.name)
    }

    /// Its name as `x-purser-model`.
    pub fn label(&self) -> Option<&HeaderValue> {
        self.reach.models.get(self.model)
    }

    /// How its provider differs from others.
    pub fn quirks(&self) -> &'static Quirks {
        Quirks::of(self.reach.channel.provider)
    }

    /// How a call in this API at this endpoint goes there; none: not at all.
    pub fn way(&self, dialect: Dialect, endpoint: Endpoint) -> Option<Way> {
        way((dialect, endpoint), self.quirks(), self.model())
    }
}

impl Table {
    /// Who serves this model to this key; `None`: nobody, or not to it.
    pub fn serving(&self, model: &str) -> Option<&[Serving]> {
        self.allowed.get(model).map(Vec::as_slice)
    }

    /// Who serves what the plan says may answer in this model's place, in that order; only what may be called itself.
    pub fn substitutes<'a>(
        &'a self,
        model: &str,
        plan: Option<&'a Plan>,
    ) -> impl Iterator<Item = Serving> + 'a {
        let to = plan.and_then(|plan| plan.fallbacks.get(model));
        let named = to.into_iter().flatten().zip(1_u8..);
        named.flat_map(|(model, substitute)| {
            let serving = self.serving(model).unwrap_or_default().iter();
            serving.map(move |one| Serving {
                substitute,
                ..one.clone()
            })
        })
    }

    /// Whether the model exists here and the plan or the key withholds it.
    pub fn withholds(&self, model: &str) -> bool {
        self.denied.contains(model)
    }

    /// Whether any channel has limits of its own, which the authority must be asked about.
    pub fn has_limits(&self) -> bool {
        self.limited
    }

    /// Every model that may be called, by name and alias, with who serves it.
    pub fn models(&self) -> impl Iterator<Item = (&str, &[Serving])> {
        self.allowed
            .iter()
            .map(|(name, serving)| (name.as_str(), serving.as_slice()))
    }
}

type Combination = (String, Vec<String>, Vec<Name>);

/// Tables by what makes them differ.
pub(super) struct Tables<'a> {
    reaches: &'a HashMap<Name, Arc<Reach>>,
    built: HashMap<Combination, Arc<Table>>,
}

impl<'a> Tables<'a> {
    pub(super) fn new(reaches: &'a HashMap<Name, Arc<Reach>>) -> Self {
        Tables {
            reaches,
            built: HashMap::new(),
        }
    }

    pub(super) fn of(&mut self, key: &Key, plan: Option<&Plan>) -> Arc<Table> {
        let combination = (key.plan.clone(), key.models.clone(), key.channels.clone());
        if let Some(table) = self.built.get(&combination) {
            return Arc::clone(table);
        }
        let table = Arc::new(self.build(key, plan));
        self.built.insert(combination, Arc::clone(&table));
        table
    }

    fn build(&self, key: &Key, plan: Option<&Plan>) -> Table {
        let mut table = Table::default();
        let plan_name: Arc<str> = key.plan.as_str().into();
        for reach in key
            .channels
            .iter()
            .filter_map(|name| self.reaches.get(name))
        {
            table.limited |= !reach.channel.limits.is_empty();
            for (at, model) in reach.channel.models.iter().enumerate() {
                let channel = reach.lane.name.clone();
                let series =
                    Series::new(Arc::clone(&plan_name), channel, model.name.as_str().into());
                let series = Arc::new(series);
                let allowed = plan.is_some_and(|plan| may_call(model, plan, &key.models));
                for name in std::iter::once(&model.name).chain(&model.aliases) {
                    if allowed {
                        let serving = Serving {
                            reach: Arc::clone(reach),
                            series: Arc::clone(&series),
                            model: at,
                            substitute: 0,
                        };
                        table.allowed.entry(name.clone()).or_default().push(serving);
                    } else {
                        table.denied.insert(name.clone());
                    }
                }
            }
        }
        table
    }
}

/// A model may be called when its name or an alias is allowed, none of them is denied, and the key does not narrow it away.
fn may_call(model: &Model, plan: &Plan, narrowed: &[String]) -> bool {
    let names =
        || std::iter::once(model.name.as_str()).chain(model.aliases.iter().map(String::as_str));
    let matched =
        |globs: &[String]| names().any(|name| globs.iter().any(|glob| glob_matches(glob, name)));
    matched(&plan.allow) && !matched(&plan.deny) && (narrowed.is_empty() || matched(narrowed))
}
