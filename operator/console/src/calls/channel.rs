//! `/api/channel`: provider channels, which are objects, and the Secrets of their credentials. A credential goes in and is never told again.

mod change;
mod view;

pub(crate) use change::{ChangedChannel, NewChannel, create, delete, update};
pub(crate) use view::ChannelView;

use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::house::Seen;
use crate::ids;
use crate::rights::{Right, secrets_in, sent};
use crate::who::hidden;
use purser_compile::ObjectRef;
use purser_crds::ProviderChannel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use view::Eyes;

/// What is looked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Search {
    /// Part of a name, a namespace or a model.
    keyword: Option<String>,
    /// One namespace.
    namespace: Option<String>,
    /// A model that it serves.
    model: Option<String>,
}

/// What a provider answered to a test.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TestedView {
    success: bool,
    message: String,
    /// Seconds.
    time: f64,
    data: Option<()>,
}

/// Channels that the person may see.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let search: Search = ask.query()?;
    let (seen, person) = (ask.console.house.seen(), ask.person()?);
    let word = search.keyword.unwrap_or_default().to_lowercase();
    let wanted = |channel: &&Arc<ProviderChannel>| {
        let name = ids::name_of(&channel.metadata);
        let any = |is: &dyn Fn(&str) -> bool| {
            let mut models = channel.spec.models.iter();
            models.any(|model| is(&model.name))
        };
        let serves = |wanted: &str| any(&|model| model == wanted);
        let namespace = search.namespace.as_deref();
        let has_word = name.as_str().to_lowercase().contains(&word)
            || any(&|model| model.to_lowercase().contains(&word));
        person.sees_channels(name.namespace())
            && namespace.is_none_or(|one| one == name.namespace())
            && search.model.as_deref().is_none_or(serves)
            && has_word
    };
    let channels: Vec<&Arc<ProviderChannel>> = seen.channels.iter().filter(wanted).collect();
    let page = ask.paging()?.cut(channels);
    let eyes = Eyes::open(&ask.console, &seen).await?;
    let views = page
        .items
        .iter()
        .map(|channel| eyes.channel(channel))
        .collect();
    let (total, paging) = (page.total, ask.paging()?);
    Reply::data(&paging.page::<ChannelView>(views, total))
}

/// One channel.
pub(crate) async fn read(ask: Ask) -> Outcome {
    let seen = ask.console.house.seen();
    let person = ask.person()?;
    let channel = found(&seen, &ask.id, |namespace| person.sees_channels(namespace))?;
    Reply::data(&Eyes::open(&ask.console, &seen).await?.channel(channel))
}

/// Asks its provider whether it answers. What it says is in the answer, whatever it is.
pub(crate) async fn test(ask: Ask) -> Outcome {
    let (seen, person) = (ask.console.house.seen(), ask.person()?);
    let channel = found(&seen, &ask.id, |namespace| person.sees_channels(namespace))?;
    let name = ids::name_of(&channel.metadata);
    person.writes(name.namespace())?;
    let spec = serde_json::to_value(&channel.spec).unwrap_or_default();
    for right in sent(name.namespace(), &secrets_in(&spec)) {
        ask.may(&right).await?;
    }
    let tested = ask.console.house.test(name).await;
    Ok(Reply::Bare(json!({
        "success": tested.works,
        "message": tested.message,
        "time": tested.took_ms as f64 / 1000.0,
        "data": null,
    })))
}

/// The channel of this id that the person may change, as far as it is said here. Of one that they do not see a guest learns that it is
/// there only where RBAC lets them do this to it.
async fn writable<'a>(
    (ask, seen): (&Ask, &'a Seen),
    id: &str,
    verb: &'static str,
) -> Result<&'a Arc<ProviderChannel>, Failure> {
    let person = ask.person()?;
    let sees = |namespace: &str| person.guest.is_some() || person.sees(namespace);
    let channel = found(seen, id, sees)?;
    let name = ids::name_of(&channel.metadata);
    let right = Right::on(verb, &ObjectRef::ProviderChannel(name.clone()));
    match person.sees_channels(name.namespace()) || ask.allows(&right).await? {
        true => Ok(channel),
        false => Err(hidden("channel")),
    }
}

/// The channel of this id, of those namespaces that are looked at.
fn found<'a>(
    seen: &'a Seen,
    id: &str,
    sees: impl Fn(&str) -> bool,
) -> Result<&'a Arc<ProviderChannel>, Failure> {
    let mut channels = seen.channels.iter();
    let means = |channel: &&Arc<ProviderChannel>| {
        let name = ids::name_of(&channel.metadata);
        ids::means(id, "ProviderChannel", name.as_str()) && sees(name.namespace())
    };
    channels.find(means).ok_or_else(|| hidden("channel"))
}
