//! A spool that is full, and disks that refuse.

use super::*;
use std::fs::{File, OpenOptions};

fn metered_only(spool: &Spool) -> (bool, Option<u64>) {
    (
        spool.intent(&intent("more")).is_err(),
        spool.outcome(unmetered("free")),
    )
}

/// From now on every write says that no space is left.
fn fill_up(spool: &Spool) -> Arc<File> {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut state = spool.state();
    state
        .disk
        .as_mut()
        .unwrap()
        .file
        .replace(Arc::new(full))
        .unwrap()
}

#[test]
fn a_full_spool_refuses_calls_that_pay_counts_others_and_ends_those_under_way() {
    let folder = super::folder();
    let limits = Limits {
        bytes: 8 << 10,
        ..SMALL
    };
    let (spool, _) = Spool::open_with(folder.path(), limits).unwrap();
    spool.intent(&intent("under way")).unwrap();
    let mut calls = 0;
    while !spool.is_full() {
        call(&spool, &format!("r{calls}"));
        calls += 1;
    }
    assert_eq!(spool.intent(&intent("more")), Err(Refused::Full));
    assert!(spool.trouble().unwrap().contains("is full"));
    assert_eq!(metered_only(&spool), (true, None));
    assert_eq!(spool.lost(), 1);
    assert_eq!(spool.outcome(record("under way")), Some(calls + 1));
    let mut authority = Authority::default();
    authority.drain(&spool);
    spool.sync();
    assert!(!spool.is_full());
    assert_eq!(metered_only(&spool), (false, Some(calls + 2)));
}

#[test]
fn a_disk_without_room_is_a_state_that_ends_when_there_is_room_again() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    spool.intent(&intent("under way")).unwrap();
    let good = fill_up(&spool);
    assert!(matches!(
        spool.intent(&intent("more")),
        Err(Refused::Disk(_))
    ));
    assert!(matches!(
        spool.intent(&intent("more")),
        Err(Refused::Disk(_))
    ));
    let fault = spool.trouble().unwrap();
    assert!(
        fault.contains("No space left") && fault.contains("make room"),
        "{fault}"
    );
    assert_eq!(spool.outcome(unmetered("free")), None);
    assert_eq!(spool.outcome(record("under way")), Some(1));
    spool.sync();
    assert!(
        spool.next_batch(9).is_none(),
        "what a crash would lose is not shipped"
    );
    spool.state().disk.as_mut().unwrap().file = Some(good);
    spool.sync();
    assert_eq!((spool.trouble(), spool.lost()), (None, 1));
    assert_eq!(ids(&spool.next_batch(9).unwrap()), ["under way"]);
    drop(spool);
    let (spool, recovered) = open(folder.path());
    assert_eq!((recovered.interrupted, recovered.damaged.len()), (0, 0));
    assert_eq!(ids(&spool.next_batch(9).unwrap()), ["under way"]);
}

#[test]
fn a_folder_that_cannot_be_one_says_what_it_needs() {
    let folder = super::folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for bad in [file.join("spool"), PathBuf::from("/proc/spool")] {
        let error = Spool::open(&bad).err().unwrap().to_string();
        assert!(error.contains(bad.to_str().unwrap()), "{error}");
        assert!(
            error.contains("it needs a writable folder with room"),
            "{error}"
        );
    }
}

#[test]
fn a_model_name_that_no_reader_would_accept_is_refused_and_harms_nothing() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    let asked = "x".repeat(2 << 20);
    let long = Intent {
        asked: asked.as_str().into(),
        ..intent("long")
    };
    assert_eq!(spool.intent(&long), Err(Refused::TooLong));
    assert_eq!(call(&spool, "next"), 1);
    drop(spool);
    assert_eq!(open(folder.path()).1.waiting, 1);
}
