//! Figures that tests take: shown at once, and kept for the page that quotes them. Used by the test roots; decides nothing.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// Whether the stated durations are asked for.
pub fn soak() -> bool {
    std::env::var_os("PURSER_TEST_SOAK").is_some()
}

/// A figure for people, and in a soak for the file of that name that the README quotes.
pub fn figure(file: &str, line: &str) -> std::io::Result<()> {
    // Not println!, which is shown only when a test fails.
    writeln!(std::io::stderr(), "figure: {line}")?;
    let Some(folder) = std::env::var_os("PURSER_TEST_FIGURES").filter(|_| soak()) else {
        return Ok(());
    };
    let path = Path::new(&folder).join(file);
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "{line}")
}
