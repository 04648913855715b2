//! Credits that are added to a key by hand: an entry of the ledger, and an audit record. It must never make an entry twice.

use super::change::{noted, told, writable};
use crate::answer::{Failure, Outcome};
use crate::ask::Ask;
use crate::rights::Right;
use purser_authority::ledger::{TopUp, TopUpRefused};
use purser_compile::ObjectRef;
use schemars::JsonSchema;
use serde::Deserialize;

/// Credits to be added.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TopUpWish {
    /// Micro-credits; negative: to take.
    amount: i64,
    /// Names the entry for ever, such as an invoice's number: sent again, nothing is done twice.
    id: String,
}

/// Adds credits, once by the entry's id.
pub(crate) async fn top_up(ask: Ask) -> Outcome {
    let wanted: TopUpWish = ask.body()?;
    let (console, person) = (&ask.console, ask.person()?);
    let name = writable(&ask, &ask.id, "credit").await?;
    let credit = Right::on("credit", &ObjectRef::ApiKey(name.clone()));
    ask.may(&credit).await?;
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
