//! What one seed is: how many pods, which keys, how much pressure, which clocks and delays, which faults and when. Made once, read by
//! everybody; it must never look at what happens.

use super::center::NAMESPACE;
use super::dice::Dice;
use super::fault::{Fault, Volume, faults};
use purser_config::price::{Cost, Price, TokenCost};
use purser_config::{Configuration, Credits, Name, Plan, Resets, WhenQuotaUnreachable};
use std::time::Duration;

/// The one model.
pub(super) const MODEL: &str = "m";
const CHANNEL: &str = "shop/one";
/// A million: one credit.
const CREDIT: u64 = 1_000_000;
/// How long after a loss somebody may still not know of it, and how long a pod takes to be heard of again.
pub(super) const UNNOTICED: Duration = Duration::from_secs(15);

/// One key and its callers.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) limit: u32,
    pub(super) when: WhenQuotaUnreachable,
    /// Calls a minute over the limit's.
    pub(super) pressure: f64,
    /// What a metered key is granted.
    pub(super) credits: Option<u64>,
    /// Tokens per minute, and concurrent requests.
    pub(super) tokens: Option<u64>,
    pub(super) slots: Option<u32>,
    /// Whether tokens cost, and not the call.
    pub(super) by_token: bool,
    /// When 300 call at once.
    pub(super) bursts: Vec<Duration>,
}

/// One machine's clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skew {
    pub(super) fast_ppm: i32,
    pub(super) wall_ms: i64,
}

/// See the file's page.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    pub(super) pods: usize,
    pub(super) keys: Vec<Promise>,
    pub(super) clocks: Vec<Skew>,
    pub(super) center_ppm: i32,
    /// One way, in milliseconds, by pod.
    pub(super) delays: Vec<(u64, u64)>,
    pub(super) faults: Vec<(Duration, Fault)>,
    /// One in so many calls finds its process frozen between the check and the send; 0: none.
    pub(super) frozen: u64,
    /// How long callers call.
    pub(super) lasts: Duration,
    /// A planted fault.
    pub(super) occupancy: Option<Duration>,
}

impl Scenario {
    /// The scenario of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "scenario");
        let large = dice.one_in(16);
        let pods = match dice.below(10) {
            0 if !large => dice.between(11, 50),
            1..=3 => dice.between(4, 10),
            _ => dice.between(1, 4),
        } as usize;
        let troubled = Duration::from_secs(if large { 20 } else { dice.between(60, 150) });
        let mut keys: Vec<Promise> = match large {
            true => vec![promise(&mut dice, 6_000, troubled)],
            false => (0..dice.between(1, 3))
                .map(|_| {
                    let limit = dice.one_of(&[10, 15, 20]);
                    promise(&mut dice, limit, troubled)
                })
                .collect(),
        };
        let mut other = Dice::new(seed, "limits");
        if seed % 3 == 1 {
            keys.iter_mut().for_each(|key| limit(&mut other, key));
        }
        let faults = faults(&mut dice, pods, troubled);
        // A lost volume is waited out under `Deny`; then a whole window must flow.
        let lasts = troubled + Duration::from_secs(if large { 85 } else { 140 });
        let ppm = |dice: &mut Dice| dice.below(401) as i32 - 200;
        let skew = |dice: &mut Dice| Skew {
            fast_ppm: ppm(dice),
            wall_ms: dice.below(4_001) as i64 - 2_000,
        };
        let far = dice.one_in(4);
        Scenario {
            seed,
            pods,
            keys,
            clocks: (0..pods).map(|_| skew(&mut dice)).collect(),
            center_ppm: ppm(&mut dice),
            delays: (0..pods).map(|_| delay(&mut dice, far)).collect(),
            faults,
            // Of 100 calls a second one in 40 would stop the process nearly always.
            frozen: dice.one_of(if large {
                &[0, 0, 4_000, 20_000]
            } else {
                &[0, 0, 40, 200]
            }),
            lasts,
            occupancy: None,
        }
    }

    /// A fleet in good health whose callers want ten times what they may have.
    pub(super) fn healthy(seed: u64, (pods, limit): (usize, u32), seconds: u64) -> Self {
        let promise = Promise {
            limit,
            when: WhenQuotaUnreachable::Share,
            pressure: 10.0,
            credits: None,
            tokens: None,
            slots: None,
            by_token: false,
            bursts: Vec::new(),
        };
        Scenario {
            pods,
            keys: vec![promise],
            clocks: (0..pods as i32)
                .map(|pod| Skew {
                    fast_ppm: (pod * 67) % 401 - 200,
                    wall_ms: 0,
                })
                .collect(),
            delays: vec![(0, 3); pods],
            faults: Vec::new(),
            frozen: 0,
            lasts: Duration::from_secs(seconds),
            ..Scenario::of(seed)
        }
    }

    /// Whether an authority has forgotten what was before it, by then.
    pub(super) fn forgot(&self, by: Duration) -> bool {
        let forgets = |fault: &Fault| match fault {
            Fault::KillCenter { volume, .. } => *volume != Volume::Kept,
            _ => false,
        };
        self.faults
            .iter()
            .any(|(at, fault)| forgets(fault) && *at < by)
    }

    /// How many authorities that have forgotten what was before them may not know, in a window that begins then, what somebody uses: from
    /// the loss until it has heard of every pod.
    pub(super) fn unknown(&self, from: Duration, window: Duration) -> usize {
        let lost = self.faults.iter().filter_map(|(at, fault)| match fault {
            Fault::KillCenter { volume, down } if *volume != Volume::Kept => Some((*at, *down)),
            _ => None,
        });
        let within = |(at, down): (Duration, Duration)| {
            let heard = (0..self.pods).map(|pod| self.heard_by(pod, at + down + UNNOTICED));
            at < from + window && heard.max().is_some_and(|heard| from < heard)
        };
        lost.filter(|lost| within(*lost)).count()
    }

    /// When a pod that is to be heard of from then on has surely been.
    fn heard_by(&self, pod: usize, from: Duration) -> Duration {
        // In order of their beginnings, so that one pass finds what follows on what.
        let spans = self
            .faults
            .iter()
            .map(|(at, fault)| (*at, fault.keeps(pod)));
        spans.fold(from, |heard, (at, span)| match span {
            Some(span) if at < heard => heard.max(at + span + UNNOTICED),
            _ => heard,
        })
    }

    /// The name of a key.
    pub(super) fn name(key: usize) -> Name {
        Name::new(NAMESPACE, &format!("key-{key}"))
    }

    /// The configuration that the operator publishes.
    pub(super) fn configuration(&self) -> Configuration {
        let numbered = || self.keys.iter().enumerate();
        let key = |at: usize| {
            serde_json::from_value(serde_json::json!({
                "digests": [], "standing": "good", "plan": format!("plan-{at}"), "channels": [CHANNEL],
            }))
        };
        let channel = serde_json::json!({
            "provider": "OpenAICompatible", "base_url": "http://127.0.0.1:1/v1", "priority": 0, "weight": 1,
            "models": [{"name": MODEL, "max_output_tokens": 1_000}],
            "timeouts": { "connect_ms": 1, "first_byte_ms": 1, "idle_ms": 1, "request_ms": 1 },
            "health": { "consecutive_failures": 1, "min_requests": 1, "success_rate_percent": 1, "cooldown_ms": 1, "max_cooldown_ms": 1 },
        });
        Configuration {
            keys: numbered()
                .map(|(at, _)| (Scenario::name(at), key(at).unwrap()))
                .collect(),
            plans: numbered()
                .map(|(at, key)| (format!("plan-{at}"), key.plan()))
                .collect(),
            channels: [(
                CHANNEL.parse().unwrap(),
                serde_json::from_value(channel).unwrap(),
            )]
            .into(),
        }
    }
}

