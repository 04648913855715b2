//! What a change makes of the files, before anything is written: found, edited, read again and judged as a cluster would. Called by
//! `house`. It must never pass on a text in which anything but the meant object differs.

use super::pen;
use super::sources::{Paper, Place, Sources};
use crate::manifests::Manifests;
use crate::manifests::fault::ObjectName;
use crate::manifests::files::File;
use crate::manifests::name_of;
use crate::manifests::schema::Schemas;
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_console::{Change, Refused, own_credential, version};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One text that is to be written.
pub(super) struct Draft {
    pub(super) place: Place,
    pub(super) text: String,
    /// Whether it is new and holds a secret.
    pub(super) secret: bool,
}

/// What this change makes of the files; a channel's Secret that is changed with it is a draft of its own.
///
/// # Errors
/// Why it is not made.
pub(super) fn draft(
    sources: &Sources,
    schemas: &Schemas,
    change: &Change,
) -> Result<Draft, Refused> {
    let papers = sources.papers().map_err(Refused::Failed)?;
    let before = read(&papers, schemas)?;
    let (drafts, meant) = match change {
        Change::Create { object, secret } => created(sources, &papers, (object, secret.as_ref()))?,
        Change::Patch {
            of, patch, version, ..
        } => {
            let name = named(of);
            let (at, mut spot) = found(&papers, &name)?;
            unchanged(version.as_deref(), (&before, &name))?;
            pen::merge(&mut spot.value, patch);
            let text = pen::replaced(&papers[at].file.text, &spot, &pen::written(&spot.value));
            (over(&papers[at], text), vec![name])
        }
        Change::Delete { of } => deleted(&papers, of)?,
        Change::Rotate { .. } => {
            return Err(Refused::Failed("a rotation writes no manifest".to_owned()));
        }
    };
    judge(&papers, (&drafts, &meant), (&before, schemas))?;
    Ok(drafts)
}

/// What is in the files.
fn read(papers: &[Paper], schemas: &Schemas) -> Result<Manifests, Refused> {
    let files: Vec<&File> = papers.iter().map(|paper| &paper.file).collect();
    let before = Manifests::of(&files, schemas);
    if before.incomplete {
        let first = before.faults.first().map(ToString::to_string);
        return Err(Refused::Failed(format!(
            "a file cannot be read, and nothing is written before it can: {}",
            first.unwrap_or_default()
        )));
    }
    Ok(before)
}

/// What a new credential of this channel makes of the files.
///
/// # Errors
/// Why it is not made.
pub(super) fn draft_credential(
    sources: &Sources,
    schemas: &Schemas,
    (channel, secret): (&Name, &Value),
) -> Result<Draft, Refused> {
    let papers = sources.papers().map_err(Refused::Failed)?;
    let before = read(&papers, schemas)?;
    let (draft, meant) = credential(&papers, channel, secret)?;
    judge(&papers, (&draft, &meant), (&before, schemas))?;
    Ok(draft)
}

/// The Secret with its new value, else behind its channel.
fn credential(
    papers: &[Paper],
    channel: &Name,
    secret: &Value,
) -> Result<(Draft, Vec<ObjectName>), Refused> {
    let name = name_of(secret, "Secret");
    let (at, text) = match found(papers, &name) {
        Ok((at, mut spot)) => {
            pen::merge(&mut spot.value, secret);
            let text = pen::replaced(&papers[at].file.text, &spot, &pen::written(&spot.value));
            (at, text)
        }
        Err(Refused::Gone(_)) => {
            let of = ObjectRef::ProviderChannel(channel.clone());
            let (at, _) = found(papers, &named(&of))?;
            let text = pen::appended(&papers[at].file.text, &pen::written(secret));
            (at, text)
        }
        Err(refused) => return Err(refused),
    };
    Ok((over(&papers[at], text), vec![name]))
}

/// Without the object, and without a channel's own Secret where that is in the same file.
fn deleted(papers: &[Paper], of: &ObjectRef) -> Result<(Draft, Vec<ObjectName>), Refused> {
    let name = named(of);
    let (at, spot) = found(papers, &name)?;
    let mut text = pen::removed(&papers[at].file.text, &spot);
    let mut meant = vec![name];
    if let ObjectRef::ProviderChannel(channel) = of {
        let secret = ObjectName {
            kind: "Secret".to_owned(),
            namespace: channel.namespace().to_owned(),
            name: own_credential(channel),
        };
        if let Ok(Some(spot)) = pen::find(&text, &secret) {
            text = pen::removed(&text, &spot);
            meant.push(secret);
        }
    }
    Ok((over(&papers[at], text), meant))
}

fn over(paper: &Paper, text: String) -> Draft {
    Draft {
        place: paper.place.clone(),
        text,
        secret: false,
    }
}

