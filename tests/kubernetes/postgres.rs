//! A ledger in a real PostgreSQL: what it keeps survives an operator without a data directory, and the death of the server itself.

use super::cluster::SOON;
use super::metered::{METERED, scene, until_status};
use super::operator::World;
use super::speaker::{CREDIT, Speaker, is_held, record};
use purser_config::quota::ReserveVerdict;
use purser_config::stream::FromOperator;
use purser_tests::process::Process;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// A server on a Unix socket in a folder of its own.
struct Server {
    programs: PathBuf,
    folder: tempfile::TempDir,
    process: Option<Process>,
}

impl Server {
    async fn start() -> Self {
        let programs = std::env::var_os("PURSER_TEST_POSTGRES");
        let programs = programs.map_or_else(|| "/usr/lib/postgresql/15/bin".into(), PathBuf::from);
        let folder = tempfile::tempdir().unwrap();
        if rustix::process::getuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut server = Server {
            programs,
            folder,
            process: None,
        };
        let mut made = server.program("initdb");
        made.args(["-U", "purser", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        let made = made.output().unwrap();
        assert!(made.status.success(), "{made:?}");
        server.run().await;
        server
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if rustix::process::getuid().is_root() {
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

    async fn run(&mut self) {
        // Processes of a server that was killed end a moment after it, and no other starts before.
        let from = Instant::now();
        while !self.try_run().await {
            assert!(
                from.elapsed() < SOON,
                "what is left of the killed server does not end"
            );
        }
    }

    async fn try_run(&mut self) -> bool {
        let mut command = self.program("postgres");
        command.args(["-c", "listen_addresses=", "-k"]);
        command.arg(self.folder.path());
        let mut process = Process::start("postgres", &mut command).unwrap();
        let ready = "database system is ready to accept connections";
        let serving = process.until("PostgreSQL serves", SOON, async |process: &Process| {
            process.stderr().contains(ready).then_some(())
        });
        if let Err(error) = serving.await {
            let left = process
                .stderr()
                .contains("pre-existing shared memory block");
            assert!(left, "{error:?}");
            return false;
        }
        self.process = Some(process);
        true
    }

    fn url(&self) -> String {
        let folder = self.folder.path().display().to_string();
        format!("postgres://purser@{}/postgres", folder.replace('/', "%2F"))
    }
}

#[tokio::test]
async fn credits_in_a_postgresql_survive_an_operator_and_records_wait_for_a_dead_server() {
    let mut server = Server::start().await;
    let ledger = format!("--ledger={}", server.url());
    let world = World::own(&[&ledger, "--usage-status-every=1s"]).await;
    let (place, key) = scene(&world, "postgres", METERED).await;
    let mut one = Speaker::new(&place, "one").await;
    let calls = ["pg-1", "pg-2"].map(|id| one.credit(&key, id));
    assert!(one.reserve(calls.to_vec()).await.iter().all(is_held));
    assert_eq!(one.ship(1, vec![record(&key, "pg-1")]).await, 1);
    world.kill();
    world.run().await;
    let mut one = Speaker::new(&place, "one").await;
    let again = one.reserve(vec![one.credit(&key, "pg-2")]).await;
    assert!(is_held(&again[0]), "{again:?}");
    assert_eq!(again[0].credits_left, Some(CREDIT));

    drop(server.process.take());
    let refused = one.reserve(vec![one.credit(&key, "pg-3")]).await;
    assert_eq!(refused[0].verdict, ReserveVerdict::Unavailable);
    one.send(2, vec![record(&key, "pg-2")]);
    server.run().await;
    let kept = |said: &FromOperator| matches!(said, FromOperator::Kept { upto: 2, .. });
    one.stream.until(kept).await;
    until_status(&place, "creditsUsed", "2".into()).await;
    until_status(&place, "creditsLeft", "1".into()).await;
}