/// One way: mostly near, sometimes as far as another continent.
fn delay(dice: &mut Dice, far: bool) -> (u64, u64) {
    match far && dice.one_in(2) {
        true => {
            let least = dice.between(5, 80);
            (least, least + dice.between(0, 120))
        }
        false => (0, dice.between(1, 20)),
    }
}

fn promise(dice: &mut Dice, limit: u32, troubled: Duration) -> Promise {
    let small = limit < 100;
    let pressure = dice.one_of(if small {
        &[0.5, 1.0, 2.0, 10.0]
    } else {
        &[0.5, 1.0, 2.0]
    });
    let metered = dice.one_in(2);
    // Of a busy key they end in the middle, too, or last.
    let most = if small { 200 } else { 6_000 };
    let at = |dice: &mut Dice| dice.millis(1_000, troubled.as_millis() as u64 + 20_000);
    Promise {
        limit,
        when: dice.one_of(&[WhenQuotaUnreachable::Share, WhenQuotaUnreachable::Deny]),
        pressure,
        credits: metered.then(|| dice.between(5, most) * CREDIT),
        tokens: None,
        slots: None,
        by_token: dice.one_in(2),
        bursts: (0..dice.below(3)).map(|_| at(dice)).collect(),
    }
}

/// Limits beside the window of requests, scarcer than it now and then.
fn limit(dice: &mut Dice, promise: &mut Promise) {
    let limit = u64::from(promise.limit);
    let tokens = (limit * dice.between(20, 120)).max(150);
    promise.tokens = dice.one_in(2).then_some(tokens);
    let slots = dice.between(1, limit / 2) as u32;
    promise.slots = dice.one_in(2).then_some(slots);
}

impl Promise {
    fn plan(&self) -> Plan {
        let cost = match self.by_token {
            false => Cost {
                per_request: CREDIT,
                per_million_tokens: None,
            },
            true => Cost {
                per_request: 0,
                per_million_tokens: Some(TokenCost {
                    output: 10_000 * CREDIT,
                    ..TokenCost::default()
                }),
            },
        };
        let models = vec![MODEL.to_owned()];
        Plan {
            requests_per_minute: Some(self.limit),
            tokens_per_minute: self.tokens,
            concurrent_requests: self.slots,
            allow: models.clone(),
            when_quota_unreachable: self.when,
            credits: self.credits.map(|grant| Credits {
                grant,
                resets: Resets::Never,
            }),
            prices: self
                .credits
                .map(|_| Price { models, cost })
                .into_iter()
                .collect(),
            max_keys_per_namespace: 10,
            ..Plan::default()
        }
    }
}
