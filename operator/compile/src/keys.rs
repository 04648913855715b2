//! Judges each ApiKey against plans, channels and Secrets, the oldest first. Called by `compile`. Never keeps a key's value.

use crate::channels::DecidedChannel;
use crate::fault::{Fault, Faults, refuse};
use crate::objects::{TWIN, Written, bad_name, by_name, created_ms, is_name, name_of};
use crate::offer::{Market, serving};
use crate::plans::DecidedPlan;
use crate::standing::{Court, Refused};
use crate::{
    KeyFacts, ObjectRef, Options, Rotation, Verdict, WantedSecret, World, rotation, secrets,
    unserved,
};
use purser_config::{Digest, Key, Name, Previous, Refusal, Standing, Starts};
use purser_crds::{AcceptedReason, ApiKey, ApiKeySpec, KEY_DATA, PREVIOUS_DATA};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const MOST_GLOBS: usize = 256;
const MOST_SERVICE_ACCOUNTS: usize = 64;

/// All keys after judgement.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) keys: BTreeMap<Name, Key>,
    pub(crate) verdicts: BTreeMap<ObjectRef, Verdict>,
    pub(crate) wanted: Vec<WantedSecret>,
    pub(crate) rotations: Vec<Rotation>,
}

/// All keys by name.
pub(crate) fn decide<'a>(
    world: &'a World,
    options: Options,
    plans: &'a BTreeMap<String, DecidedPlan<'a>>,
    channels: &'a BTreeMap<Name, DecidedChannel<'a>>,
) -> Keys {
    let mut by_age: Vec<_> = by_name(&world.keys, |key| name_of(&key.metadata))
        .into_iter()
        .collect();
    // Stable: keys of one age stay in the order of their names.
    by_age.sort_by_key(|(_, written)| created_ms(&written.object.metadata));
    let mut hall = Hall {
        court: Court { world, plans },
        market: Market {
            world,
            options,
            channels,
        },
        seats: HashMap::new(),
        owners: HashMap::new(),
        accounts: HashMap::new(),
        served: HashMap::new(),
        wanted: BTreeMap::new(),
        keys: Keys::default(),
    };
    for (name, written) in by_age {
        hall.enter(name, &written);
    }
    hall.keys.wanted = hall
        .wanted
        .into_iter()
        .map(|(secret, key)| WantedSecret { secret, key })
        .collect();
    hall.keys.rotations.sort();
    hall.keys
}

