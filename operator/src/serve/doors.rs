//! One lock for each sidecar's name, or few: who comes and who goes by one name does so one after the other. `hub` holds one while it
//! tells fleet and authority.

use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::Mutex;

const DOORS: usize = 64;

/// See the file's page.
#[derive(Debug)]
pub(super) struct Doors([Mutex<()>; DOORS]);

impl Default for Doors {
    fn default() -> Self {
        Doors(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Doors {
    /// The one for this name; other names may share it.
    pub(super) fn of(&self, name: &str) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let [first, ..] = &self.0;
        let at = hasher.finish() % DOORS as u64;
        usize::try_from(at)
            .ok()
            .and_then(|at| self.0.get(at))
            .unwrap_or(first)
    }
}
