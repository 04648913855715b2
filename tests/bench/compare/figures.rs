//! What was measured, and what is printed of it: ratios within a round, their median, least and most. No I/O but reading the machine's name.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The loads, in the order of a round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loaded {
    /// 1 KB, closed loop.
    Small,
    /// 100 KB, closed loop.
    Large,
    /// 20 streams at once.
    Streams,
    /// 1 KB at 500 a second, open loop.
    Paced,
}

/// One contender under one load in one round.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Microseconds of CPU per request, or per chunk.
    pub(crate) cpu: f64,
    /// Calls a second.
    pub(crate) rate: f64,
    /// Microseconds: p50 of the first chunk of streams, of the whole answer otherwise.
    pub(crate) wait: f64,
}

/// What several starts of one contender gave.
#[derive(Default)]
pub(crate) struct Started {
    /// Milliseconds from the start to the first answer.
    pub(crate) first_answer: Vec<f64>,
    /// MiB after that answer.
    pub(crate) resident: Vec<f64>,
}

/// All of it.
pub(crate) struct Figures {
    rounds: usize,
    names: Vec<&'static str>,
    samples: BTreeMap<(&'static str, Loaded), Vec<Sample>>,
    started: BTreeMap<&'static str, Started>,
    loaded: BTreeMap<&'static str, f64>,
}

impl Loaded {
    pub(crate) const ALL: [Self; 4] = [Self::Small, Self::Large, Self::Streams, Self::Paced];
}

impl Figures {
    pub(crate) fn new(rounds: usize, names: Vec<&'static str>) -> Self {
        Self {
            rounds,
            names,
            samples: BTreeMap::new(),
            started: BTreeMap::new(),
            loaded: BTreeMap::new(),
        }
    }

    pub(crate) fn started(&mut self, name: &'static str, started: Started) {
        self.started.insert(name, started);
    }

    pub(crate) fn measured(&mut self, name: &'static str, load: Loaded, sample: Sample) {
        self.samples.entry((name, load)).or_default().push(sample);
    }

    pub(crate) fn loaded(&mut self, name: &'static str, resident: f64) {
        self.loaded.insert(name, resident);
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "# Purser beside its peers\n\nWritten by `tests/bench/run.sh`: {} rounds on {}. Median [least–most]; ratios are taken within a round.\n",
            self.rounds,
            machine()
        );
        for (title, load) in [
            (
                "CPU per request, 1 KB, closed loop, 32 connections",
                Loaded::Small,
            ),
            (
                "CPU per request, 100 KB, closed loop, 32 connections",
                Loaded::Large,
            ),
            (
                "CPU per SSE chunk, 20 streams of 100 chunks, 5 ms apart",
                Loaded::Streams,
            ),
        ] {
            let _ = write!(
                text,
                "\n## {title}\n\n| contender | calls/s | CPU µs | CPU ÷ floor |\n| --- | --- | --- | --- |\n"
            );
            for name in &self.names {
                let cpu = if *name == "direct" {
                    "".into()
                } else {
                    spread(&self.each(name, load, |own| own.cpu), 1)
                };
                let ratio = if *name == "direct" {
                    "".into()
                } else {
                    spread(&self.over([name, "floor"], load, |own, _| own.cpu), 2)
                };
                let _ = writeln!(
                    text,
                    "| {name} | {} | {cpu} | {ratio} |",
                    spread(&self.each(name, load, |own| own.rate), 0)
                );
            }
        }
        self.waits(&mut text);
        self.memory(&mut text);
        self.bars(&mut text);
        text
    }

    fn waits(&self, text: &mut String) {
        for (title, load) in [
            ("Added first chunk, p50, 20 streams", Loaded::Streams),
            (
                "Added answer time, p50, 1 KB at 500/s, open loop",
                Loaded::Paced,
            ),
        ] {
            let _ = write!(
                text,
                "\n## {title}\n\nOver direct, in µs.\n\n| contender | added µs | ÷ floor | ÷ nginx |\n| --- | --- | --- | --- |\n"
            );
            for name in self.names.iter().filter(|name| **name != "direct") {
                let added = spread(&self.each_added(name, load), 0);
                let floor = spread(
                    &self.over([name, "floor"], load, |own, direct| own.wait - direct.wait),
                    2,
                );
                let nginx = spread(
                    &self.over([name, "nginx"], load, |own, direct| own.wait - direct.wait),
                    2,
                );
                let _ = writeln!(text, "| {name} | {added} | {floor} | {nginx} |");
            }
        }
    }

