//! A process that is killed between a commit and its answer, again and again: what it was told is there, and nothing is there twice.

use crate::setup::*;
use purser_authority::ledger::{Ledger, TopUp};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const CHILD: &str = "PURSER_TEST_LEDGER_CHILD";
const KILLS: u64 = 20;
/// What each child does at most, so that its ids are its own.
const EACH: u64 = 100_000;

fn asked(number: u64) -> TopUp {
    TopUp {
        key: key("k"),
        amount: 10,
        id: format!("t{number}"),
        by: "test".to_owned(),
        wall_ms: NOW,
    }
}

/// Tops up, reserves and ships in several lanes, and says what was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn the_child_that_is_killed() {
    let Ok(job) = std::env::var(CHILD) else {
        return;
    };
    let (turn, address) = job.split_once(' ').unwrap();
    let turn: u64 = turn.parse().unwrap();
    let ledger = open_at(address).await;
    let lanes = (0..8).map(|lane| work(ledger.clone(), turn, lane));
    futures::future::join_all(lanes).await;
}

async fn work(ledger: Ledger, turn: u64, lane: u64) {
    let spool = format!("spool-{turn}-{lane}");
    for step in 0..EACH / 8 {
        let number = turn * EACH + step * 8 + lane;
        ledger.top_up(asked(number)).await.unwrap().unwrap();
        say('t', number);
        let id = format!("r{number}");
        let mut call = ask(&id, "k", 3);
        call.spool.clone_from(&spool);
        reserve(&ledger, call).await.unwrap();
        let shipped = batch(&spool, step + 1, vec![record(&id, "k", 2)]);
        ledger.keep(sender(), shipped, NOW).await.unwrap().unwrap();
        say('k', number);
    }
}

fn say(what: char, number: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n#{what}{number}").unwrap();
    out.flush().unwrap();
}

/// Lets a child work for so many acknowledgements, kills it, and answers all that it said.
fn acknowledged(turn: u64, address: &str, count: usize) -> Vec<(char, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "ledger::kill::the_child_that_is_killed",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, format!("{turn} {address}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = |line: String| {
        let said = line.strip_prefix('#')?;
        Some((said.chars().next()?, said.get(1..)?.parse().ok()?))
    };
    let mut heard: Vec<(char, u64)> = Vec::new();
    while heard.len() < count {
        let line = lines.next().expect("the child works until it is killed");
        heard.extend(said(line.unwrap()));
    }
    child.kill().unwrap();
    // What it said before it died counts; a last line that was cut does not.
    let rest = lines.map_while(Result::ok).filter_map(said);
    heard.extend(rest);
    child.wait().unwrap();
    heard
}

pub(crate) async fn what_was_acknowledged_survives_twenty_kills(store: Store) {
    let address = store.address();
    let mut acknowledged_top_ups = BTreeSet::new();
    let mut calls = BTreeSet::new();
    for turn in 0..KILLS {
        let (address, count) = (address.clone(), usize::try_from(5 + turn * 7 % 60).unwrap());
        let heard = tokio::task::spawn_blocking(move || acknowledged(turn, &address, count));
        for (what, number) in heard.await.unwrap() {
            match what {
                't' => acknowledged_top_ups.insert(number),
                _ => calls.insert(number),
            };
        }
    }
    let ledger = store.open().await;
    verify(&ledger).await;
    assert!(acknowledged_top_ups.len() as u64 >= KILLS);
    for number in &acknowledged_top_ups {
        let again = ledger.top_up(asked(*number)).await.unwrap().unwrap();
        assert!(!again.new, "t{number} was acknowledged and is gone");
    }
    for number in &calls {
        let kept = ledger.record(format!("r{number}")).await.unwrap();
        assert!(kept.is_some(), "r{number} was acknowledged and is gone");
    }
    // What was under way may be there or not, but only once: at most a top-up and a call for each of eight lanes and each kill.
    let facts = ledger.accounts(NOW).await.unwrap()[&key("k")].clone();
    let unheard = facts.requests_used - calls.len() as u64;
    assert!(unheard <= 8 * KILLS, "{unheard} calls that nobody heard of");
    assert_eq!(facts.credits_used, 2 * facts.requests_used);
    ledger
        .sweep(NOW + 900_000, 900_000, BTreeSet::new())
        .await
        .unwrap();
    let facts = ledger.accounts(NOW).await.unwrap()[&key("k")].clone();
    assert_eq!(facts.credits_reserved, 0);
    let came = facts.credits_left + facts.credits_used - 500;
    assert_eq!(came % 10, 0);
    let unheard = came / 10 - acknowledged_top_ups.len() as u64;
    assert!(
        unheard <= 8 * KILLS,
        "{unheard} top-ups that nobody heard of"
    );
    verify(&ledger).await;
}
