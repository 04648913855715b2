//! What callers of one key do at one pod, and the walk of one call through the sidecar's real ledger and bill, as `gateway` and `failover`
//! take it: reserve, read, open, note, spend, send, end. The provider is a line in the history.

use super::dice::Dice;
use super::gate::Gate;
use super::history::{Admission, History};
use super::scenario::{MODEL, Scenario};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use purser_config::Endpoint;
use purser_config::price::Tokens;
use purser_config::usage::End;
use purser_sidecar::bill::Bill;
use purser_sidecar::call::Call;
use purser_sidecar::gateway::Gateway;
use purser_sidecar::ledger::Reservation;
use purser_sidecar::reject::Reject;
use purser_sidecar::snapshot;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// How many come at once in a burst, over all pods.
const BURST: usize = 300;
/// The most tokens of an answer, as callers ask for it.
pub(super) const MOST_TOKENS: u64 = 100;

/// The callers of one key at one pod, while its process lives.
pub(super) struct Caller {
    pub(super) pod: usize,
    pub(super) key: usize,
    pub(super) life: u32,
    pub(super) scenario: Rc<Scenario>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) gate: Arc<Gate>,
    pub(super) written: Arc<Notify>,
    pub(super) history: History,
}

impl Caller {
    /// Calls until the run's callers go home.
    pub(super) async fn run(self: Rc<Self>, mut dice: Dice) {
        let promise = &self.scenario.keys[self.key];
        let rate = f64::from(promise.limit) * promise.pressure / 60.0 / self.scenario.pods as f64;
        let began = Instant::now() - self.history.now();
        let mut bursts = promise.bursts.iter().map(|at| began + *at);
        let mut burst = bursts.find(|at| *at > Instant::now());
        let (mut calls, mut number) = (JoinSet::new(), 0);
        let mut next = Instant::now() + dice.until_next(rate);
        loop {
            let at = burst.map_or(next, |burst| burst.min(next));
            sleep_until(at).await;
            if self.history.now() >= self.scenario.lasts {
                break;
            }
            let count = if burst == Some(at) {
                burst = bursts.next();
                BURST / self.scenario.pods
            } else {
                next = at + dice.until_next(rate);
                1
            };
            for _ in 0..count {
                number += 1;
                let dice = Dice::new(dice.draw(), "call");
                calls.spawn_local(self.gate.part(Rc::clone(&self).call(number, dice)));
            }
            while calls.try_join_next().is_some() {}
        }
        while calls.join_next().await.is_some() {}
    }

    async fn call(self: Rc<Self>, number: u64, mut dice: Dice) {
        self.history.offered(self.key);
        let id = format!("{}-{}-{}-{number}", self.pod, self.life, self.key);
        if let Err(reject) = self.walk(id, &mut dice).await {
            self.history.refused(self.pod, self.key, reject.code());
        }
    }

    async fn walk(&self, id: String, dice: &mut Dice) -> Result<(), Reject> {
        let snapshot = self.gateway.store.load();
        let caller = snapshot.by_name(&Scenario::name(self.key)).unwrap();
        let (reservation, _) = self.gateway.ledger.reserve(caller).await?;
        // The body is read; now and then it comes slowly, or its caller leaves.
        let slowest = if dice.one_in(50) { 20_000 } else { 20 };
        sleep(dice.millis(0, slowest)).await;
        if dice.one_in(50) {
            return Ok(());
        }
        let call = self.understood(&id, caller);
        let (bill, held) = self.pay((&call, reservation), caller).await?;
        self.send((id, held), bill, dice).await;
        Ok(())
    }

    fn understood(&self, id: &str, caller: &Arc<snapshot::Caller>) -> Call {
        let body = format!(r#"{{"model":"{MODEL}","max_tokens":{MOST_TOKENS},"messages":[]}}"#);
        Call {
            id: HeaderValue::from_str(id).unwrap(),
            caller: Arc::clone(caller),
            dialect: purser_dialects::Dialect::OpenAI,
            endpoint: Endpoint::Chat,
            named: None,
            scan: purser_dialects::scan_json(body.as_bytes()).unwrap(),
            body: Bytes::from(body),
            headers: HeaderMap::new(),
            began: self.history.now(),
            replay: true,
            room: purser_sidecar::fit::Room::default(),
            as_array: false,
            letters: purser_sidecar::letter::Letters::default(),
            keeping: None,
            stored: None,
        }
    }

    /// As `failover`: the bill is opened, the call written down, and the grant becomes a use at the last moment.
    async fn pay(
        &self,
        (call, reservation): (&Call, Reservation),
        caller: &Arc<snapshot::Caller>,
    ) -> Result<(Bill, Duration), Reject> {
        let ledger = &self.gateway.ledger;
        let serving = caller.table.serving(MODEL).unwrap();
        let mut bill = ledger.open(call, || serving.iter().collect()).await?;
        let held = self.history.now();
        assert!(
            ledger.admits(&mut bill, &serving[0]).await,
            "its channel has no limit"
        );
        bill.note()?;
        self.written.notify_one();
        ledger.spend(reservation, caller).await?;
        bill.sent(&serving[0]);
        Ok((bill, held))
    }

    /// At the provider.
    async fn send(&self, (id, held): (String, Duration), mut bill: Bill, dice: &mut Dice) {
        let checked = self.history.now();
        if dice.one_in(self.scenario.frozen) {
            self.gate.freeze(dice.millis(10, 3_000));
            tokio::task::yield_now().await;
        }
        self.history.admitted(Admission {
            id: id.clone(),
            key: self.key,
            pod: self.pod,
            held,
            checked,
            sent: self.history.now(),
        });
        let slowest = if dice.one_in(20) { 20_000 } else { 2_000 };
        sleep(dice.millis(50, slowest)).await;
        let end = match dice.below(10) {
            0 => End::Failed,
            1 => End::ClientLeft,
            _ => End::Done,
        };
        let mut used = 0;
        if end == End::Failed {
            bill.answered(503);
        } else {
            let (input, output) = (10, dice.between(1, MOST_TOKENS));
            used = input + output;
            bill.content(200, Duration::ZERO);
            bill.used(Tokens {
                input,
                output,
                ..Tokens::default()
            });
        }
        bill.end(end);
        self.history.over(id, used);
        self.written.notify_one();
    }
}
