//! Credits through `purser up`, the authority in the gateway's own process: killed without warning it forgets no call and charges none
//! twice, the last credit is spent once, and callers who leave hold nothing. The provider's log is the oracle. Uses the ledger as a
//! reader, once the process has written it; it must never write there but to sweep what a killed process left.

use super::setup::SOON;
use super::shared::not_here;
use anyhow::Context;
use purser_authority::ledger::Ledger;
use purser_config::Name;
use purser_config::price::Micros;
use purser_tests::process::Process;
use purser_tests::provider::{Behaviour, Provider, Received};
use purser_tests::records;
use purser_tests::sse_client::Call;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

const KEY: &str = "sk-metered0-0123456789abcdefghijklmnopqrstuv";
/// One credit, which is what each call costs.
const CREDIT: Micros = 1_000_000;
/// How often the process is killed, and how many callers there are meanwhile.
const KILLS: u64 = 20;
const CALLERS: u64 = 12;
/// No call can be under way for longer than this when nobody asks any more.
const LATER_MS: u64 = 3_600_000;

/// One key on one plan at one provider, and where `purser up` keeps what it must not forget.
struct Shop {
    provider: Provider,
    files: tempfile::TempDir,
    data: tempfile::TempDir,
}

impl Shop {
    async fn open(plan: &str, behaviour: Behaviour) -> Self {
        let shop = Shop {
            provider: Provider::start(behaviour).await.unwrap(),
            files: tempfile::tempdir().unwrap(),
            data: tempfile::tempdir().unwrap(),
        };
        let url = shop.provider.url();
        let written = format!(
            "apiVersion: purser.dev/v1alpha1\nkind: Plan\nmetadata: {{name: metered}}\nspec: {{models: {{allow: ['*']}}, {plan}}}\n---\n\
             apiVersion: purser.dev/v1alpha1\nkind: ApiKey\nmetadata: {{name: one, namespace: shop}}\nspec: {{plan: metered}}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {{name: one-key, namespace: shop}}\nstringData: {{apiKey: {KEY}}}\n---\n\
             apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: live, namespace: shop}}\n\
             spec: {{provider: OpenAICompatible, baseURL: '{url}', models: [{{name: m}}]}}\n"
        );
        std::fs::write(shop.files.path().join("shop.yaml"), written).unwrap();
        shop
    }

    /// Starts `purser up` and waits until it serves.
    async fn up(&self) -> (Process, SocketAddr) {
        let (files, data) = (self.files.path(), self.data.path());
        let arguments = [
            ["-f", files.to_str().unwrap()],
            ["--data-dir", data.to_str().unwrap()],
            ["--listen", "127.0.0.1:0"],
            ["--admin", "127.0.0.1:0"],
        ];
        let arguments = ["up"].into_iter().chain(arguments.into_iter().flatten());
        not_here();
        let mut process = Process::ours("purser", arguments).unwrap();
        let serves = async |process: &Process| {
            let printed = process.stdout();
            let (_, rest) = printed.split_once(" serves http://")?;
            rest.split_once("/v1  (admin ")?.0.parse().ok()
        };
        let address = process.until("the address it serves", SOON, serves).await;
        (process, address.unwrap())
    }

    fn file(&self) -> PathBuf {
        self.data.path().join("ledger.db")
    }

    async fn ledger(&self) -> Ledger {
        Ledger::sqlite(&self.file()).await.unwrap()
    }

    /// The request ids that the provider saw; it is told them without `req_`.
    fn seen(&self) -> BTreeSet<String> {
        let log = self.provider.log();
        let id = |call: &Received| format!("req_{}", call.header("x-request-id").unwrap());
        log.iter().map(id).collect()
    }
}

fn name() -> Name {
    Name::new("shop", "one")
}

/// What is left, reserved and used of the key's credits.
async fn account(ledger: &Ledger) -> (Micros, Micros, Micros) {
    let all = ledger.accounts(now_ms()).await.unwrap();
    let one = all.get(&name()).cloned().unwrap_or_default();
    (one.credits_left, one.credits_reserved, one.credits_used)
}

