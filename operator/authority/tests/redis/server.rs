//! A redis-server of a test's own, on a socket in a directory of its own; stopped with the test.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(super) struct Server {
    program: PathBuf,
    dir: tempfile::TempDir,
    args: Vec<String>,
    child: Child,
}

/// The program, if this machine has it.
fn program() -> Option<PathBuf> {
    let named = std::env::var_os("PURSER_TEST_REDIS").map(PathBuf::from);
    let known = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let known = known.join("../../target/toolchain/bin/redis-server");
    let found = named.or_else(|| known.exists().then_some(known));
    if found.is_none() {
        eprintln!(
            "not proved: no redis-server here; run tests/toolchain.sh, or set PURSER_TEST_REDIS"
        );
    }
    found
}

impl Server {
    /// With an append-only file, as it must be.
    pub(super) fn start() -> Option<Server> {
        Server::with(&["--appendonly", "yes"])
    }

    /// With these settings.
    pub(super) fn with(args: &[&str]) -> Option<Server> {
        let program = program()?;
        let dir = tempfile::tempdir().unwrap();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let child = spawn(&program, &dir, &args);
        let server = Server {
            program,
            dir,
            args,
            child,
        };
        server.wait();
        Some(server)
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// A connection of the test's own.
    pub(super) fn connect(&self) -> ::redis::Connection {
        let client = ::redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err() {
            assert!(Instant::now() < until, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(killed.success());
    }

    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Kills it as a crash would.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again on what it wrote.
    pub(super) fn restart(&mut self) {
        self.child = spawn(&self.program, &self.dir, &self.args);
        self.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &PathBuf, dir: &tempfile::TempDir, args: &[String]) -> Child {
    Command::new(program)
        .current_dir(dir.path())
        .args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""])
        .args(args)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
