//! Starts programs, ours and others', waits until they are ready, and ends them: always by the process id that it started.
//! What a program prints goes to a file and is shown when a test fails. Nothing here sleeps blindly: each wait names what it waits
//! for, and fails with the program's output when that does not come. Nothing outlives the value: dropping it kills.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::sse_client::Call;

/// Between two looks at something that is not ready.
const LOOK: Duration = Duration::from_millis(2);

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    started: Instant,
    folder: tempfile::TempDir,
}

/// Where a program of this workspace is: in `PURSER_TEST_BIN`, else where cargo put it beside the running test.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let folders = match std::env::var_os("PURSER_TEST_BIN") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => std::env::current_exe()?
            .ancestors()
            .skip(1)
            .take(2)
            .map(Path::to_path_buf)
            .collect(),
    };
    let found = folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.with_context(|| format!("no program {name} in {folders:?}; build it first: cargo build"))
}

impl Process {
    /// Starts the command with nothing to read and its output in files.
    pub fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = |stream| File::create(folder.path().join(stream));
        command
            .stdin(Stdio::null())
            .stdout(file("stdout")?)
            .stderr(file("stderr")?);
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("starting {name}: {command:?}"))?;
        Ok(Self {
            name: name.into(),
            child,
            started,
            folder,
        })
    }

    /// Starts a program of this workspace.
    pub fn ours<A: AsRef<OsStr>>(
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Self> {
        Self::start(name, Command::new(binary(name)?).args(arguments))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        self.printed("stdout")
    }

    /// What it complained of so far.
    pub fn stderr(&self) -> String {
        self.printed("stderr")
    }

    /// Waits for something; fails when the program ends first or the time is over.
    pub async fn until<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut look: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> anyhow::Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(seen) = look(self).await {
                return Ok(seen);
            }
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!(
                    "{} ended ({status}) before {what}{}",
                    self.name,
                    self.report()
                );
            }
            if begun.elapsed() > patience {
                anyhow::bail!(
                    "{}: waited {patience:?} for {what}{}",
                    self.name,
                    self.report()
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits for a line on its output that begins so, and returns what follows.
    pub async fn until_prints(
        &mut self,
        beginning: &str,
        patience: Duration,
    ) -> anyhow::Result<String> {
        let what = format!("a line that begins with {beginning:?}");
        let find = |text: String| {
            // A line without its end is still being written.
            let whole = text
                .rsplit_once('\n')
                .map(|(lines, _)| lines.to_owned())
                .unwrap_or_default();
            whole
                .lines()
                .find_map(|line| line.strip_prefix(beginning))
                .map(str::to_owned)
        };
        self.until(&what, patience, async |process: &Self| {
            find(process.stdout()).or_else(|| find(process.stderr()))
        })
        .await
    }

    /// Waits until it answers this call with 200; returns the time since its start.
    pub async fn until_answers(
        &mut self,
        address: SocketAddr,
        call: &Call,
        patience: Duration,
    ) -> anyhow::Result<Duration> {
        let what = format!("an answer 200 at {address}");
        self.until(&what, patience, async |process: &Self| {
            let answer = call
                .send(address)
                .await
                .ok()
                .filter(|answer| answer.status() == 200)?;
            answer.body().await.ok().map(|_| process.started.elapsed())
        })
        .await
    }

    /// Sends a signal to this process alone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(Pid::from_raw)
            .context("not a process id")?;
        kill_process(pid, signal).with_context(|| format!("signalling {}", self.name))
    }

    /// SIGTERM, then patience, then SIGKILL; says which status it ended with. Too late is an error, though it is ended all the same.
    pub async fn end(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        // One that a bench has stopped would not see it.
        self.signal(Signal::CONT)?;
        self.until_ended(patience).await
    }

    /// Waits until it has ended by itself.
    pub async fn until_ended(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() <= patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(LOOK).await;
        }
        let report = self.report();
        self.kill();
        anyhow::bail!(
            "{} did not end within {patience:?} and was killed{report}",
            self.name
        )
    }

    /// SIGKILL, as a node's memory pressure or a test of crashes does it.
    pub fn kill(&mut self) {
        // It may have ended a moment ago; either way it is gone after the wait.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn printed(&self, stream: &str) -> String {
        let bytes = std::fs::read(self.folder.path().join(stream)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn report(&self) -> String {
        let tail = |text: String| {
            text.lines()
                .rev()
                .take(40)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect::<Vec<_>>()
                .join("\n")
        };
        format!(
            "\n--- {} stdout\n{}\n--- {} stderr\n{}\n---",
            self.name,
            tail(self.stdout()),
            self.name,
            tail(self.stderr())
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.report());
        }
    }
}

/// What a process holds of the machine's memory, pages of files among it, in KiB; 0 where there is none.
pub fn resident_kib(pid: u32) -> u64 {
    memory_kib(pid, "VmRSS").unwrap_or(0)
}

/// The processes that a process has started and that are not over.
pub fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    listed
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}

/// Whether it goes on; one that has ended and that nobody has waited for does not.
pub fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|status| !status.contains("\nState:\tZ"))
}

/// A line of `/proc/PID/status`, in KiB: `VmRSS`, `VmHWM`; none where there is no such process.
pub fn memory_kib(pid: u32, line: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let found = status.lines().find_map(|text| text.strip_prefix(line))?;
    let digits = found.trim_matches(|c: char| !c.is_ascii_digit());
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Process {
        Process::start("sh", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[tokio::test]
    async fn a_printed_line_is_waited_for_and_the_rest_of_it_returned() {
        let mut process = shell("echo starting; echo listening 127.0.0.1:1; exec sleep 60");
        assert_eq!(
            process.until_prints("listening ", SOON).await.unwrap(),
            "127.0.0.1:1"
        );
        assert_eq!(
            process.end(SOON).await.unwrap().code(),
            None,
            "ended by the signal"
        );
    }

    #[tokio::test]
    async fn a_program_that_ends_too_early_is_reported_with_what_it_said() {
        let error = shell("echo no such file >&2; exit 3")
            .until_prints("listening ", SOON)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no such file") && error.contains("exit status: 3"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_program_that_ignores_sigterm_is_killed_and_that_is_an_error() {
        let mut process = shell("trap '' TERM; echo listening; while :; do sleep 0.05; done");
        process.until_prints("listening", SOON).await.unwrap();
        assert!(process.end(Duration::from_millis(100)).await.is_err());
        assert!(process.child.try_wait().unwrap().is_some(), "it is gone");
    }

    #[tokio::test]
    async fn dropping_kills() {
        let mut process = shell("echo listening; exec sleep 60");
        process.until_prints("listening", SOON).await.unwrap();
        let folder = PathBuf::from(format!("/proc/{}", process.pid()));
        drop(process);
        assert!(!folder.exists());
    }
}
