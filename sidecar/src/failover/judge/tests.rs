//! The judge's table, row by row, as reliability.md 3.2 numbers them.

use super::*;

const OTHERS: Position = Position {
    sole: false,
    spare: false,
    repeats: 0,
    budget: true,
};
const SOLE: Position = Position {
    sole: true,
    spare: false,
    repeats: 0,
    budget: true,
};
const REPEATED: Position = Position {
    sole: true,
    spare: false,
    repeats: 1,
    budget: true,
};
const BROKE: Position = Position {
    sole: true,
    spare: false,
    repeats: 0,
    budget: false,
};

fn status(status: u16) -> Outcome {
    Outcome::Failed(Failed {
        status,
        ..Failed::default()
    })
}

fn ruled(outcome: &Outcome, position: Position) -> (Action, Mark, Scope) {
    let Ruling {
        action,
        mark,
        scope,
    } = judge(outcome, position, 0.5);
    (action, mark, scope)
}

fn same(millis: u64, charged: bool) -> Action {
    Action::Same {
        after: Duration::from_millis(millis),
        charged,
    }
}

#[test]
fn row_1_an_unreachable_channel_is_left_at_once() {
    let outcome = Outcome::Unreachable("connection refused".into());
    for position in [OTHERS, SOLE] {
        assert_eq!(
            ruled(&outcome, position),
            (Action::Next, failure(1, true), Scope::Channel)
        );
    }
}

#[test]
fn rows_2_and_3_what_was_not_sent_is_sent_again_a_few_times_and_free_of_charge() {
    assert_eq!(
        ruled(&Outcome::NotSent, BROKE),
        (same(0, false), Mark::Nothing, Scope::Channel)
    );
    assert_eq!(ruled(&Outcome::NotSent, REPEATED).0, same(0, false));
    let often = Position {
        repeats: MOST_RESENDS,
        ..REPEATED
    };
    assert_eq!(ruled(&Outcome::NotSent, often).0, Action::Next);
}

#[test]
fn row_4_a_busy_provider_is_paused_and_only_a_sole_one_is_waited_for_briefly() {
    let busy = |seconds| {
        Outcome::Failed(Failed {
            status: 429,
            retry_after: Some(Duration::from_secs(seconds)),
            ..Failed::default()
        })
    };
    let paused = |seconds| Mark::Busy {
        pause: Duration::from_secs(seconds),
    };
    assert_eq!(
        ruled(&busy(2), OTHERS),
        (Action::Next, paused(2), Scope::Credential)
    );
    assert_eq!(
        ruled(&busy(2), SOLE),
        (same(2_000, true), paused(2), Scope::Credential)
    );
    let spare = Position {
        spare: true,
        ..SOLE
    };
    assert_eq!(
        ruled(&busy(2), spare),
        (Action::Next, paused(2), Scope::Credential),
        "another credential need not wait"
    );
    assert_eq!(ruled(&busy(3), SOLE).0, Action::Next);
    assert_eq!(ruled(&busy(2), BROKE).0, Action::Next);
    assert_eq!(ruled(&busy(99_999_999), SOLE).1, paused(300));
    assert_eq!(
        ruled(&status(429), SOLE),
        (Action::Next, paused(5), Scope::Credential)
    );
}

#[test]
fn row_5_an_account_without_money_is_disabled_for_long() {
    for code in [402, 403, 429] {
        let money = Outcome::Failed(Failed {
            status: code,
            money: true,
            ..Failed::default()
        });
        assert_eq!(
            ruled(&money, SOLE),
            (Action::Next, MONEY, Scope::Credential)
        );
    }
}

#[test]
fn row_6_a_credential_that_is_refused_is_disabled_for_long() {
    for code in [401, 403] {
        assert_eq!(
            ruled(&status(code), SOLE),
            (Action::Next, BAD_KEY, Scope::Credential)
        );
    }
}

#[test]
fn row_7_the_callers_own_fault_is_passed_on_and_speaks_for_the_channel() {
    for code in [400, 404, 413, 415, 422] {
        assert_eq!(
            ruled(&status(code), OTHERS),
            (Action::Stop, Mark::Success, Scope::Channel),
            "{code}"
        );
    }
}

#[test]
fn row_7_a_403_that_refuses_what_was_asked_for_is_passed_on_and_disables_nothing() {
    let policy = |status, money| {
        Outcome::Failed(Failed {
            status,
            money,
            policy: true,
            ..Failed::default()
        })
    };
    for position in [OTHERS, SOLE] {
        assert_eq!(
            ruled(&policy(403, false), position),
            (Action::Stop, Mark::Success, Scope::Channel)
        );
    }
    // Money comes first, and a bad key is bad whatever else its answer says.
    assert_eq!(ruled(&policy(403, true), SOLE).1, MONEY);
    assert_eq!(ruled(&policy(401, false), SOLE).1, BAD_KEY);
}

