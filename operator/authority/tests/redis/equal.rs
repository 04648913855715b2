//! The same questions have the same answers as in memory: random operations, one clock for both.

use super::server::Server;
use super::setup::{Dice, Hands, hello, name};
use purser_authority::redis::RedisWindows;
use purser_authority::{KeyTerms, Memory, Terms, Windows};
use purser_config::quota::{
    Ask, GoesOn, Grant, Hold, Reserve, Return, Settle, TokenUse, Use, Verdict,
};
use purser_config::stream::Hello;
use purser_config::{ChannelLimits, Name, WhenQuotaUnreachable};

const KEYS: [&str; 4] = ["shop/slow", "shop/daily", "shop/leased", "else/heavy"];
const CHANNELS: [&str; 2] = ["shop/narrow", "shop/single"];
const SIDECARS: [&str; 3] = ["a", "b", "c"];
const SCOPES: [Option<&str>; 3] = [None, Some("shop"), None];
const IDS: u64 = 12;

fn terms() -> Terms {
    let channels = CHANNELS.map(name).to_vec();
    let of = |minute, day| KeyTerms {
        requests_per_minute: minute,
        requests_per_day: day,
        // Shares are allocated in the background: their answers are not a matter of one moment.
        when_unreachable: WhenQuotaUnreachable::Deny,
        channels: channels.clone(),
        ..KeyTerms::default()
    };
    let heavy = KeyTerms {
        tokens_per_minute: Some(1_000),
        concurrent_requests: Some(3),
        ..of(None, None)
    };
    let keys = [
        of(Some(3), None),
        of(Some(10), Some(25)),
        of(Some(60), None),
        heavy,
    ];
    let limits = |minute, slots| ChannelLimits {
        requests_per_minute: minute,
        concurrent_requests: slots,
    };
    Terms {
        keys: KEYS.map(name).into_iter().zip(keys).collect(),
        channels: CHANNELS
            .map(name)
            .into_iter()
            .zip([limits(Some(5), Some(3)), limits(None, Some(1))])
            .collect(),
        ..Terms::default()
    }
}

/// Both, and what they named alike.
struct Pair {
    seed: u64,
    dice: Dice,
    hands: Hands,
    memory: Windows,
    redis: RedisWindows,
    /// Of each grant: whose, of what, its names here and there.
    grants: Vec<(usize, Name, u64, u64)>,
    instances: [u64; 3],
}

impl Pair {
    fn key(&mut self) -> Name {
        name(KEYS[self.below(4)])
    }

    fn below(&mut self, n: u64) -> usize {
        usize::try_from(self.dice.below(n)).unwrap()
    }

    async fn step(&mut self) {
        match self.below(20) {
            0..7 => self.ask().await,
            7..9 => self.give_back().await,
            9..14 => self.hold().await,
            14..16 => self.settle().await,
            16 => self.hello().await,
            17 if self.below(3) == 0 => self.lost().await,
            18 if self.below(2) == 0 => self.used().await,
            _ => {
                let most = [100, 3_000, 30_000][self.below(3)];
                self.hands.forward_ms(self.dice.below(most));
            }
        }
    }

    async fn ask(&mut self) {
        let at = self.hands.moment();
        let (sidecar, want) = (self.below(3), [1, 1, 4, 20][self.below(4)]);
        let ttl_ms = [0, 200, 9_000][self.below(3)];
        let ask = Ask {
            key: self.key(),
            want,
            ttl_ms,
        };
        let here = self.memory.ask(at, SIDECARS[sidecar], &ask);
        let there = self
            .redis
            .ask(SIDECARS[sidecar], std::slice::from_ref(&ask))
            .await
            .unwrap();
        let there = there.answers.into_iter().next().unwrap();
        if let (Some(a), Some(b)) = (token(&here), token(&there)) {
            self.grants.push((sidecar, ask.key, a, b));
        }
        assert_eq!(
            unnamed(here),
            unnamed(there),
            "seed {} at {at:?}",
            self.seed
        );
    }

    async fn give_back(&mut self) {
        let all = self.grants.len() as u64;
        if all == 0 {
            return;
        }
        let at = self.below(all);
        let (mut sidecar, key, here, there) = self.grants[at].clone();
        if self.below(5) == 0 {
            sidecar = self.below(3);
        }
        let count = 1 + u32::try_from(self.dice.below(3)).unwrap();
        let back = |token| Return {
            key: key.clone(),
            token,
            count,
        };
        self.memory
            .give_back(self.hands.moment().now, SIDECARS[sidecar], &back(here));
        self.redis
            .give_back(SIDECARS[sidecar], &[back(there)])
            .await;
    }

    async fn hold(&mut self) {
        let sidecar = self.below(3);
        let channels = match self.below(5) {
            0 | 1 => vec![],
            2 => vec![name(CHANNELS[0])],
            3 => vec![name(CHANNELS[1])],
            _ => CHANNELS.map(name).to_vec(),
        };
        let reserve = Reserve {
            id: id(sidecar, self.dice.below(IDS)),
            key: self.key(),
            tokens: [0, 10, 300, 700, 1_001][self.below(5)],
            slot: self.below(2) == 0,
            credits: 0,
            allowance: None,
            channels,
            others: self.below(3) == 0,
            spool: String::new(),
        };
        let at = self.hands.moment();
        let here = self.memory.hold(at.now, SIDECARS[sidecar], &reserve);
        let there = self
            .redis
            .hold(SIDECARS[sidecar], std::slice::from_ref(&reserve))
            .await
            .unwrap();
        let there = there.answers.into_iter().next().unwrap();
        assert_eq!(
            here.verdict, there.verdict,
            "seed {} at {at:?}: {reserve:?}",
            self.seed
        );
        if there.tokens.is_some() {
            assert_eq!(
                here.tokens, there.tokens,
                "seed {} at {at:?}: {reserve:?}",
                self.seed
            );
        }
    }

