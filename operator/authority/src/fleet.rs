//! A simulated fleet against the authority, judged by the brute-force checker: real time, drifting clocks, a slow network.
//!
//! Sidecars keep reliability.md 2.3: R3 (a reply slower than the grace is void and given back; of a lease what is not used within
//! its lifetime and the grace), R5 (how much a busy one wants), R6 (a denial is believed until its `next_free`), and on reconnecting
//! drop old answers and report their uses. Nothing else is assumed of them.

mod lease;

use crate::checker::worst_window;
use crate::{KeyTerms, Memory, Moment, Past, Terms, Windows};
use purser_config::quota::{Ask, GRACE_MS, Grant, Return, Use, Verdict, WINDOW_MS, occupancy_ms};
use purser_config::stream::Hello;
use purser_config::{Name, WhenQuotaUnreachable};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

/// SplitMix64: one seed, one run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// A clock of its own epoch and rate.
#[derive(Clone, Copy)]
struct Clock {
    origin: u64,
    ppm: i64,
}

impl Clock {
    fn read(self, real: u64) -> u64 {
        let drift = i128::from(real) * i128::from(self.ppm) / 1_000_000;
        self.origin + u64::try_from(i128::from(real) + drift).unwrap()
    }
}

#[derive(Clone, Debug)]
struct Plan {
    seed: u64,
    sidecars: u64,
    limit: u32,
    when: WhenQuotaUnreachable,
    /// One way, at most, in milliseconds.
    delay_ms: u64,
    /// Between two tries of a sidecar, at most, in milliseconds: short is a flood.
    pause_ms: u64,
    /// Sidecars try together at this period, in milliseconds; 0: never.
    burst_ms: u64,
    /// One in so many grants is given back unused; 0: none.
    unused: u64,
    /// One in so many tries finds its connection broken; 0: none.
    breaks: u64,
    restarts: bool,
    occupancy_ms: u64,
    seconds: u64,
    /// Busy sidecars ask for several requests at once.
    leases: bool,
    /// A restarted authority knows what the one before it did.
    kept: bool,
}

enum Event {
    Try { sidecar: usize },
    Burst,
    Restart,
    Expire { line: Line, token: u64 },
    Message { line: Line, message: Message },
}

/// One connection of one sidecar.
#[derive(Clone, Copy)]
struct Line {
    sidecar: usize,
    connection: u64,
}

enum Message {
    Hello(Hello),
    Ask { sent: u64, want: u32 },
    Answer { sent: u64, grant: Grant },
    Return { token: u64, count: u32 },
}

struct Sidecar {
    clock: Clock,
    connection: u64,
    /// Admissions by its own clock.
    log: Vec<u64>,
    /// A denial is believed until then, by its own clock.
    denied_until: u64,
    lessee: lease::Lessee,
}

struct World {
    plan: Plan,
    dice: Dice,
    clock: Clock,
    authority: Windows,
    sidecars: Vec<Sidecar>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
    connections: u64,
    uses: Vec<u64>,
}

fn key() -> Name {
    Name::new("shop", "checkout")
}

impl World {
    fn new(plan: Plan) -> Self {
        let mut dice = Dice(plan.seed);
        let mut clock = || Clock {
            origin: dice.below(2) * dice.below(1 << 50),
            ppm: i64::try_from(dice.below(401)).unwrap() - 200,
        };
        let own = clock();
        let sidecar = |_| Sidecar {
            clock: clock(),
            connection: 0,
            log: vec![],
            denied_until: 0,
            lessee: lease::Lessee::default(),
        };
        let sidecars: Vec<Sidecar> = (0..plan.sidecars).map(sidecar).collect();
        let authority = authority(&plan, own.read(0), 1, Memory::Fresh);
        let (queue, events) = Default::default();
        let mut world = World {
            plan,
            dice,
            clock: own,
            authority,
            sidecars,
            queue,
            events,
            next: 0,
            connections: 0,
            uses: vec![],
        };
        for sidecar in 0..world.sidecars.len() {
            world.connect(0, sidecar);
            world.at(100 * MS, Event::Try { sidecar });
        }
        world.at(100 * MS, Event::Burst);
        if world.plan.restarts {
            let restart = world.dice.below(world.plan.seconds * SECOND);
            world.at(restart, Event::Restart);
        }
        world
    }

    fn at(&mut self, real: u64, event: Event) {
        self.next += 1;
        self.queue.push(Reverse((real, self.next)));
        self.events.insert(self.next, event);
    }

