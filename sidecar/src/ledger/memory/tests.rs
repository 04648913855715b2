//! What is remembered of uses, shares and their ages.

use super::*;

fn take(memory: &Memory, key: &Name, now: Duration) -> Option<u32> {
    memory.take_share(key, now, Daily::default())
}

fn shared(taken: Duration, generation: u64) -> Shared {
    Shared {
        taken,
        generation,
        assumed: false,
    }
}

#[test]
fn a_share_counts_what_was_used_before_the_loss() {
    let memory = Memory::default();
    let key = Name::new("shop", "key");
    memory.set_shares(&[Share {
        key: key.clone(),
        requests: 3,
    }]);
    memory.used(&key, Duration::from_secs(1));
    memory.used(&key, Duration::from_secs(2));
    assert_eq!(take(&memory, &key, Duration::from_secs(3)), Some(0));
    assert_eq!(take(&memory, &key, Duration::from_secs(4)), None);
    assert_eq!(take(&memory, &key, Duration::from_millis(61_075)), Some(0));
}

#[test]
fn a_share_that_is_sent_late_occupies_the_window_from_the_send_on() {
    let memory = Memory::default();
    let key = Name::new("shop", "key");
    let at = Duration::from_secs;
    let requests = 1;
    memory.set_shares(&[Share {
        key: key.clone(),
        requests,
    }]);
    assert_eq!(take(&memory, &key, at(1)), Some(0));
    assert!(memory.moved(&key, shared(at(1), memory.generation()), at(20)));
    assert_eq!(take(&memory, &key, at(62)), None);
    assert_eq!(memory.uses(at(62), 0)[0].ages_ms, [42_000]);
    assert_eq!(take(&memory, &key, at(81)), Some(0));
    let before = memory.generation();
    let left = memory.moved(&key, shared(at(81), before), at(150));
    assert!(!left, "it left");
    assert_eq!(take(&memory, &key, at(150)), Some(0));
    memory.begin_anew();
    assert!(!memory.moved(&key, shared(at(150), before), at(151)));
}

#[test]
fn what_no_authority_knows_of_a_share_is_told_once_when_it_was_sent() {
    let memory = Memory::default();
    let key = Name::new("shop", "key");
    let at = Duration::from_secs;
    memory.set_shares(&[Share {
        key: key.clone(),
        requests: 9,
    }]);
    let before = memory.generation();
    memory.used(&key, at(1));
    take(&memory, &key, at(2));
    let assumed = Shared {
        assumed: true,
        ..shared(at(2), before)
    };
    assert!(memory.moved(&key, assumed, at(2)));
    take(&memory, &key, at(3));
    take(&memory, &key, at(4));
    assert_eq!(memory.untold(at(4)), [], "granted, assumed, and not sent");
    assert!(memory.moved(&key, shared(at(3), before), at(5)));
    assert_eq!(memory.untold(at(6))[0].ages_ms, [1_000]);
    assert_eq!(memory.untold(at(6)), []);
    assert!(memory.moved(&key, shared(at(4), before), at(7)));
    let hello = memory.uses(at(9), 0);
    assert_eq!(hello[0].ages_ms, [2_000, 4_000, 7_000, 8_000]);
    assert_eq!(hello[0].earlier, 1, "in the day, until it was heard");
    assert_eq!(memory.untold(at(9)), [], "a Hello tells of all");
}

#[test]
fn what_an_earlier_process_used_of_its_share_counts_against_this_ones_and_is_told_once() {
    let memory = Memory::default();
    let key = Name::new("shop", "key");
    let at = Duration::from_secs;
    memory.inherit(&[(key.clone(), 30_000), (key.clone(), 5_000)], (at(40), 0));
    memory.set_shares(&[Share {
        key: key.clone(),
        requests: 3,
    }]);
    assert_eq!(take(&memory, &key, at(41)), Some(0));
    assert_eq!(memory.uses(at(42), 0)[0].ages_ms, [1_000, 7_000, 32_000]);
    assert_eq!(memory.untold(at(42)), []);
}

#[test]
fn a_sidecar_that_never_saw_the_key_has_no_share() {
    assert_eq!(
        take(
            &Memory::default(),
            &Name::new("shop", "key"),
            Duration::ZERO
        ),
        None
    );
}

#[test]
fn uses_are_told_with_their_ages_and_forgotten_after_their_window() {
    let memory = Memory::default();
    let key = Name::new("shop", "key");
    memory.used(&key, Duration::from_secs(1));
    memory.used(&key, Duration::from_secs(31));
    assert_eq!(
        memory.uses(Duration::from_secs(41), 0)[0].ages_ms,
        [10_000, 40_000]
    );
    assert_eq!(memory.uses(Duration::from_secs(62), 0)[0].ages_ms, [31_000]);
    assert_eq!(memory.uses(Duration::from_secs(200), 0), []);
}

#[test]
fn a_steady_stream_is_forgotten_as_it_ages() {
    let memory = Memory::default();
    let key = Name::new("shop", "key");
    for step in 0..20_000 {
        memory.used(&key, Duration::from_millis(10 * step));
    }
    let told = memory.uses(Duration::from_secs(200), 0)[0].ages_ms.clone();
    assert!((6_000..6_020).contains(&told.len()), "{}", told.len());
    assert!(told[told.len() - 1] > 59_000);
}
