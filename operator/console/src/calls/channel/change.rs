//! Changes to channels. A credential becomes a labelled Secret beside the channel, bound to the channel's host.

use super::view::{Eyes, provider};
use super::writable;
use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::calls::token::Id;
use crate::calls::{fits, merged};
use crate::house::{Change, own_credential};
use crate::ids;
use crate::rights::secrets_in;
use crate::who::hidden;
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_crds::{
    CREDENTIAL_LABEL, HOSTS_ANNOTATION, KEY_DATA, MANAGED_BY, Provider, ProviderChannel,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A channel to be made: its members, or new-api's `{mode, channel}` around them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum NewChannel {
    Wrapped { channel: Box<ChannelWish> },
    Bare(Box<ChannelWish>),
}

/// What can be said of a new channel.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ChannelWish {
    name: String,
    /// Default: default.
    namespace: Option<String>,
    /// OpenAI, AzureOpenAI, Anthropic, Gemini, Mistral, DeepSeek, XAI, DashScope or OpenAICompatible.
    provider: Option<String>,
    /// The provider's number in new-api, instead of provider.
    #[serde(rename = "type")]
    kind: Option<u16>,
    /// The account's key. It goes into a Secret and is never told again.
    key: Option<String>,
    #[serde(flatten)]
    rest: Members,
}

/// What can be said of a channel.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Members {
    base_url: Option<String>,
    models: Option<Models>,
    /// The lower number is tried first.
    priority: Option<u32>,
    weight: Option<u32>,
    /// Further members of its spec, as in its manifest.
    spec: Option<Map<String, Value>>,
}

/// Names, separated by commas or as a list; a model can be written whole, as in a manifest.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Models {
    Text(String),
    List(Vec<Model>),
}

/// A model: its name, or all that a manifest says of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Model {
    Name(String),
    Whole(Map<String, Value>),
}

/// A channel to be changed.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ChangedChannel {
    id: Id,
    /// As it was read: then nothing newer is overwritten.
    version: Option<String>,
    /// The account's new key, in the place of one that was set here. It goes into a Secret and is never told again.
    key: Option<String>,
    #[serde(flatten)]
    rest: Members,
}

impl Models {
    fn specs(self) -> Value {
        let named = |name: &str| json!({"name": name});
        match self {
            Models::Text(text) => {
                let names = text.split(',').map(str::trim);
                names.filter(|name| !name.is_empty()).map(named).collect()
            }
            Models::List(models) => {
                let one = |model| match model {
                    Model::Name(name) => named(&name),
                    Model::Whole(whole) => Value::Object(whole),
                };
                models.into_iter().map(one).collect()
            }
        }
    }
}

/// The members of a spec.
fn spec(wanted: Members) -> Map<String, Value> {
    let mut spec = wanted.spec.unwrap_or_default();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            spec.insert(name.to_owned(), value);
        }
    };
    let url = |url: String| match url.as_str() {
        "" => Value::Null,
        url => url.into(),
    };
    put("baseURL", wanted.base_url.map(url));
    put("models", wanted.models.map(Models::specs));
    put("priority", wanted.priority.map(Value::from));
    put("weight", wanted.weight.map(Value::from));
    spec
}

/// Makes one, and the Secret of its credential.
pub(crate) async fn create(ask: Ask) -> Outcome {
    let wanted = match ask.body()? {
        NewChannel::Wrapped { channel } | NewChannel::Bare(channel) => *channel,
    };
    let namespace = wanted.namespace.unwrap_or_else(|| "default".to_owned());
    fits("name", &wanted.name)?;
    fits("namespace", &namespace)?;
    let provider = named(wanted.provider, wanted.kind)?;
    let mut spec = spec(wanted.rest);
    spec.retain(|_, value| !value.is_null());
    spec.insert("provider".to_owned(), provider.into());
    let name = Name::new(&namespace, &wanted.name);
    let key = wanted.key.filter(|key| !key.is_empty());
    let secret = key.map(|key| {
        spec.insert("credentials".to_owned(), reference(&name));
        credential(&name, host(&Value::Object(spec.clone())), key)
    });
    let object = json!({
        "apiVersion": "purser.dev/v1alpha1", "kind": "ProviderChannel",
        "metadata": {"name": wanted.name, "namespace": namespace}, "spec": spec,
    });
    let change = Change::Create { object, secret };
    let written = ask.write(change).await?;
    told(&ask, "create channel", (&name, &written.place)).await
}

fn named(name: Option<String>, number: Option<u16>) -> Result<String, Failure> {
    let Some(number) = number.filter(|_| name.is_none()) else {
        return name.ok_or_else(|| Failure::new(422, "provider: say whose API it is"));
    };
    let known = provider(number).map(|provider| format!("{provider:?}"));
    known.ok_or_else(|| Failure::new(422, "no provider here has this type; name it in provider"))
}