    fn delay(&mut self) -> u64 {
        self.dice.below(self.plan.delay_ms * MS + 1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.dice.below(n) == 0
    }

    fn run(mut self) -> Vec<u64> {
        self.play();
        self.uses
    }

    fn play(&mut self) {
        while let Some(Reverse((real, id))) = self.queue.pop() {
            if real > self.plan.seconds * SECOND {
                break;
            }
            let event = self.events.remove(&id).unwrap();
            self.happen(real, event);
        }
    }

    fn happen(&mut self, real: u64, event: Event) {
        match event {
            Event::Try { sidecar } => self.try_again(real, sidecar),
            Event::Burst => self.burst(real),
            Event::Restart => self.restart(real),
            Event::Expire { line, token } => self.expire(real, line, token),
            // A connection that ended delivers nothing more.
            Event::Message { line, .. }
                if self.sidecars[line.sidecar].connection != line.connection => {}
            Event::Message {
                line,
                message: Message::Answer { sent, grant },
            } => {
                self.answered(real, line, (sent, grant.verdict));
            }
            Event::Message { line, message } => self.heard(real, line, message),
        }
    }

    /// At the authority.
    fn heard(&mut self, real: u64, line: Line, message: Message) {
        let now = Duration::from_nanos(self.clock.read(real));
        let unix_ms = real / MS;
        let at = Moment { now, unix_ms };
        let id = line.sidecar.to_string();
        match message {
            Message::Ask { sent, want } => {
                let key = key();
                let ttl_ms = 0;
                let grant = self.authority.ask(at, &id, &Ask { key, want, ttl_ms });
                self.send(real, line, Message::Answer { sent, grant });
            }
            Message::Return { token, count } => {
                let key = key();
                let back = Return { key, token, count };
                self.authority.give_back(at.now, &id, &back);
            }
            Message::Hello(hello) => self.authority.hello(at, &id, &hello, Some("shop")),
            Message::Answer { .. } => {}
        }
    }

    fn send(&mut self, real: u64, line: Line, message: Message) {
        let arrives = real + self.delay();
        self.at(arrives, Event::Message { line, message });
    }

    fn line(&self, sidecar: usize) -> Line {
        let connection = self.sidecars[sidecar].connection;
        Line {
            sidecar,
            connection,
        }
    }

    fn connect(&mut self, real: u64, sidecar: usize) {
        let now = Duration::from_nanos(self.clock.read(real));
        self.authority.lost(now, &sidecar.to_string(), false);
        self.connections += 1;
        let own = &mut self.sidecars[sidecar];
        own.connection = self.connections;
        own.denied_until = 0;
        own.lessee.forget();
        let read = own.clock.read(real);
        own.log.retain(|at| read - at <= 61 * SECOND);
        let ages_ms = own.log.iter().map(|at| (read - at) / MS).collect();
        let uses = vec![Use {
            key: key(),
            ages_ms,
            earlier: 0,
        }];
        let hello = Hello {
            instance: "one".to_owned(),
            version: None,
            uses,
            shares: vec![],
            holds: Vec::new(),
            tokens: Vec::new(),
            spool: String::new(),
        };
        self.send(real, self.line(sidecar), Message::Hello(hello));
    }

    fn try_again(&mut self, real: u64, sidecar: usize) {
        if self.one_in(self.plan.breaks) {
            self.connect(real, sidecar);
        }
        self.ask(real, sidecar);
        let pause = 1 + self.dice.below(self.plan.pause_ms * MS);
        self.at(real + pause, Event::Try { sidecar });
    }

    fn ask(&mut self, real: u64, sidecar: usize) {
        let own = &self.sidecars[sidecar];
        let sent = own.clock.read(real);
        if sent < own.denied_until {
            return;
        }
        if self.plan.leases {
            self.arrive(real, sidecar);
        } else {
            let want = 1;
            self.send(real, self.line(sidecar), Message::Ask { sent, want });
        }
    }

    /// Everybody at once, each with as many calls as the whole plan allows (within reason).
    fn burst(&mut self, real: u64) {
        if self.plan.burst_ms == 0 {
            return;
        }
        for sidecar in 0..self.sidecars.len() {
            (0..self.plan.limit.min(40)).for_each(|_| self.ask(real, sidecar));
        }
        self.at(real + self.plan.burst_ms * MS, Event::Burst);
    }

    fn answered(&mut self, real: u64, line: Line, (sent, verdict): (u64, Verdict)) {
        if self.plan.leases {
            return self.leased(real, line, (sent, verdict));
        }
        let unused = self.one_in(self.plan.unused);
        let own = &mut self.sidecars[line.sidecar];
        let read = own.clock.read(real);
        match verdict {
            Verdict::Granted { token, .. } if unused || read - sent > GRACE_MS * MS => {
                let count = 1;
                self.send(real, line, Message::Return { token, count });
            }
            Verdict::Granted { .. } => {
                own.log.push(read);
                self.uses.push(real);
            }
            Verdict::Refused { .. } => {}
            Verdict::Denied {
                next_free_ms: wait, ..
            }
            | Verdict::Learning { ready_ms: wait } => {
                own.denied_until = own.denied_until.max(read + wait.min(1_000) * MS);
            }
        }
    }

    /// The authority dies, and everybody reconnects to the next one within a second.
    fn restart(&mut self, real: u64) {
        let epoch = self.authority.epoch() + 1;
        let (now, debits) = (self.clock.read(real), self.authority.account());
        self.authority = authority(&self.plan, now, epoch, Memory::Lost);
        if self.plan.kept {
            let (now, memory) = (Duration::from_nanos(now), Memory::Kept);
            self.authority = Windows::resume(now, epoch, Past { memory, debits });
            let terms = terms(key(), self.plan.limit, self.plan.when);
            self.authority.configure(now, terms);
        }
        for sidecar in 0..self.sidecars.len() {
            self.connect(real, sidecar);
        }
        let again = real + self.dice.below(200 * SECOND);
        self.at(again, Event::Restart);
    }
}

fn authority(plan: &Plan, now: u64, epoch: u64, memory: Memory) -> Windows {
    let now = Duration::from_nanos(now);
    let occupancy = Duration::from_millis(plan.occupancy_ms);
    let mut authority = Windows::new(now, epoch, memory).occupying(occupancy);
    authority.configure(now, terms(key(), plan.limit, plan.when));
    authority
}

fn terms(key: Name, limit: u32, when_unreachable: WhenQuotaUnreachable) -> Terms {
    let terms = KeyTerms {
        requests_per_minute: Some(limit),
        when_unreachable,
        ..KeyTerms::default()
    };
    Terms {
        keys: [(key, terms)].into(),
        ..Terms::default()
    }
}

fn worst(uses: &mut [u64]) -> usize {
    worst_window(uses, Duration::from_millis(WINDOW_MS))
}

mod tests;