/// Callers that go on until they are told to stop, wherever the gateway is then.
struct Callers {
    address: watch::Sender<Option<SocketAddr>>,
    ended: AtomicBool,
    sent: AtomicU64,
    /// Ids of plain calls whose whole answer their caller has.
    whole: Mutex<BTreeSet<String>>,
}

impl Callers {
    fn new() -> Arc<Self> {
        Arc::new(Callers {
            address: watch::Sender::new(None),
            ended: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            whole: Mutex::default(),
        })
    }

    async fn go_on(self: Arc<Self>, number: u64) {
        let mut address = self.address.subscribe();
        let mut round = number;
        while !self.ended.load(Ordering::Relaxed) {
            let at = address.wait_for(Option::is_some).await.map(|at| *at);
            let Ok(Some(at)) = at else { return };
            round += 1;
            self.sent.fetch_add(1, Ordering::Relaxed);
            match round % 4 {
                0 => self.leaves(at, round).await,
                1 => drop(self.streams(at).await),
                _ => drop(self.asks(at).await),
            }
        }
    }

    async fn asks(&self, at: SocketAddr) -> anyhow::Result<()> {
        let answer = Call::chat("m", "hello", false).key(KEY).send(at).await?;
        let (status, id) = (
            answer.status(),
            answer.header("x-request-id").map(str::to_owned),
        );
        answer.body().await?;
        if status == 200 {
            self.whole.lock().unwrap().insert(id.context("no id")?);
        }
        Ok(())
    }

    async fn streams(&self, at: SocketAddr) -> anyhow::Result<()> {
        let answer = Call::chat("m", "hello", true).key(KEY).send(at).await?;
        answer.stream().await;
        Ok(())
    }

