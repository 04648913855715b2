//! The authority's answers, one rule each. Whole fleets are in `fleet`.

use super::*;
use crate::limits;
use purser_config::quota::Use;
use purser_config::{Configuration, Key, Plan, Refusal, Routing, Standing};

fn key() -> Name {
    Name::new("shop", "checkout")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn limit(requests: Option<u32>, when_unreachable: WhenQuotaUnreachable) -> BTreeMap<Name, Limit> {
    BTreeMap::from([(
        key(),
        Limit {
            requests_per_minute: requests,
            when_unreachable,
        },
    )])
}

fn hello(ages_ms: &[u64], held: u32) -> Hello {
    Hello {
        instance: "one".to_owned(),
        version: None,
        uses: vec![Use {
            key: key(),
            ages_ms: ages_ms.to_vec(),
        }],
        shares: vec![Share {
            key: key(),
            requests: held,
        }],
    }
}

fn authority(memory: Memory, requests: u32, when: WhenQuotaUnreachable) -> Authority {
    let mut authority = Authority::new(ms(0), 1, memory);
    authority.configure(ms(0), limit(Some(requests), when));
    authority
}

/// One that sidecars `a` and `b` have greeted.
fn fresh(requests: u32) -> Authority {
    let mut authority = authority(Memory::Fresh, requests, WhenQuotaUnreachable::Deny);
    for sidecar in ["a", "b"] {
        authority.hello(ms(0), sidecar, &hello(&[], 0), None);
    }
    authority
}

fn asks(authority: &mut Authority, now: Duration, sidecar: &str) -> Grant {
    authority.ask(
        now,
        sidecar,
        &Ask {
            key: key(),
            want: 1,
        },
    )
}

fn granted(authority: &mut Authority, now: Duration, sidecar: &str) -> Option<u64> {
    match asks(authority, now, sidecar).verdict {
        Verdict::Granted { token, .. } => Some(token),
        _ => None,
    }
}

fn grants(authority: &mut Authority, now: Duration, sidecar: &str) -> usize {
    std::iter::from_fn(|| granted(authority, now, sidecar))
        .take(1_000)
        .count()
}

fn denied(next_free_ms: u64) -> Verdict {
    Verdict::Denied { next_free_ms }
}

#[test]
fn grants_up_to_the_limit_and_then_says_when() {
    let mut authority = fresh(2);
    let first = asks(&mut authority, ms(0), "a");
    assert_eq!(
        (first.limit, first.remaining, first.reset_ms),
        (Some(2), 1, 60_074)
    );
    assert!(granted(&mut authority, ms(1_000), "b").is_some());
    let third = asks(&mut authority, Duration::from_nanos(2_000_000_001), "a");
    assert_eq!(
        (third.verdict, third.remaining, third.reset_ms),
        (denied(58_074), 0, 59_074)
    );
    assert_eq!(
        grants(&mut authority, ms(60_074) - Duration::from_nanos(1), "a"),
        0
    );
    assert_eq!(grants(&mut authority, ms(60_074), "a"), 1);
}

#[test]
fn a_returned_grant_is_free_again_once_and_only_for_its_holder() {
    let mut authority = fresh(2);
    let token = granted(&mut authority, ms(0), "a").unwrap();
    granted(&mut authority, ms(0), "b").unwrap();
    let back = Return { key: key(), token };
    authority.give_back(ms(1), "b", &back);
    authority.give_back(ms(1), "nobody", &back);
    assert_eq!(grants(&mut authority, ms(1), "a"), 0);
    authority.give_back(ms(1), "a", &back);
    authority.give_back(ms(1), "a", &back);
    assert_eq!(grants(&mut authority, ms(1), "a"), 1);
}

#[test]
fn one_grant_is_one_request_whatever_was_wanted() {
    let mut authority = fresh(5);
    let many = authority.ask(
        ms(0),
        "a",
        &Ask {
            key: key(),
            want: 5,
        },
    );
    assert!(matches!(
        many.verdict,
        Verdict::Granted {
            count: 1,
            ttl_ms: 0,
            ..
        }
    ));
    assert_eq!(
        authority
            .ask(
                ms(0),
                "a",
                &Ask {
                    key: key(),
                    want: 0
                }
            )
            .verdict,
        denied(0)
    );
    assert_eq!(grants(&mut authority, ms(0), "a"), 4);
}

#[test]
fn who_has_not_said_hello_or_asks_outside_its_scope_is_denied() {
    let mut authority = authority(Memory::Fresh, 5, WhenQuotaUnreachable::Share);
    assert_eq!(asks(&mut authority, ms(0), "a").verdict, denied(1_000));
    authority.hello(ms(0), "a", &hello(&[1, 2, 3, 4, 5], 0), Some("other"));
    assert_eq!(asks(&mut authority, ms(0), "a").verdict, denied(1_000));
    authority.hello(ms(0), "b", &hello(&[], 0), Some("shop"));
    assert_eq!(grants(&mut authority, ms(0), "b"), 5);
    authority.lost(ms(0), "b", false);
    assert_eq!(asks(&mut authority, ms(70_000), "b").verdict, denied(1_000));
}

#[test]
fn unknown_keys_are_denied_and_unlimited_ones_never() {
    let mut authority = fresh(1);
    let other = Ask {
        key: Name::new("shop", "other"),
        want: 1,
    };
    assert_eq!(authority.ask(ms(0), "a", &other).verdict, denied(1_000));
    authority.configure(ms(0), limit(None, WhenQuotaUnreachable::Deny));
    assert_eq!(asks(&mut authority, ms(0), "a").limit, None);
    assert_eq!(grants(&mut authority, ms(0), "a"), 1_000);
}

#[test]
fn a_deleted_and_recreated_key_keeps_its_window() {
    let mut authority = fresh(3);
    assert_eq!(grants(&mut authority, ms(0), "a"), 3);
    authority.configure(ms(10_000), BTreeMap::new());
    assert_eq!(asks(&mut authority, ms(20_000), "a").verdict, denied(1_000));
    authority.configure(ms(30_000), limit(Some(3), WhenQuotaUnreachable::Deny));
    assert_eq!(
        asks(&mut authority, ms(30_000), "a").verdict,
        denied(30_074)
    );
}

#[test]
fn a_lowered_limit_counts_what_was_granted() {
    let mut authority = fresh(4);
    for second in 0..4 {
        granted(&mut authority, ms(second * 1_000), "a").unwrap();
    }
    authority.configure(ms(5_000), limit(Some(2), WhenQuotaUnreachable::Deny));
    assert_eq!(
        asks(&mut authority, ms(5_000), "a").verdict,
        denied(62_074 - 5_000)
    );
    assert_eq!(grants(&mut authority, ms(62_073), "a"), 0);
    assert_eq!(grants(&mut authority, ms(62_074), "a"), 1);
}

#[test]
fn a_window_that_ran_empty_keeps_no_memory() {
    let mut authority = fresh(3);
    grants(&mut authority, ms(0), "a");
    authority.configure(ms(0), BTreeMap::new());
    assert_eq!(authority.accounts.len(), 1);
    authority.shares_to_tell(ms(71_000));
    assert_eq!(authority.accounts.len(), 0);
}

#[test]
fn learns_for_two_seconds_under_share_and_then_counts_what_it_heard() {
    let mut authority = authority(Memory::Lost, 5, WhenQuotaUnreachable::Share);
    authority.hello(ms(100), "a", &hello(&[1_000, 30_000, 70_000], 0), None);
    assert_eq!(
        asks(&mut authority, ms(500), "a").verdict,
        Verdict::Learning { ready_ms: 1_500 }
    );
    assert_eq!(grants(&mut authority, ms(2_000), "a"), 3);
    assert_eq!(
        asks(&mut authority, ms(2_000), "a").verdict,
        denied(60_074 + 100 - 30_000 - 2_000)
    );
}

#[test]
fn a_share_that_is_used_while_it_learns_is_counted_when_it_grants() {
    let mut authority = authority(Memory::Lost, 5, WhenQuotaUnreachable::Share);
    authority.hello(ms(100), "a", &hello(&[], 2), None);
    authority.hello(ms(100), "b", &hello(&[], 3), None);
    for _ in 0..4 {
        asks(&mut authority, ms(500), "a");
    }
    asks(&mut authority, ms(600), "b");
    let grants = (0..5).filter(|_| {
        let verdict = asks(&mut authority, ms(2_000), "b").verdict;
        matches!(verdict, Verdict::Granted { .. })
    });
    assert_eq!(
        grants.count(),
        2,
        "two of a's share and one of b's are used"
    );
}

#[test]
fn learns_for_a_whole_occupancy_under_deny() {
    let mut authority = authority(Memory::Lost, 5, WhenQuotaUnreachable::Deny);
    authority.hello(ms(100), "a", &hello(&[0], 0), None);
    assert_eq!(
        asks(&mut authority, ms(60_073), "a").verdict,
        Verdict::Learning { ready_ms: 1 }
    );
    assert_eq!(grants(&mut authority, ms(60_074), "a"), 4);
}

#[test]
fn a_late_hello_counts_and_a_repeated_one_does_not_count_twice() {
    let mut authority = authority(Memory::Lost, 5, WhenQuotaUnreachable::Share);
    authority.hello(ms(0), "a", &hello(&[], 0), None);
    assert!(granted(&mut authority, ms(3_000), "a").is_some());
    authority.hello(ms(4_000), "b", &hello(&[500, 600], 0), None);
    authority.lost(ms(4_000), "a", false);
    authority.hello(ms(4_000), "a", &hello(&[990], 0), None);
    assert_eq!(grants(&mut authority, ms(4_000), "a"), 2);
}

#[test]
fn another_process_of_the_same_sidecar_is_counted_beside_the_first() {
    let mut authority = fresh(5);
    assert!(granted(&mut authority, ms(0), "a").is_some());
    authority.lost(ms(1), "a", false);
    let second = Hello {
        instance: "two".to_owned(),
        ..hello(&[0], 0)
    };
    authority.hello(ms(1), "a", &second, None);
    assert_eq!(grants(&mut authority, ms(1), "a"), 3);
}

#[test]
fn the_share_of_a_cut_off_sidecar_is_withheld_until_it_is_back_or_gone() {
    let mut authority = authority(Memory::Fresh, 10, WhenQuotaUnreachable::Share);
    for sidecar in ["a", "b"] {
        authority.hello(ms(0), sidecar, &hello(&[], 5), None);
    }
    authority.lost(ms(0), "b", false);
    assert_eq!(grants(&mut authority, ms(0), "a"), 5);
    authority.hello(ms(1_000), "b", &hello(&[900, 800], 5), None);
    assert_eq!(grants(&mut authority, ms(1_000), "a"), 3);
    authority.lost(ms(70_000), "b", true);
    assert_eq!(grants(&mut authority, ms(70_000), "a"), 10);
}

#[test]
fn only_keys_in_good_standing_with_a_plan_have_limits() {
    let plan = Plan {
        requests_per_minute: Some(15),
        tokens_per_minute: None,
        allow: vec![],
        deny: vec![],
        routing: Routing::Priority,
        when_quota_unreachable: WhenQuotaUnreachable::Share,
    };
    let good = Key {
        digests: vec![],
        standing: Standing::Good,
        plan: "free".to_owned(),
        models: vec![],
        expires_at_ms: None,
        service_accounts: vec![],
        channels: vec![],
    };
    let refused = Standing::Refused {
        code: Refusal::ApiKeySuspended,
        message: String::new(),
    };
    let mut configuration = Configuration::default();
    configuration.plans.insert("free".to_owned(), plan);
    configuration.keys.insert(key(), good.clone());
    configuration.keys.insert(
        Name::new("shop", "suspended"),
        Key {
            standing: refused,
            ..good.clone()
        },
    );
    configuration.keys.insert(
        Name::new("shop", "planless"),
        Key {
            plan: "gone".to_owned(),
            ..good
        },
    );
    assert_eq!(
        limits(&configuration),
        limit(Some(15), WhenQuotaUnreachable::Share)
    );
}

#[test]
fn what_an_older_term_granted_frees_nothing_of_this_one() {
    let mut older = fresh(1);
    let token = granted(&mut older, ms(0), "a").unwrap();
    let mut authority = Authority::new(ms(0), 2, Memory::Fresh);
    authority.configure(ms(0), limit(Some(1), WhenQuotaUnreachable::Deny));
    authority.hello(ms(0), "a", &hello(&[], 0), None);
    assert!(granted(&mut authority, ms(1), "a").is_some());
    authority.give_back(ms(2), "a", &Return { key: key(), token });
    assert_eq!(granted(&mut authority, ms(3), "a"), None);
}
