//! Entries in the ledger of a data directory, while a `purser up` runs on it or not: the file's own locks keep the two apart. Called by
//! `entry`. It must never make a ledger: one that is not there is a folder that was mistyped.

use super::{decimal, elsewhere};
use crate::up::LEDGER;
use anyhow::Context;
use purser_authority::ledger::{AccountFacts, Ledger, Renewal, Renewed, Sale, TopUp, TopUpRefused};
use purser_config::Name;
use purser_config::calendar::moment;
use std::path::Path;

/// Who made an entry, as the ledger keeps it.
const BY: &str = "cli";
const OTHER: &str =
    "an entry of this id was made before and says something else; choose another id";

/// Adds credits, or takes some; says what came of it.
///
/// # Errors
/// When it was not done, with what to do.
pub(super) async fn credit(
    folder: &Path,
    (key, id): (&Name, &str),
    micros: i64,
) -> anyhow::Result<String> {
    let ledger = open(folder, key).await?;
    let wall_ms = now()?;
    let known = facts(&ledger, key, wall_ms).await?;
    let top_up = TopUp {
        key: key.clone(),
        amount: micros,
        id: id.to_owned(),
        by: BY.to_owned(),
        wall_ms,
    };
    let amount = decimal(micros.unsigned_abs());
    let made = ledger.top_up(top_up).await?;
    let made = made.map_err(|refused| anyhow::anyhow!("{}", why(refused)));
    let made =
        made.with_context(|| format!("entry {id}: {} credits of {key}", plainly(micros, &amount)))?;
    let left = decimal(made.left);
    Ok(match (made.new, micros > 0) {
        (false, _) => format!("entry {id} was made before; {key} has {left} credits left"),
        (true, true) => format!(
            "{amount} credits were added to {key} ({id}); it has {left} left{}",
            stranger(known.as_ref())
        ),
        (true, false) => {
            format!("{amount} credits were taken from {key} ({id}); it has {left} left")
        }
    })
}

/// Begins a key's time on a plan anew; says what came of it.
///
/// # Errors
/// When it was not done, with what to do.
pub(super) async fn renew(
    folder: &Path,
    (key, id): (&Name, &str),
    plan: &str,
) -> anyhow::Result<String> {
    let ledger = open(folder, key).await?;
    let wall_ms = now()?;
    let known = facts(&ledger, key, wall_ms).await?.unwrap_or_default();
    let renewal = Renewal {
        key: key.clone(),
        plan: plan.to_owned(),
        // A kind of its own, as the operator has it, so that one invoice may do both under one number.
        id: format!("renew/{id}"),
        by: BY.to_owned(),
        at_ms: wall_ms,
        // No plan can be seen from here, so that statements take the price that it has when they are made.
        sale: Sale {
            at_ms: wall_ms,
            price: None,
        },
    };
    let (at_ms, new) = match ledger.renew(renewal).await? {
        Renewed::At { at_ms, new } => (at_ms, new),
        Renewed::OtherEntry => anyhow::bail!("entry {id}: renewing {key} on plan {plan}: {OTHER}"),
    };
    let at = moment(at_ms);
    if !new {
        return Ok(format!(
            "entry {id} was made before: the time of {key} on plan {plan} began anew at {at}"
        ));
    }
    let left = decimal(known.credits_left);
    let unbegun = match known.activated.contains_key(plan) {
        true => "",
        false => "; it had never begun on this plan: is the name right?",
    };
    Ok(format!(
        "the time of {key} on plan {plan} began anew at {at} ({id}); it has {left} credits left{unbegun}"
    ))
}

async fn open(folder: &Path, key: &Name) -> anyhow::Result<Ledger> {
    let file = folder.join(LEDGER);
    anyhow::ensure!(
        file.is_file(),
        "opening the ledger {}: there is no such file; {}",
        file.display(),
        elsewhere(folder, key)
    );
    Ok(Ledger::sqlite(&file).await?)
}

async fn facts(ledger: &Ledger, key: &Name, wall_ms: u64) -> anyhow::Result<Option<AccountFacts>> {
    Ok(ledger.accounts(wall_ms).await?.remove(key))
}

fn now() -> anyhow::Result<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.context("reading the clock: it is before 1970; set it")?;
    Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

fn plainly(micros: i64, amount: &str) -> String {
    let verb = if micros > 0 { "adding" } else { "taking" };
    format!("{verb} {amount}")
}

/// A ledger knows no manifests, so it cannot know that a name is wrong.
fn stranger(known: Option<&AccountFacts>) -> &'static str {
    match known {
        Some(_) => "",
        None => {
            "; no call of it is on record yet (is the name right?), its plan's grant comes with the first one"
        }
    }
}

fn why(refused: TopUpRefused) -> String {
    match refused {
        TopUpRefused::OtherEntry => OTHER.to_owned(),
        TopUpRefused::TooMuch => "no account can hold so much; add less".to_owned(),
        TopUpRefused::BelowZero { left } => {
            let left = decimal(left);
            format!("a balance is never negative and only {left} can be taken; take that or less")
        }
    }
}
