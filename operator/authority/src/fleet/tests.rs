//! The promise, under any fleet; and that the checker would find it broken.

use super::*;
use proptest::prelude::*;
use std::time::Instant;

fn any_plan() -> impl Strategy<Value = Plan> {
    let fleet = (
        any::<u64>(),
        1..=50u64,
        prop_oneof![1..=20u32, 60..=70u32, 100..=400u32],
    );
    let when = prop_oneof![
        Just(WhenQuotaUnreachable::Share),
        Just(WhenQuotaUnreachable::Deny)
    ];
    let load = (
        0..=49u64,
        prop_oneof![20..100u64, 500..5_000u64],
        prop_oneof![Just(0), 500..30_000u64],
    );
    let faults = (
        prop_oneof![Just(0), 2..10u64],
        prop_oneof![Just(0), 20..200u64],
        any::<[bool; 3]>(),
    );
    (fleet, when, load, faults).prop_map(|(fleet, when, load, faults)| Plan {
        seed: fleet.0,
        sidecars: fleet.1,
        limit: fleet.2,
        when,
        delay_ms: load.0,
        pause_ms: load.1,
        burst_ms: load.2,
        unused: faults.0,
        breaks: faults.1,
        restarts: faults.2[0],
        occupancy_ms: occupancy_ms(0),
        seconds: 200,
        leases: faults.2[1],
        kept: faults.2[2],
    })
}

/// A healthy fleet that asks for more than it may.
fn pressure(sidecars: u64, limit: u32) -> Plan {
    Plan {
        seed: 7,
        sidecars,
        limit,
        when: WhenQuotaUnreachable::Share,
        delay_ms: 24,
        pause_ms: 100,
        burst_ms: 0,
        unused: 0,
        breaks: 0,
        restarts: false,
        occupancy_ms: occupancy_ms(0),
        seconds: 620,
        leases: false,
        kept: false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 20 } else { 400 }))]

    #[test]
    fn no_real_minute_holds_more_than_the_limit(plan in any_plan()) {
        let limit = plan.limit as usize;
        let mut uses = World::new(plan).run();
        let worst = worst(&mut uses);
        prop_assert!(worst <= limit, "{worst} of {limit}");
    }
}

/// How much of the limit flowed: how long the fleet took for whole limits after the first use.
fn flows(uses: &[u64], limit: u32) -> f64 {
    let windows = (uses.len() - 1) / limit as usize;
    let took = uses[windows * limit as usize] - uses[0];
    (windows as u64 * 60 * SECOND) as f64 / took as f64
}

#[test]
fn under_pressure_at_least_99_percent_of_the_limit_flow() {
    for (sidecars, limit) in [(1, 1), (3, 15), (50, 15), (20, 60), (10, 65), (50, 600)] {
        let mut uses = World::new(pressure(sidecars, limit)).run();
        assert_eq!(worst(&mut uses), limit as usize);
        let flows = flows(&uses, limit);
        assert!(flows >= 0.99, "{flows} of {limit} by {sidecars}");
    }
}

#[test]
fn equal_sidecars_get_at_least_half_of_an_equal_part_of_400_admissions() {
    for leases in [false, true] {
        let plan = pressure(10, 60);
        let mut world = World::new(Plan {
            leases,
            seconds: 400,
            ..plan
        });
        world.play();
        let served: Vec<usize> = world.sidecars.iter().map(|own| own.log.len()).collect();
        let all: usize = served.iter().sum();
        assert!(all >= 400);
        assert!(served.iter().all(|own| own * 20 >= all), "{served:?}");
    }
}

/// 10 times 6,000 a minute, in leases.
fn busy() -> Plan {
    Plan {
        leases: true,
        seconds: 320,
        ..pressure(50, 6_000)
    }
}

#[test]
fn leases_keep_the_limit_and_let_at_least_99_percent_of_it_flow() {
    let mut uses = World::new(busy()).run();
    assert_eq!(worst(&mut uses), 6_000);
    let flows = flows(&uses, 6_000);
    assert!(flows >= 0.99, "{flows}");
}

#[test]
fn leases_that_occupy_a_second_too_short_are_found() {
    let short = Plan {
        occupancy_ms: occupancy_ms(0) - 1_000,
        seconds: 130,
        ..busy()
    };
    let worst = worst(&mut World::new(short).run());
    assert!(worst > 6_000, "{worst}");
}

#[test]
fn the_checker_finds_a_window_that_is_a_second_short() {
    for (sidecars, limit) in [(1, 1), (3, 15), (50, 600)] {
        let short = Plan {
            occupancy_ms: occupancy_ms(0) - 1_000,
            ..pressure(sidecars, limit)
        };
        let worst = worst(&mut World::new(short).run());
        assert!(worst > limit as usize, "{worst} of {limit}");
    }
}

fn at(us: u64) -> Moment {
    let (now, unix_ms) = (Duration::from_micros(us), us / 1_000);
    Moment { now, unix_ms }
}

/// `cargo test --release -p purser-authority -- --ignored --nocapture decisions`
#[test]
#[ignore = "a measurement"]
fn decisions_per_second() {
    for (keys, limit) in [(1u64, 15), (10_000, 15), (10_000, 600), (100, 60_000)] {
        let names: Vec<Name> = (0..keys)
            .map(|i| Name::new("shop", &format!("key-{i}")))
            .collect();
        let mut authority = Windows::new(Duration::ZERO, 1, Memory::Fresh);
        let share = WhenQuotaUnreachable::Share;
        let keys_of = |name: &Name| terms(name.clone(), limit, share).keys;
        authority.configure(
            Duration::ZERO,
            Terms {
                keys: names.iter().flat_map(keys_of).collect(),
                ..Terms::default()
            },
        );
        let hello = Hello {
            instance: "one".to_owned(),
            version: None,
            uses: vec![],
            shares: vec![],
            holds: Vec::new(),
            tokens: Vec::new(),
            spool: String::new(),
        };
        let sidecars: Vec<String> = (0..50).map(|i| format!("sidecar-{i}")).collect();
        sidecars
            .iter()
            .for_each(|sidecar| authority.hello(at(0), sidecar, &hello, None));
        let asks: Vec<Ask> = names
            .into_iter()
            .map(|key| Ask {
                key,
                want: 1,
                ttl_ms: 0,
            })
            .collect();
        let (count, start, mut dice) = (2_000_000u64, Instant::now(), Dice(1));
        let mut granted = 0u64;
        for i in 0..count {
            let ask = &asks[dice.below(keys) as usize];
            let sidecar = &sidecars[dice.below(50) as usize];
            // 10,000 a second.
            let grant = authority.ask(at(i * 100), sidecar, ask);
            granted += u64::from(matches!(grant.verdict, Verdict::Granted { .. }));
        }
        let rate = count as f64 / start.elapsed().as_secs_f64();
        println!(
            "{keys} keys at {limit} a minute: {rate:.0} decisions/s, {granted} of {count} granted"
        );
    }
}
