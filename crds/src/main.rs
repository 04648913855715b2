//! Rewrites `crds/*.yaml` and their copies in `charts/purser-crds` from the types beside it. Run by whoever changed them; a test fails
//! until they did.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chart = folder.join("../charts/purser-crds/templates");
    for (folder, files) in [
        (folder, purser_crds::yaml()),
        (chart.as_path(), purser_crds::chart_yaml()),
    ] {
        for (name, text) in files.map_err(io::Error::other)? {
            std::fs::write(folder.join(name), text)?;
        }
    }
    Ok(())
}
