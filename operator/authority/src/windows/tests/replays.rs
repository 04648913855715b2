//! Whatever happened: windows that replay what was told are the same, counts are those of the holds, and no limit is passed.

use super::*;
use proptest::prelude::*;
use purser_config::quota::{self, GoesOn, Reserve, ReserveVerdict, Settle, TokenUse};

const CHANNELS: [&str; 2] = ["shop/large", "shop/small"];
const MINUTE: u32 = 6;
const DAY: u32 = 40;
const TOKENS: u64 = 100;
const SLOTS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Hello(u8, Vec<u64>, Vec<u8>),
    Lost(u8, bool),
    Used(u8, Vec<u64>),
    Ask(u8, u32),
    Return(u8, usize, u32),
    Hold(u8, u8, u64, u8),
    Settle(u8, u8, Option<u64>),
    GoesOn(u8, u8, u64),
    Shares,
    Confirm(u8),
    Unplug,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..3u8;
    let tokens = || prop_oneof![Just(0), 1..120u64];
    prop_oneof![
        3 => (who(), prop::collection::vec(0..70_000u64, 0..5), prop::collection::vec(0..9u8, 0..4))
            .prop_map(|(who, ages, ids)| Step::Hello(who, ages, ids)),
        2 => (who(), any::<bool>()).prop_map(|(who, gone)| Step::Lost(who, gone)),
        2 => (who(), prop::collection::vec(0..70_000u64, 1..5)).prop_map(|(who, ages)| Step::Used(who, ages)),
        6 => (who(), 0..5u32).prop_map(|(who, want)| Step::Ask(who, want)),
        3 => (who(), 0..8usize, 1..3u32).prop_map(|(who, which, count)| Step::Return(who, which, count)),
        8 => (who(), 0..9u8, tokens(), 0..16u8).prop_map(|(who, id, tokens, what)| Step::Hold(who, id, tokens, what)),
        4 => (who(), 0..9u8, prop::option::of(0..150u64)).prop_map(|(who, id, tokens)| Step::Settle(who, id, tokens)),
        2 => (who(), 0..9u8, tokens()).prop_map(|(who, id, tokens)| Step::GoesOn(who, id, tokens)),
        2 => Just(Step::Shares),
        2 => who().prop_map(Step::Confirm),
        1 => Just(Step::Unplug),
        4 => (0..20_000u64).prop_map(Step::Wait),
        1 => (0..700_000u64).prop_map(Step::Wait),
    ]
}

struct World {
    windows: Windows,
    now: u64,
    tokens: Vec<u64>,
    told: Vec<Debit>,
    shares: [u32; 3],
    plugged: bool,
}

fn all_limits() -> Terms {
    let terms = KeyTerms {
        requests_per_minute: Some(MINUTE),
        requests_per_day: Some(DAY),
        tokens_per_minute: Some(TOKENS),
        concurrent_requests: Some(SLOTS),
        channels: CHANNELS.map(|name| name.parse().unwrap()).into(),
        ..KeyTerms::default()
    };
    let limits = |requests_per_minute, concurrent_requests| ChannelLimits {
        requests_per_minute,
        concurrent_requests,
    };
    let channels = [limits(Some(5), None), limits(Some(9), Some(2))];
    let names = CHANNELS.map(|name| name.parse().unwrap());
    Terms {
        keys: [(key(), terms)].into(),
        channels: names.into_iter().zip(channels).collect(),
        ..Terms::default()
    }
}

impl World {
    fn new() -> Self {
        let mut windows = Windows::new(ms(0), 1, Memory::Fresh);
        windows.tell();
        windows.configure(ms(0), all_limits());
        let (tokens, told) = Default::default();
        World {
            windows,
            now: 0,
            tokens,
            told,
            shares: [0; 3],
            plugged: true,
        }
    }

    fn hello(&mut self, who: u8, ages: &[u64], ids: &[u8]) {
        let holds = ids.iter().map(|id| quota::Hold {
            id: id.to_string(),
            key: key(),
            slot: id.is_multiple_of(2),
            channel: (id % 3 == 0).then(|| CHANNELS[1].parse().unwrap()),
        });
        let tokens = TokenUse {
            key: key(),
            amounts: ages.iter().map(|age| (*age, age % 40)).collect(),
        };
        let told = Hello {
            holds: holds.collect(),
            tokens: vec![tokens],
            ..super::hello(ages, self.shares[usize::from(who)])
        };
        let at = at(ms(self.now));
        self.windows.hello(at, &who.to_string(), &told, None);
    }

    fn hold(&mut self, who: u8, (id, tokens, what): (u8, u64, u8)) {
        let channels = CHANNELS.iter().zip([1, 2]);
        let channels = channels.filter(|(_, bit)| what & bit > 0);
        let reserve = Reserve {
            id: id.to_string(),
            key: key(),
            tokens,
            slot: what & 4 > 0,
            credits: 0,
            allowance: None,
            channels: channels.map(|(name, _)| name.parse().unwrap()).collect(),
            others: what & 8 > 0,
            spool: String::new(),
        };
        self.windows.swept = Duration::ZERO;
        self.windows.sweep(ms(self.now));
        let before = self.account();
        let told = self.windows.hold(ms(self.now), &who.to_string(), &reserve);
        if !matches!(told.verdict, ReserveVerdict::Held { .. }) {
            assert_eq!(self.account(), before, "refused, and yet something is held");
        }
    }

