//! A Redis of a test's own, with an append-only file, on a Unix socket in a folder of its own; it is killed and started again on what it
//! wrote. Used by the test roots; ends with the value, and never touches a server that it did not start.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::process::Process;

/// How long it may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    // In the order of their end.
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl Redis {
    /// Starts an empty one, with the program of `PURSER_TEST_REDIS`.
    pub async fn start() -> anyhow::Result<Self> {
        let program = std::env::var_os("PURSER_TEST_REDIS")
            .context("PURSER_TEST_REDIS is not set; start these tests with tests/run.sh")?;
        let mut server = Self {
            program: program.into(),
            process: None,
            folder: tempfile::tempdir()?,
        };
        server.run().await?;
        Ok(server)
    }

    /// Its address, for `--windows`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Starts it, again.
    pub async fn run(&mut self) -> anyhow::Result<()> {
        // A killed server leaves its socket.
        let _ = std::fs::remove_file(self.socket());
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.folder.path())
            .args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""])
            .args(["--appendonly", "yes"]);
        let mut process = Process::start("redis-server", &mut command)?;
        let socket = self.socket();
        let opens = process.until("Redis listens", PATIENCE, async |_| {
            UnixStream::connect(&socket).await.ok()
        });
        opens.await?;
        self.process = Some(process);
        Ok(())
    }

    /// Tells it something, as `redis-cli` does; what it answers must be good.
    pub async fn tell(&self, command: &str) -> anyhow::Result<()> {
        let mut stream = UnixStream::connect(self.socket()).await?;
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .await?;
        let mut answer = [0; 128];
        let length = stream.read(&mut answer).await?;
        let answer = String::from_utf8_lossy(answer.get(..length).unwrap_or_default());
        anyhow::ensure!(answer.starts_with('+'), "{command}: {answer}");
        Ok(())
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}