    async fn settle(&mut self) {
        let sidecar = self.below(3);
        let tokens = [None, Some(0), Some(5), Some(900), Some(5_000)][self.below(5)];
        let slot = self.below(2) == 0;
        let alone = [0, 10, 700, 5_000][self.below(4)];
        let goes_on = (tokens.is_none() && self.below(2) == 0).then_some(GoesOn {
            tokens: alone,
            slot,
            credits: false,
        });
        let settle = Settle {
            id: id(self.below(3), self.dice.below(IDS)),
            key: self.key(),
            tokens,
            goes_on,
        };
        self.memory
            .settle(self.hands.moment().now, SIDECARS[sidecar], &settle);
        self.redis
            .settle(SIDECARS[sidecar], &[settle])
            .await
            .unwrap();
    }

    async fn used(&mut self) {
        let (sidecar, key, earlier) = (self.below(3), self.key(), 0);
        let ages = 1 + self.below(4);
        let ages_ms = (0..ages).map(|_| self.dice.below(70_000)).collect();
        let uses = [Use {
            key,
            ages_ms,
            earlier,
        }];
        let at = self.hands.moment();
        self.memory.used(at, SIDECARS[sidecar], &uses);
        self.redis.used(SIDECARS[sidecar], &uses).await;
    }

    async fn hello(&mut self) {
        let sidecar = self.below(3);
        if self.below(3) == 0 {
            self.instances[sidecar] += 1;
        }
        let hello = self.says(sidecar);
        let scope = SCOPES[sidecar];
        let (at, name) = (self.hands.moment(), SIDECARS[sidecar]);
        self.memory.lost(at.now, name, false);
        self.redis.lost(name, false).await;
        self.memory.hello(at, name, &hello, scope);
        self.redis.hello(name, &hello, scope).await.unwrap();
    }

    fn says(&mut self, sidecar: usize) -> Hello {
        let (key, heavy) = (self.key(), name(KEYS[3]));
        let ages = self.below(6);
        let ages_ms = (0..ages).map(|_| self.dice.below(70_000)).collect();
        let earlier = self.below(3) as u64;
        let amounts = self.below(3);
        let amounts = (0..amounts)
            .map(|_| (self.dice.below(70_000), self.dice.below(300)))
            .collect();
        let holds = self.below(3);
        let first = self.dice.below(IDS);
        let hold = |at: usize, channel: usize| Hold {
            id: id(sidecar, (first + at as u64) % IDS),
            key: heavy.clone(),
            slot: true,
            channel: [None, Some(name(CHANNELS[0])), Some(name(CHANNELS[1]))][channel].clone(),
        };
        let holds = (0..holds).map(|at| hold(at, self.below(3))).collect();
        Hello {
            uses: vec![Use {
                key,
                ages_ms,
                earlier,
            }],
            tokens: vec![TokenUse {
                key: heavy.clone(),
                amounts,
            }],
            holds,
            ..hello(&self.instances[sidecar].to_string())
        }
    }

    async fn lost(&mut self) {
        let (sidecar, gone) = (self.below(3), self.below(2) == 0);
        let at = self.hands.moment();
        self.memory.lost(at.now, SIDECARS[sidecar], gone);
        self.redis.lost(SIDECARS[sidecar], gone).await;
    }
}

/// Calls have ids of their own: no two sidecars use the same.
fn id(sidecar: usize, number: u64) -> String {
    format!("{}-{number}", SIDECARS[sidecar])
}

fn token(grant: &Grant) -> Option<u64> {
    match grant.verdict {
        Verdict::Granted { token, .. } => Some(token),
        _ => None,
    }
}

fn unnamed(mut grant: Grant) -> Grant {
    if let Verdict::Granted { token, .. } = &mut grant.verdict {
        *token = 0;
    }
    grant
}

async fn run(server: &Server, seed: u64) {
    let hands = Hands::new();
    let prefix = format!("equal{seed}");
    let (url, clock) = (server.url(), Some(hands.0.clone()));
    let redis = RedisWindows::open_at(&url, &prefix, clock).await.unwrap();
    let at = hands.moment();
    let mut memory = Windows::new(at.now, 1, Memory::Fresh);
    memory.configure(at.now, terms());
    redis.configure(terms());
    for (sidecar, scope) in SIDECARS.into_iter().zip(SCOPES) {
        memory.hello(at, sidecar, &hello("0"), scope);
        redis.hello(sidecar, &hello("0"), scope).await.unwrap();
    }
    let mut pair = Pair {
        seed,
        dice: Dice(seed),
        hands,
        memory,
        redis,
        grants: vec![],
        instances: [0; 3],
    };
    // Not so long that a connected sidecar would have had to be refreshed by a real half minute.
    while pair.hands.moment().now - at.now < std::time::Duration::from_secs(500) {
        pair.step().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_operations_have_the_same_answers_as_in_memory() {
    let Some(server) = Server::start() else {
        return;
    };
    let seeds = std::env::var("PURSER_TEST_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    for seed in 0..seeds.unwrap_or(30) {
        run(&server, seed).await;
    }
}
