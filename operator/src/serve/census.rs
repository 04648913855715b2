//! How many sidecars run what they should. `hub` takes it, `status` reads it. Pure.

use crate::serve::health::{Diagnosis, Health};
use crate::serve::others::{self, Note};
use crate::serve::scope::{EVERYONE, Scope};
use crate::serve::spools::Ailing;
use purser_config::{Configuration, Fault, Name, Resource};
use std::collections::HashMap;
use std::sync::Arc;

/// One connected sidecar.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its namespace; of the shared gateway, [`EVERYONE`].
    pub(crate) namespace: String,
    /// What it acknowledged last.
    pub(crate) holds: Option<Arc<Scope>>,
    /// What it refused of it.
    pub(crate) faults: Arc<Vec<Fault>>,
    /// How it finds the channels that it has called.
    pub(crate) health: Arc<Health>,
    /// Its usage spool, where that is not well.
    pub(crate) ailing: Option<Arc<Ailing>>,
}

/// Sidecars that run a resource as it is now, of those that should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// That do.
    pub(crate) run: usize,
    /// That should.
    pub(crate) should: usize,
    /// Why one refused it.
    pub(crate) refused: Option<String>,
}

/// Members of a namespace that hold the same, counted.
#[derive(Debug)]
struct Group {
    count: usize,
    holds: Option<Arc<Scope>>,
    faults: Arc<Vec<Fault>>,
}

/// All connected sidecars, by namespace.
#[derive(Debug, Default)]
pub(crate) struct Census {
    namespaces: HashMap<String, (Arc<Scope>, Vec<Group>)>,
    diagnoses: HashMap<Name, Diagnosis>,
    /// In order.
    ailing: Vec<Ailing>,
    total: usize,
}

impl Census {
    /// Groups the members by namespace and by what they hold, so that a thousand equal ones are looked at once.
    pub(crate) fn take(scopes: HashMap<String, Arc<Scope>>, members: Vec<Member>) -> Self {
        let total = members.len();
        let diagnoses = diagnosed(&scopes, &members);
        let ailing = members.iter().filter_map(|member| member.ailing.as_deref());
        let mut ailing: Vec<Ailing> = ailing.cloned().collect();
        ailing.sort();
        let mut namespaces: HashMap<String, (Arc<Scope>, Vec<Group>)> = scopes
            .into_iter()
            .map(|(namespace, scope)| (namespace, (scope, Vec::new())))
            .collect();
        for Member {
            namespace,
            holds,
            faults,
            health: _,
            ailing: _,
        } in members
        {
            let Some((_, groups)) = namespaces.get_mut(&namespace) else {
                continue;
            };
            let pointer = holds.as_ref().map(Arc::as_ptr);
            let equal = |group: &&mut Group| {
                group.holds.as_ref().map(Arc::as_ptr) == pointer && group.faults == faults
            };
            match groups.iter_mut().find(equal) {
                Some(group) => group.count += 1,
                None => groups.push(Group {
                    count: 1,
                    holds,
                    faults,
                }),
            }
        }
        Census {
            namespaces,
            diagnoses,
            ailing,
            total,
        }
    }

    /// The same as another replica can be told it.
    pub(crate) fn note(&self) -> Note {
        let groups = self.namespaces.iter().flat_map(|(namespace, (_, groups))| {
            groups.iter().map(|group| others::Group {
                namespace: namespace.clone(),
                count: group.count,
                hash: group.holds.as_ref().map(|scope| scope.version.hash.clone()),
                faults: group.faults.as_ref().clone(),
            })
        });
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by(|a, b| (&a.namespace, &a.hash).cmp(&(&b.namespace, &b.hash)));
        let diagnoses = self.diagnoses.clone().into_iter().collect();
        Note::of(groups, diagnoses, self.ailing.clone())
    }

    /// Counts in what another replica told. Whoever runs another version than ours counts as not running it: that passes.
    pub(crate) fn add(&mut self, note: &Note) {
        for group in &note.groups {
            let Some((scope, groups)) = self.namespaces.get_mut(&group.namespace) else {
                continue;
            };
            self.total += group.count;
            let ours = group.hash.as_ref() == Some(&scope.version.hash);
            groups.push(Group {
                count: group.count,
                holds: ours.then(|| Arc::clone(scope)),
                faults: Arc::new(group.faults.clone()),
            });
        }
        for (channel, told) in &note.diagnoses {
            let own = self.diagnoses.entry(channel.clone()).or_default();
            own.add(told);
        }
        self.ailing.extend(note.ailing.iter().cloned());
        self.ailing.sort();
    }

    /// The sidecars whose usage spools are not well.
    pub(crate) fn ailing(&self) -> &[Ailing] {
        &self.ailing
    }

    /// Those of them that carry calls of this key.
    pub(crate) fn ailing_of(&self, key: &Name) -> Vec<&Ailing> {
        let carries = |one: &&Ailing| [key.namespace(), EVERYONE].contains(&one.audience.as_str());
        self.ailing.iter().filter(carries).collect()
    }

    /// How many are connected.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// How many of them do not run their namespace's version as it is now.
    pub(crate) fn behind(&self) -> usize {
        let differs = |scope: &Scope, group: &&Group| {
            let held = group.holds.as_ref().map(|held| &held.version.hash);
            held != Some(&scope.version.hash)
        };
        let places = self.namespaces.values();
        let behind = places.map(|(scope, groups)| {
            let groups = groups.iter().filter(|group| differs(scope, group));
            groups.map(|group| group.count).sum::<usize>()
        });
        behind.sum()
    }

