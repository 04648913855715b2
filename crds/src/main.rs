//! Rewrites `crds/*.yaml` from the types beside it. Run by whoever changed them; a test fails until they did.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in purser_crds::yaml().map_err(io::Error::other)? {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
