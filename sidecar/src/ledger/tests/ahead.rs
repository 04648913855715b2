//! Credits ahead of calls, under an authority that counts what it is asked.

use super::super::open::Need;
use super::super::want::Wanted;
use super::*;
use crate::bill::{Bill, Facts};
use purser_config::price::{Cost, Micros};
use purser_config::quota::{GoesOn, Reserve};
use purser_config::{Credits, Endpoint, Resets};

const EACH: Duration = Duration::from_millis(20);
const CALLS: u32 = 1_000;

fn metered(change: impl FnOnce(&mut Plan)) -> Arc<Caller> {
    caller_of(|plan| {
        plan.requests_per_minute = None;
        let (grant, resets) = (1_000_000_000, Resets::Never);
        plan.credits = Some(Credits { grant, resets });
        change(plan);
    })
}

fn facts(caller: &Arc<Caller>, number: u32) -> Facts {
    Facts {
        id: format!("call-{number}").parse().unwrap(),
        caller: Arc::clone(caller),
        endpoint: Endpoint::Chat,
        asked: "m".into(),
        stream: false,
        user: None,
        began: (Duration::ZERO, NOON_MS),
        input: 0,
        stored: false,
        trace: None,
    }
}

fn reserve(caller: &Caller, number: u32, need: Need, credits: Micros) -> Reserve {
    Reserve {
        id: format!("call-{number}"),
        key: caller.name.clone(),
        tokens: need.tokens,
        slot: need.slot,
        credits,
        allowance: None,
        channels: Vec::new(),
        others: false,
        spool: String::new(),
    }
}

/// So many calls, one after the other, none of them sent; how many of them asked for credits of their own.
async fn asked(caller: &Arc<Caller>, (need, every): (Need, Duration)) -> (usize, usize) {
    let authority = Arc::new(Scripted {
        holds_after: Some(Duration::ZERO),
        ..Scripted::default()
    });
    let ledger = Arc::new(ledger(&authority));
    let plan = caller.plan.as_deref().unwrap();
    let wanted = Wanted {
        need,
        cost: Some(Cost::default()),
        credits: 1_000_000,
        most_output: None,
    };
    for number in 0..CALLS {
        let mut bill = Bill::new(&ledger, facts(caller, number));
        let reserve = reserve(caller, number, need, wanted.credits);
        let held = ledger.hold(&mut bill, reserve, (&wanted, plan)).await;
        assert!(held.is_ok());
        drop(bill);
        tokio::time::sleep(every).await;
        ledger.tidy(false);
    }
    let asked = authority.asked.lock().unwrap();
    let own: Vec<_> = asked.iter().filter(|one| one.allowance.is_none()).collect();
    let pay = own.iter().filter(|one| one.credits > 0).count();
    (own.len(), pay)
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_key_that_goes_on_spending_ask_for_no_credits_of_their_own() {
    for each in [EACH, 20 * EACH, 1_500 * EACH] {
        let (all, paid) = asked(&metered(|_| ()), (Need::default(), each)).await;
        assert!(all == paid && paid < 100, "{each:?}: {all} {paid}");
    }
    let seldom = (Need::default(), 3_100 * EACH);
    let (_, paid) = asked(&metered(|_| ()), seldom).await;
    assert_eq!(paid, CALLS as usize, "one that was silent for a minute");
}

#[tokio::test(start_paused = true)]
async fn what_else_they_need_is_asked_for_without_credits() {
    let need = Need {
        tokens: 0,
        slot: true,
    };
    let (all, paid) = asked(&metered(|_| ()), (need, EACH)).await;
    assert_eq!(all, CALLS as usize);
    assert!(paid < 100, "{paid}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_may_be_over_is_asked_for() {
    let ends = |plan: &mut Plan| {
        plan.validity = Some(Validity {
            length: Length::Milliseconds(3_600_000),
            starts: Starts::FirstUse,
        });
    };
    let (_, paid) = asked(&metered(ends), (Need::default(), EACH)).await;
    assert_eq!(paid, CALLS as usize, "nobody said when it ends");
}

#[tokio::test(start_paused = true)]
async fn what_a_call_holds_that_goes_on_without_an_answer_is_told() {
    let caller = metered(|plan| plan.tokens_per_minute = Some(1_000));
    let authority = Arc::new(Scripted::default());
    let ledger = Arc::new(ledger(&authority));
    ledger.memory.set_shares(&[Share {
        key: caller.name.clone(),
        requests: 500,
    }]);
    let now = ledger.clock.now();
    // Too little to pay ahead.
    let _ = ledger.purses().spending(&caller.name, 5, now);
    let allowance = ("allowance".to_owned(), 9);
    ledger.purses().granted(&caller.name, allowance, now);
    let need = Need {
        tokens: 30,
        slot: true,
    };
    let wanted = Wanted {
        need,
        cost: Some(Cost::default()),
        credits: 5,
        most_output: None,
    };
    let plan = caller.plan.as_deref().unwrap();
    // As long as they are under way.
    let mut bills = Vec::new();
    for (number, goes_on) in [(1, true), (2, false)] {
        let mut bill = Bill::new(&ledger, facts(&caller, number));
        let reserve = reserve(&caller, number, need, wanted.credits);
        // The allowance pays for one of them.
        let held = ledger.hold(&mut bill, reserve, (&wanted, plan)).await;
        assert_eq!(held.is_ok(), goes_on);
        bills.push(bill);
    }
    let mut told = authority.settled.lock().unwrap().clone();
    told.retain(|one| one.goes_on.is_some());
    let (tokens, slot, credits) = (30, true, true);
    let goes_on = Some(GoesOn {
        tokens,
        slot,
        credits,
    });
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].id.as_str(), told[0].goes_on), ("call-1", goes_on));
}
