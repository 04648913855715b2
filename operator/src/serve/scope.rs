//! What each namespace may know, and in which version. Cuts a publication into scopes when somebody first asks for one, and
//! keeps a scope's version while its content stays the same, whatever changed elsewhere.
//!
//! Invariant: `published_ms` of a scope never goes back; equal contents keep their version.

use crate::serve::change;
use bytes::Bytes;
use purser_config::Configuration;
use purser_config::stream::{FromOperator, Seen, Version};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The audience that is told everything, the shared gateway; no namespace can have this name.
pub(crate) const EVERYONE: &str = "*";
/// How far ahead of our clock a sidecar's version may be and still be believed.
const FURTHEST_MS: u64 = 24 * 3_600_000;

/// One namespace's part of a publication, or all of it.
#[derive(Debug)]
pub(crate) struct Scope {
    /// Its version.
    pub(crate) version: Version,
    /// What it holds.
    pub(crate) configuration: Configuration,
    /// Its JSON, over which the version's hash is.
    pub(crate) json: Box<RawValue>,
    /// The line that leads here from the version before, made once for all connections.
    change: Option<(Version, Bytes)>,
}

impl Scope {
    /// The line that tells a new connection everything. The JSON is made once for a scope and not for each connection: after a
    /// restart all of them ask at once.
    pub(crate) fn snapshot(&self, service_account: &str) -> serde_json::Result<Bytes> {
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Line<'a> {
            Snapshot {
                version: &'a Version,
                service_account: &'a str,
                configuration: &'a RawValue,
            },
        }
        super::lines::written(&Line::Snapshot {
            version: &self.version,
            service_account,
            configuration: &self.json,
        })
    }

    /// The line that tells a connection that holds `from` what is different now.
    pub(crate) fn change_from(&self, from: &Scope) -> serde_json::Result<Bytes> {
        match &self.change {
            Some((version, line)) if *version == from.version => Ok(line.clone()),
            _ => line(&self.version, &from.configuration, &self.configuration),
        }
    }
}

fn line(
    version: &Version,
    before: &Configuration,
    after: &Configuration,
) -> serde_json::Result<Bytes> {
    let (set, gone) = change::between(before, after);
    super::lines::written(&FromOperator::Change {
        version: version.clone(),
        set,
        gone,
    })
}

/// All scopes of the latest publication.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    number: u64,
    published_ms: u64,
    /// What the configuration may be made from.
    seen: Seen,
    configuration: Arc<Configuration>,
    cut: HashMap<String, (u64, Arc<Scope>)>,
}

impl Scopes {
    /// How much of the cluster the next configuration may be made from.
    pub(crate) fn saw(&mut self, seen: Seen) {
        self.seen = seen;
    }

    /// A new configuration for everyone.
    pub(crate) fn publish(&mut self, configuration: Arc<Configuration>, unix_ms: u64) {
        self.number += 1;
        self.published_ms = unix_ms.max(self.published_ms + 1);
        self.configuration = configuration;
    }

    /// Makes the next versions newer than one that a sidecar got from another operator, whose clock may be ahead of ours.
    /// Says whether this namespace's scope got a new version.
    pub(crate) fn catch_up(
        &mut self,
        namespace: &str,
        theirs: &Version,
        unix_ms: u64,
    ) -> serde_json::Result<bool> {
        let ours = self.scope(namespace)?;
        let ahead =
            theirs.published_ms >= ours.version.published_ms && theirs.hash != ours.version.hash;
        if !ahead || theirs.published_ms > unix_ms + FURTHEST_MS {
            return Ok(false);
        }
        self.published_ms = self.published_ms.max(theirs.published_ms + 1);
        let version = Version {
            published_ms: self.published_ms,
            hash: ours.version.hash.clone(),
            seen: ours.version.seen.clone(),
        };
        let change = Some((
            ours.version.clone(),
            line(&version, &ours.configuration, &ours.configuration)?,
        ));
        let scope = Scope {
            version,
            configuration: ours.configuration.clone(),
            json: ours.json.clone(),
            change,
        };
        self.cut
            .insert(namespace.to_owned(), (self.number, Arc::new(scope)));
        Ok(true)
    }

    /// What `namespace` may know now, or [`EVERYONE`].
    pub(crate) fn scope(&mut self, namespace: &str) -> serde_json::Result<Arc<Scope>> {
        let before = self.cut.get(namespace);
        if let Some((number, scope)) = before
            && *number == self.number
        {
            return Ok(Arc::clone(scope));
        }
        let configuration = match namespace {
            EVERYONE => Configuration::clone(&self.configuration),
            namespace => purser_compile::scoped_to(&self.configuration, namespace),
        };
        let scope = match before {
            Some((_, scope)) if scope.configuration == configuration => Arc::clone(scope),
            before => {
                let json = serde_json::value::to_raw_value(&configuration)?;
                let version = Version {
                    published_ms: self.published_ms,
                    hash: hex(&Sha256::digest(json.get())),
                    seen: self.seen.clone(),
                };
                let change = match before {
                    Some((_, before)) => Some((
                        before.version.clone(),
                        line(&version, &before.configuration, &configuration)?,
                    )),
                    None => None,
                };
                Arc::new(Scope {
                    version,
                    configuration,
                    json,
                    change,
                })
            }
        };
        self.cut
            .insert(namespace.to_owned(), (self.number, Arc::clone(&scope)));
        Ok(scope)
    }