    fn settle(&mut self, who: u8, (id, tokens): (u8, Option<u64>), goes_on: Option<GoesOn>) {
        let (id, key) = (id.to_string(), key());
        let settle = Settle {
            id,
            key,
            tokens,
            goes_on,
        };
        self.windows.settle(ms(self.now), &who.to_string(), &settle);
    }

    fn goes_on(&mut self, who: u8, id: u8, tokens: u64) {
        let goes_on = GoesOn {
            tokens,
            slot: id.is_multiple_of(2),
            credits: false,
        };
        self.settle(who, (id, None), Some(goes_on));
    }

    fn used(&mut self, who: u8, ages_ms: Vec<u64>) {
        let (key, earlier) = (key(), 0);
        let uses = Use {
            key,
            ages_ms,
            earlier,
        };
        self.windows
            .used(at(ms(self.now)), &who.to_string(), &[uses]);
    }

    fn apply(&mut self, step: Step) {
        let now = ms(self.now);
        match step {
            Step::Hello(who, ages, ids) => self.hello(who, &ages, &ids),
            Step::Lost(who, gone) => self.windows.lost(now, &who.to_string(), gone),
            Step::Used(who, ages_ms) => self.used(who, ages_ms),
            Step::Ask(who, want) => {
                let (key, ttl_ms) = (key(), 100 * u64::from(want % 2));
                let ask = Ask { key, want, ttl_ms };
                let grant = self.windows.ask(at(now), &who.to_string(), &ask);
                if let Verdict::Granted { token, .. } = grant.verdict {
                    self.tokens.push(token);
                }
            }
            Step::Return(who, which, count) => {
                if let Some(&token) = self.tokens.iter().rev().nth(which) {
                    let key = key();
                    let back = Return { key, token, count };
                    self.windows.give_back(now, &who.to_string(), &back);
                }
            }
            Step::Hold(who, id, tokens, what) => self.hold(who, (id, tokens, what)),
            Step::Settle(who, id, tokens) => self.settle(who, (id, tokens), None),
            Step::GoesOn(who, id, tokens) => self.goes_on(who, id, tokens),
            Step::Shares => {
                for (who, shares) in self.windows.shares_to_tell(now) {
                    self.shares[who.parse::<usize>().unwrap()] = shares[0].requests;
                }
            }
            Step::Confirm(who) => {
                let requests = self.shares[usize::from(who)];
                let share = Share {
                    key: key(),
                    requests,
                };
                self.windows.shares_held(now, &who.to_string(), &[share]);
            }
            Step::Unplug => {
                self.plugged = !self.plugged;
                let terms = if self.plugged {
                    all_limits()
                } else {
                    Terms::default()
                };
                self.windows.configure(now, terms);
            }
            Step::Wait(ms) => self.now += ms,
        }
    }

    /// What is known and has not left.
    fn account(&mut self) -> Vec<Debit> {
        let now = nanos(ms(self.now));
        for account in self.windows.keys.values_mut() {
            account.requests.expire(now);
            account.tokens.expire(now);
        }
        for channel in self.windows.channels.values_mut() {
            channel.minute.expire(now);
        }
        self.windows.account()
    }

    fn check(&mut self) {
        self.told.extend(self.windows.debits());
        let (memory, debits) = (Memory::Kept, self.told.clone());
        let again = Windows::resume(ms(self.now), 2, Past { memory, debits });
        assert_eq!(again.account(), self.account());
        let holds: Vec<Hold> = self
            .windows
            .holds
            .all()
            .map(|(_, _, h)| h.clone())
            .collect();
        let slots = holds.iter().filter(|hold| hold.slot).count() as u64;
        assert_eq!(self.windows.holds.slots(&key(), &[]), slots);
        for name in CHANNELS {
            let name: Name = name.parse().unwrap();
            let sits = |hold: &&Hold| hold.seats.iter().any(|s| s.slot && s.channel == name);
            let seats = holds.iter().filter(sits).count();
            assert_eq!(self.windows.holds.seats(&name) as usize, seats);
        }
        if let Some(account) = self.windows.keys.get(&key()) {
            assert!(account.requests.minute.load(&[]) <= 2 * u64::from(MINUTE));
        }
    }
}

