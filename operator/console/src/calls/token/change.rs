//! Changes to keys. Each is a change of the object, or an entry in the ledger, and an audit record.

use super::view::Eyes;
use super::wish::Members;
use super::{Token, found};
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::calls::fits;
use crate::house::{Change, Seen};
use crate::ids;
use crate::rights::Right;
use crate::who::hidden;
use purser_compile::ObjectRef;
use purser_config::{Name, SecretText};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The most keys that one call deletes.
const MOST: usize = 100;

/// A key to be made.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct NewToken {
    /// Its name, or any text, of which a name is made.
    name: String,
    /// Default: your only namespace, else default.
    namespace: Option<String>,
    /// Default plan: the only one there is.
    #[serde(flatten)]
    rest: Members,
}

/// A key to be changed.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Changed {
    id: Id,
    /// 1 on, 2 suspended; any other as it was shown.
    status: Option<u8>,
    /// As it was read: then nothing newer is overwritten.
    version: Option<String>,
    #[serde(flatten)]
    rest: Members,
}

/// An object's number, or namespace/name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Id {
    Number(u64),
    Name(String),
}

impl Id {
    pub(crate) fn text(&self) -> String {
        match self {
            Id::Number(number) => number.to_string(),
            Id::Name(name) => name.clone(),
        }
    }
}

/// Keys to be deleted.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Batch {
    /// At most 100.
    ids: Vec<Id>,
}

/// Suspended or resumed.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Suspend {
    suspended: bool,
    /// As it was read: then nothing newer is overwritten.
    version: Option<String>,
}

/// How a value is replaced.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Rotate {
    /// For how long the value before works on; default: as its rotation says, else a day. 0: not at all.
    overlap_seconds: Option<u64>,
}

/// Makes one; its value is in the answer, and nowhere else.
pub(crate) async fn create(ask: Ask) -> Outcome {
    let wanted: NewToken = ask.body()?;
    let (person, seen) = (ask.person()?, ask.console.house.seen());
    let (name, display) = plain(&wanted.name)?;
    let namespace = wanted.namespace.unwrap_or_else(|| {
        let own = &person.user.namespaces;
        let only = own
            .first()
            .filter(|one| own.len() == 1 && *one != crate::who::EVERY);
        only.cloned().unwrap_or_else(|| "default".to_owned())
    });
    fits("namespace", &namespace)?;
    person.writes(&namespace)?;
    let mut spec = wanted.rest.spec(None, &seen)?;
    if !spec.contains_key("plan") {
        spec.insert("plan".to_owned(), only_plan(&seen)?.into());
    }
    if let Some(display) = display {
        spec.entry("displayName").or_insert(display.into());
    }
    spec.retain(|_, value| !value.is_null());
    let object = json!({
        "apiVersion": "purser.dev/v1alpha1", "kind": "ApiKey",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec,
    });
    let change = Change::Create {
        object,
        secret: None,
    };
    let name = Name::new(&namespace, &name);
    let written = ask.write(change).await?;
    noted(&ask, "create key", (&name, &written.place)).await?;
    told(&ask, &name, written.value).await
}

fn only_plan(seen: &Seen) -> Result<String, Failure> {
    let mut plans = seen
        .plans
        .iter()
        .filter_map(|plan| plan.metadata.name.clone());
    match (plans.next(), plans.next()) {
        (Some(plan), None) => Ok(plan),
        _ => Err(Failure::new(
            422,
            "plan: say on which plan; /api/plan/ lists them",
        )),
    }
}

/// A name that Kubernetes takes, and the text for people where it is another.
fn plain(text: &str) -> Result<(String, Option<String>), Failure> {
    if fits("name", text).is_ok() {
        return Ok((text.to_owned(), None));
    }
    let letters = text
        .chars()
        .map(|letter| match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9' | '.') => letter,
            _ => '-',
        });
    let name: String = letters.take(249).collect();
    let name = name.trim_matches(['-', '.']).to_owned();
    fits("name", &name)?;
    Ok((name, Some(text.chars().take(128).collect())))
}

/// Changes one; what is not named stays.
pub(crate) async fn update(ask: Ask) -> Outcome {
    let wanted: Changed = ask.body()?;
    let name = writable(&ask, &wanted.id.text(), "patch").await?;
    let shown = token(&ask, &name).await?;
    let mut spec = wanted.rest.spec(Some(&shown), &ask.console.house.seen())?;
    match wanted.status {
        None => {}
        Some(1) => drop(spec.insert("suspended".to_owned(), false.into())),
        Some(2) => drop(spec.insert("suspended".to_owned(), true.into())),
        Some(status) if status == shown.status => {}
        Some(_) => {
            return Err(Failure::new(
                422,
                "status is set to 1 (on) or 2 (suspended); any other follows from the key, and is given back only as it is now",
            ));
        }
    }
    patched(&ask, &name, (spec, wanted.version, "change key")).await
}

