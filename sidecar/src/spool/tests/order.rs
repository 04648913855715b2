//! Numbers, batches and what an acknowledgement frees.

use super::*;

#[test]
fn records_have_numbers_without_a_gap_in_the_order_in_which_calls_end() {
    let folder = super::folder();
    let (spool, recovered) = open(folder.path());
    assert_eq!(recovered, Recovered::default());
    for id in ["a", "b", "c"] {
        spool.intent(&intent(id)).unwrap();
    }
    for (number, id) in [(1, "c"), (2, "a"), (3, "b")] {
        assert_eq!(spool.outcome(record(id)), Some(number));
    }
    assert!(spool.next_batch(9).is_none(), "nothing is durable yet");
    spool.sync();
    let batch = spool.next_batch(9).unwrap();
    assert_eq!(
        (batch.first, ids(&batch)),
        (1, vec!["c".into(), "a".into(), "b".into()])
    );
    assert_eq!(batch.spool, spool.id());
    assert_eq!(spool.next_batch(2).unwrap().records.len(), 2);
    spool.kept(&spool.id(), 2);
    spool.kept(&spool.id(), 1);
    let rest = spool.next_batch(9).unwrap();
    assert_eq!((rest.first, ids(&rest)), (3, vec!["b".into()]));
    spool.kept(&spool.id(), 3);
    assert!(spool.next_batch(9).is_none());
}

#[test]
fn a_backlog_longer_than_memory_is_read_back_in_order() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    let mut authority = Authority::default();
    for number in 1..=100 {
        assert_eq!(call(&spool, &format!("r{number}")), number);
        if number % 30 == 0 {
            spool.sync();
            let batch = spool.next_batch(2).unwrap();
            spool.kept(&spool.id(), authority.take(&batch));
        }
    }
    authority.drain(&spool);
    let expected: Vec<String> = (1..=100).map(|number| format!("r{number}")).collect();
    let got: Vec<String> = authority.records.iter().map(|one| one.id.clone()).collect();
    assert_eq!(got, expected);
}

#[test]
fn segments_go_once_they_are_kept_and_a_long_call_does_not_hold_them() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    spool.intent(&intent("long")).unwrap();
    let mut authority = Authority::default();
    for number in 0..200 {
        call(&spool, &format!("r{number}"));
        authority.drain(&spool);
    }
    authority.drain(&spool);
    assert!(segments(folder.path()).len() <= 2);
    let crashed = copied(folder.path());
    let (next, recovered) = open(crashed.path());
    assert_eq!((recovered.interrupted, recovered.waiting), (1, 1));
    next.sync();
    assert_eq!(ids(&next.next_batch(9).unwrap()), ["long"]);
    assert_eq!(spool.outcome(record("long")), Some(201));
}

#[test]
fn segments_that_went_before_a_crash_leave_nothing_open() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    spool.intent(&intent("early")).unwrap();
    for number in 0..40 {
        call(&spool, &format!("r{number}"));
    }
    spool.outcome(record("early")).unwrap();
    spool.sync();
    spool.kept(&spool.id(), 41);
    let all = segments(folder.path()).len();
    assert!(all > 4);
    for gone in 0..all - 1 {
        let crashed = copied(folder.path());
        for path in &segments(crashed.path())[..gone] {
            std::fs::remove_file(path).unwrap();
        }
        let (next, recovered) = open(crashed.path());
        assert_eq!(recovered, Recovered::default(), "{gone} gone");
        assert_eq!(call(&next, "next"), 42);
    }
}

#[test]
fn a_withdrawn_intent_has_no_record() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    spool.intent(&intent("a")).unwrap();
    spool.withdraw("a");
    drop(spool);
    assert_eq!(open(folder.path()).1, Recovered::default());
}

#[test]
fn a_spool_in_memory_ships_the_same_way() {
    let spool = Spool::memory(1 << 20);
    let mut authority = Authority::default();
    for number in 1..=10 {
        assert_eq!(call(&spool, &format!("r{number}")), number);
    }
    authority.drain(&spool);
    assert_eq!(authority.records.len(), 10);
    assert_eq!(
        (spool.fault(), spool.lost(), spool.is_full()),
        (None, 0, false)
    );
    call(&spool, "one more");
    let before = spool.id();
    spool.renew().unwrap();
    assert_ne!(spool.id(), before);
    assert_eq!(spool.next_batch(9).unwrap().first, 1);
}