#[test]
fn after_a_restart_shares_and_slots_of_the_known_are_withheld_until_they_say_hello() {
    let mut world = World::new();
    for who in [0, 1] {
        world.shares[usize::from(who)] = 3;
        world.hello(who, &[], &[]);
    }
    world.hold(1, (1, 0, 4));
    world.told.extend(world.windows.debits());
    let (memory, debits) = (Memory::Kept, world.told.clone());
    world.windows = Windows::resume(ms(0), 2, Past { memory, debits });
    world.windows.configure(ms(0), all_limits());
    world.hello(0, &[], &[]);
    assert_eq!(grants(&mut world.windows, ms(0), "0"), 3);
    let slots = |world: &World| world.windows.holds.slots(&key(), &[]);
    assert_eq!(slots(&world), 1);
    world.hello(1, &[], &[]);
    assert_eq!(
        (slots(&world), grants(&mut world.windows, ms(0), "1")),
        (0, 3)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 2_000 }))]

    #[test]
    fn windows_that_replay_what_was_told_are_the_same(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for who in 0..3 {
            world.hello(who, &[], &[]);
        }
        for step in steps {
            world.apply(step);
            world.check();
        }
    }

    #[test]
    fn without_reports_no_limit_is_ever_passed(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        for step in steps {
            let step = match step {
                Step::Hello(who, ..) => Step::Hello(who, vec![], vec![]),
                Step::GoesOn(..) => Step::Wait(0),
                Step::Settle(who, id, tokens) => Step::Settle(who, id, tokens.map(|used| used % 10)),
                step => step,
            };
            world.apply(step);
            let now = nanos(ms(world.now));
            let windows = &mut world.windows;
            prop_assert!(windows.holds.slots(&key(), &[]) <= u64::from(SLOTS));
            prop_assert!(windows.holds.seats(&CHANNELS[1].parse().unwrap()) <= 2);
            for (name, most) in CHANNELS.iter().zip([5, 9]) {
                if let Some(channel) = windows.channels.get_mut(&name.parse::<Name>().unwrap()) {
                    channel.minute.expire(now);
                    prop_assert!(channel.minute.load(&[]) <= most);
                }
            }
            if let Some(account) = windows.keys.get_mut(&key()) {
                prop_assert!(account.requests.day.used <= DAY);
            }
        }
    }
}

fn restarted(windows: &Windows, now: Duration, when: WhenQuotaUnreachable) -> Windows {
    let (memory, debits) = (Memory::Kept, windows.account());
    let mut windows = Windows::resume(now, windows.epoch() + 1, Past { memory, debits });
    windows.configure(now, terms(Some(5), when));
    windows.hello(at(now), "a", &hello(&[], 0), None);
    windows
}

#[test]
fn who_forgot_learns_through_its_restarts_for_as_long_as_if_it_had_none() {
    let when = WhenQuotaUnreachable::Deny;
    let mut windows = windows(Memory::Lost, 5, when);
    for now in [20_000, 50_000] {
        windows = restarted(&windows, ms(now), when);
    }
    let verdict = asks(&mut windows, ms(60_073), "a").verdict;
    assert_eq!(verdict, Verdict::Learning { ready_ms: 1 });
    assert_eq!(grants(&mut windows, ms(60_074), "a"), 5);
    let mut later = restarted(&windows, ms(61_000), when);
    assert_eq!(asks(&mut later, ms(61_000), "a").verdict, denied(59_148));
}

#[test]
fn shares_that_nobody_told_are_withheld_through_restarts_too() {
    let when = WhenQuotaUnreachable::Share;
    let mut first = windows(Memory::Lost, 5, when);
    first.hello(at(ms(0)), "b", &hello(&[], 2), None);
    let mut windows = restarted(&first, ms(20_000), when);
    let verdict = asks(&mut windows, ms(21_999), "a").verdict;
    assert_eq!(verdict, Verdict::Learning { ready_ms: 1 });
    assert_eq!(grants(&mut windows, ms(22_000), "a"), 3, "two may be b's");
    assert_eq!(
        windows.shares_to_tell(ms(22_000)),
        [],
        "three are unheard of"
    );
    let told = windows.shares_to_tell(KEPT);
    assert!(
        told.iter()
            .any(|(to, shares)| to == "a" && shares[0].requests == 3)
    );
}

#[test]
fn a_process_that_has_the_spool_of_a_lost_one_means_that_the_lost_one_has_ended() {
    let when = WhenQuotaUnreachable::Share;
    let of = |instance: &str, spool: &str, held| Hello {
        instance: instance.to_owned(),
        spool: spool.to_owned(),
        ..hello(&[], held)
    };
    let mut first = windows(Memory::Fresh, 5, when);
    first.hello(at(ms(0)), "b", &of("b", "s-1", 5), None);
    let mut windows = restarted(&first, ms(1_000), when);
    windows.hello(at(ms(1_000)), "c", &of("c", "", 0), None);
    assert_eq!(grants(&mut windows, ms(1_000), "c"), 0, "b may use it all");
    windows.hello(at(ms(1_000)), "d", &of("d", "s-1", 0), None);
    assert_eq!(grants(&mut windows, ms(1_000), "d"), 5);
    assert!(
        !windows
            .account()
            .iter()
            .any(|debit| matches!(debit, Debit::Sidecar(s) if s.name == "b"))
    );
}
