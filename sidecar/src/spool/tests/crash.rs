//! A process that dies, at any point, and the next one.

use super::*;

#[test]
fn an_open_intent_becomes_one_interrupted_record_before_serving() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    call(&spool, "done");
    spool.intent(&intent("b")).unwrap();
    spool
        .intent(&Intent {
            unconfirmed_pays: true,
            ..intent("a")
        })
        .unwrap();
    drop(spool);
    let (spool, recovered) = open(folder.path());
    assert_eq!((recovered.waiting, recovered.interrupted), (3, 2));
    assert!(recovered.damaged.is_empty());
    let batch = spool.next_batch(9).unwrap();
    assert_eq!(ids(&batch), ["done", "b", "a"]);
    let [_, void, paid] = &batch.records[..] else {
        panic!()
    };
    assert_eq!(
        (void.end, void.credits, void.estimated),
        (End::Interrupted, 0, true)
    );
    assert_eq!((paid.end, paid.credits), (End::Interrupted, 900));
    assert_eq!(paid.reservation.as_deref(), Some("a"));
    drop(spool);
    let (spool, again) = open(folder.path());
    assert_eq!((again.waiting, again.interrupted), (3, 0));
    assert_eq!(spool.next_batch(9).unwrap(), batch);
}

#[test]
fn numbers_and_the_name_go_on_and_what_is_kept_does_not_come_back() {
    let folder = super::folder();
    let mut authority = Authority::default();
    let mut id = None;
    for round in 0..6u64 {
        let (spool, recovered) = open(folder.path());
        assert_eq!(recovered.waiting, u64::from(round > 0));
        assert_eq!(*id.get_or_insert(spool.id()), spool.id());
        for number in 0..7 {
            call(&spool, &format!("r{round}-{number}"));
        }
        authority.drain(&spool);
        assert_eq!(call(&spool, &format!("last-{round}")), (round + 1) * 8);
    }
    let (spool, _) = open(folder.path());
    authority.drain(&spool);
    assert_eq!(authority.records.len(), 48);
}

#[test]
fn two_processes_never_share_a_folder() {
    let folder = super::folder();
    let held = open(folder.path());
    let second = Spool::open(folder.path()).err().unwrap();
    assert!(matches!(second, InvalidSpool::Taken(_)));
    assert!(second.to_string().contains("another process has it"));
    drop(held);
    open(folder.path());
}

#[test]
fn a_spool_under_a_new_name_has_everything_that_waits_and_every_open_intent() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    let before = spool.id();
    for number in 0..20 {
        call(&spool, &format!("r{number}"));
    }
    spool.sync();
    spool.kept(&spool.id(), 5);
    spool.intent(&intent("open")).unwrap();
    spool.renew().unwrap();
    assert_ne!(spool.id(), before);
    assert_eq!(call(&spool, "after"), 16);
    let crashed = copied(folder.path());
    for (spool, ends) in [
        (open(crashed.path()).0, End::Interrupted),
        (spool, End::Done),
    ] {
        spool.intent(&intent("open")).unwrap();
        if ends == End::Done {
            spool.outcome(record("open")).unwrap();
        }
        let mut authority = Authority::default();
        authority.drain(&spool);
        let first = authority.records.first().unwrap();
        assert_eq!((first.id.as_str(), authority.records.len()), ("r5", 17));
        assert_eq!(authority.of("open"), [ends]);
    }
}

#[test]
fn a_crash_before_the_void_segments_are_gone_gives_the_same_as_after() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    for number in 0..20 {
        call(&spool, &format!("r{number:02}"));
    }
    spool.sync();
    let before = copied(folder.path());
    spool.renew().unwrap();
    let fresh = segments(folder.path()).pop().unwrap();
    std::fs::copy(&fresh, before.path().join(fresh.file_name().unwrap())).unwrap();
    std::fs::write(before.path().join("0000000000000099.new"), "half").unwrap();
    let (next, recovered) = open(before.path());
    assert_eq!((recovered.waiting, recovered.damaged.len()), (20, 0));
    assert_eq!((next.id(), call(&next, "next")), (spool.id(), 21));
}

#[test]
fn what_is_told_of_an_old_name_changes_nothing_under_the_new_one() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    for number in 0..9 {
        call(&spool, &format!("r{number}"));
    }
    spool.sync();
    let before = spool.id();
    spool.kept(&before, 5);
    let mut round = spool.state().prepare().unwrap();
    spool.renew().unwrap();
    round.carry_out();
    spool.state().finish(round);
    spool.kept(&before, 9);
    assert_eq!(spool.waiting(), 4);
    call(&spool, "not synced");
    assert_eq!(spool.next_batch(9).unwrap().records.len(), 4);
}

#[test]
fn each_process_holds_under_a_name_of_its_own_on_the_spool_that_it_shares_with_those_before() {
    let folder = super::folder();
    let life = || {
        let (spool, _) = open(folder.path());
        let life = spool.life();
        assert_eq!(life.split_once('.').unwrap().0, spool.id());
        life
    };
    assert_ne!(life(), life());
}
