//! The store freezes, dies, comes back, is emptied: nothing is granted that it does not know, and everybody is told.

use super::server::Server;
use super::setup::{ask, count, granted, hello, key, per_minute};
use purser_authority::checker::worst_window;
use purser_authority::redis::RedisWindows;
use purser_authority::{KeyTerms, Terms};
use purser_config::WhenQuotaUnreachable::{self, Deny, Share};
use purser_config::quota::{Reserve, ReserveVerdict, Settle, Use, Verdict};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

async fn open(server: &Server, terms: Terms) -> RedisWindows {
    let windows = RedisWindows::open(&server.url(), "loss").await.unwrap();
    windows.configure(terms);
    windows
}

/// Waits until the store answers in a term other than `epoch`, or in that one.
async fn answers(windows: &RedisWindows, is: impl Fn(u64) -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !windows.reachable() || !is(windows.epoch()) {
        assert!(Instant::now() < until, "it does not come back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_store_is_noticed_within_half_a_second_and_nothing_is_lost_when_it_thaws() {
    let Some(server) = Server::start() else {
        return;
    };
    let windows = open(&server, per_minute(15, Deny)).await;
    windows.hello("a", &hello("one"), None).await.unwrap();
    assert_eq!(granted(&windows, "a", 1).await, Some(1));
    let epoch = windows.epoch();
    server.freeze();
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(granted(&windows, "a", 1).await, None);
        assert!(
            began.elapsed() < Duration::from_millis(500),
            "{:?}",
            began.elapsed()
        );
    }
    server.thaw();
    answers(&windows, |now| now == epoch).await;
    // The question that got no answer may have been counted, and no other.
    let answered = windows.ask("a", &[ask(1)]).await.unwrap();
    assert_eq!(count(&answered.answers[0]), 1);
    assert!(
        (12..=13).contains(&answered.answers[0].remaining),
        "{answered:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_whose_end_could_not_be_told_is_free_after_the_store_came_back() {
    let Some(server) = Server::start() else {
        return;
    };
    let of_key = KeyTerms {
        concurrent_requests: Some(1),
        when_unreachable: Deny,
        ..KeyTerms::default()
    };
    let terms = Terms {
        keys: [(key(), of_key)].into(),
        ..Terms::default()
    };
    let windows = open(&server, terms).await;
    windows.hello("a", &hello("one"), None).await.unwrap();
    let reserve = |id: &str| Reserve {
        id: id.to_owned(),
        key: key(),
        tokens: 0,
        slot: true,
        credits: 0,
        allowance: None,
        channels: vec![],
        others: false,
        spool: String::new(),
    };
    let held = windows.hold("a", &[reserve("1")]).await.unwrap();
    assert!(matches!(
        held.answers[0].verdict,
        ReserveVerdict::Held { .. }
    ));
    server.freeze();
    let settle = Settle {
        id: "1".to_owned(),
        key: key(),
        tokens: Some(0),
        goes_on: None,
    };
    windows.settle("a", &[settle]).await.unwrap();
    server.thaw();
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let held = windows.hold("a", &[reserve("2")]).await;
        match held.map(|held| held.answers[0].verdict.clone()) {
            Ok(ReserveVerdict::Held { .. }) => break,
            Ok(ReserveVerdict::NoSlot { .. }) | Err(_) => {}
            other => panic!("{other:?}"),
        }
        assert!(Instant::now() < until, "the slot stays held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_store_is_a_new_term_in_which_nothing_is_granted_before_it_knows() {
    let Some(server) = Server::start() else {
        return;
    };
    let all = [
        open(&server, per_minute(15, Deny)).await,
        open(&server, per_minute(15, Deny)).await,
    ];
    for windows in &all {
        windows.hello("a", &hello("one"), None).await.unwrap();
    }
    let epoch = all[0].epoch();
    let mut told = all.each_ref().map(RedisWindows::epochs);
    told.iter_mut().for_each(|told| {
        told.borrow_and_update();
    });
    assert_eq!(granted(&all[0], "a", 15).await, Some(7));
    ::redis::cmd("FLUSHALL")
        .query::<()>(&mut server.connect())
        .unwrap();
    for windows in &all {
        let next = windows.ask("a", &[ask(1)]).await;
        let none = next.is_err() || next.is_ok_and(|next| count(&next.answers[0]) == 0);
        assert!(none, "granted out of an empty store");
    }
    for (windows, told) in all.iter().zip(&mut told) {
        told.changed().await.unwrap();
        answers(windows, |now| now > epoch).await;
        windows.hello("a", &hello("one"), None).await.unwrap();
        let grant = windows.ask("a", &[ask(1)]).await.unwrap().answers.remove(0);
        assert!(
            matches!(grant.verdict, Verdict::Learning { .. }),
            "{grant:?}"
        );
    }
    assert_eq!(all[0].epoch(), all[1].epoch());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_with_errors_grants_nothing_says_so_and_forgets_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let windows = open(&server, per_minute(15, Deny)).await;
    windows.hello("a", &hello("one"), None).await.unwrap();
    assert_eq!(granted(&windows, "a", 1).await, Some(1));
    assert_eq!(windows.fault(), None);
    let epoch = windows.epoch();
    let memory = |most: u64| {
        let mut set = ::redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(most);
        set.query::<()>(&mut server.connect()).unwrap();
    };
    memory(1);
    let until = Instant::now() + Duration::from_secs(10);
    let fault = loop {
        assert_eq!(granted(&windows, "a", 1).await.unwrap_or(0), 0);
        if let Some(fault) = windows.fault() {
            break fault;
        }
        assert!(Instant::now() < until, "nobody is told");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(
        fault.contains("OOM") && fault.contains("Look at its memory"),
        "{fault}"
    );
    memory(0);
    answers(&windows, |now| now == epoch).await;
    let mut used = 1;
    while granted(&windows, "a", 1).await.unwrap() == 1 {
        used += 1;
    }
    assert_eq!(used, 15, "what was granted before counts");
    let until = Instant::now() + Duration::from_secs(10);
    while windows.fault().is_some() {
        assert!(
            Instant::now() < until,
            "it works, and is still called at fault"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One sidecar that asks until it is stopped, and notes what it used.
async fn asks(
    (windows, at): (RedisWindows, usize),
    uses: &Mutex<Vec<Vec<Instant>>>,
    stop: &std::sync::atomic::AtomicBool,
) {
    let mut said = 0;
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        if said != windows.epoch() || !windows.reachable() {
            let epoch = windows.epoch();
            let known = uses.lock().unwrap()[at].clone();
            let age = |at: &Instant| u64::try_from(at.elapsed().as_millis()).unwrap();
            let ages_ms = known.iter().map(age).collect();
            let mut hello = hello(&at.to_string());
            hello.uses = vec![Use {
                key: key(),
                ages_ms,
                earlier: 0,
            }];
            if windows.hello(&at.to_string(), &hello, None).await.is_ok() {
                said = epoch;
            }
        }
        let sent = Instant::now();
        if granted(&windows, &at.to_string(), 1).await == Some(1)
            && sent.elapsed() < Duration::from_millis(50)
        {
            uses.lock().unwrap()[at].push(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Two replicas with a sidecar each ask all the time, say Hello after each loss with what they used, while the store is frozen, killed,
/// and restarted. Says what the worst window held.
async fn mid_load(when: WhenQuotaUnreachable, limit: u32) -> Option<(usize, usize)> {
    let mut server = Server::start()?;
    let uses = Arc::new(Mutex::new(Vec::<Vec<Instant>>::from([vec![], vec![]])));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut asking = Vec::new();
    for at in 0..2 {
        let windows = open(&server, per_minute(limit, when)).await;
        let (uses, stop) = (Arc::clone(&uses), Arc::clone(&stop));
        asking.push(tokio::spawn(async move {
            asks((windows, at), &uses, &stop).await;
        }));
    }
    let second = Duration::from_secs(1);
    for _ in 0..2 {
        tokio::time::sleep(second / 2).await;
        server.freeze();
        tokio::time::sleep(second).await;
        server.thaw();
        tokio::time::sleep(second).await;
        server.kill();
        tokio::time::sleep(second / 2).await;
        server.restart();
        tokio::time::sleep(3 * second).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for one in asking {
        one.await.unwrap();
    }
    let all = uses.lock().unwrap();
    let first = *all.iter().flatten().min().unwrap();
    let since = |at: &Instant| u64::try_from((*at - first).as_nanos()).unwrap();
    let mut uses: Vec<u64> = all.iter().flatten().map(since).collect();
    let after = uses.iter().filter(|at| **at > 5_000_000_000).count();
    Some((worst_window(&mut uses, Duration::from_secs(60)), after))
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_killed_and_restarted_under_load_it_never_grants_more_than_the_limit() {
    let Some((worst, _)) = mid_load(Deny, 15).await else {
        return;
    };
    assert!(worst <= 15, "{worst}");
    let (worst, after) = mid_load(Share, 400).await.unwrap();
    println!("Share, limit 400: the worst window held {worst}, {after} of them after the loss");
    assert!(worst <= 400, "{worst}");
    assert!(after > 0, "it never granted again");
}
