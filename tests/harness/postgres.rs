//! A PostgreSQL of a test's own, on a Unix socket in a folder of its own; it is killed and started again on what it wrote. Used by the test
//! roots; ends with the value, and never touches a server that it did not start.

use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::getuid;

use crate::process::{Process, children, runs};

/// PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;
/// How long it may take to begin, recovery included.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a process that is ending.
const LOOK: Duration = Duration::from_millis(5);

/// The server.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    // In the order of their end.
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl Postgres {
    /// Makes an empty one and starts it, with the programs of `PURSER_TEST_POSTGRES`.
    pub async fn start() -> anyhow::Result<Self> {
        let programs = std::env::var_os("PURSER_TEST_POSTGRES");
        let programs = programs.map_or_else(|| "/usr/lib/postgresql/15/bin".into(), PathBuf::from);
        let folder = tempfile::tempdir()?;
        if getuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let mut server = Self {
            programs,
            process: None,
            folder,
        };
        let mut made = server.program("initdb");
        made.args(["-U", "purser", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        let made = made.output().context("running initdb")?;
        anyhow::ensure!(made.status.success(), "initdb: {made:?}");
        server.run().await?;
        Ok(server)
    }

    /// Its address, for `--ledger`.
    pub fn url(&self) -> String {
        self.url_of("purser")
    }

    /// The same, for another role.
    pub fn url_of(&self, role: &str) -> String {
        let folder = self.folder.path().display().to_string();
        format!("postgres://{role}@{}/postgres", folder.replace('/', "%2F"))
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Runs a statement as its superuser.
    pub fn run_sql(&self, statement: &str) -> anyhow::Result<()> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "purser",
            "-d",
            "postgres",
            "-h",
        ]);
        psql.arg(self.folder.path()).args(["-c", statement]);
        let ran = psql.output().context("running psql")?;
        anyhow::ensure!(ran.status.success(), "{statement}: {ran:?}");
        Ok(())
    }

    /// SIGKILL. Those of its processes that serve connections answer until they notice, so it returns when they have.
    pub fn kill(&mut self) {
        let Some(process) = self.process.take() else {
            return;
        };
        let serving = children(process.pid());
        drop(process);
        let from = Instant::now();
        while serving.iter().any(|&pid| runs(pid)) && from.elapsed() < PATIENCE {
            std::thread::sleep(LOOK);
        }
    }

    /// Starts it, again.
    pub async fn run(&mut self) -> anyhow::Result<()> {
        // Processes of a server that was killed end a moment after it, and no other starts before.
        let from = Instant::now();
        while !self.try_run().await? {
            anyhow::ensure!(
                from.elapsed() < PATIENCE,
                "what is left of the killed server does not end"
            );
        }
        Ok(())
    }

    async fn try_run(&mut self) -> anyhow::Result<bool> {
        let mut command = self.program("postgres");
        command.args(["-c", "listen_addresses=", "-k"]);
        command.arg(self.folder.path());
        let mut process = Process::start("postgres", &mut command)?;
        let ready = "database system is ready to accept connections";
        let serving = process.until("PostgreSQL serves", PATIENCE, async |process: &Process| {
            process.stderr().contains(ready).then_some(())
        });
        if let Err(error) = serving.await {
            let left = process
                .stderr()
                .contains("pre-existing shared memory block");
            return if left { Ok(false) } else { Err(error) };
        }
        self.process = Some(process);
        Ok(true)
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if getuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command.arg("-D").arg(self.folder.path().join("data"));
        command
    }
}
