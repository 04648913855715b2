//! A real PostgreSQL for the tests: `initdb` into a temporary folder, as an unprivileged user where this one is root, on a Unix socket
//! alone. A shell waits beside it for the end of this process, however it ends, and takes both away.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

const NOBODY: u32 = 65_534;
static SHARED: OnceCell<Option<Server>> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Server {
    folder: PathBuf,
    url: String,
    /// Its standard input is what the shell waits for.
    _shell: Child,
}

/// A new database in the shared server.
pub(crate) async fn database() -> Option<String> {
    let server = SHARED.get_or_init(|| async { Server::start().await }).await;
    let Some(Server { url, .. }) = server else {
        println!("skipped: there is no PostgreSQL on this machine");
        return None;
    };
    let count = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = format!("ledger_{}_{count}", std::process::id());
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    Some(within(url, &name))
}

/// The address of another database of the same server.
pub(crate) fn within(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// The programs, where they are: in the folder that tests/run.sh names, or the system's.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("PURSER_TEST_POSTGRES").map(PathBuf::from);
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let debian = (10..30)
        .rev()
        .map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let mut folders = named
        .into_iter()
        .chain(std::env::split_paths(&on_path))
        .chain(debian);
    folders.find(|folder| folder.join("postgres").exists() && folder.join("initdb").exists())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A program, run by a user who is not root.
pub(crate) fn program(path: &Path) -> Vec<String> {
    let mut words = Vec::new();
    if is_root() {
        words.extend(
            [
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
            ]
            .map(str::to_owned),
        );
    }
    words.push(path.display().to_string());
    words
}

impl Server {
    pub(crate) async fn start() -> Option<Server> {
        let programs = programs()?;
        let folder = tempfile::Builder::new()
            .prefix("ledger-pg")
            .tempdir()
            .unwrap()
            .keep();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = folder.join("data").display().to_string();
        let words = program(&programs.join("initdb"));
        let made = Command::new(&words[0])
            .args(&words[1..])
            .args([
                "-D",
                &data,
                "-U",
                "purser",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
            ])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let url = format!(
            "postgres://purser@{}/postgres",
            folder.display().to_string().replace('/', "%2F")
        );
        let shell = run(&programs, &folder);
        let server = Server {
            folder,
            url,
            _shell: shell,
        };
        server.answers().await;
        Some(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as a loss of power would, until it is started again.
    pub(crate) fn kill(&self) {
        std::fs::write(self.folder.join("hold"), "").unwrap();
        let pid = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        let killed = Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.unwrap().success());
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(&self) {
        std::fs::remove_file(self.folder.join("hold")).unwrap();
        self.answers().await;
    }

    async fn answers(&self) {
        let begun = Instant::now();
        while tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .is_err()
        {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "PostgreSQL does not answer"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A shell that keeps a server running unless it is held, and takes it away when this process ends.
fn run(programs: &Path, folder: &Path) -> Child {
    let words = program(&programs.join("postgres")).join(" ");
    let folder = folder.display();
    let script = format!(
        "(while [ -e {folder}/data ]; do [ -e {folder}/hold ] || {words} -D {folder}/data -k {folder} \
           -c listen_addresses= -c max_connections=200 >>{folder}/log 2>&1; sleep 0.1; done) & \
         cat >/dev/null; mv {folder} {folder}.gone; \
         kill -QUIT $(head -1 {folder}.gone/data/postmaster.pid) 2>/dev/null; wait; rm -rf {folder}.gone"
    );
    Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
