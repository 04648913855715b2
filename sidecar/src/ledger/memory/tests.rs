//! What is remembered of uses, shares and their ages.

use super::*;

fn take(memory: &Memory, key: &Name, now: Duration) -> Option<u32> {
    memory.take_share(key, now, Daily::default())
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
    assert!(memory.moved(&key, memory.generation(), (at(1), at(20))));
    assert_eq!(take(&memory, &key, at(62)), None);
    assert_eq!(memory.uses(at(62), 0)[0].ages_ms, [42_000]);
    assert_eq!(take(&memory, &key, at(81)), Some(0));
    let before = memory.generation();
    assert!(!memory.moved(&key, before, (at(81), at(150))), "it left");
    assert_eq!(take(&memory, &key, at(150)), Some(0));
    memory.begin_anew();
    assert!(!memory.moved(&key, before, (at(150), at(151))));
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
