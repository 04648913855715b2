//! `purser credit` and `purser renew`: an administrator's entry in the ledger, made once for ever by its id. Called by `main`. With a data
//! directory the ledger's file is changed (`here`), else an annotation asks the operator of a cluster (`cluster`). It must never count
//! anything itself: what an entry does to a balance is the ledger's rule.

mod cluster;
mod here;

use crate::args::{Credit, Renew};
use anyhow::Context;
use cluster::Cluster;
use purser_config::Name;
use purser_crds::{Amount, CREDIT_ANNOTATION, RENEW_ANNOTATION};
use std::io::Write;
use std::path::Path;

/// The longest id: it is the second part of an annotation's name.
const LONGEST_ID: usize = 63;

/// Adds credits, or takes some.
///
/// # Errors
/// When it was not done, with what to do.
pub(crate) fn credit(args: &Credit) -> anyhow::Result<()> {
    let (key, id) = (&args.key, args.entry.id.as_str());
    let micros = micros(&args.amount)?;
    fits(id)?;
    say(&match &args.entry.data_dir {
        Some(folder) => wait(here::credit(folder, (key, id), micros))?,
        None => {
            let cluster = Cluster::of(args.entry.context.as_deref());
            let annotation = format!("{CREDIT_ANNOTATION}{id}");
            cluster.enter(key, (&annotation, &args.amount), None)?
        }
    })
}

/// Begins a key's time anew.
///
/// # Errors
/// When it was not done, with what to do.
pub(crate) fn renew(args: &Renew) -> anyhow::Result<()> {
    let (key, id) = (&args.key, args.entry.id.as_str());
    fits(id)?;
    say(&match &args.entry.data_dir {
        Some(folder) => wait(here::renew(folder, (key, id), &args.plan))?,
        None => {
            let cluster = Cluster::of(args.entry.context.as_deref());
            let annotation = format!("{RENEW_ANNOTATION}{id}");
            cluster.enter(key, (&annotation, ""), Some(&args.plan))?
        }
    })
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("printing what was done")
}

fn wait<T>(done: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(done)
}

/// The same for both places, so that an entry can be told by its id wherever it was made.
fn fits(id: &str) -> anyhow::Result<()> {
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let (first, last) = (id.bytes().next(), id.bytes().last());
    anyhow::ensure!(
        id.len() <= LONGEST_ID && edge(first) && edge(last) && id.bytes().all(inner),
        "reading --id {id:?}: an id has 1 to {LONGEST_ID} letters, digits, -, _ and ., and begins and ends with a letter or digit; choose such a one, as invoice-7"
    );
    Ok(())
}

/// Millionths; negative: to be taken.
fn micros(amount: &str) -> anyhow::Result<i64> {
    let (sign, digits) = match amount.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, amount),
    };
    let micros = Amount::new(digits).micros().map_err(|_| {
        anyhow::anyhow!("reading the amount {amount:?}: write a decimal number such as 500, 1.25 or -20, with at most 12 digits before the point and 6 after")
    })?;
    anyhow::ensure!(
        micros > 0,
        "0 credits are no entry; say how many to add, or to take with a - before it"
    );
    let micros = i64::try_from(micros).context("no account can hold so much; add less")?;
    Ok(sign * micros)
}

/// Millionths as a decimal number.
fn decimal(micros: u64) -> String {
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let text = format!("{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a person may mistake one place for.
fn elsewhere(folder: &Path, key: &Name) -> String {
    format!(
        "give the --data-dir of a `purser up` that has run, or leave it out to reach {key} in a cluster; {} holds none",
        folder.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_millionth_and_nothing_else_is() {
        assert_eq!(micros("500").unwrap(), 500_000_000);
        assert_eq!(micros("-1.25").unwrap(), -1_250_000);
        assert_eq!(micros("0.000001").unwrap(), 1);
        for bad in ["", "-", "0", "-0", "1e3", "five", "+5", "1.0000001", "--1"] {
            assert!(micros(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_can_be_part_of_an_annotations_name() {
        assert!(fits("invoice-7").is_ok() && fits("a").is_ok());
        for bad in ["", "-a", "a.", "a/b", "a b", "\u{e4}", &"a".repeat(64)] {
            assert!(fits(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn millionths_read_as_decimal_numbers() {
        let read = [0, 1, 1_250_000, 500_000_000].map(decimal);
        assert_eq!(read, ["0", "0.000001", "1.25", "500"]);
    }
}