    /// Forgets namespaces that nobody needs.
    pub(crate) fn forget_others(&mut self, needed: impl Fn(&str) -> bool) {
        self.cut.retain(|namespace, _| needed(namespace));
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use purser_config::{Key, Name, Standing};

    fn keys(names: &[(&str, &str)]) -> Arc<Configuration> {
        let key = Key {
            digests: vec![],
            previous: None,
            standing: Standing::Good,
            plan: "free".into(),
            models: vec![],
            expires_at_ms: None,
            created_ms: None,
            plan_expires_at_ms: None,
            service_accounts: vec![],
            channels: vec![],
            via_gateway: false,
        };
        let keys = names
            .iter()
            .map(|(namespace, name)| (Name::new(namespace, name), key.clone()))
            .collect();
        Arc::new(Configuration {
            keys,
            ..Configuration::default()
        })
    }

    #[test]
    fn a_change_elsewhere_leaves_a_namespace_its_version() {
        let mut scopes = Scopes::default();
        scopes.publish(keys(&[("a", "x"), ("b", "x")]), 10);
        let before = scopes.scope("a").unwrap();
        scopes.publish(keys(&[("a", "x")]), 20);
        assert!(Arc::ptr_eq(&before, &scopes.scope("a").unwrap()));
        assert_eq!(scopes.scope("b").unwrap().version.published_ms, 20);
    }

    #[test]
    fn everyone_is_told_everything_uncut_and_a_namespace_its_own_part() {
        let (mut scopes, all) = (Scopes::default(), keys(&[("a", "x"), ("b", "x")]));
        scopes.publish(Arc::clone(&all), 10);
        assert_eq!(scopes.scope(EVERYONE).unwrap().configuration, *all);
        assert_eq!(scopes.scope("a").unwrap().configuration.keys.len(), 1);
    }

    /// The line for one key that moved to another plan among so many.
    fn line_of_one_change(among: usize) -> (Bytes, Bytes) {
        let names: Vec<String> = (0..among).map(|number| format!("k{number:04}")).collect();
        let names: Vec<_> = names.iter().map(|name| ("a", name.as_str())).collect();
        let (mut scopes, before) = (Scopes::default(), keys(&names));
        scopes.publish(Arc::clone(&before), 10);
        let known = scopes.scope("a").unwrap();
        let mut after = Configuration::clone(&before);
        let one = after.keys.get_mut(&Name::new("a", "k0007")).unwrap();
        one.plan = "team".into();
        scopes.publish(Arc::new(after), 20);
        let next = scopes.scope("a").unwrap();
        // To whoever holds the version before, and to whoever holds one that is older than that.
        let anew = line(&next.version, &known.configuration, &next.configuration);
        (next.change_from(&known).unwrap(), anew.unwrap())
    }

    #[test]
    fn one_changed_key_among_five_thousand_takes_as_many_bytes_as_among_fifty() {
        let ((few, few_anew), (many, many_anew)) =
            (line_of_one_change(50), line_of_one_change(5_000));
        assert_eq!((few.len(), few_anew.len()), (many.len(), many_anew.len()));
        let told: FromOperator = serde_json::from_slice(&many).unwrap();
        let FromOperator::Change { version, set, gone } = told else {
            panic!("a change is told as one");
        };
        assert_eq!((set.keys.len(), gone.len()), (1, 0));
        let own = [
            serde_json::to_vec(&set).unwrap(),
            serde_json::to_vec(&version).unwrap(),
        ];
        let own: usize = own.iter().map(Vec::len).sum();
        assert!(many.len() <= own + 64, "{} for {own}", many.len());
        assert_eq!(many, many_anew);
    }

    #[test]
    fn a_snapshot_reads_as_the_message_that_it_is() {
        let mut scopes = Scopes::default();
        scopes.publish(keys(&[("a", "x")]), 10);
        let scope = scopes.scope("a").unwrap();
        let (version, configuration) = (scope.version.clone(), scope.configuration.clone());
        let expected = FromOperator::Snapshot {
            version,
            service_account: "shop/search".into(),
            configuration,
        };
        assert_eq!(
            serde_json::from_slice::<FromOperator>(&scope.snapshot("shop/search").unwrap())
                .unwrap(),
            expected
        );
    }

    #[test]
    fn time_never_goes_back_though_the_clock_does() {
        let mut scopes = Scopes::default();
        scopes.publish(keys(&[]), 100);
        scopes.publish(keys(&[("a", "x")]), 50);
        assert_eq!(scopes.scope("a").unwrap().version.published_ms, 101);
    }

    #[test]
    fn a_sidecar_that_knows_a_later_version_is_caught_up_with_but_not_into_the_far_future() {
        let mut scopes = Scopes::default();
        scopes.publish(keys(&[("a", "x")]), 100);
        let theirs = |published_ms| Version {
            published_ms,
            hash: "other".into(),
            ..Version::default()
        };
        assert!(scopes.catch_up("a", &theirs(500), 100).unwrap());
        assert_eq!(scopes.scope("a").unwrap().version.published_ms, 501);
        assert!(!scopes.catch_up("a", &theirs(u64::MAX), 100).unwrap());
    }
}
