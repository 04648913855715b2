//! What was measured, and its ratios: within a round, then their median, least and most. `tables` prints it. No I/O.

use std::collections::BTreeMap;

use crate::contender::{MODEL, TRANSLATED};

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
    /// `Small`, of a model of another API.
    Translated,
    /// `Streams`, of a model of another API.
    TranslatedStreams,
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
    pub(crate) rounds: usize,
    pub(crate) names: Vec<&'static str>,
    samples: BTreeMap<(&'static str, Loaded), Vec<Sample>>,
    pub(crate) started: BTreeMap<&'static str, Started>,
    pub(crate) loaded: BTreeMap<&'static str, f64>,
}

/// Someone under a load.
pub(crate) type Who = (&'static str, Loaded);

impl Loaded {
    pub(crate) const ALL: [Self; 6] = [
        Self::Small,
        Self::Large,
        Self::Streams,
        Self::Paced,
        Self::Translated,
        Self::TranslatedStreams,
    ];

    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Translated | Self::TranslatedStreams => TRANSLATED,
            _ => MODEL,
        }
    }

    pub(crate) fn is_streamed(self) -> bool {
        matches!(self, Self::Streams | Self::TranslatedStreams)
    }

    /// The same without a translation.
    pub(crate) fn untouched(self) -> Self {
        match self {
            Self::Translated => Self::Small,
            Self::TranslatedStreams => Self::Streams,
            other => other,
        }
    }
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

    pub(crate) fn each(&self, (name, load): Who, of: fn(&Sample) -> f64) -> Vec<f64> {
        self.rounds_of(name, load).iter().map(of).collect()
    }

    /// What it adds to the time that the mock takes by itself, untranslated.
    pub(crate) fn added(&self, (name, load): Who) -> Vec<f64> {
        let direct = self.rounds_of("direct", load.untouched());
        self.rounds_of(name, load)
            .iter()
            .zip(direct)
            .map(|(own, direct)| own.wait - direct.wait)
            .collect()
    }

    /// The first one's figure over the second one's, round by round; nothing where either is missing.
    pub(crate) fn over(&self, [one, unit]: [Who; 2], of: fn(&Sample) -> f64) -> Vec<f64> {
        let (one, unit) = (self.each(one, of), self.each(unit, of));
        one.iter().zip(unit).map(|(one, unit)| one / unit).collect()
    }

    /// The same of the time that they add.
    pub(crate) fn added_over(&self, [one, unit]: [Who; 2]) -> Vec<f64> {
        let (one, unit) = (self.added(one), self.added(unit));
        one.iter().zip(unit).map(|(one, unit)| one / unit).collect()
    }

    fn rounds_of(&self, name: &'static str, load: Loaded) -> &[Sample] {
        self.samples.get(&(name, load)).map_or(&[], Vec::as_slice)
    }
}

pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

pub(crate) fn spread(values: &[f64], digits: usize) -> String {
    let Some(middle) = median(values) else {
        return String::new();
    };
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{middle:.digits$} [{least:.digits$}–{most:.digits$}]")
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
        let small = |names: [&'static str; 2]| names.map(|name| (name, Loaded::Small));
        assert_eq!(
            figures.over(small(["purser", "floor"]), |own| own.cpu),
            [2.0, 1.5]
        );
        assert!(
            figures
                .over(small(["purser", "nginx"]), |own| own.cpu)
                .is_empty(),
            "nginx did not run"
        );
        assert_eq!(spread(&[2.0, 1.5], 2), "1.75 [1.50–2.00]");
    }
}
