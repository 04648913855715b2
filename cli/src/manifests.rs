//! What people wrote, read from files: every object is judged as the API server would judge it, and what holds becomes the world
//! that `compile` takes. `check` and `up` call it.
//!
//! ```text
//! paths --files--> texts --yaml--> documents --object, schema--> World, and faults with file, line and field
//! ```
//!
//! Invariant: one bad object never holds up another; a file that is not YAML is refused whole.
//! Invariant: nothing of a Secret is shown but names.

pub(crate) mod fault;
pub(crate) mod files;
mod object;
pub(crate) mod schema;
pub(crate) mod yaml;

use fault::{Fault, ObjectName};
use files::File;
use object::Read;
pub(crate) use object::{Named, name_of};
use purser_compile::World;
use schema::Schemas;
use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// After this long, judging says how far it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// The label that every Namespace of a cluster has.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Everything that was read.
#[derive(Default)]
pub(crate) struct Manifests {
    /// What holds.
    pub(crate) world: World,
    /// Where each object is, in the order of the files: those that were taken and those that were not.
    pub(crate) places: Vec<(ObjectName, String)>,
    /// Objects that were refused.
    pub(crate) refused: BTreeSet<ObjectName>,
    /// Files and objects that do not hold.
    pub(crate) faults: Vec<Fault>,
    /// What is worth knowing.
    pub(crate) warnings: Vec<Fault>,
    /// Whether a whole file could not be read, so that nobody knows what is missing.
    pub(crate) incomplete: bool,
    /// Positions in `places`.
    index: HashMap<ObjectName, usize>,
}

impl Manifests {
    /// Reads the files and folders at these paths.
    pub(crate) fn read(paths: &[PathBuf], schemas: &Schemas) -> Self {
        let (listed, mut faults) = files::list(paths);
        let (texts, unread) = files::read(&listed);
        faults.extend(unread);
        let mut manifests = Manifests {
            incomplete: !faults.is_empty(),
            faults,
            ..Manifests::default()
        };
        texts.iter().for_each(|file| manifests.add(file, schemas));
        manifests.finish()
    }

    /// Reads texts that are no files.
    pub(crate) fn of<F: Borrow<File>>(texts: &[F], schemas: &Schemas) -> Self {
        let mut manifests = Manifests::default();
        let texts = texts.iter().map(Borrow::borrow);
        texts.for_each(|file| manifests.add(file, schemas));
        manifests.finish()
    }

    /// Adds what another place holds.
    pub(crate) fn and(mut self, other: Manifests) -> Self {
        self.world.plans.extend(other.world.plans);
        self.world.keys.extend(other.world.keys);
        self.world.channels.extend(other.world.channels);
        self.world.namespaces.extend(other.world.namespaces);
        self.world.secrets.extend(other.world.secrets);
        self.places.extend(other.places);
        self.refused.extend(other.refused);
        self.faults.extend(other.faults);
        self.warnings.extend(other.warnings);
        self.incomplete |= other.incomplete;
        self
    }

    fn add(&mut self, file: &File, schemas: &Schemas) {
        let documents = match yaml::documents(&file.text) {
            Ok(documents) => documents,
            Err(broken) => {
                let fault = Fault {
                    line: broken.line,
                    ..Fault::of_file(&file.name, broken.message)
                };
                self.faults.push(fault);
                self.incomplete = true;
                return;
            }
        };
        let mut told = Instant::now();
        for document in documents.into_iter().flat_map(object::objects) {
            if told.elapsed() > PATIENCE {
                eprintln!("judging manifests: {} objects so far", self.places.len());
                told = Instant::now();
            }
            let line = document.lines.of("");
            match object::read(&file.name, document, schemas, &mut self.world) {
                Read::Taken(name) => self.place(name, &file.name, line),
                Read::Refused(name, faults) => {
                    self.place(name.clone(), &file.name, line);
                    self.refused.insert(name);
                    self.faults.extend(faults);
                }
                Read::Ignored(warning) => self.warnings.push(warning),
            }
        }
    }

    fn place(&mut self, name: ObjectName, file: &str, line: usize) {
        let place = format!("{file}:{line}");
        let known = self
            .index
            .get(&name)
            .and_then(|at| self.places.get_mut(*at));
        let Some((_, earlier)) = known else {
            self.index.insert(name.clone(), self.places.len());
            self.places.push((name, place));
            return;
        };
        let message = format!("it is at {earlier} too; the last one counts, as with kubectl");
        *earlier = place;
        self.warnings.push(Fault {
            file: file.to_owned(),
            line,
            object: Some(name),
            field: String::new(),
            message,
        });
    }

    /// Of objects of one name the last counts, as with kubectl; every namespace has its name as a label, and those that objects are in exist.
    fn finish(mut self) -> Self {
        let world = &mut self.world;
        keep_last(&mut world.plans);
        keep_last(&mut world.keys);
        keep_last(&mut world.channels);
        let keys = world.keys.iter().map(|key| key.called().0);
        let channels = world.channels.iter().map(|channel| channel.called().0);
        let used: Vec<String> = keys.chain(channels).map(str::to_owned).collect();
        for namespace in used {
            world.namespaces.entry(namespace).or_default();
        }
        for (name, labels) in &mut world.namespaces {
            labels
                .entry(NAMESPACE_NAME.to_owned())
                .or_insert_with(|| name.clone());
        }
        self
    }

    /// Takes refused objects as they were before: a cluster keeps the version that it accepted.
    pub(crate) fn carry_over(&mut self, before: &World) {
        let refused = &self.refused;
        let held = |kind: &str, (namespace, name): (&str, &str)| {
            refused
                .iter()
                .any(|one| one.kind == kind && one.namespace == namespace && one.name == name)
        };
        let world = &mut self.world;
        keep(&mut world.plans, &before.plans, |plan| {
            held("Plan", ("", plan.called().1))
        });
        keep(&mut world.keys, &before.keys, |key| {
            held("ApiKey", key.called())
        });
        keep(&mut world.channels, &before.channels, |channel| {
            held("ProviderChannel", channel.called())
        });
        for (name, secret) in &before.secrets {
            if held("Secret", (name.namespace(), name.name())) {
                world
                    .secrets
                    .entry(name.clone())
                    .or_insert_with(|| secret.clone());
            }
        }
    }
}

fn keep_last<O: Named>(objects: &mut Vec<O>) {
    let owned = |object: &O| (object.called().0.to_owned(), object.called().1.to_owned());
    let last: HashMap<_, usize> = objects
        .iter()
        .enumerate()
        .map(|(at, object)| (owned(object), at))
        .collect();
    let mut at = 0;
    objects.retain(|object| {
        at += 1;
        last.get(&owned(object)) == Some(&(at - 1))
    });
}

fn keep<O: Named + Clone>(now: &mut Vec<O>, before: &[O], held: impl Fn(&O) -> bool) {
    for object in before.iter().filter(|object| held(object)) {
        if !now.iter().any(|other| other.called() == object.called()) {
            now.push(object.clone());
        }
    }
}

#[cfg(test)]
mod tests;