    /// What the sidecars that use this channel find.
    pub(crate) fn diagnosis(&self, channel: &Name) -> Diagnosis {
        self.diagnoses.get(channel).cloned().unwrap_or_default()
    }

    /// How many run `resource` as it is now, of those whose scope holds it.
    pub(crate) fn tally(&self, resource: &Resource) -> Tally {
        let mut tally = Tally::default();
        match resource {
            Resource::Key(name) => [name.namespace(), EVERYONE]
                .iter()
                .filter_map(|audience| self.namespaces.get(*audience))
                .for_each(|place| count(place, resource, &mut tally)),
            _ => self
                .namespaces
                .values()
                .for_each(|place| count(place, resource, &mut tally)),
        }
        tally
    }
}

/// Of a channel that a namespace may not know, its sidecars' word is worth nothing.
fn diagnosed(scopes: &HashMap<String, Arc<Scope>>, members: &[Member]) -> HashMap<Name, Diagnosis> {
    let mut diagnoses: HashMap<Name, Diagnosis> = HashMap::new();
    for member in members {
        let Some(scope) = scopes.get(&member.namespace) else {
            continue;
        };
        for (channel, found) in member.health.iter() {
            if scope.configuration.channels.contains_key(channel) {
                diagnoses.entry(channel.clone()).or_default().count(found);
            }
        }
    }
    diagnoses
}

fn count((scope, groups): &(Arc<Scope>, Vec<Group>), resource: &Resource, tally: &mut Tally) {
    if !holds(&scope.configuration, resource) {
        return;
    }
    for group in groups {
        tally.should += group.count;
        let fault = group
            .faults
            .iter()
            .find(|fault| fault.resource == *resource);
        match (&group.holds, fault) {
            (_, Some(fault)) => tally.refused = Some(fault.reason.clone()),
            (Some(theirs), None) if same(&theirs.configuration, &scope.configuration, resource) => {
                tally.run += group.count
            }
            _ => {}
        }
    }
}

fn holds(configuration: &Configuration, resource: &Resource) -> bool {
    match resource {
        Resource::Key(name) => configuration.keys.contains_key(name),
        Resource::Plan(name) => configuration.plans.contains_key(name),
        Resource::Channel(name) => configuration.channels.contains_key(name),
    }
}

fn same(a: &Configuration, b: &Configuration, resource: &Resource) -> bool {
    match resource {
        Resource::Key(name) => a.keys.get(name) == b.keys.get(name),
        Resource::Plan(name) => a.plans.get(name) == b.plans.get(name),
        Resource::Channel(name) => a.channels.get(name) == b.channels.get(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::scope::Scopes;
    use purser_config::{Key, Name, Standing};

    fn keys(plan: &str) -> Arc<Configuration> {
        let key = |plan: &str| Key {
            digests: vec![],
            previous: None,
            standing: Standing::Good,
            plan: plan.into(),
            models: vec![],
            expires_at_ms: None,
            created_ms: None,
            plan_expires_at_ms: None,
            service_accounts: vec![],
            channels: vec![],
            via_gateway: false,
        };
        let keys = [
            (Name::new("shop", "a"), key(plan)),
            (Name::new("shop", "b"), key("same")),
        ]
        .into();
        Arc::new(Configuration {
            keys,
            ..Configuration::default()
        })
    }

    #[test]
    fn counts_who_runs_a_key_as_it_is_now_and_who_refused_it() {
        let mut scopes = Scopes::default();
        scopes.publish(keys("old"), 1);
        let old = scopes.scope("shop").unwrap();
        scopes.publish(keys("new"), 2);
        let new = scopes.scope("shop").unwrap();
        let (a, b) = (
            Resource::Key(Name::new("shop", "a")),
            Resource::Key(Name::new("shop", "b")),
        );
        let fault = Fault {
            resource: a.clone(),
            reason: "bad".into(),
        };
        let member = |holds: Option<&Arc<Scope>>, faults| Member {
            namespace: "shop".into(),
            holds: holds.cloned(),
            faults: Arc::new(faults),
            health: Arc::default(),
            ailing: None,
        };
        let members = vec![
            member(None, vec![]),
            member(Some(&old), vec![]),
            member(Some(&new), vec![]),
            member(Some(&new), vec![fault]),
        ];
        let census = Census::take([("shop".to_owned(), new.clone())].into(), members);
        assert_eq!(
            census.tally(&a),
            Tally {
                run: 1,
                should: 4,
                refused: Some("bad".into())
            }
        );
        assert_eq!(
            census.tally(&b),
            Tally {
                run: 3,
                should: 4,
                refused: None
            },
            "an old version holds it as it is"
        );
        assert_eq!(
            census.tally(&Resource::Key(Name::new("other", "a"))),
            Tally::default()
        );
        assert_eq!((census.behind(), census.total()), (2, 4));
    }

    #[test]
    fn a_sidecars_word_counts_for_channels_of_its_scope_alone() {
        use crate::serve::health::heard;
        use purser_config::stream::ChannelHealth;
        let mut scopes = Scopes::default();
        scopes.publish(keys("free"), 1);
        let scope = scopes.scope("shop").unwrap();
        let channel = Name::new("other", "one");
        let told = ChannelHealth {
            channel: channel.clone(),
            works: false,
            troubles: vec![],
        };
        let liar = Member {
            namespace: "shop".into(),
            holds: None,
            faults: Arc::default(),
            health: Arc::new(heard(vec![told], 0)),
            ailing: None,
        };
        let census = Census::take([("shop".to_owned(), scope)].into(), vec![liar]);
        assert_eq!(census.diagnosis(&channel), Diagnosis::default());
    }
}
