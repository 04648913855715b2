//! The loop that ships, in simulated time.

use super::ship::{Unreachable, ship};
use super::*;
use std::cell::RefCell;
use tokio::time::{Instant, timeout};

/// Ships for this long and gives back what was sent when.
async fn shipped(
    spool: &Spool,
    time: Duration,
    mut answer: impl FnMut(&Batch) -> Result<u64, Unreachable>,
) -> Vec<(Duration, Batch)> {
    let sent = RefCell::new(Vec::new());
    let began = Instant::now();
    let answer = RefCell::new(&mut answer);
    let send = async |batch: Batch| {
        let result = (answer.borrow_mut())(&batch);
        sent.borrow_mut().push((began.elapsed(), batch));
        result
    };
    let _ = timeout(time, ship(spool, send)).await;
    sent.into_inner()
}

fn last(batch: &Batch) -> u64 {
    batch.first + batch.records.len() as u64 - 1
}

#[tokio::test(start_paused = true)]
async fn the_first_record_goes_at_once_and_later_ones_together_within_a_tenth_of_a_second() {
    let spool = Spool::memory(1 << 20);
    let write = async {
        for number in 0..50 {
            call(&spool, &format!("r{number}"));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::future::pending::<()>().await;
    };
    let ship = shipped(&spool, Duration::from_secs(1), |batch| Ok(last(batch)));
    let sent = tokio::select! {
        () = write => unreachable!(),
        sent = ship => sent,
    };
    assert_eq!(sent[0].0, Duration::ZERO);
    assert_eq!(
        sent.iter()
            .map(|(_, batch)| batch.records.len())
            .sum::<usize>(),
        50
    );
    assert!(sent.len() <= 7, "{} batches", sent.len());
    assert_eq!(spool.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_sent_again_from_the_mark_with_growing_waits() {
    let spool = Spool::memory(1 << 20);
    for number in 0..5 {
        call(&spool, &format!("r{number}"));
    }
    let mut tries = 0;
    let sent = shipped(&spool, Duration::from_secs(60), |batch| {
        tries += 1;
        match tries {
            1..=6 => Err(Unreachable),
            7 => Ok(2),
            _ => Ok(last(batch)),
        }
    })
    .await;
    let firsts: Vec<u64> = sent.iter().map(|(_, batch)| batch.first).collect();
    assert_eq!(firsts, [1, 1, 1, 1, 1, 1, 1, 3]);
    let waits: Vec<Duration> = sent.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(
        waits[0] >= Duration::from_millis(50) && waits[5] >= Duration::from_millis(1_600),
        "{waits:?}"
    );
    assert_eq!(spool.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_authority_with_another_past_gets_everything_that_waits_under_a_new_name() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    for number in 0..9 {
        call(&spool, &format!("r{number}"));
    }
    spool.sync();
    spool.kept(&spool.id(), 4);
    let before = spool.id();
    let mut restored = Authority::default();
    let sent = shipped(&spool, Duration::from_secs(9), |batch| {
        let refused = batch.spool == before;
        Ok(if refused { 0 } else { restored.take(batch) })
    })
    .await;
    assert_eq!((sent[0].1.first, sent[1].1.first), (5, 1));
    let ids: Vec<&str> = restored.records.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["r4", "r5", "r6", "r7", "r8"]);
    assert_eq!(spool.waiting(), 0);
}

#[tokio::test]
async fn records_are_shipped_once_the_disk_has_them() {
    let folder = super::folder();
    let spool = Arc::new(open(folder.path()).0);
    let run = tokio::spawn(Arc::clone(&spool).run());
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let send = async |batch: Batch| {
        let upto = last(&batch);
        told.send(upto).map_err(|_| Unreachable)?;
        Ok(upto)
    };
    let all = async {
        for number in 1..=5 {
            call(&spool, &format!("r{number}"));
        }
        while heard.recv().await != Some(5) {}
    };
    tokio::select! {
        () = ship(&spool, send) => unreachable!(),
        () = all => {}
    }
    run.abort();
}

#[test]
fn the_oldest_record_that_waits_is_told_by_when_its_call_ended() {
    let spool = Spool::memory(1 << 20);
    assert_eq!(spool.oldest(), Some(None));
    let later = Record {
        began_ms: 5_000,
        ..record("b")
    };
    for record in [record("a"), later] {
        spool.outcome(record);
    }
    for (kept, ended) in [(0, Some(1_800)), (1, Some(5_800)), (2, None)] {
        spool.kept(&spool.id(), kept);
        assert_eq!(spool.oldest(), Some(ended));
    }
}
