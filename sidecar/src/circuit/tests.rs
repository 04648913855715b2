//! When a circuit shuts, probes and opens again, at exact moments.

use super::*;

const HEALTH: Health = Health {
    consecutive_failures: 5,
    min_requests: 5,
    success_rate_percent: 50,
    cooldown_ms: 5_000,
    max_cooldown_ms: 300_000,
};
const FAILED: Mark = Mark::Failure {
    weight: 1,
    refused_connection: false,
    retry_after: None,
};
const REFUSED: Mark = Mark::Failure {
    weight: 1,
    refused_connection: true,
    retry_after: None,
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn after(marks: &[Mark]) -> Circuit {
    let mut circuit = Circuit::default();
    for mark in marks {
        circuit.record(at(0), *mark, &HEALTH, 0.5);
    }
    circuit
}

#[test]
fn five_failures_in_a_row_shut_it_and_four_do_not() {
    let success = vec![Mark::Success; 20];
    assert_eq!(
        after(&[success.clone(), vec![FAILED; 4]].concat()).state(),
        State::Flowing
    );
    assert_eq!(
        after(&[success, vec![FAILED; 5]].concat()).state(),
        State::Shut { until: at(5) }
    );
}

#[test]
fn two_refused_connections_shut_it() {
    assert_eq!(after(&[REFUSED]).state(), State::Flowing);
    assert_eq!(
        after(&[REFUSED, REFUSED]).state(),
        State::Shut { until: at(5) }
    );
}

#[test]
fn a_low_success_rate_shuts_it_only_with_enough_results() {
    let alternate = [FAILED, Mark::Success, FAILED, FAILED];
    assert_eq!(after(&alternate).state(), State::Flowing);
    assert!(matches!(
        after(&[FAILED, Mark::Success, FAILED, Mark::Success, FAILED]).state(),
        State::Shut { .. }
    ));
}

#[test]
fn one_real_request_probes_and_a_failure_doubles_the_spell() {
    let mut circuit = after(&[REFUSED, REFUSED]);
    assert_eq!(circuit.admit(at(4)), Admission::Wait(at(5)));
    assert_eq!(circuit.admit(at(5)), Admission::Probe);
    assert!(
        matches!(circuit.admit(at(5)), Admission::Wait(_)),
        "only one probe at a time"
    );
    circuit.record(at(5), FAILED, &HEALTH, 0.5);
    assert_eq!(circuit.state(), State::Shut { until: at(15) });
    assert_eq!(circuit.admit(at(15)), Admission::Probe);
    circuit.record(at(15), Mark::Success, &HEALTH, 0.5);
    assert_eq!(circuit.admit(at(15)), Admission::Flow);
    assert!(
        (circuit.weight_factor(at(15)) - 0.1).abs() < 0.01
            && (circuit.weight_factor(at(45)) - 1.0).abs() < 1e-9
    );
}

#[test]
fn a_probe_whose_caller_left_is_probed_again() {
    let mut circuit = after(&[REFUSED, REFUSED]);
    assert_eq!(circuit.admit(at(6)), Admission::Probe);
    circuit.abandon(at(7));
    assert_eq!(circuit.admit(at(7)), Admission::Probe);
}

#[test]
fn a_busy_provider_is_left_alone_for_as_long_as_it_asked_and_is_not_a_failure() {
    let mut circuit = after(&[Mark::Busy { pause: at(7) }]);
    assert_eq!(circuit.admit(at(6)), Admission::Wait(at(7)));
    assert_eq!(circuit.admit(at(7)), Admission::Probe);
    circuit.record(at(7), Mark::Success, &HEALTH, 0.5);
    assert_eq!(circuit.state(), State::Flowing);
    assert!(
        circuit.weight_factor(at(7)) > 0.5,
        "no slow start after a pause"
    );
}

#[test]
fn it_says_since_when_it_is_out() {
    let mut circuit = after(&[REFUSED, REFUSED]);
    circuit.admit(at(6));
    circuit.record(at(6), FAILED, &HEALTH, 0.5);
    assert_eq!(circuit.out_since(), Some(at(0)));
    circuit.record(at(20), Mark::Success, &HEALTH, 0.5);
    assert_eq!(circuit.out_since(), None);
}

#[test]
fn a_disabled_account_stays_out_longer_each_time_up_to_a_bound() {
    let mark = Mark::Disabled {
        first: at(600),
        longest: at(21_600),
        unpaid: false,
    };
    let mut circuit = Circuit::default();
    for expected in [600, 1_200, 2_400, 4_800, 9_600, 19_200, 21_600, 21_600] {
        circuit.record(at(0), mark, &HEALTH, 0.5);
        assert_eq!(
            circuit.state(),
            State::Shut {
                until: at(expected)
            }
        );
    }
}

#[test]
fn calls_that_fail_together_shut_it_once() {
    let circuit = after(&[FAILED; 40]);
    assert_eq!(circuit.state(), State::Shut { until: at(5) });
}

#[test]
fn a_probe_ahead_of_its_time_neither_lengthens_nor_shortens_the_cooldown() {
    let mut circuit = after(&[REFUSED, REFUSED]);
    assert!(circuit.force_probe());
    circuit.record(at(1), FAILED, &HEALTH, 0.5);
    assert_eq!(circuit.state(), State::Shut { until: at(5) });
    assert!(circuit.force_probe());
    circuit.record(at(2), Mark::Success, &HEALTH, 0.5);
    assert_eq!(circuit.state(), State::Flowing);
    for _ in 0..2 {
        circuit.record(at(3), REFUSED, &HEALTH, 0.5);
    }
    assert_eq!(circuit.state(), State::Shut { until: at(8) });
}

#[test]
fn an_answer_to_what_was_sent_before_does_not_end_a_pause_that_was_asked_for() {
    let mut circuit = after(&[Mark::Busy { pause: at(7) }, Mark::Success]);
    assert_eq!(circuit.admit(at(6)), Admission::Wait(at(7)));
    assert_eq!(circuit.out_since(), None, "busy is not out");
}

#[test]
fn a_late_429_does_not_bring_a_refused_account_back() {
    let disabled = Mark::Disabled {
        first: at(600),
        longest: at(21_600),
        unpaid: false,
    };
    let circuit = after(&[disabled, Mark::Busy { pause: at(5) }]);
    assert_eq!(circuit.state(), State::Shut { until: at(600) });
    let paused = after(&[Mark::Busy { pause: at(300) }, Mark::Busy { pause: at(5) }]);
    assert_eq!(paused.state(), State::Shut { until: at(300) });
}

#[test]
fn yesterdays_failures_do_not_shut_it_today() {
    let mut circuit = after(&[Mark::Success, FAILED, Mark::Success, FAILED, Mark::Success]);
    circuit.record(at(86_400), FAILED, &HEALTH, 0.5);
    assert_eq!(circuit.state(), State::Flowing);
}
