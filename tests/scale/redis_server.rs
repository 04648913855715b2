//! A redis-server of the test's own, on a socket in a folder of its own, with the append-only file on that windows ask for.

use purser_tests::process::Process;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A running server.
pub(super) struct RedisServer {
    folder: tempfile::TempDir,
    _process: Process,
}

impl RedisServer {
    pub(super) async fn start() -> Self {
        let program = std::env::var_os("PURSER_TEST_REDIS").map(PathBuf::from);
        let program = program.expect("PURSER_TEST_REDIS; start these tests with tests/run.sh");
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("redis.sock");
        let mut command = Command::new(program);
        command
            .current_dir(folder.path())
            .args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""])
            .args(["--appendonly", "yes"]);
        let mut process = Process::start("redis-server", &mut command).unwrap();
        let serves = process.until("Redis serves", Duration::from_secs(20), async |_| {
            tokio::net::UnixStream::connect(&socket)
                .await
                .ok()
                .map(drop)
        });
        serves.await.unwrap();
        RedisServer {
            folder,
            _process: process,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.folder.path().display())
    }
}
