//! `purser check`: one row an object, with what a cluster and `purser up` would say to it. Called by `main`.

use crate::args::{Check, Output};
use crate::manifests::Manifests;
use crate::manifests::fault::{Fault, ObjectName};
use crate::manifests::schema::Schemas;
use anyhow::Context;
use purser_compile::{Gateway, ObjectRef, Options, Verdict, compile};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

/// One object and what was said to it.
#[derive(Serialize)]
struct Row {
    kind: String,
    name: String,
    verdict: Said,
    /// A word: that of condition `Accepted`, or `NotYetEnforced`; empty when there is nothing to say.
    reason: String,
    /// What to do.
    messages: Vec<String>,
    /// `file:line`.
    place: String,
}

/// What was said.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Accepted,
    Warning,
    Refused,
}

impl Said {
    fn word(self) -> &'static str {
        match self {
            Said::Accepted => "accepted",
            Said::Warning => "warning",
            Said::Refused => "refused",
        }
    }
}

/// Checks and prints.
///
/// # Errors
/// When the result cannot be printed.
pub(crate) fn check(args: &Check) -> anyhow::Result<ExitCode> {
    let manifests = Manifests::read(&args.files, &Schemas::new());
    let rows = rows(&manifests);
    let of_files: Vec<&Fault> = manifests
        .faults
        .iter()
        .filter(|fault| fault.object.is_none())
        .collect();
    let out = std::io::stdout().lock();
    match args.output {
        Output::Table => table(out, &rows),
        Output::Json => json(out, &rows, &of_files, &manifests.warnings),
    }
    .context("printing the result")?;
    if args.output == Output::Table {
        of_files.iter().for_each(|fault| eprintln!("{fault}"));
        manifests
            .warnings
            .iter()
            .for_each(|warning| eprintln!("warning: {warning}"));
    }
    let refused = rows
        .iter()
        .filter(|row| row.verdict == Said::Refused)
        .count();
    Ok(match (rows.len(), refused, manifests.incomplete) {
        (0, _, _) => {
            eprintln!("nothing to check: no Plan, ApiKey or ProviderChannel could be read");
            ExitCode::from(2)
        }
        (_, 0, false) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Rows for our kinds in the order of the files, and for Secrets and Namespaces that were refused.
fn rows(manifests: &Manifests) -> Vec<Row> {
    let options = Options {
        gateway: Gateway::SameProcess,
    };
    let compiled = compile(&manifests.world, options);
    let mut faults: BTreeMap<&ObjectName, Vec<String>> = BTreeMap::new();
    for fault in &manifests.faults {
        let Some(object) = &fault.object else {
            continue;
        };
        faults
            .entry(object)
            .or_default()
            .push(format!("{}: {}", fault.place(), fault.what()));
    }
    let rows = manifests.places.iter().filter_map(|(name, place)| {
        if manifests.refused.contains(name) {
            return Some(Row {
                kind: name.kind.clone(),
                name: name.full(),
                verdict: Said::Refused,
                reason: "Invalid".into(),
                messages: faults.get(name).cloned().unwrap_or_default(),
                place: place.clone(),
            });
        }
        let verdict = compiled.verdicts.get(&reference(name)?)?;
        Some(row(name, place, verdict))
    });
    rows.collect()
}

/// As `compile` names it; `None` for what gets no verdict.
fn reference(name: &ObjectName) -> Option<ObjectRef> {
    let namespaced = || purser_config::Name::new(&name.namespace, &name.name);
    match name.kind.as_str() {
        "Plan" => Some(ObjectRef::Plan(name.name.clone())),
        "ApiKey" => Some(ObjectRef::ApiKey(namespaced())),
        "ProviderChannel" => Some(ObjectRef::ProviderChannel(namespaced())),
        _ => None,
    }
}

fn row(name: &ObjectName, place: &str, verdict: &Verdict) -> Row {
    let mut messages = verdict.warnings.clone();
    if !verdict.not_yet_enforced.is_empty() {
        messages.insert(
            0,
            format!(
                "this version does not enforce {}",
                verdict.not_yet_enforced.join(", ")
            ),
        );
    }
    let (said, reason) = match &verdict.refused {
        Some((reason, message)) => {
            messages.insert(0, message.clone());
            (Said::Refused, reason.as_str())
        }
        None if !verdict.not_yet_enforced.is_empty() => (Said::Warning, "NotYetEnforced"),
        None if !messages.is_empty() => (Said::Warning, "Note"),
        None => (Said::Accepted, ""),
    };
    Row {
        kind: name.kind.clone(),
        name: name.full(),
        verdict: said,
        reason: reason.to_owned(),
        messages,
        place: place.to_owned(),
    }
}

fn table(mut out: impl Write, rows: &[Row]) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let width = |cell: fn(&Row) -> &str, title: &str| {
        let widths = rows.iter().map(|row| cell(row).chars().count());
        widths.max().unwrap_or(0).max(title.len())
    };
    let (kinds, names) = (
        width(|row| &row.kind, "KIND"),
        width(|row| &row.name, "NAME"),
    );
    writeln!(
        out,
        "{:kinds$}  {:names$}  VERDICT   REASON",
        "KIND", "NAME"
    )?;
    for row in rows {
        let reason = match (row.reason.as_str(), row.messages.join("; ")) {
            ("", said) => said,
            (reason, said) if said.is_empty() => reason.to_owned(),
            (reason, said) => format!("{reason}: {said}"),
        };
        let line = format!(
            "{:kinds$}  {:names$}  {:8}  {reason}",
            row.kind,
            row.name,
            row.verdict.word()
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn json(
    mut out: impl Write,
    rows: &[Row],
    of_files: &[&Fault],
    warnings: &[Fault],
) -> std::io::Result<()> {
    let faults: Vec<String> = of_files.iter().map(ToString::to_string).collect();
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let all = serde_json::json!({"objects": rows, "faults": faults, "warnings": warnings});
    serde_json::to_writer_pretty(&mut out, &all)?;
    writeln!(out)
}
