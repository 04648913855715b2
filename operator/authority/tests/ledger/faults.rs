//! Stores that fail: each says what is wrong and what to do, and works again once it can.

use crate::server::{Server, program, within};
use crate::setup::*;
use purser_authority::ledger::{Ledger, LedgerError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) async fn two_handles_of_one_store_agree(store: Store) {
    let opened = futures::future::join_all((0..6).map(|_| store.open())).await;
    reserve(&opened[0], ask("a", "k", 400)).await.unwrap();
    for other in &opened {
        assert_eq!(
            reserve(other, ask("b", "k", 200)).await.unwrap_err().left,
            100
        );
        assert_eq!(left(other, "k").await, 100);
    }
}

pub(crate) async fn a_newer_schema_is_refused_by_name(store: Store) {
    store.open().await;
    let newer = "INSERT INTO migrations VALUES (7)";
    let opened = match &store {
        Store::Sqlite(_) => {
            let file = rusqlite::Connection::open(store.path()).unwrap();
            file.execute_batch(newer).unwrap();
            Ledger::sqlite(&store.path()).await
        }
        Store::Postgres(url) => {
            run(url, &format!("SET search_path TO purser; {newer}")).await;
            Ledger::postgres(url).await
        }
    };
    let error = opened.err().unwrap();
    assert!(
        matches!(error, LedgerError::NewerSchema { found: 7, .. }),
        "{error}"
    );
}

async fn run(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
}