    fn memory(&self, text: &mut String) {
        let _ = write!(
            text,
            "\n## Memory and start\n\nRSS in MiB over the process tree: after the first answer, and after all loads.\n\n"
        );
        let _ = write!(
            text,
            "| contender | idle RSS | loaded RSS | start to first answer, ms |\n| --- | --- | --- | --- |\n"
        );
        for name in self.names.iter().filter(|name| **name != "direct") {
            let Some(started) = self.started.get(name) else {
                continue;
            };
            let loaded = self
                .loaded
                .get(name)
                .map(|mebibytes| format!("{mebibytes:.1}"))
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "| {name} | {} | {loaded} | {} |",
                spread(&started.resident, 1),
                spread(&started.first_answer, 0)
            );
        }
    }

    /// DESIGN 9, for Purser.
    fn bars(&self, text: &mut String) {
        let Some(started) = self.started.get("purser") else {
            return;
        };
        let cpu = |load| median(&self.over(["purser", "floor"], load, |own, _| own.cpu));
        let first_chunk = median(&self.over(
            ["purser", "nginx"],
            Loaded::Streams,
            |own, direct| own.wait - direct.wait,
        ));
        let rows = [
            ("CPU per request, 1 KB, ÷ floor", 1.3, cpu(Loaded::Small)),
            ("CPU per SSE chunk ÷ floor", 1.1, cpu(Loaded::Streams)),
            ("added first chunk ÷ nginx", 1.2, first_chunk),
            ("idle RSS, MiB", 8.0, median(&started.resident)),
            (
                "start to first answer, ms",
                50.0,
                median(&started.first_answer),
            ),
        ];
        let _ = write!(
            text,
            "\n## Purser's bars\n\n| what | bar | measured | |\n| --- | --- | --- | --- |\n"
        );
        for (what, bar, measured) in rows {
            let verdict = match measured {
                None => "not measured",
                Some(measured) if measured <= bar => "holds",
                Some(_) => "missed",
            };
            let measured = measured
                .map(|measured| format!("{measured:.2}"))
                .unwrap_or_default();
            let _ = writeln!(text, "| {what} | ≤ {bar} | {measured} | {verdict} |");
        }
    }

    fn each(&self, name: &'static str, load: Loaded, of: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.rounds_of(name, load).iter().map(of).collect()
    }

    fn each_added(&self, name: &'static str, load: Loaded) -> Vec<f64> {
        let direct = self.rounds_of("direct", load);
        self.rounds_of(name, load)
            .iter()
            .zip(direct)
            .map(|(own, direct)| own.wait - direct.wait)
            .collect()
    }

    /// The first one's figure (from its own sample and direct's) over the second one's, round by round; nothing where either is missing.
    fn over(
        &self,
        [name, unit]: [&'static str; 2],
        load: Loaded,
        of: fn(&Sample, &Sample) -> f64,
    ) -> Vec<f64> {
        let unit = self.rounds_of(unit, load);
        let direct = self.rounds_of("direct", load);
        let rounds = self.rounds_of(name, load).iter().zip(unit).zip(direct);
        rounds
            .map(|((own, unit), direct)| of(own, direct) / of(unit, direct))
            .collect()
    }

    fn rounds_of(&self, name: &'static str, load: Loaded) -> &[Sample] {
        self.samples.get(&(name, load)).map_or(&[], Vec::as_slice)
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn spread(values: &[f64], digits: usize) -> String {
    let Some(middle) = median(values) else {
        return String::new();
    };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{middle:.digits$} [{least:.digits$}–{most:.digits$}]")
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    // This process is pinned to one core; the machine's own count stands in /proc.
    let cores = read("/proc/cpuinfo")
        .matches("processor\t")
        .count()
        .max(cores);
    format!(
        "{cores} cores ({}), Linux {}",
        model.unwrap_or_default(),
        read("/proc/sys/kernel/osrelease").trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut figures = Figures::new(2, vec!["direct", "floor", "purser"]);
        for (floor, purser) in [(10.0, 20.0), (100.0, 150.0)] {
            for (name, cpu) in [("direct", 0.0), ("floor", floor), ("purser", purser)] {
                figures.measured(
                    name,
                    Loaded::Small,
                    Sample {
                        cpu,
                        rate: 1.0,
                        wait: cpu,
                    },
                );
            }
        }
        assert_eq!(
            figures.over(["purser", "floor"], Loaded::Small, |own, _| own.cpu),
            [2.0, 1.5]
        );
        assert!(
            figures
                .over(["purser", "nginx"], Loaded::Small, |own, _| own.cpu)
                .is_empty(),
            "nginx did not run"
        );
        assert_eq!(spread(&[2.0, 1.5], 2), "1.75 [1.50–2.00]");
    }
}
