//! What a lane says that it would take is what it takes.

use super::*;
use crate::testing;
use purser_config::{Credential, SecretText};

const NOW: Duration = Duration::from_secs(1_000);

fn lane(credentials: usize) -> (Arc<Lane>, Channel) {
    let mut channel = testing::channel("http://127.0.0.1:1", &["m"]);
    channel.credentials = (0..credentials)
        .map(|at| Credential {
            from: format!("secret/{at}"),
            value: SecretText::new(format!("sk-{at}")),
        })
        .collect();
    let name = Name::new("shop", "one");
    (Lanes::default().of(&name, &channel).unwrap(), channel)
}

/// Uses a credential and settles it so.
fn settle(lane: &Arc<Lane>, channel: &Channel, mark: Mark, credential: bool) -> usize {
    let claim = lane
        .claim(("m", None), NOW, false)
        .unwrap_or_else(|_| panic!("shut"));
    let used = claim.credential;
    claim.settle(Noted {
        now: NOW,
        mark,
        credential,
        health: &channel.health,
        draw: 0.5,
    });
    used
}

const REFUSED: Mark = Mark::Disabled {
    first: Duration::from_secs(300),
    longest: Duration::from_secs(300),
    unpaid: false,
};

#[test]
fn a_credential_is_no_spare_of_its_own() {
    let (one, channel) = lane(1);
    assert!(!one.has_spare(0, NOW));
    let (two, _) = lane(2);
    assert!(two.has_spare(0, NOW) && two.has_spare(1, NOW));
    let used = settle(&two, &channel, REFUSED, true);
    assert!(!two.has_spare(1 - used, NOW), "the refused one is none");
    assert!(two.has_spare(used, NOW));
}

#[test]
fn a_channel_takes_a_call_exactly_when_it_says_so() {
    let failed = Mark::Failure {
        weight: 100,
        refused_connection: false,
        retry_after: None,
    };
    let busy = Mark::Busy {
        pause: Duration::from_secs(9),
    };
    // What was marked, about the credential or not; whether it then takes a call, and whether it does when forced.
    for (mark, credential, takes, forced) in [
        (Mark::Success, false, true, true),
        (failed, false, false, true),
        (busy, false, false, false),
        (busy, true, false, false),
        (REFUSED, true, false, false),
    ] {
        for (force, expected) in [(false, takes), (true, forced)] {
            let (lane, channel) = lane(1);
            settle(&lane, &channel, mark, credential);
            assert_eq!(
                lane.would_take("m", NOW, force),
                expected,
                "{mark:?} {force}"
            );
            let claimed = lane.claim(("m", None), NOW, force).is_ok();
            assert_eq!(claimed, expected, "{mark:?} {force}");
        }
    }
    let (lane, _) = lane(1);
    lane.forget_model("m", NOW);
    assert!(!lane.would_take("m", NOW, true) && lane.would_take("other", NOW, false));
}
