//! What people are told: how to see a failure again and what happened around it, and the figures of many runs.

use super::history::What;
use super::judge::Broken;
use super::world::Ran;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::time::Duration;

/// How much of what happened is shown, of before and of after.
const BEFORE: Duration = Duration::from_secs(62);
const AFTER: Duration = Duration::from_secs(2);
const LINES: usize = 400;

/// What happened, as one number.
pub(super) fn digest(ran: &Ran) -> u64 {
    let mut hasher = DefaultHasher::new();
    ran.told.events.hash(&mut hasher);
    ran.books.records.len().hash(&mut hasher);
    format!("{:?}", ran.books.accounts).hash(&mut hasher);
    hasher.finish()
}

/// A failure, for whoever has to find out why.
pub(super) fn failure(ran: &Ran, broken: &Broken) -> String {
    let seed = ran.scenario.seed;
    let mut text = format!(
        "seed {seed}: {}\n  replay: PURSER_SIM_SEED={seed} cargo test -p purser-tests --test sim seeds -- --nocapture\n",
        broken.what
    );
    let _ = writeln!(
        text,
        "  {} pods, center {} ppm, frozen 1 in {}, faults:",
        ran.scenario.pods, ran.scenario.center_ppm, ran.scenario.frozen
    );
    for (key, promise) in ran.scenario.keys.iter().enumerate() {
        let _ = writeln!(text, "  key {key}: {promise:?}");
    }
    let faults = ran
        .told
        .events
        .iter()
        .filter(|(_, what)| matches!(what, What::Fault(_)));
    faults.for_each(|event| line(&mut text, event));
    let _ = writeln!(text, "  losses: {:?}", ran.told.losses);
    let around = broken.at.saturating_sub(BEFORE)..broken.at + AFTER;
    let _ = writeln!(text, "  around the violation:");
    let events: Vec<_> = ran
        .told
        .events
        .iter()
        .filter(|(at, _)| around.contains(at))
        .collect();
    let from = events.len().saturating_sub(LINES);
    events[from..]
        .iter()
        .for_each(|event| line(&mut text, event));
    text
}

fn line(text: &mut String, (at, what): &(Duration, What)) {
    let _ = match what {
        What::Fault(fault) => writeln!(text, "  {:>10.3} * {fault}", at.as_secs_f64()),
        What::Admitted { pod, key, late } => {
            writeln!(
                text,
                "  {:>10.3} pod {pod} key {key} sends{}",
                at.as_secs_f64(),
                if late.is_zero() {
                    String::new()
                } else {
                    format!(", checked {late:?} before")
                }
            )
        }
        What::Refused { pod, key, code } => {
            writeln!(
                text,
                "  {:>10.3} pod {pod} key {key}: {code}",
                at.as_secs_f64()
            )
        }
    };
}

/// What many runs came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) seeds: u64,
    pub(super) lasted: Duration,
    pub(super) admissions: usize,
    pub(super) refusals: u64,
    pub(super) faults: usize,
    pub(super) records: usize,
    /// Those of calls that an allowance paid.
    pub(super) ahead: usize,
    pub(super) worst: f64,
    pub(super) worst_deny: f64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "simulation: {} seeds, {:.1} virtual hours, {} faults, {} admissions, {} refusals, {} records, {} of them paid ahead; worst 60 s over the limit: {:.2} under Deny, {:.2} under Share",
            self.seeds,
            self.lasted.as_secs_f64() / 3_600.0,
            self.faults,
            self.admissions,
            self.refusals,
            self.records,
            self.ahead,
            self.worst_deny,
            self.worst,
        )
    }
}

/// A figure for people and, where figures are asked for, for the file that the README quotes.
pub(super) fn figure(line: &str) {
    let _ = writeln!(std::io::stderr(), "figure: {line}");
    let wanted = std::env::var_os("PURSER_TEST_SOAK").or(std::env::var_os("PURSER_SIM_SEEDS"));
    let folder = std::env::var_os("PURSER_TEST_FIGURES").filter(|_| wanted.is_some());
    let Some(folder) = folder else { return };
    let path = std::path::Path::new(&folder).join("sim.txt");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    writeln!(file.unwrap(), "{line}").unwrap();
}
