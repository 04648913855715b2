//! Each row of the table, and what holds for all of them.

use super::*;
use proptest::prelude::*;
use purser_config::price::TokenCost;

const PER_REQUEST: Cost = Cost {
    per_request: 7,
    per_million_tokens: None,
};
/// A credit's millionth for a token read, two for one written.
const PER_TOKEN: Cost = Cost {
    per_request: 0,
    per_million_tokens: Some(TokenCost {
        input: 1_000_000,
        cached_input: 1_000_000,
        cache_write: 1_000_000,
        output: 2_000_000,
    }),
};
const DEFAULT: OnAbort = OnAbort {
    client_left_pays_all: false,
    unconfirmed_pays: false,
};
const STRICT: OnAbort = OnAbort {
    client_left_pays_all: true,
    unconfirmed_pays: true,
};
const PLENTY: Micros = 1_000_000;

/// 100 tokens read, 50 written, 20 of which were relayed.
fn ended(stage: Stage, by: By, reported: bool) -> Ended {
    let tokens = Tokens {
        input: 100,
        output: 50,
        ..Tokens::default()
    };
    let relayed = if stage >= Stage::ContentDone { 50 } else { 20 };
    Ended {
        stage,
        by,
        tokens,
        reported,
        relayed,
    }
}

/// Credits and waste.
fn check(ended: Ended, cost: Cost, on_abort: OnAbort) -> (Micros, Micros) {
    let charge = charge(&ended, &cost, on_abort, PLENTY);
    (charge.credits, charge.waste)
}

#[test]
fn before_any_byte_to_a_provider_everything_is_void() {
    for by in [By::Caller, By::Provider, By::Process] {
        for cost in [PER_REQUEST, PER_TOKEN] {
            let unsent = ended(Stage::BeforeSend, by, true);
            assert_eq!(charge(&unsent, &cost, STRICT, PLENTY), Charge::default());
        }
    }
}

#[test]
fn a_caller_who_leaves_before_the_first_content_pays_only_what_the_provider_says_it_read() {
    let left = |reported| ended(Stage::Attempted, By::Caller, reported);
    assert_eq!(check(left(true), PER_REQUEST, STRICT), (0, 7));
    assert_eq!(check(left(true), PER_TOKEN, DEFAULT), (100, 100));
    assert_eq!(check(left(false), PER_TOKEN, DEFAULT), (0, 200));
}

#[test]
fn a_failed_call_costs_nothing_and_what_it_used_is_waste() {
    for on_abort in [DEFAULT, STRICT] {
        let failed = ended(Stage::Attempted, By::Provider, true);
        assert_eq!(check(failed, PER_REQUEST, on_abort), (0, 0));
        assert_eq!(check(failed, PER_TOKEN, on_abort), (0, 200));
    }
}

#[test]
fn a_caller_who_leaves_in_the_middle_pays_what_was_relayed_or_all_as_the_plan_says() {
    let left = ended(Stage::Streaming, By::Caller, true);
    assert_eq!(check(left, PER_REQUEST, DEFAULT), (7, 0));
    assert_eq!(check(left, PER_TOKEN, DEFAULT), (140, 60));
    assert_eq!(check(left, PER_TOKEN, STRICT), (200, 0));
}

#[test]
fn a_provider_that_breaks_in_the_middle_is_paid_for_what_was_relayed_whatever_the_plan_says() {
    for on_abort in [DEFAULT, STRICT] {
        let broken = ended(Stage::Streaming, By::Provider, false);
        assert_eq!(check(broken, PER_REQUEST, on_abort), (7, 0));
        assert_eq!(check(broken, PER_TOKEN, on_abort), (140, 60));
    }
}

#[test]
fn after_the_last_content_and_when_whole_the_price_is_full() {
    for stage in [Stage::ContentDone, Stage::Whole] {
        for by in [By::Caller, By::Provider] {
            assert_eq!(check(ended(stage, by, true), PER_REQUEST, DEFAULT), (7, 0));
            assert_eq!(check(ended(stage, by, true), PER_TOKEN, DEFAULT), (200, 0));
        }
    }
}

#[test]
fn an_interrupted_call_pays_what_was_reserved_or_nothing_as_the_plan_says() {
    for stage in [Stage::Attempted, Stage::Streaming, Stage::ContentDone] {
        let unknown = ended(stage, By::Process, false);
        let cost = |on_abort| charge(&unknown, &PER_TOKEN, on_abort, 900);
        let supposed = |credits| Charge {
            credits,
            estimated: true,
            waste: 0,
        };
        assert_eq!(cost(DEFAULT), supposed(0));
        assert_eq!(cost(STRICT), supposed(900));
    }
}

#[test]
fn what_exceeds_the_reservation_is_waste() {
    let whole = ended(Stage::Whole, By::Caller, true);
    let charge = charge(&whole, &PER_TOKEN, DEFAULT, 150);
    assert_eq!((charge.credits, charge.waste), (150, 50));
}

#[test]
fn missing_usage_is_estimated_and_a_reported_zero_is_zero() {
    let counted = ended(Stage::Whole, By::Caller, false);
    let counted = charge(&counted, &PER_TOKEN, DEFAULT, PLENTY);
    assert_eq!((counted.credits, counted.estimated), (200, true));
    let zero = Ended {
        tokens: Tokens::default(),
        ..ended(Stage::Whole, By::Caller, true)
    };
    let zero = charge(&zero, &PER_TOKEN, DEFAULT, PLENTY);
    assert_eq!((zero.credits, zero.estimated), (0, false));
}

proptest! {
    #[test]
    fn nobody_pays_more_than_was_reserved_and_nothing_of_a_known_end_is_forgotten(
        place in 0usize..5, by in 0usize..3, reported: bool, pays_all: bool, unconfirmed_pays: bool,
        input in 0u64..1_000, output in 0u64..1_000, relayed in 0u64..1_000,
        per_request in 0u64..100, reserved in 0u64..3_000,
    ) {
        let stages = [Stage::BeforeSend, Stage::Attempted, Stage::Streaming, Stage::ContentDone, Stage::Whole];
        let tokens = Tokens { input, output, ..Tokens::default() };
        let by = [By::Caller, By::Provider, By::Process][by];
        let ended = Ended { stage: stages[place], by, tokens, reported, relayed };
        let cost = Cost { per_request, ..PER_TOKEN };
        let on_abort = OnAbort { client_left_pays_all: pays_all, unconfirmed_pays };
        let charge = charge(&ended, &cost, on_abort, reserved);
        prop_assert!(charge.credits <= reserved);
        if ended.stage >= Stage::Streaming && by != By::Process {
            prop_assert_eq!(charge.credits + charge.waste, cost.of(&tokens));
        }
    }
}