/// What earlier keys have taken, and what was decided so far.
struct Hall<'a> {
    court: Court<'a>,
    market: Market<'a>,
    /// Keys so far by namespace and plan.
    seats: HashMap<(String, &'a str), u32>,
    /// The key that holds each digest.
    owners: HashMap<Digest, Name>,
    /// The key that pods of each ServiceAccount are.
    accounts: HashMap<Name, Name>,
    /// What serves each namespace and plan.
    served: HashMap<(String, &'a str), Served>,
    /// The oldest key that wants each Secret.
    wanted: BTreeMap<Name, Name>,
    keys: Keys,
}

/// Of the keys of one namespace on one plan.
struct Served {
    channels: Vec<Name>,
    /// What their plan allows and none of these channels has, in words.
    missing: Option<String>,
}

impl<'a> Hall<'a> {
    fn enter(&mut self, name: Name, written: &Written<'a, ApiKey>) {
        let spec = &written.object.spec;
        let mut verdict = Verdict {
            key: Some(KeyFacts::default()),
            ..Verdict::default()
        };
        if written.twice {
            verdict.warnings.push(TWIN.into());
        }
        let faults = check(&name, spec);
        if faults.is_empty() {
            let key = self.judge(&name, written.object, &mut verdict);
            self.keys.keys.insert(name.clone(), key);
        } else {
            refuse(&mut verdict, faults);
        }
        self.keys.verdicts.insert(ObjectRef::ApiKey(name), verdict);
    }

    fn judge(&mut self, name: &Name, object: &'a ApiKey, verdict: &mut Verdict) -> Key {
        let spec = &object.spec;
        let created_ms = created_ms(&object.metadata).map(|ms| u64::try_from(ms).unwrap_or(0));
        let seat = self.take_seat(name, spec);
        let judgement = self.court.judge(name, spec, seat);
        let mut faults = Vec::new();
        let (mut standing, mut channels, mut plan_expires_at_ms) = (Standing::Good, vec![], None);
        match judgement {
            Ok(plan) => {
                plan_expires_at_ms = self.plan_ends(name, plan, created_ms);
                if !spec.suspended {
                    channels = self.serving(name, plan, (spec, verdict));
                }
            }
            Err(Refused {
                code,
                message,
                reason,
            }) => {
                faults.push(Fault::new(reason, message.clone()));
                standing = Standing::Refused { code, message };
            }
        }
        if spec.suspended {
            standing = suspended();
        }
        let facts = self.facts(name, spec).unwrap_or_else(|fault| {
            faults.push(fault);
            KeyFacts::default()
        });
        refuse(verdict, faults);
        let live = facts.digests.first();
        let previous = live.and_then(|_| self.rotation(name, spec, created_ms, verdict));
        let service_accounts = self.service_accounts(name, spec, verdict);
        let digests = facts.digests.clone();
        verdict.key = Some(facts);
        Key {
            digests,
            previous,
            standing,
            plan: spec.plan.clone(),
            models: spec.models.clone(),
            expires_at_ms: expires_at_ms(spec),
            created_ms,
            plan_expires_at_ms,
            service_accounts,
            channels,
            via_gateway: false,
        }
    }

    /// When its time on the plan is over: counted from what the ledger knows, and before the ledger knows of it from its creation.
    fn plan_ends(
        &self,
        name: &Name,
        plan: &DecidedPlan<'_>,
        created_ms: Option<u64>,
    ) -> Option<u64> {
        let validity = plan.decided.as_ref()?.validity?;
        let begun = (name.clone(), plan.name.to_owned());
        let begun = self.court.world.activations.get(&begun).copied();
        let created_ms = created_ms.filter(|_| validity.starts == Starts::Creation);
        begun.or(created_ms).map(|start| validity.ends(start))
    }

    /// Its value before, if it still has one that nobody older has; what is due for its Secret is noted.
    fn rotation(
        &mut self,
        name: &Name,
        spec: &ApiKeySpec,
        created_ms: Option<u64>,
        verdict: &mut Verdict,
    ) -> Option<Previous> {
        let secret = secret_of(name, spec);
        let data = self.court.world.secrets.get(&secret);
        let data = data.filter(|_| spec.key_hash.is_none())?;
        match rotation::due((name, &secret), spec, data, created_ms) {
            Ok(due) => self.keys.rotations.extend(due),
            Err(warning) => verdict.warnings.push(warning),
        }
        let previous = rotation::previous(&secret, data).unwrap_or_else(|warning| {
            verdict.warnings.push(warning);
            None
        })?;
        if self.owners.contains_key(&previous.digest) {
            verdict.warnings.push(format!("the value at {PREVIOUS_DATA} in Secret {secret} is the live one or an older key's, and is not accepted as the one before; remove it"));
            return None;
        }
        self.owners.insert(previous.digest, name.clone());
        Some(previous)
    }

    /// How many older keys are on this plan in this namespace; from now on, one more.
    fn take_seat(&mut self, name: &Name, spec: &'a ApiKeySpec) -> u32 {
        let seats = self
            .seats
            .entry((name.namespace().to_owned(), &spec.plan))
            .or_default();
        *seats += 1;
        *seats - 1
    }

    /// The digest of its value, if it has one that nobody older has; a Secret that does not exist is wanted.
    fn facts(&mut self, name: &Name, spec: &ApiKeySpec) -> Result<KeyFacts, Fault> {
        let (digest, prefix) = match &spec.key_hash {
            Some(hash) => (
                hash.parse()
                    .map_err(|error| Fault::invalid(format!("keyHash: {error}")))?,
                String::new(),
            ),
            None => {
                let secret = secret_of(name, spec);
                let Some(data) = self.court.world.secrets.get(&secret) else {
                    self.wanted.entry(secret).or_insert_with(|| name.clone());
                    return Ok(KeyFacts::default());
                };
                secrets::key_value(&secret, KEY_DATA, data)?
            }
        };
        let owner = self.owners.entry(digest).or_insert_with(|| name.clone());
        if owner == name {
            return Ok(KeyFacts {
                prefix,
                digests: vec![digest],
            });
        }
        // The other key is not named: whoever guesses a digest must not learn whose it is.
        Err(Fault::new(
            AcceptedReason::DigestConflict,
            "an older key has the same value, which works for that one only; give this key a value of its own",
        ))
    }

    fn serving(
        &mut self,
        name: &Name,
        plan: &DecidedPlan<'a>,
        (spec, verdict): (&ApiKeySpec, &mut Verdict),
    ) -> Vec<Name> {
        let (market, namespace) = (&self.market, name.namespace());
        let of = plan.decided.as_ref().map(|decided| (plan.name, decided));
        let of_plan = || {
            let channels = serving(market, plan.spec, namespace);
            let missing = of.and_then(|of| unserved::of_plan(of, market.all(&channels)));
            Served { channels, missing }
        };
        let key = (namespace.to_owned(), plan.name);
        let Served { channels, missing } = self.served.entry(key).or_insert_with(of_plan);
        let warning = match of {
            _ if channels.is_empty() => Some("no channel serves it: a channel must offer itself to this namespace, and the plan must list the channel's namespace and labels".into()),
            Some(of) if !spec.models.is_empty() => {
                unserved::of_key(&spec.models, of, market.all(channels))
            }
            _ => missing.clone(),
        };
        verdict.warnings.extend(warning);
        channels.clone()
    }

    fn service_accounts(
        &mut self,
        name: &Name,
        spec: &ApiKeySpec,
        verdict: &mut Verdict,
    ) -> Vec<String> {
        let mut own = Vec::new();
        let written: BTreeSet<&String> = spec.service_accounts.iter().collect();
        for account in written {
            let owner = self
                .accounts
                .entry(Name::new(name.namespace(), account))
                .or_insert_with(|| name.clone());
            if owner == name {
                own.push(account.clone());
            } else {
                verdict.warnings.push(format!("pods under ServiceAccount {account} are the older key {owner} already; remove it from one of the two"));
            }
        }
        own
    }
}

fn suspended() -> Standing {
    let message = "this key is suspended; set spec.suspended to false to use it again".into();
    Standing::Refused {
        code: Refusal::ApiKeySuspended,
        message,
    }
}

fn secret_of(name: &Name, spec: &ApiKeySpec) -> Name {
    Name::new(name.namespace(), &spec.secret_name_of(name.name()))
}

fn expires_at_ms(spec: &ApiKeySpec) -> Option<u64> {
    // Before 1970 is long ago whatever the year, and never means no expiry.
    spec.expires_at
        .as_ref()
        .map(|time| u64::try_from(time.0.as_millisecond()).unwrap_or(0))
}

/// What is wrong with a key on its own. Such a key is left out: what it means cannot be known.
fn check(name: &Name, spec: &ApiKeySpec) -> Vec<Fault> {
    let mut faults = Faults::default();
    for part in [name.namespace(), name.name()] {
        faults.expect(is_name(part), || bad_name(part));
    }
    let default_fits = spec.key_hash.is_some() || secret_of(name, spec).name().len() <= 253;
    faults.expect(
        spec.secret_name.as_deref().map_or(default_fits, is_name),
        || format!("secretName: {}", bad_name(secret_of(name, spec).name())),
    );
    faults.expect(
        spec.secret_name.is_none() || spec.key_hash.is_none(),
        || {
            "set secretName (the value lies in a Secret) or keyHash (bring your own), not both"
                .into()
        },
    );
    let digest = spec.key_hash.as_ref().map(|hash| hash.parse::<Digest>());
    faults.expect(digest.is_none_or(|digest| digest.is_ok()), || {
        "keyHash must be sha256: and 64 hexadecimal digits".into()
    });
    faults.expect(spec.models.len() <= MOST_GLOBS, || {
        format!(
            "models has {} entries, at most {MOST_GLOBS} are possible; use * to join some",
            spec.models.len()
        )
    });
    let accounts = &spec.service_accounts;
    faults.expect(accounts.len() <= MOST_SERVICE_ACCOUNTS, || {
        format!(
            "serviceAccounts has {} entries, at most {MOST_SERVICE_ACCOUNTS} are possible",
            accounts.len()
        )
    });
    for account in accounts {
        faults.expect(is_name(account), || {
            format!("serviceAccounts: {}", bad_name(account))
        });
    }
    rotation::check(spec, &mut faults);
    faults.0
}