    /// Somewhere between the question and the end of its answer.
    async fn leaves(&self, at: SocketAddr, round: u64) {
        let patience = Duration::from_micros(300 * (round * 7 % 23));
        let _ = tokio::time::timeout(patience, self.streams(at)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_again_and_again_records_each_call_once_and_charges_no_other() {
    let grant = 100_000;
    let plan = format!(
        "credits: {{grant: '{grant}'}}, prices: [{{models: ['*'], perRequest: '1'}}], limits: {{concurrentRequests: 200}}"
    );
    let behaviour = Behaviour::Answers {
        chunks: 5,
        interval: Duration::from_millis(1),
    };
    let shop = Shop::open(&plan, behaviour).await;
    let (callers, mut tasks) = (Callers::new(), JoinSet::new());
    for number in 0..CALLERS {
        tasks.spawn(Arc::clone(&callers).go_on(number));
    }
    let began = Instant::now();
    for kill in 0..KILLS {
        let (mut process, address) = shop.up().await;
        let before = callers.sent.load(Ordering::Relaxed);
        callers.address.send_replace(Some(address));
        // Killed at another moment of its life each time: counted in calls, because a busy machine is slow.
        let some = 80 + kill * 53 % 290;
        while callers.sent.load(Ordering::Relaxed) < before + some {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        callers.address.send_replace(None);
        process.kill();
    }
    let (mut process, address) = shop.up().await;
    callers.address.send_replace(Some(address));
    callers.ended.store(true, Ordering::Relaxed);
    while tasks.join_next().await.is_some() {}
    let status = process.end(SOON).await.unwrap();
    assert!(status.success(), "{}", process.stderr());
    let sent = callers.sent.load(Ordering::Relaxed);
    println!("{sent} calls and {KILLS} kills in {:?}", began.elapsed());
    judge(&shop, &callers, grant * CREDIT).await;
}

async fn judge(shop: &Shop, callers: &Callers, grant: Micros) {
    let ledger = shop.ledger().await;
    let (left, reserved, used) = account(&ledger).await;
    assert_eq!(left + reserved + used, grant, "nothing is made or lost");
    // What a killed process reserved and never sent is all that may still be held.
    let later = 4 * LATER_MS + now_ms();
    let swept = ledger
        .sweep(later, LATER_MS, BTreeSet::new())
        .await
        .unwrap();
    assert!(swept <= KILLS * CALLERS, "{swept} were left open");
    let (left, reserved, used) = account(&ledger).await;
    assert_eq!((left, reserved), (grant - used, 0));
    let (records, seen) = (records::all(&ledger).await.unwrap(), shop.seen());
    let missing: Vec<_> = seen
        .iter()
        .filter(|id| !records.contains_key(*id))
        .collect();
    assert_eq!(
        missing,
        Vec::<&String>::new(),
        "of {} that the provider saw",
        seen.len()
    );
    let charged = records.values().filter(|one| one.credits > 0);
    let foreign = charged.clone().filter(|one| !seen.contains(&one.id));
    assert_eq!(foreign.count(), 0, "charged and never sent");
    assert!(charged.clone().all(|one| one.credits == CREDIT));
    assert_eq!(charged.map(|one| one.credits).sum::<u64>(), used);
    let whole = callers.whole.lock().unwrap().clone();
    let unpaid = whole.iter().filter(|id| records[*id].credits != CREDIT);
    assert_eq!(
        unpaid.count(),
        0,
        "of {} that were answered whole",
        whole.len()
    );
    assert_eq!(ledger.verify().await.unwrap(), []);
    println!(
        "seen {}, on record {}, whole {}, swept {swept}, used {used}",
        seen.len(),
        records.len(),
        whole.len()
    );
}

fn now_ms() -> u64 {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(wall.unwrap().as_millis()).unwrap()
}

#[tokio::test]
async fn of_a_thousand_calls_on_the_last_credit_one_passes() {
    let plan = "credits: {grant: '1'}, prices: [{models: ['*'], perRequest: '1'}]";
    let shop = Shop::open(plan, Behaviour::healthy()).await;
    let (mut process, address) = shop.up().await;
    let mut calls = JoinSet::new();
    for _ in 0..1_000 {
        calls.spawn(async move {
            let answer = Call::chat("m", "hello", false)
                .key(KEY)
                .send(address)
                .await
                .unwrap();
            let status = answer.status();
            let body = answer.json().await.unwrap();
            (
                status,
                body["error"]["code"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            )
        });
    }
    let outcomes = calls.join_all().await;
    let good = outcomes.iter().filter(|one| one.0 == 200).count();
    let denied = (402, "insufficient_quota".to_owned());
    let others = outcomes
        .iter()
        .filter(|one| one.0 != 200 && **one != denied);
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&(u16, String)>::new());
    assert_eq!((good, shop.provider.calls()), (1, 1));
    assert!(process.end(SOON).await.unwrap().success());
    let ledger = shop.ledger().await;
    assert_eq!(account(&ledger).await, (0, 0, CREDIT));
    assert_eq!(ledger.verify().await.unwrap(), []);
}

#[tokio::test]
async fn callers_who_leave_before_their_credits_are_held_leave_nothing_held() {
    let plan = "credits: {grant: '1000'}, prices: [{models: ['*'], perRequest: '1'}], limits: {concurrentRequests: 3}";
    let shop = Shop::open(plan, Behaviour::healthy()).await;
    let (mut process, address) = shop.up().await;
    for step in 0..300_u64 {
        let call = Call::chat("m", "hello", false).key(KEY);
        let patience = Duration::from_micros(50 * (step % 60));
        let _ = tokio::time::timeout(patience, call.send(address)).await;
    }
    // A slot that nobody gave back would be missed here: the plan has three.
    let again = Call::chat("m", "hello", false).key(KEY);
    let begun = Instant::now();
    loop {
        let answers = futures::future::join_all((0..3).map(|_| again.send(address))).await;
        if answers
            .into_iter()
            .all(|answer| answer.unwrap().status() == 200)
        {
            break;
        }
        assert!(begun.elapsed() < SOON, "slots are held by nobody");
    }
    assert!(process.end(SOON).await.unwrap().success());
    let ledger = shop.ledger().await;
    let (left, reserved, used) = account(&ledger).await;
    assert_eq!(
        (left + used, reserved),
        (1_000 * CREDIT, 0),
        "credits are held by nobody"
    );
    assert_eq!(ledger.verify().await.unwrap(), []);
}