async fn refused(path: &Path) -> LedgerError {
    Ledger::sqlite(path)
        .await
        .err()
        .expect("it cannot be opened")
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused() {
    let store = Store::sqlite();
    std::fs::write(
        store.path(),
        "This is a letter, and no database at all. ".repeat(200),
    )
    .unwrap();
    let error = refused(&store.path()).await;
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
    assert!(
        error.to_string().contains("restore it from a backup"),
        "{error}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let store = Store::sqlite();
    let ledger = store.open().await;
    for n in 0..200 {
        let id = format!("c{n}");
        let mut long = record(&id, "k", 1);
        long.asked = "x".repeat(500);
        keep(&ledger, n + 1, vec![long]).await;
    }
    drop(ledger);
    settled(&store.path());
    let mut bytes = std::fs::read(store.path()).unwrap();
    for page in 3..bytes.len() / 4_096 {
        bytes[page * 4_096..page * 4_096 + 64].fill(0xAB);
    }
    std::fs::write(store.path(), bytes).unwrap();
    let error = refused(&store.path()).await;
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
}

/// Waits until the ledger's threads have ended and all is in the file itself.
fn settled(path: &Path) {
    let begun = Instant::now();
    // Whoever closes it last takes the log away; of two who close at once it may be neither.
    let log = path.with_extension("db-wal");
    while log.exists() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        let file = rusqlite::Connection::open(path).unwrap();
        file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error = refused(Path::new("/nonexistent/ledger.db")).await;
    assert!(matches!(error, LedgerError::CannotOpen { .. }), "{error}");
    assert!(
        error.to_string().contains("/nonexistent/ledger.db"),
        "{error}"
    );
}

/// What a folder that may only be read is to a user who is not root.
#[tokio::test]
async fn a_folder_that_is_read_only_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = Ledger::sqlite(&folder.path().join("old.db")).await.unwrap();
    drop(made);
    settled(&folder.path().join("old.db"));
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o555)).unwrap();
    // The test itself may lie where others may not look, so it is copied beside the ledger's folder.
    let copy = std::env::temp_dir().join(format!("ledger-test-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let words = program(&copy);
    let read_only = |name: &str| {
        let path = folder.path().join(name).display().to_string();
        let test = "ledger::faults::the_child_that_may_not_write";
        let child = Command::new(&words[0])
            .args(&words[1..])
            .args([test, "--exact", "--nocapture"])
            .env("PURSER_TEST_READ_ONLY", path)
            .output();
        let output = child.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{wrong}");
        said
    };
    let new = read_only("new.db");
    assert!(new.contains("must exist and be writable"), "{new}");
    let old = read_only("old.db");
    std::fs::remove_file(&copy).unwrap();
    assert!(old.contains("writable for this user"), "{old}");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn the_child_that_may_not_write() {
    let Ok(path) = std::env::var("PURSER_TEST_READ_ONLY") else {
        return;
    };
    println!("{}", refused(Path::new(&path)).await);
}

/// A disk of two megabytes, made of memory.
#[tokio::test]
async fn a_full_disk_fails_what_is_asked_and_nothing_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().to_str().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk])
        .output();
    if !mount.is_ok_and(|made| made.status.success()) {
        println!("skipped: this user may not mount a small disk");
        return;
    }
    let path = folder.path().join("ledger.db");
    let ledger = Ledger::sqlite(&path).await.unwrap();
    std::fs::write(folder.path().join("ballast"), vec![0; 1 << 20]).unwrap();
    let mut kept = 0;
    let error = loop {
        let mut long = record(&format!("c{kept}"), "k", 1);
        long.asked = "x".repeat(2_000);
        let batch = batch("spool-1", kept + 1, vec![long]);
        match ledger.keep(sender(), batch, NOW).await {
            Ok(answer) => kept = answer.unwrap().upto,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, LedgerError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("free some space"), "{error}");
    std::fs::remove_file(folder.path().join("ballast")).unwrap();
    keep(&ledger, kept + 1, vec![record("after", "k", 1)]).await;
    let facts = ledger.accounts(NOW).await.unwrap()[&key("k")].clone();
    assert_eq!(facts.requests_used, kept + 1);
    verify(&ledger).await;
    drop(ledger);
    settled(&path);
    Command::new("umount").args(["-l", disk]).status().unwrap();
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_its_password() {
    let error = Ledger::postgres("postgres://u:hunter2@host:notaport/db")
        .await
        .err()
        .unwrap();
    assert!(matches!(error, LedgerError::Address { .. }), "{error}");
    let error = Ledger::postgres("postgres://u:hunter2@127.0.0.1:9/db")
        .await
        .err()
        .unwrap();
    assert!(matches!(error, LedgerError::Unreachable { .. }), "{error}");
    assert!(
        !error.to_string().contains("hunter2") && error.to_string().contains("127.0.0.1:9/db"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_make_nothing_is_told_what_to_do() {
    let Some(Store::Postgres(url)) = Store::postgres().await else {
        return;
    };
    let role = format!("guest_{}", std::process::id());
    run(&url, &format!("CREATE ROLE {role} LOGIN")).await;
    let as_guest = url.replace("purser@", &format!("{role}@"));
    let error = Ledger::postgres(&as_guest).await.err().unwrap();
    assert!(matches!(error, LedgerError::NoSchema { .. }), "{error}");
    assert!(
        error.to_string().contains("CREATE SCHEMA purser"),
        "{error}"
    );
    let ledger = Ledger::postgres(&url).await.unwrap();
    let grants =
        "GRANT USAGE ON SCHEMA purser TO guest; GRANT ALL ON ALL TABLES IN SCHEMA purser TO guest";
    run(&url, &grants.replace("guest", &role)).await;
    let guest = Ledger::postgres(&as_guest).await.unwrap();
    assert!(reserve(&guest, ask("a", "k", 1)).await.is_ok());
    run(&url, "DROP SCHEMA purser CASCADE").await;
    let error = ledger.reserve(ask("b", "k", 1)).await.unwrap_err();
    assert!(matches!(error, LedgerError::NoSchema { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_found_again_with_all_it_acknowledged() {
    let Some(server) = Server::start().await else {
        return;
    };
    let ledger = Ledger::postgres(&within(server.url(), "postgres"))
        .await
        .unwrap();
    for turn in 0..3_u64 {
        let id = format!("r{turn}");
        reserve(&ledger, ask(&id, "k", 10)).await.unwrap();
        server.kill();
        let begun = Instant::now();
        let error = loop {
            match ledger.reserve(ask(&format!("lost{turn}"), "k", 1)).await {
                Err(error) => break error,
                Ok(_) => assert!(begun.elapsed() < Duration::from_secs(10)),
            }
        };
        assert!(matches!(error, LedgerError::Unreachable { .. }), "{error}");
        server.restart().await;
        let begun = Instant::now();
        while ledger
            .keep(
                sender(),
                batch("spool-1", turn + 1, vec![record(&id, "k", 4)]),
                NOW,
            )
            .await
            .is_err()
        {
            assert!(begun.elapsed() < Duration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let facts = ledger.accounts(NOW).await;
        let used = facts.map(|facts| facts[&key("k")].credits_used);
        assert_eq!(used, Ok(4 * (turn + 1)));
    }
    verify(&ledger).await;
}
