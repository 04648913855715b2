//! Killed at any byte, a process resumes with no more than the limit.

use super::*;
use crate::{KeyTerms, Moment, Terms};
use purser_config::quota::{Ask, Reserve, ReserveVerdict, Return, Verdict};
use purser_config::stream::Hello;
use purser_config::{Name, WhenQuotaUnreachable};

const MINUTE: u32 = 4;
const DAY: u32 = 6;
const SLOTS: u32 = 2;

fn key() -> Name {
    Name::new("shop", "checkout")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(now_ms: u64) -> Moment {
    let (now, unix_ms) = (ms(now_ms), 1_800_000_000_000 + now_ms);
    Moment { now, unix_ms }
}

fn configured(mut windows: Windows) -> Windows {
    let terms = KeyTerms {
        requests_per_minute: Some(MINUTE),
        requests_per_day: Some(DAY),
        concurrent_requests: Some(SLOTS),
        // Or the share of who was killed would be withheld beside what it used.
        when_unreachable: WhenQuotaUnreachable::Deny,
        ..KeyTerms::default()
    };
    let terms = Terms {
        keys: [(key(), terms)].into(),
        ..Terms::default()
    };
    windows.configure(ms(0), terms);
    windows
}

fn hello(windows: &mut Windows, now_ms: u64, sidecar: &str) {
    let hello = Hello {
        instance: sidecar.to_owned(),
        version: None,
        uses: vec![],
        shares: vec![],
        holds: vec![],
        tokens: vec![],
        spool: String::new(),
    };
    windows.hello(at(now_ms), sidecar, &hello, None);
}

fn ask(windows: &mut Windows, now_ms: u64, sidecar: &str) -> Option<u64> {
    let (key, want, ttl_ms) = (key(), 1, 0);
    let ask = Ask { key, want, ttl_ms };
    match windows.ask(at(now_ms), sidecar, &ask).verdict {
        Verdict::Granted { token, .. } => Some(token),
        _ => None,
    }
}

fn slot(windows: &mut Windows, now_ms: u64, (sidecar, id): (&str, &str)) -> bool {
    let reserve = Reserve {
        id: id.to_owned(),
        key: key(),
        tokens: 0,
        slot: true,
        credits: 0,
        allowance: None,
        channels: vec![],
        others: false,
        spool: String::new(),
    };
    let verdict = windows.hold(ms(now_ms), sidecar, &reserve).verdict;
    matches!(verdict, ReserveVerdict::Held { .. })
}

fn open(folder: &Path, boot: &str) -> (Journal, Past) {
    Journal::open(folder, boot).unwrap()
}

fn begun(folder: &Path) -> (Journal, Windows) {
    let (mut journal, past) = open(folder, "boot");
    let mut windows = configured(Windows::resume(ms(0), 1, past));
    journal.keep(&mut windows).unwrap();
    (journal, windows)
}

/// What a process that came after could grant at once, in requests and in slots.
fn left(past: Past, now_ms: u64) -> (u32, u32) {
    let mut windows = configured(Windows::resume(ms(now_ms), 2, past));
    hello(&mut windows, now_ms, "next");
    let requests = (0..).take_while(|_| ask(&mut windows, now_ms, "next").is_some());
    let requests = requests.count() as u32;
    let slots = (0..).take_while(|id| slot(&mut windows, now_ms, ("next", &id.to_string())));
    (requests, slots.count() as u32)
}

fn newest(folder: &Path) -> PathBuf {
    path(folder, *numbers(folder).unwrap().last().unwrap())
}

/// What was answered once a segment was so long: requests and slots that are held.
type Answered = Vec<(u64, (u32, u32))>;

/// Works for a while, and notes what had been answered at each length of the segment.
fn work(journal: &mut Journal, windows: &mut Windows) -> Answered {
    let (mut answered, mut held) = (Vec::new(), (0, 0));
    hello(windows, 0, "a");
    for step in 0..8 {
        match step {
            0 | 2 | 5 => held.0 += u32::from(ask(windows, step, "a").is_some()),
            1 | 3 => held.1 += u32::from(slot(windows, step, ("a", &step.to_string()))),
            4 => {
                // A return that was heard may be used by another at once.
                let token = ask(windows, step, "a").unwrap();
                let (key, count) = (key(), 1);
                windows.give_back(ms(step), "a", &Return { key, token, count });
            }
            _ => windows.shares_to_tell(ms(step)).clear(),
        }
        journal.keep(windows).unwrap();
        answered.push((journal.segment.as_ref().unwrap().length, held));
    }
    answered
}

#[test]
fn a_process_that_is_killed_at_any_byte_resumes_with_no_more_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, mut windows) = begun(folder.path());
    let answered = work(&mut journal, &mut windows);
    drop(journal);
    let bytes = std::fs::read(newest(folder.path())).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for cut in 0..=bytes.len() {
        std::fs::write(path(copy.path(), 1), &bytes[..cut]).unwrap();
        let (_journal, past) = open(copy.path(), "boot");
        let before = answered.iter().rfind(|(length, _)| *length <= cut as u64);
        let (requests, slots) = before.map_or((0, 0), |(_, held)| *held);
        let (more, more_slots) = left(past, 10);
        assert!(
            requests + more <= MINUTE,
            "{requests} and {more} cut at {cut}"
        );
        assert!(
            slots + more_slots <= SLOTS,
            "{slots} and {more_slots} cut at {cut}"
        );
    }
    let (_journal, past) = open(copy.path(), "boot");
    assert_eq!(past.memory, Memory::Kept);
    assert_eq!(left(past.clone(), 10), (1, 0), "exactly");
    assert_eq!(left(past.clone(), 60_073), (1, 0));
    assert_eq!(left(past, 60_080), (3, 0), "of the day, 3 are used");
}