/// As files name it.
fn named(of: &ObjectRef) -> ObjectName {
    let (kind, namespace, name) = match of {
        ObjectRef::Plan(name) => ("Plan", "", name.as_str()),
        ObjectRef::ApiKey(name) => ("ApiKey", name.namespace(), name.name()),
        ObjectRef::ProviderChannel(name) => ("ProviderChannel", name.namespace(), name.name()),
    };
    ObjectName {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

/// Which paper holds the object, and where.
fn found(papers: &[Paper], name: &ObjectName) -> Result<(usize, pen::Spot), Refused> {
    let mut places = Vec::new();
    for (at, paper) in papers.iter().enumerate() {
        let spot = pen::find(&paper.file.text, name);
        let spot = spot.map_err(|why| {
            Refused::Conflict(format!(
                "{name} in {}: {why}; edit it there",
                paper.file.name
            ))
        })?;
        places.extend(spot.map(|spot| (at, spot)));
    }
    if places.len() > 1 {
        return Err(Refused::Conflict(format!(
            "{name} is written more than once; delete the others first"
        )));
    }
    let gone = || Refused::Gone(format!("{name} is in no file that can be edited"));
    places.pop().ok_or_else(gone)
}

/// What is in the file is what whoever asks has seen.
fn unchanged(
    asked: Option<&str>,
    (before, name): (&Manifests, &ObjectName),
) -> Result<(), Refused> {
    let Some(asked) = asked else { return Ok(()) };
    let world = &before.world;
    let is = |(namespace, called): (&str, &str)| {
        (namespace, called) == (name.namespace.as_str(), name.name.as_str())
            || (namespace.is_empty() && name.namespace == "default" && called == name.name)
    };
    use crate::manifests::Named;
    let now = match name.kind.as_str() {
        "Plan" => world
            .plans
            .iter()
            .find(|one| is(one.called()))
            .map(|one| version(&one.spec)),
        "ApiKey" => world
            .keys
            .iter()
            .find(|one| is(one.called()))
            .map(|one| version(&one.spec)),
        _ => world
            .channels
            .iter()
            .find(|one| is(one.called()))
            .map(|one| version(&one.spec)),
    };
    match now {
        Some(now) if now != asked => Err(Refused::Conflict(format!(
            "{name} has changed since it was read; read it again and decide anew"
        ))),
        _ => Ok(()),
    }
}

/// A new file in the first folder that was named, else the end of the first text.
fn created(
    sources: &Sources,
    papers: &[Paper],
    (object, secret): (&Value, Option<&Value>),
) -> Result<(Draft, Vec<ObjectName>), Refused> {
    let text = |value: &Value| value["kind"].as_str().unwrap_or_default().to_owned();
    let all: Vec<&Value> = [Some(object), secret].into_iter().flatten().collect();
    let meant: Vec<ObjectName> = all
        .iter()
        .map(|value| name_of(value, &text(value)))
        .collect();
    for name in &meant {
        let is_here = |paper: &&Paper| !matches!(pen::find(&paper.file.text, name), Ok(None));
        if let Some(paper) = papers.iter().find(is_here) {
            return Err(Refused::Conflict(format!(
                "{name} exists already, in {}",
                paper.file.name
            )));
        }
    }
    let parts: Vec<String> = all.into_iter().map(pen::written).collect();
    let new = parts.join("---\n");
    let secret = secret.is_some();
    let Some(folder) = sources.folder() else {
        let Some(paper) = papers.first() else {
            return Err(Refused::Failed("there is no file to write to".to_owned()));
        };
        let text = pen::appended(&paper.file.text, &new);
        let draft = Draft {
            secret,
            ..over(paper, text)
        };
        return Ok((draft, meant));
    };
    let first = &meant[0];
    let file = [
        first.kind.to_lowercase(),
        first.namespace.clone(),
        first.name.clone(),
    ];
    let file: Vec<String> = file.into_iter().filter(|part| !part.is_empty()).collect();
    let path: PathBuf = folder.join(format!("{}.yaml", file.join("-")));
    if path.exists() {
        return Err(Refused::Conflict(format!(
            "{} exists and is something else",
            path.display()
        )));
    }
    let draft = Draft {
        place: Place::Disk(path),
        text: new,
        secret,
    };
    Ok((draft, meant))
}

/// Reads everything as it would be, and refuses what is not meant.
fn judge(
    papers: &[Paper],
    (draft, meant): (&Draft, &[ObjectName]),
    (before, schemas): (&Manifests, &Schemas),
) -> Result<(), Refused> {
    let edited = File {
        name: "(the change)".to_owned(),
        text: draft.text.clone(),
    };
    let others = papers.iter().filter(|paper| paper.place != draft.place);
    let files: Vec<&File> = others.map(|paper| &paper.file).chain([&edited]).collect();
    let after = Manifests::of(&files, schemas);
    let about = |fault: &&crate::manifests::fault::Fault| {
        fault
            .object
            .as_ref()
            .is_none_or(|object| meant.contains(object))
    };
    let faults: Vec<String> = after
        .faults
        .iter()
        .filter(about)
        .map(|fault| fault.what())
        .collect();
    if !faults.is_empty() {
        return Err(Refused::Invalid(faults.join("; ")));
    }
    let names = |manifests: &Manifests| -> BTreeSet<ObjectName> {
        let places = manifests.places.iter().map(|(name, _)| name.clone());
        places.filter(|name| !meant.contains(name)).collect()
    };
    if after.incomplete || names(before) != names(&after) {
        return Err(Refused::Conflict(
            "the file cannot be edited without touching another object; edit it by hand".to_owned(),
        ));
    }
    Ok(())
}