/// The host that a channel with this spec calls.
fn host(spec: &Value) -> Option<String> {
    let usual = || {
        let provider: Provider = serde_json::from_value(spec["provider"].clone()).ok()?;
        provider.default_base_url()
    };
    let uri: http::Uri = spec["baseURL"].as_str().or_else(usual)?.parse().ok()?;
    Some(uri.host()?.to_lowercase())
}

/// How a spec names the channel's own Secret.
fn reference(name: &Name) -> Value {
    json!([{"secretRef": {"name": own_credential(name)}}])
}

/// That Secret, which may be sent to the channel's own host alone.
fn credential(name: &Name, host: Option<String>, key: String) -> Value {
    let mut metadata = json!({
        "name": own_credential(name), "namespace": name.namespace(),
        "labels": {CREDENTIAL_LABEL: "true", MANAGED_BY.0: MANAGED_BY.1},
    });
    if let Some(host) = host {
        metadata["annotations"] = json!({HOSTS_ANNOTATION: host});
    }
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {KEY_DATA: key}})
}

/// Changes one; what is not named stays.
pub(crate) async fn update(ask: Ask) -> Outcome {
    let wanted: ChangedChannel = ask.body()?;
    let seen = ask.console.house.seen();
    let channel = writable((&ask, &seen), &wanted.id.text(), "patch").await?;
    let name = ids::name_of(&channel.metadata);
    let mut spec = spec(wanted.rest);
    let key = wanted.key.filter(|key| !key.is_empty());
    let secret = match key {
        Some(key) => Some(replacement((channel, &name), &mut spec, key)?),
        None => stays((channel, &name), &spec).map(|()| None)?,
    };
    let mut detail = Value::Object(spec.clone()).to_string();
    if secret.is_some() {
        detail.push_str(", its credential");
    }
    let change = Change::Patch {
        of: ObjectRef::ProviderChannel(name.clone()),
        patch: json!({"spec": spec}),
        version: wanted.version,
        secret,
    };
    ask.write(change).await?;
    told(&ask, "change channel", (&name, &detail)).await
}

/// The Secret in the place of what the channel has; one that was set elsewhere is replaced there.
fn replacement(
    (channel, name): (&ProviderChannel, &Name),
    spec: &mut Map<String, Value>,
    key: String,
) -> Result<Value, Failure> {
    let own = own_credential(name);
    let mut credentials = channel.spec.credentials.iter();
    if let Some(other) = credentials.find(|one| one.secret_ref.name != own) {
        let secret = &other.secret_ref.name;
        return Err(Failure::new(
            409,
            format!(
                "the channel's credential is in Secret {secret}, which was not made here; replace it there"
            ),
        ));
    }
    if channel.spec.credentials.is_empty() {
        spec.insert("credentials".to_owned(), reference(name));
    }
    let [_, after] = turned(channel, spec);
    Ok(credential(name, host(&after), key))
}

/// Its spec as it is, and as it would be.
fn turned(channel: &ProviderChannel, patch: &Map<String, Value>) -> [Value; 2] {
    let before = serde_json::to_value(&channel.spec).unwrap_or_default();
    let after = merged(&before, &Value::Object(patch.clone()));
    [before, after]
}

/// That a credential which was set here is not asked to go to another host: it is bound to the one that it was sent with.
fn stays(
    (channel, name): (&ProviderChannel, &Name),
    patch: &Map<String, Value>,
) -> Result<(), Failure> {
    let own = own_credential(name);
    let specs = turned(channel, patch);
    let is_used = specs.iter().all(|spec| secrets_in(spec).contains(&own));
    let [before, after] = specs.map(|spec| host(&spec));
    if !is_used || before == after {
        return Ok(());
    }
    let named = |host: Option<String>| host.unwrap_or_else(|| "no host".to_owned());
    let (before, after) = (named(before), named(after));
    Err(Failure::new(
        422,
        format!(
            "the channel's credential was set for {before} and is sent nowhere else, so that it would not work at {after}; send the account's key for {after} in key with this change"
        ),
    ))
}

/// Deletes one, and the Secret of the credential that was set here.
pub(crate) async fn delete(ask: Ask) -> Outcome {
    let seen = ask.console.house.seen();
    let channel = writable((&ask, &seen), &ask.id, "delete").await?;
    let name = ids::name_of(&channel.metadata);
    let of = ObjectRef::ProviderChannel(name.clone());
    ask.write(Change::Delete { of }).await?;
    let (by, object) = (ask.person()?.name(), format!("ProviderChannel {name}"));
    ask.console.note(by, "delete channel", (&object, "")).await;
    Ok(Reply::Data(Value::Null))
}

async fn told(ask: &Ask, what: &str, (name, detail): (&Name, &str)) -> Outcome {
    let (by, object) = (ask.person()?.name(), format!("ProviderChannel {name}"));
    ask.console.note(by, what, (&object, detail)).await;
    let seen = ask.console.house.seen();
    let mut channels = seen.channels.iter();
    let channel = channels.find(|one| ids::name_of(&one.metadata) == *name);
    let channel = channel.ok_or_else(|| hidden("channel any more"))?;
    Reply::data(&Eyes::open(&ask.console, &seen).await?.channel(channel))
}
