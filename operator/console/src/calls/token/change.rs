//! Changes to keys. Each is a change of the object, or an entry in the ledger, and an audit record.

use super::view::Eyes;
use super::wish::Members;
use super::{Token, found};
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::calls::fits;
use crate::house::{Change, Seen};
use crate::ids;
use crate::who::hidden;
use purser_authority::ledger::{TopUp, TopUpRefused};
use purser_compile::ObjectRef;
use purser_config::{Name, SecretText};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

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
}

/// How a value is replaced.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Rotate {
    /// For how long the value before works on; default: as its rotation says, else a day. 0: not at all.
    overlap_seconds: Option<u64>,
}

/// Credits to be added.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TopUpWish {
    /// Micro-credits; negative: to take.
    amount: i64,
    /// Names the entry for ever, such as an invoice's number: sent again, nothing is done twice.
    id: String,
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
    let written = ask.console.house.write(change).await?;
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
    let name = writable(&ask, &wanted.id.text())?;
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
    let Suspend { suspended } = ask.body()?;
    let name = writable(&ask, &ask.id)?;
    let spec = Map::from_iter([("suspended".to_owned(), suspended.into())]);
    let what = if suspended {
        "suspend key"
    } else {
        "resume key"
    };
    patched(&ask, &name, (spec, None, what)).await
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
    };
    ask.console.house.write(change).await?;
    noted(ask, what, (name, &detail)).await?;
    told(ask, name, None).await
}

/// Deletes one.
pub(crate) async fn delete(ask: Ask) -> Outcome {
    let name = writable(&ask, &ask.id)?;
    gone(&ask, &name).await?;
    Ok(Reply::Data(Value::Null))
}

/// Deletes several; answers how many. Those that may not be deleted stop it before any is.
pub(crate) async fn delete_many(ask: Ask) -> Outcome {
    let Batch { ids } = ask.body()?;
    if ids.len() > MOST {
        return Err(Failure::new(422, "ids: at most 100 at once"));
    }
    let names = ids.iter().map(|id| writable(&ask, &id.text()));
    let names: std::collections::BTreeSet<Name> = names.collect::<Result<_, _>>()?;
    for name in &names {
        gone(&ask, name).await?;
    }
    Reply::data(&names.len())
}

async fn gone(ask: &Ask, name: &Name) -> Result<(), Failure> {
    let of = ObjectRef::ApiKey(name.clone());
    ask.console.house.write(Change::Delete { of }).await?;
    noted(ask, "delete key", (name, "")).await
}

/// Replaces a value; the new one is in the answer, and nowhere else.
pub(crate) async fn rotate(ask: Ask) -> Outcome {
    let wanted: Rotate = match ask.body.is_empty() {
        true => Rotate::default(),
        false => ask.body()?,
    };
    let name = writable(&ask, &ask.id)?;
    let change = Change::Rotate {
        key: name.clone(),
        overlap_ms: wanted
            .overlap_seconds
            .map(|seconds| seconds.saturating_mul(1000)),
    };
    let written = ask.console.house.write(change).await?;
    noted(&ask, "rotate key", (&name, "")).await?;
    told(&ask, &name, written.value).await
}

/// Adds credits, once by the entry's id.
pub(crate) async fn top_up(ask: Ask) -> Outcome {
    let wanted: TopUpWish = ask.body()?;
    let (console, person) = (&ask.console, ask.person()?);
    let name = writable(&ask, &ask.id)?;
    if wanted.id.is_empty() || wanted.id.len() > 63 || wanted.id.chars().any(char::is_control) {
        return Err(Failure::new(
            422,
            "id names the entry in 1 to 63 characters",
        ));
    }
    let entry = TopUp {
        key: name.clone(),
        amount: wanted.amount,
        id: wanted.id.clone(),
        by: person.name().to_owned(),
        wall_ms: console.house.wall_ms(),
    };
    match console.ledger()?.top_up(entry).await? {
        Ok(made) => {
            let again = if made.new { "" } else { " (made before)" };
            let detail = format!("{} micro-credits as {}{again}", wanted.amount, wanted.id);
            noted(&ask, "top up key", (&name, &detail)).await?;
            told(&ask, &name, None).await
        }
        Err(TopUpRefused::OtherEntry) => Err(Failure::new(
            409,
            "an entry of this id was made before, and it says something else",
        )),
        Err(refused) => Err(Failure::new(
            422,
            format!("the entry cannot be made: {refused:?}"),
        )),
    }
}

/// The name of a key that the person may change.
fn writable(ask: &Ask, id: &str) -> Result<Name, Failure> {
    let (seen, person) = (ask.console.house.seen(), ask.person()?);
    let name = ids::name_of(&found(&seen, id, person)?.metadata);
    person.writes(name.namespace())?;
    Ok(name)
}

async fn noted(ask: &Ask, what: &str, (key, detail): (&Name, &str)) -> Result<(), Failure> {
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
async fn told(ask: &Ask, name: &Name, value: Option<SecretText>) -> Outcome {
    let mut token = token(ask, name).await?;
    token.key = value.map(|value| value.reveal().to_owned());
    Reply::data(&token)
}
