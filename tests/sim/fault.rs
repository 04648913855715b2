//! The faults that a run can have, and how a seed chooses them. `world` does them.

use super::dice::Dice;
use std::time::Duration;

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A pod's stream breaks; `silent`: and neither end is told.
    Break { pod: usize, silent: bool },
    /// Nothing passes between a pod and the operator.
    Part { pod: usize, span: Duration },
    /// Nothing passes between any pod and the operator.
    PartAll { span: Duration },
    /// A sidecar is killed and, after a while, started again.
    KillPod {
        pod: usize,
        silent: bool,
        down: Duration,
    },
    /// A sidecar stands still.
    FreezePod { pod: usize, span: Duration },
    /// The operator is killed and started again, on its volume or on none; perhaps after its machine.
    KillCenter { down: Duration, volume: Volume },
    /// The operator stands still.
    FreezeCenter { span: Duration },
}

impl Fault {
    /// For how long it keeps a pod and the operator apart, where it does.
    pub(super) fn keeps(&self, from: usize) -> Option<Duration> {
        match self {
            Fault::Break { pod, .. } if *pod == from => Some(Duration::ZERO),
            Fault::Part { pod, span } | Fault::FreezePod { pod, span } if *pod == from => {
                Some(*span)
            }
            Fault::KillPod { pod, down, .. } if *pod == from => Some(*down),
            Fault::PartAll { span } | Fault::FreezeCenter { span } => Some(*span),
            Fault::KillCenter { down, .. } => Some(*down),
            _ => None,
        }
    }
}

/// What is left of the operator's volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Volume {
    /// All.
    Kept,
    /// Nothing.
    Lost,
    /// All, but written by another boot's clock.
    Rebooted,
}

/// The faults of a run, within its troubled time.
pub(super) fn faults(dice: &mut Dice, pods: usize, troubled: Duration) -> Vec<(Duration, Fault)> {
    let count = dice.one_of(&[0, 1, 2, 4, 8, 16]);
    let end = troubled.as_millis() as u64;
    let mut faults: Vec<(Duration, Fault)> = (0..count)
        .map(|_| {
            let at = dice.millis(2_000, end - 1_000);
            let left = (troubled - at).as_millis() as u64;
            (at, fault(dice, pods as u64, left))
        })
        .collect();
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn fault(dice: &mut Dice, pods: u64, left: u64) -> Fault {
    let pod = dice.below(pods) as usize;
    let silent = dice.one_in(2);
    let most = |dice: &mut Dice, longest: u64| dice.millis(100, longest.min(left).max(200));
    match dice.below(10) {
        0 | 1 => Fault::Break { pod, silent },
        2 => Fault::Part {
            pod,
            span: most(dice, 90_000),
        },
        3 => Fault::Part {
            pod,
            span: most(dice, 5_000),
        },
        4 => Fault::PartAll {
            span: most(dice, 30_000),
        },
        5 => Fault::KillPod {
            pod,
            silent,
            down: most(dice, 20_000),
        },
        6 => Fault::FreezePod {
            pod,
            span: most(dice, 8_000),
        },
        7 => Fault::FreezeCenter {
            span: most(dice, 8_000),
        },
        _ => {
            let volume = match dice.below(6) {
                0 => Volume::Lost,
                1 => Volume::Rebooted,
                _ => Volume::Kept,
            };
            Fault::KillCenter {
                down: most(dice, 15_000),
                volume,
            }
        }
    }
}
