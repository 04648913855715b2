//! Where manifests come from: files that were named, and those of the demo. Called by `desk`.

use crate::args::Up;
use crate::demo::Demo;
use crate::manifests::Manifests;
use crate::manifests::files::{self, File, Look};
use crate::manifests::schema::Schemas;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What to read, again and again.
pub(crate) struct Sources {
    paths: Vec<PathBuf>,
    /// Texts that are no files: of the demo, and of standard input.
    fixed: Mutex<Vec<File>>,
    /// Keeps the demo's providers alive.
    _demo: Option<Demo>,
}

impl Sources {
    /// Starts what has to be started.
    ///
    /// # Errors
    /// When there is nothing to serve, or the demo's providers cannot be started.
    pub(crate) async fn open(args: &Up) -> anyhow::Result<Self> {
        anyhow::ensure!(
            args.demo || !args.files.is_empty(),
            "nothing to serve: give -f PATH with manifests, or --demo to see it work"
        );
        let demo = if args.demo {
            Some(Demo::start().await?)
        } else {
            None
        };
        let mut fixed: Vec<File> = demo.as_ref().map(Demo::manifests).into_iter().collect();
        let (piped, paths): (Vec<PathBuf>, Vec<PathBuf>) = args
            .files
            .iter()
            .cloned()
            .partition(|path| path.as_os_str() == "-");
        // It can be read once only.
        let (texts, unread) = files::read(&piped);
        if let Some(fault) = unread.first() {
            anyhow::bail!("{fault}");
        }
        fixed.extend(texts);
        Ok(Sources {
            paths,
            fixed: Mutex::new(fixed),
            _demo: demo,
        })
    }

    /// What is there now.
    pub(crate) fn read(&self, schemas: &Schemas) -> Manifests {
        let texts = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        let fixed = Manifests::of(&texts, schemas);
        drop(texts);
        if self.paths.is_empty() {
            return fixed;
        }
        Manifests::read(&self.paths, schemas).and(fixed)
    }

    /// What the files look like now.
    pub(crate) fn look(&self) -> Look {
        files::look(&self.paths)
    }

    /// Every text there is now, and where it lies.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn papers(&self) -> Result<Vec<Paper>, String> {
        let (listed, faults) = files::list(&self.paths);
        let (texts, unread) = files::read(&listed);
        if let Some(fault) = faults.iter().chain(&unread).next() {
            return Err(fault.to_string());
        }
        let on_disk = listed.into_iter().zip(texts);
        let on_disk = on_disk.map(|(path, file)| Paper {
            place: Place::Disk(path),
            file,
        });
        let fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        let here = fixed.iter().enumerate().map(|(at, file)| Paper {
            place: Place::Here(at),
            file: File {
                name: file.name.clone(),
                text: file.text.clone(),
            },
        });
        Ok(on_disk.chain(here).collect())
    }

    /// A folder for new files, where one was named.
    pub(crate) fn folder(&self) -> Option<&Path> {
        let mut folders = self.paths.iter().filter(|path| path.is_dir());
        folders.next().map(PathBuf::as_path)
    }

    /// Replaces a text that is no file; it lasts as long as the process.
    pub(crate) fn put(&self, at: usize, text: String) {
        let mut fixed = self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = fixed.get_mut(at) {
            file.text = text;
        }
    }
}

/// One text, and where it lies.
pub(crate) struct Paper {
    pub(crate) place: Place,
    pub(crate) file: File,
}

/// Where a text lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this file.
    Disk(PathBuf),
    /// In this process, at this place of `fixed`.
    Here(usize),
}