#[test]
fn row_7_what_a_provider_does_not_support_is_no_fault_of_the_callers_while_others_are_left() {
    for status in [400, 422] {
        let unsaid = Outcome::Failed(Failed {
            status,
            unsaid: true,
            ..Failed::default()
        });
        assert_eq!(
            ruled(&unsaid, OTHERS),
            (Action::Next, Mark::Success, Scope::Channel)
        );
        assert_eq!(ruled(&unsaid, SOLE).0, Action::Stop, "it is told why");
    }
    let refused = Outcome::Failed(Failed {
        status: 404,
        unsaid: true,
        ..Failed::default()
    });
    assert_eq!(ruled(&refused, OTHERS).0, Action::Stop);
}

#[test]
fn row_8_an_unknown_model_is_off_at_that_channel_only() {
    // OpenAI's word for a model that a project may not use is 403.
    for status in [404, 403, 400] {
        let unknown = Outcome::Failed(Failed {
            status,
            model_unknown: true,
            ..Failed::default()
        });
        assert_eq!(
            ruled(&unknown, OTHERS),
            (Action::Next, Mark::Nothing, Scope::Model)
        );
        let told = conclude(&[unknown], "m", Duration::ZERO);
        assert_eq!(told.code(), "model_not_found");
    }
}

#[test]
fn row_9_a_conflict_is_repeated_once_even_with_others_left() {
    for code in [408, 409, 425] {
        assert_eq!(
            ruled(&status(code), OTHERS),
            (same(300, true), failure(1, false), Scope::Channel)
        );
        assert_eq!(ruled(&status(code), REPEATED).0, Action::Next);
        assert_eq!(ruled(&status(code), BROKE).0, Action::Next);
    }
}

#[test]
fn row_10_a_server_error_moves_on_and_a_sole_channel_is_asked_once_more() {
    for code in [500, 502, 503, 504, 520, 527, 529] {
        assert_eq!(ruled(&status(code), OTHERS).0, Action::Next, "{code}");
        assert_eq!(ruled(&status(code), SOLE).0, same(200, true), "{code}");
        assert_eq!(ruled(&status(code), REPEATED).0, Action::Next, "{code}");
    }
    let spare = Position {
        spare: true,
        ..SOLE
    };
    assert_eq!(
        ruled(&status(500), spare).0,
        same(200, true),
        "the channel failed, whatever its credentials"
    );
    let patient = Outcome::Failed(Failed {
        status: 503,
        retry_after: Some(Duration::from_secs(9_000)),
        ..Failed::default()
    });
    assert_eq!(
        ruled(&patient, OTHERS).1,
        Mark::Failure {
            weight: 1,
            refused_connection: false,
            retry_after: Some(LONGEST_PAUSE)
        }
    );
    assert_eq!(
        ruled(&Outcome::Broken("reset".into()), OTHERS),
        (Action::Next, failure(1, false), Scope::Channel)
    );
}

#[test]
fn rows_11_13_and_15_move_on() {
    for (outcome, weight) in [
        (Outcome::TooSlow("first_token_timeout"), 1),
        (Outcome::Unusable("HTML".into()), 1),
        (Outcome::Suspicious("a redirect".into()), 2),
    ] {
        assert_eq!(
            ruled(&outcome, SOLE),
            (Action::Next, failure(weight, false), Scope::Channel)
        );
    }
}

#[test]
fn when_nothing_is_left_the_caller_sees_what_helps() {
    let wait = Duration::from_secs(3);
    let told = |outcomes: &[Outcome]| {
        let reject = conclude(outcomes, "m", wait);
        (reject.status(), reject.code())
    };
    assert_eq!(
        told(&[status(429), status(429)]),
        (429, "upstream_rate_limited")
    );
    assert_eq!(
        told(&[status(429), status(500)]),
        (502, "upstream_unavailable")
    );
    assert_eq!(told(&[status(401)]), (503, "upstream_unavailable"));
    assert_eq!(told(&[]), (503, "upstream_unavailable"));
    assert_eq!(
        told(&[Outcome::TooSlow("first_token_timeout")]),
        (504, "first_token_timeout")
    );
    assert_eq!(
        told(&[Outcome::Unusable("HTML".into())]),
        (502, "bad_upstream_response")
    );
    assert_eq!(told(&[status(404)]), (404, "model_not_found"));
    assert_eq!(
        told(&[Outcome::Unreachable("dns".into())]),
        (503, "upstream_unavailable")
    );
}
