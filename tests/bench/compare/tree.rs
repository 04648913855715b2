//! One contender's processes, seen through /proc: how much CPU they took, how much memory they hold; and stopping and waking them.
//! Signals go by process id to a process that the bench started and to its descendants, and to nothing else.

use std::collections::BTreeMap;
use std::fs;

use purser_tests::process::resident_kib;
use rustix::process::{Pid, Signal, kill_process};

/// A process and all that it started.
#[derive(Clone, Copy)]
pub(crate) struct Tree(pub(crate) u32);

/// CPU time up to now.
pub(crate) struct Cpu {
    /// Nanoseconds on a core, by process and thread: exact, but a thread that ends takes its count with it.
    threads: BTreeMap<(u32, u32), u64>,
    /// Nanoseconds by process, ended threads included: in steps of a clock tick.
    processes: BTreeMap<u32, u64>,
}

/// A clock tick of /proc: 100 in a second on every Linux that matters.
const TICK: u64 = 10_000_000;

impl Tree {
    /// The process ids, the root first.
    pub(crate) fn pids(self) -> Vec<u32> {
        let parents: Vec<(u32, u32)> = numbers("/proc")
            .into_iter()
            .filter_map(|pid| Some((pid, parent(pid)?)))
            .collect();
        let mut found = vec![self.0];
        let mut next = 0;
        while let Some(above) = found.get(next).copied() {
            found.extend(
                parents
                    .iter()
                    .filter(|(_, parent)| *parent == above)
                    .map(|(pid, _)| *pid),
            );
            next += 1;
        }
        found
    }

    pub(crate) fn cpu(self) -> Cpu {
        let mut cpu = Cpu {
            threads: BTreeMap::new(),
            processes: BTreeMap::new(),
        };
        for pid in self.pids() {
            cpu.processes.insert(pid, ticks(pid).unwrap_or(0) * TICK);
            for thread in numbers(&format!("/proc/{pid}/task")) {
                let spent = read(&format!("/proc/{pid}/task/{thread}/schedstat"));
                let spent = spent
                    .split(' ')
                    .next()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0);
                cpu.threads.insert((pid, thread), spent);
            }
        }
        cpu
    }

    /// Resident memory in MiB; pages shared between its processes count in each.
    pub(crate) fn resident(self) -> f64 {
        let kib: u64 = self.pids().into_iter().map(resident_kib).sum();
        kib as f64 / 1024.0
    }

    pub(crate) fn stop(self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn wake(self) {
        self.signal(Signal::CONT);
    }

    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn signal(self, signal: Signal) {
        for pid in self
            .pids()
            .into_iter()
            .filter_map(|pid| i32::try_from(pid).ok())
            .filter_map(Pid::from_raw)
        {
            // One that ended a moment ago needs no signal.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Cpu {
    /// Nanoseconds spent since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> u64 {
        let of = |pid: u32| {
            let lost = earlier
                .threads
                .keys()
                .any(|key| key.0 == pid && !self.threads.contains_key(key));
            if lost {
                return self.processes[&pid]
                    .saturating_sub(earlier.processes.get(&pid).copied().unwrap_or(0));
            }
            let before = |key| earlier.threads.get(key).copied().unwrap_or(0);
            self.threads
                .iter()
                .filter(|(key, _)| key.0 == pid)
                .map(|(key, spent)| spent.saturating_sub(before(key)))
                .sum()
        };
        self.processes.keys().copied().map(of).sum()
    }
}

fn parent(pid: u32) -> Option<u32> {
    field(pid, 1)?.parse().ok()
}

fn ticks(pid: u32) -> Option<u64> {
    Some(field(pid, 11)?.parse::<u64>().ok()? + field(pid, 12)?.parse::<u64>().ok()?)
}

/// A field of /proc/PID/stat, counted from the state, which follows the name in brackets: a name may hold anything.
fn field(pid: u32, index: usize) -> Option<String> {
    let stat = read(&format!("/proc/{pid}/stat"));
    stat.rsplit_once(") ")?
        .1
        .split(' ')
        .nth(index)
        .map(str::to_owned)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn numbers(folder: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