/// Suspends or resumes one.
pub(crate) async fn suspend(ask: Ask) -> Outcome {
    let Suspend { suspended, version } = ask.body()?;
    let name = writable(&ask, &ask.id, "patch").await?;
    let spec = Map::from_iter([("suspended".to_owned(), suspended.into())]);
    let what = if suspended {
        "suspend key"
    } else {
        "resume key"
    };
    patched(&ask, &name, (spec, version, what)).await
}

async fn patched(
    ask: &Ask,
    name: &Name,
    (spec, version, what): (Map<String, Value>, Option<String>, &str),
) -> Outcome {
    let detail = Value::Object(spec.clone()).to_string();
    let change = Change::Patch {
        of: ObjectRef::ApiKey(name.clone()),
        patch: json!({"spec": spec}),
        version,
        secret: None,
    };
    ask.write(change).await?;
    noted(ask, what, (name, &detail)).await?;
    told(ask, name, None).await
}

/// Deletes one.
pub(crate) async fn delete(ask: Ask) -> Outcome {
    let name = writable(&ask, &ask.id, "delete").await?;
    gone(&ask, &name).await?;
    Ok(Reply::Data(Value::Null))
}

/// Deletes several; answers how many. Those that may not be deleted stop it before any is.
pub(crate) async fn delete_many(ask: Ask) -> Outcome {
    let Batch { ids } = ask.body()?;
    if ids.len() > MOST {
        return Err(Failure::new(422, "ids: at most 100 at once"));
    }
    let mut names = BTreeSet::new();
    for id in &ids {
        let name = writable(&ask, &id.text(), "delete").await?;
        let of = ObjectRef::ApiKey(name.clone());
        ask.may(&Right::on("delete", &of)).await?;
        names.insert(name);
    }
    for name in &names {
        gone(&ask, name).await?;
    }
    Reply::data(&names.len())
}

async fn gone(ask: &Ask, name: &Name) -> Result<(), Failure> {
    let of = ObjectRef::ApiKey(name.clone());
    ask.write(Change::Delete { of }).await?;
    noted(ask, "delete key", (name, "")).await
}

/// Replaces a value; the new one is in the answer, and nowhere else.
pub(crate) async fn rotate(ask: Ask) -> Outcome {
    let wanted: Rotate = match ask.body.is_empty() {
        true => Rotate::default(),
        false => ask.body()?,
    };
    let name = writable(&ask, &ask.id, "patch").await?;
    let change = Change::Rotate {
        key: name.clone(),
        overlap_ms: wanted
            .overlap_seconds
            .map(|seconds| seconds.saturating_mul(1000)),
    };
    let written = ask.write(change).await?;
    noted(&ask, "rotate key", (&name, "")).await?;
    told(&ask, &name, written.value).await
}

/// The name of a key that the person may change, as far as it is said here. Of one that they do not see a guest learns that it is there
/// only where RBAC lets them do this to it.
pub(super) async fn writable(ask: &Ask, id: &str, verb: &'static str) -> Result<Name, Failure> {
    let (seen, person) = (ask.console.house.seen(), ask.person()?);
    let sees = |namespace: &str| person.guest.is_some() || person.sees(namespace);
    let name = ids::name_of(&found(&seen, id, sees)?.metadata);
    person.writes(name.namespace())?;
    let right = Right::on(verb, &ObjectRef::ApiKey(name.clone()));
    match person.sees(name.namespace()) || ask.allows(&right).await? {
        true => Ok(name),
        false => Err(hidden("key")),
    }
}

pub(super) async fn noted(
    ask: &Ask,
    what: &str,
    (key, detail): (&Name, &str),
) -> Result<(), Failure> {
    let object = format!("ApiKey {key}");
    let by = ask.person()?.name();
    ask.console.note(by, what, (&object, detail)).await;
    Ok(())
}

/// The key as it is now.
async fn token(ask: &Ask, name: &Name) -> Result<Token, Failure> {
    let seen = ask.console.house.seen();
    let mut keys = seen.keys.iter();
    let key = keys.find(|key| ids::name_of(&key.metadata) == *name);
    let key = key.ok_or_else(|| hidden("key any more"))?;
    Ok(Eyes::open(&ask.console, &seen).await?.token(key))
}

/// The same, and its value where it is new.
pub(super) async fn told(ask: &Ask, name: &Name, value: Option<SecretText>) -> Outcome {
    let mut token = token(ask, name).await?;
    token.key = value.map(|value| value.reveal().to_owned());
    Reply::data(&token)
}
