//! Shares under a network that loses what it likes.

use super::*;
use proptest::prelude::*;

fn key() -> Name {
    Name::new("shop", "checkout")
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn share(requests: u32) -> Share {
    Share {
        key: key(),
        requests,
    }
}

fn of(limit: u32) -> Shared {
    let callers = Callers::All;
    Shared { limit, callers }
}

fn shares(limit: u32) -> Shares {
    let mut shares = Shares::new(None);
    shares.configure(&BTreeMap::from([(key(), of(limit))]));
    shares
}

fn told(tells: Vec<(String, Vec<Share>)>) -> Vec<(String, u32)> {
    tells
        .into_iter()
        .flat_map(|(id, shares)| shares.into_iter().map(move |s| (id.clone(), s.requests)))
        .collect()
}

fn tell(shares: &mut Shares, now: Duration) -> Vec<(String, u32)> {
    shares.forget(now);
    told(shares.tell(now))
}

fn says(sidecar: &str, requests: u32) -> (String, u32) {
    (sidecar.to_owned(), requests)
}

#[test]
fn the_remainder_goes_to_the_first() {
    let mut shares = shares(5);
    for sidecar in ["c", "a", "b"] {
        shares.join(sidecar, None, &[]);
    }
    assert_eq!(
        tell(&mut shares, at(0)),
        [says("a", 2), says("b", 2), says("c", 1)]
    );
    assert_eq!(tell(&mut shares, at(0)), []);
}

#[test]
fn only_whoever_makes_a_keys_calls_has_a_share_of_it() {
    let mut shares = Shares::new(None);
    let now_among = |shares: &mut Shares, callers| {
        shares.configure(&BTreeMap::from([(key(), Shared { limit: 6, callers })]));
    };
    now_among(&mut shares, Callers::Namespace);
    for (sidecar, scope) in [("a", Some("shop")), ("b", Some("shop")), ("gate", None)] {
        shares.join(sidecar, scope, &[]);
    }
    assert_eq!(tell(&mut shares, at(0)), [says("a", 3), says("b", 3)]);
    for sidecar in ["a", "b"] {
        shares.confirm(sidecar, &[share(3)]);
    }
    now_among(&mut shares, Callers::Gateway);
    assert_eq!(tell(&mut shares, at(1)), [says("a", 0), says("b", 0)]);
    shares.confirm("a", &[share(0)]);
    assert_eq!(
        tell(&mut shares, at(1)),
        [says("gate", 3)],
        "b may use its own"
    );
    shares.confirm("gate", &[share(3)]);
    shares.confirm("b", &[share(0)]);
    assert_eq!(tell(&mut shares, at(1)), [says("gate", 6)]);
}

#[test]
fn an_increase_waits_until_the_decrease_is_confirmed() {
    let mut shares = shares(10);
    shares.join("a", None, &[]);
    assert_eq!(tell(&mut shares, at(0)), [says("a", 10)]);
    shares.confirm("a", &[share(10)]);
    shares.join("b", None, &[]);
    assert_eq!(tell(&mut shares, at(1)), [says("a", 5)]);
    shares.confirm("a", &[share(10)]);
    assert_eq!(
        tell(&mut shares, at(1)),
        [],
        "a receipt of the old share confirms nothing"
    );
    assert_eq!(
        tell(&mut shares, at(2)),
        [says("a", 5)],
        "told again until it is heard"
    );
    shares.confirm("a", &[share(5)]);
    assert_eq!(tell(&mut shares, at(3)), [says("b", 5)]);
}

#[test]
fn a_lost_sidecar_keeps_its_share_and_one_that_is_gone_does_not() {
    let mut shares = shares(10);
    for sidecar in ["a", "b"] {
        shares.join(sidecar, None, &[share(5)]);
    }
    shares.leave(at(0), "b", false);
    assert_eq!(tell(&mut shares, at(600)), []);
    assert_eq!(shares.cut_off(&key()).collect::<Vec<_>>(), [("b", 5)]);
    assert_eq!(tell(&mut shares, at(605)), [says("a", 10)]);
    assert_eq!(shares.cut_off(&key()).count(), 0);

    shares.join("c", None, &[]);
    shares.leave(at(700), "a", true);
    assert_eq!(tell(&mut shares, at(700)), [says("c", 10)]);
}

#[test]
fn a_new_authority_moves_only_shares_that_it_has_heard_of() {
    let mut shares = Shares::new(Some(KEPT));
    shares.configure(&BTreeMap::from([(key(), of(10))]));
    shares.join("a", None, &[share(4)]);
    shares.join("b", None, &[]);
    assert_eq!(tell(&mut shares, at(1)), []);
    shares.join("c", None, &[share(4)]);
    assert_eq!(tell(&mut shares, at(1)), [says("c", 3)]);
    shares.confirm("c", &[share(3)]);
    assert_eq!(tell(&mut shares, at(2)), [says("b", 1)]);
    shares.confirm("b", &[share(1)]);
    assert_eq!(tell(&mut shares, KEPT), [says("b", 3)]);
}

#[test]
fn a_sidecar_is_told_only_of_keys_in_its_scope() {
    let mut shares = shares(10);
    shares.join("a", Some("shop"), &[]);
    shares.join("b", Some("other"), &[share(9)]);
    shares.join("gateway", None, &[]);
    assert_eq!(tell(&mut shares, at(0)), [says("a", 5), says("gateway", 5)]);
}

#[test]
fn a_key_that_is_no_longer_shared_is_taken_back_and_then_forgotten() {
    let mut shares = shares(10);
    shares.join("a", None, &[share(10)]);
    shares.configure(&BTreeMap::new());
    assert_eq!(tell(&mut shares, at(0)), [says("a", 0)]);
    shares.confirm("a", &[share(0)]);
    assert_eq!(tell(&mut shares, at(1)), []);
    assert!(shares.rows.is_empty());
}

const FLEET: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    Leave(usize),
    End(usize),
    Tell,
    Hear(usize),
    Confirm(usize),
    Receipt(usize),
    Limit(u32),
    Wait(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..FLEET).prop_map(Step::Join),
        2 => (0..FLEET).prop_map(Step::Leave),
        1 => (0..FLEET).prop_map(Step::End),
        6 => Just(Step::Tell),
        8 => (0..FLEET).prop_map(Step::Hear),
        8 => (0..FLEET).prop_map(Step::Confirm),
        8 => (0..FLEET).prop_map(Step::Receipt),
        1 => (0..40u32).prop_map(Step::Limit),
        4 => (0..3u64).prop_map(Step::Wait),
        1 => (0..700u64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// A sidecar as it really is: what it believes, and the two ordered pipes of its connection.
#[derive(Default)]
struct Real {
    believes: u32,
    connected: bool,
    cut_off: u64,
    inbox: Vec<u32>,
    outbox: Vec<u32>,
}

struct World {
    shares: Shares,
    fleet: Vec<Real>,
    limit: u32,
    now: u64,
    restarted: bool,
}

impl World {
    fn new(limit: u32) -> Self {
        let fleet = (0..FLEET).map(|_| Real::default()).collect();
        World {
            shares: shares(limit),
            fleet,
            limit,
            now: 0,
            restarted: false,
        }
    }

    fn end(&mut self, i: usize, gone: bool) {
        let real = &mut self.fleet[i];
        (real.inbox, real.outbox) = Default::default();
        if real.connected {
            real.cut_off = self.now;
        }
        real.connected = false;
        real.believes = if gone { 0 } else { real.believes };
        self.shares.leave(at(self.now), &i.to_string(), gone);
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Join(i) => {
                self.end(i, false);
                self.fleet[i].connected = true;
                self.shares
                    .join(&i.to_string(), None, &[share(self.fleet[i].believes)]);
            }
            Step::Leave(i) => self.end(i, false),
            Step::End(i) => {
                // A process that ended unseen by this authority leaves no word.
                let known = self.shares.members.contains_key(&i.to_string());
                self.end(i, known);
                self.fleet[i].believes = 0;
            }
            Step::Tell => {
                for (id, requests) in tell(&mut self.shares, at(self.now)) {
                    let i: usize = id.parse().unwrap();
                    assert!(self.fleet[i].connected, "told {id}, which is not there");
                    self.fleet[i].inbox.push(requests);
                }
            }
            Step::Hear(i) if !self.fleet[i].inbox.is_empty() => {
                let real = &mut self.fleet[i];
                real.believes = real.inbox.remove(0);
                real.outbox.push(real.believes);
            }
            Step::Confirm(i) if self.fleet[i].connected => {
                let believes = self.fleet[i].believes;
                self.fleet[i].outbox.push(believes);
            }
            Step::Receipt(i) if !self.fleet[i].outbox.is_empty() => {
                let requests = self.fleet[i].outbox.remove(0);
                self.shares.confirm(&i.to_string(), &[share(requests)]);
            }
            Step::Limit(limit) => self.relimit(limit),
            Step::Wait(seconds) => self.wait(seconds),
            Step::Restart => self.restart(),
            Step::Hear(_) | Step::Confirm(_) | Step::Receipt(_) => {}
        }
    }

    /// The first limit that a restarted authority hears is the one that held before; so no change straddles a restart.
    fn relimit(&mut self, limit: u32) {
        if !self.restarted {
            self.limit = limit;
            self.shares.configure(&BTreeMap::from([(key(), of(limit))]));
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now += seconds;
        for real in &mut self.fleet {
            if !real.connected && self.now - real.cut_off >= 604 {
                real.believes = 0;
            }
        }
    }

    fn restart(&mut self) {
        if self.believed() > u64::from(self.limit) {
            return;
        }
        for i in 0..FLEET {
            self.end(i, false);
        }
        self.restarted = true;
        self.shares = Shares::new(Some(at(self.now) + KEPT));
        self.shares
            .configure(&BTreeMap::from([(key(), of(self.limit))]));
    }

    fn believed(&self) -> u64 {
        // What is on its way may be heard at any moment: the largest counts.
        let may_believe = |real: &Real| {
            u64::from(
                real.inbox
                    .iter()
                    .copied()
                    .max()
                    .unwrap_or(0)
                    .max(real.believes),
            )
        };
        self.fleet.iter().map(may_believe).sum()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 2_000 }))]

    #[test]
    fn what_sidecars_may_believe_in_sums_to_at_most_the_limit(
        limit in 0..40u32,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut world = World::new(limit);
        let mut before = 0;
        for step in steps {
            world.apply(step.clone());
            let believed = world.believed();
            prop_assert!(believed <= u64::from(world.limit).max(before), "{believed} of {} after {step:?}", world.limit);
            before = believed;
        }
    }

    #[test]
    fn a_quiet_network_ends_at_equal_shares(limit in 0..40u32, steps in prop::collection::vec(step(), 1..100)) {
        let mut world = World::new(limit);
        steps.into_iter().for_each(|step| world.apply(step));
        (0..FLEET).for_each(|i| world.apply(Step::Join(i)));
        world.apply(Step::Wait(700));
        for _ in 0..200 {
            world.apply(Step::Wait(2));
            world.apply(Step::Tell);
            (0..FLEET).for_each(|i| world.apply(Step::Hear(i)));
            (0..FLEET).for_each(|i| while !world.fleet[i].outbox.is_empty() { world.apply(Step::Receipt(i)) });
        }
        let (base, extra) = (world.limit / 6, world.limit as usize % 6);
        let expected: Vec<u32> = (0..FLEET).map(|i| base + u32::from(i < extra)).collect();
        prop_assert_eq!(world.fleet.iter().map(|real| real.believes).collect::<Vec<_>>(), expected);
    }
}