#[test]
fn an_account_that_was_not_finished_is_read_from_the_segment_before() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, mut windows) = begun(folder.path());
    work(&mut journal, &mut windows);
    journal.segment.as_mut().unwrap().full = 0;
    journal.keep(&mut windows).unwrap();
    drop(journal);
    let second = newest(folder.path());
    let bytes = std::fs::read(&second).unwrap();
    for cut in 0..=bytes.len() {
        std::fs::write(&second, &bytes[..cut]).unwrap();
        let (_journal, past) = open(folder.path(), "boot");
        assert_eq!(past.memory, Memory::Kept, "cut at {cut}");
        assert_eq!(left(past, 10), (1, 0), "cut at {cut}");
    }
}

#[test]
fn a_new_boot_or_a_broken_journal_forgets_windows_but_not_days() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, mut windows) = begun(folder.path());
    work(&mut journal, &mut windows);
    drop(journal);
    let past = open(folder.path(), "another boot").1;
    assert_eq!(past.memory, Memory::Lost);
    assert!(
        past.debits
            .iter()
            .all(|debit| matches!(debit, Debit::Day(..)))
    );
    assert_eq!(left(past.clone(), 10), (0, 0), "it learns first");
    let mut windows = configured(Windows::resume(ms(0), 2, past));
    hello(&mut windows, 1_000, "next");
    let later = (0..9).filter(|_| ask(&mut windows, 60_074, "next").is_some());
    assert_eq!(later.count() as u32, DAY - 3);

    let file = newest(folder.path());
    let bytes = std::fs::read(&file).unwrap();
    for broken in (0..bytes.len() - 1).step_by(7) {
        let mut bytes = bytes.clone();
        bytes[broken] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let past = open(folder.path(), "boot").1;
        assert_eq!(past.memory, Memory::Lost, "broken at {broken}");
    }
}

#[test]
fn segments_that_are_full_are_followed_by_others_and_two_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, mut windows) = begun(folder.path());
    hello(&mut windows, 0, "a");
    for step in 0..10 {
        ask(&mut windows, step, "a");
        journal.keep(&mut windows).unwrap();
        journal.segment.as_mut().unwrap().full = 0;
    }
    assert_eq!(numbers(folder.path()).unwrap(), [9, 10]);
    drop(journal);
    let (journal, past) = open(folder.path(), "boot");
    assert_eq!((journal.number, left(past, 10).0), (10, 0));
}

#[test]
fn what_could_not_be_written_is_kept_by_the_next_call_that_can() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, mut windows) = begun(folder.path());
    hello(&mut windows, 0, "a");
    ask(&mut windows, 0, "a");
    journal.segment.as_mut().unwrap().file = File::open(newest(folder.path())).unwrap();
    let error = journal.keep(&mut windows).unwrap_err().to_string();
    assert!(
        error.contains("cannot write") && error.contains("space"),
        "{error}"
    );
    journal.keep(&mut windows).unwrap();
    drop(journal);
    assert_eq!(left(open(folder.path(), "boot").1, 0).0, MINUTE - 1);
}

#[test]
fn while_no_segment_can_be_begun_no_answer_may_leave_and_none_is_lost_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, mut windows) = begun(folder.path());
    hello(&mut windows, 0, "a");
    // In the way of the next segment, and not to be removed as a file.
    let next = path(folder.path(), journal.number + 1);
    std::fs::create_dir(&next).unwrap();
    journal.segment = None;
    for _ in 0..2 {
        ask(&mut windows, 0, "a");
        journal.keep(&mut windows).unwrap_err();
    }
    std::fs::remove_dir(&next).unwrap();
    assert!(
        journal.keep(&mut windows).is_err(),
        "not tried again at once"
    );
    journal.failed = None;
    journal.keep(&mut windows).unwrap();
    drop(journal);
    assert_eq!(left(open(folder.path(), "boot").1, 0).0, MINUTE - 2);
}

#[test]
fn two_processes_cannot_have_one_journal() {
    let folder = tempfile::tempdir().unwrap();
    let first = begun(folder.path());
    let error = Journal::open(folder.path(), "boot").unwrap_err();
    assert!(
        error.to_string().contains("another process has it"),
        "{error}"
    );
    drop(first);
    assert!(Journal::open(folder.path(), "boot").is_ok());
}

#[test]
fn the_boot_and_its_clock_are_known() {
    assert_eq!(boot().unwrap().len(), 36);
    let before = since_boot();
    assert!(before > Duration::ZERO && since_boot() >= before);
}

/// `cargo test --release -p purser-authority -- --ignored --nocapture debits`
#[test]
#[ignore = "a measurement"]
fn debits_per_second() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, past) = open(folder.path(), "boot");
    let mut windows = Windows::resume(ms(0), 1, past);
    let terms = KeyTerms {
        requests_per_minute: Some(10_000_000),
        ..KeyTerms::default()
    };
    let keys = (0..1_000).map(|i| (Name::new("shop", &i.to_string()), terms.clone()));
    let keys = keys.collect();
    let terms = Terms {
        keys,
        ..Terms::default()
    };
    windows.configure(ms(0), terms);
    hello(&mut windows, 0, "a");
    let (count, start) = (300_000u64, std::time::Instant::now());
    for i in 0..count {
        let key = Name::new("shop", &(i % 1_000).to_string());
        let (want, ttl_ms) = (1, 0);
        windows.ask(at(i / 10), "a", &Ask { key, want, ttl_ms });
        journal.keep(&mut windows).unwrap();
    }
    let each = start.elapsed() / u32::try_from(count).unwrap();
    println!("{each:?} a debit, {} segments", journal.number);
}
