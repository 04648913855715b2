//! `/api/token`: API keys, which are objects. A value is told once, when it is made. It must never show anything of a Secret but the
//! prefix that `compile` shows.

mod change;
mod top_up;
mod view;
mod wish;

pub(crate) use change::{
    Batch, Changed, Id, NewToken, Rotate, Suspend, create, delete, delete_many, rotate, suspend,
    update,
};
pub(crate) use top_up::{TopUpWish, top_up};
use view::Usage;
pub(crate) use view::{Eyes, Token};

use crate::answer::{Failure, Outcome, Reply};
use crate::ask::Ask;
use crate::house::Seen;
use crate::ids;
use crate::who::hidden;
use purser_crds::ApiKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is looked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Search {
    /// Part of a name, a display name, a namespace or a plan.
    pub(crate) keyword: Option<String>,
    /// One namespace.
    pub(crate) namespace: Option<String>,
    /// One plan.
    pub(crate) plan: Option<String>,
}

/// What a key has used, in new-api's own envelope.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UsageAnswer {
    code: bool,
    success: bool,
    message: &'static str,
    data: Usage,
}

/// Keys that the person may see.
pub(crate) async fn list(ask: Ask) -> Outcome {
    let search: Search = ask.query()?;
    let (seen, person) = (ask.console.house.seen(), ask.person()?);
    let eyes = Eyes::open(&ask.console, &seen).await?;
    let word = search.keyword.unwrap_or_default().to_lowercase();
    let wanted = |key: &&Arc<ApiKey>| {
        let name = ids::name_of(&key.metadata);
        let shown = key.spec.display_name.as_deref().unwrap_or_default();
        let texts = [name.as_str(), shown, &key.spec.plan];
        let namespace = search.namespace.as_deref();
        let plan = search.plan.as_deref();
        person.sees(name.namespace())
            && namespace.is_none_or(|one| one == name.namespace())
            && plan.is_none_or(|one| one == key.spec.plan)
            && texts.iter().any(|text| text.to_lowercase().contains(&word))
    };
    let keys: Vec<&Arc<ApiKey>> = seen.keys.iter().filter(wanted).collect();
    let page = ask.paging()?.cut(keys);
    let tokens = page.items.iter().map(|key| eyes.token(key)).collect();
    let (total, paging) = (page.total, ask.paging()?);
    Reply::data(&paging.page::<Token>(tokens, total))
}

/// One key.
pub(crate) async fn read(ask: Ask) -> Outcome {
    let seen = ask.console.house.seen();
    let person = ask.person()?;
    let key = found(&seen, &ask.id, |namespace| person.sees(namespace))?;
    Reply::data(&Eyes::open(&ask.console, &seen).await?.token(key))
}

/// What the key that asks has used, and has left.
pub(crate) async fn usage(ask: Ask) -> Outcome {
    let seen = ask.console.house.seen();
    let name = ask.key()?;
    let mut keys = seen.keys.iter();
    let key = keys.find(|key| ids::name_of(&key.metadata) == *name);
    let key = key.ok_or_else(|| hidden("key"))?;
    let eyes = Eyes::open(&ask.console, &seen).await?;
    Reply::bare(&UsageAnswer {
        code: true,
        success: true,
        message: "ok",
        data: eyes.token(key).usage(),
    })
}

/// The key of this id, of those namespaces that are looked at.
fn found<'a>(
    seen: &'a Seen,
    id: &str,
    sees: impl Fn(&str) -> bool,
) -> Result<&'a Arc<ApiKey>, Failure> {
    let mut keys = seen.keys.iter();
    let means = |key: &&Arc<ApiKey>| {
        let name = ids::name_of(&key.metadata);
        ids::means(id, "ApiKey", name.as_str()) && sees(name.namespace())
    };
    keys.find(means).ok_or_else(|| hidden("key"))
}
