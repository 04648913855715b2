//! Where manifests come from: files that were named, and those of the demo. Called by `desk`.

use crate::args::Up;
use crate::demo::Demo;
use crate::manifests::Manifests;
use crate::manifests::files::{self, File, Look};
use crate::manifests::schema::Schemas;
use std::path::PathBuf;

/// What to read, again and again.
pub(crate) struct Sources {
    paths: Vec<PathBuf>,
    fixed: Vec<File>,
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
            fixed,
            _demo: demo,
        })
    }

    /// What is there now.
    pub(crate) fn read(&self, schemas: &Schemas) -> Manifests {
        let fixed = Manifests::of(&self.fixed, schemas);
        if self.paths.is_empty() {
            return fixed;
        }
        Manifests::read(&self.paths, schemas).and(fixed)
    }

    /// What the files look like now.
    pub(crate) fn look(&self) -> Look {
        files::look(&self.paths)
    }
}
