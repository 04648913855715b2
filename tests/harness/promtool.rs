//! promtool, as tests/toolchain.sh brings it (`PURSER_TEST_PROMTOOL`; target/toolchain/bin/promtool when unset). Used by the charts' tests;
//! judges files alone and must never ask a Prometheus.

use crate::helm::Said;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs it in a folder.
pub fn promtool(folder: &Path, arguments: &[&str]) -> anyhow::Result<Said> {
    let program = std::env::var_os("PURSER_TEST_PROMTOOL").map(PathBuf::from);
    let program = program.unwrap_or_else(|| {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        root.join("target/toolchain/bin/promtool")
    });
    let output = Command::new(&program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .with_context(|| {
            format!(
                "starting {}; tests/toolchain.sh brings it",
                program.display()
            )
        })?;
    Ok(output.into())
}
