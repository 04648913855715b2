//! An authority over a test's store, its configuration in a word, and the questions of sidecars that have said Hello.

use crate::redis_server::Server;
use crate::setup::{NOW, Store};
use purser_authority::redis::RedisWindows;
use purser_authority::{Authority, Memory, Moment, Windows};
use purser_config::quota::{Ask, Grant, Reserve, ReserveVerdict, Reserved, Verdict};
use purser_config::stream::Hello;
use purser_config::{Configuration, Key, Name, Plan};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// One credit.
pub(crate) const CREDIT: u64 = 1_000_000;
pub(crate) const DAY_MS: u64 = 86_400_000;

pub(crate) struct Office {
    pub(crate) authority: Authority,
    configuration: Configuration,
    /// What Redis' scripts take for the time, in microseconds.
    clock: Arc<AtomicI64>,
}

/// Where an authority counts, and where it keeps.
pub(crate) struct Stores {
    ledger: Store,
    redis: Option<Server>,
}

impl Stores {
    pub(crate) fn memory_and_sqlite() -> Stores {
        Stores {
            ledger: Store::sqlite(),
            redis: None,
        }
    }

    pub(crate) async fn memory_and_postgres() -> Option<Stores> {
        Some(Stores {
            ledger: Store::postgres().await?,
            redis: None,
        })
    }

    pub(crate) async fn redis_and_postgres() -> Option<Stores> {
        Some(Stores {
            ledger: Store::postgres().await?,
            redis: Some(Server::start()?),
        })
    }
}

/// So many milliseconds after the beginning.
pub(crate) fn after(ms: u64) -> Moment {
    Moment {
        now: Duration::from_millis(ms),
        unix_ms: NOW + ms,
    }
}

impl Office {
    /// An authority to which the sidecars `one`, `two` and `three` of namespace `shop` are connected.
    pub(crate) async fn open(stores: &Stores) -> Office {
        let ledger = stores.ledger.open().await;
        let clock = Arc::new(AtomicI64::new(micros(after(0))));
        let authority = match &stores.redis {
            None => {
                let windows = Windows::new(Duration::ZERO, 1, Memory::Fresh);
                Authority::open(windows, None, ledger).await
            }
            Some(server) => {
                let scripted = Some(Arc::clone(&clock));
                let windows = RedisWindows::open_at(&server.url(), "facade", scripted).await;
                Authority::together(windows.unwrap(), ledger).await
            }
        };
        let office = Office {
            authority: authority.unwrap(),
            configuration: Configuration::default(),
            clock,
        };
        for sidecar in ["one", "two", "three"] {
            office.hello(sidecar).await;
        }
        office
    }

    async fn hello(&self, sidecar: &str) {
        let hello = Hello {
            instance: sidecar.to_owned(),
            version: None,
            uses: vec![],
            shares: vec![],
            holds: vec![],
            tokens: vec![],
            spool: format!("spool-{sidecar}"),
        };
        let said = self
            .authority
            .hello(after(0), sidecar, &hello, Some("shop"));
        said.await;
    }

    /// Puts a plan in force; what is not said is not limited.
    pub(crate) fn plan(&mut self, at: Moment, name: &str, more: Value) {
        let mut plan = json!({
            "allow": ["*"],
            "routing": "priority",
            "when_quota_unreachable": "share",
        });
        for (name, value) in more.as_object().unwrap() {
            plan[name] = value.clone();
        }
        let plan: Plan = serde_json::from_value(plan).unwrap();
        self.configuration.plans.insert(name.into(), plan);
        self.configure(at);
    }

    /// Makes a key on a plan, or moves it there.
    pub(crate) fn key(&mut self, at: Moment, name: &str, plan: &str) {
        self.key_made(at, (name, plan), None);
    }

    pub(crate) fn key_made(&mut self, at: Moment, (name, plan): (&str, &str), made: Option<u64>) {
        let key = json!({
            "digests": [], "standing": "good", "plan": plan, "channels": [], "created_ms": made,
        });
        let key: Key = serde_json::from_value(key).unwrap();
        self.configuration.keys.insert(of(name), key);
        self.configure(at);
    }

    pub(crate) fn delete(&mut self, at: Moment, name: &str) {
        self.configuration.keys.remove(&of(name));
        self.configure(at);
    }

    fn configure(&self, at: Moment) {
        self.set(at);
        self.authority.configure(at, &self.configuration);
    }

    fn set(&self, at: Moment) {
        self.clock.store(micros(at), Ordering::Relaxed);
    }

    pub(crate) async fn reserve(&self, at: Moment, sidecar: &str, reserve: &Reserve) -> Reserved {
        self.set(at);
        self.authority.reserve(at, sidecar, reserve).await
    }

    pub(crate) async fn ask(&self, at: Moment, (sidecar, name): (&str, &str)) -> Grant {
        let ask = Ask {
            key: of(name),
            want: 1,
            ttl_ms: 0,
        };
        self.set(at);
        self.authority.ask(at, sidecar, &ask).await
    }

    /// Reserves so many credits for one call.
    pub(crate) async fn pay(
        &self,
        at: Moment,
        (sidecar, name): (&str, &str),
        id: &str,
    ) -> Reserved {
        let reserve = credits(name, (id, sidecar), CREDIT);
        self.reserve(at, sidecar, &reserve).await
    }

    /// What the key can spend.
    pub(crate) async fn left(&self, at: Moment, name: &str) -> u64 {
        let all = self.authority.ledger().accounts(at.unix_ms).await.unwrap();
        all[&of(name)].credits_left
    }

    /// Nothing is anywhere but where it came from.
    pub(crate) async fn verify(&self) {
        assert_eq!(self.authority.ledger().verify().await.unwrap(), []);
    }
}

fn micros(at: Moment) -> i64 {
    i64::try_from(at.unix_ms * 1_000).unwrap()
}

pub(crate) fn of(name: &str) -> Name {
    Name::new("shop", name)
}

/// What one call asks for that costs so many credits.
pub(crate) fn credits(name: &str, (id, sidecar): (&str, &str), credits: u64) -> Reserve {
    Reserve {
        id: id.to_owned(),
        key: of(name),
        tokens: 0,
        slot: false,
        credits,
        allowance: None,
        channels: vec![],
        others: false,
        spool: format!("spool-{sidecar}"),
    }
}

pub(crate) fn is_granted(grant: &Grant) -> bool {
    matches!(grant.verdict, Verdict::Granted { .. })
}

pub(crate) fn is_held(reserved: &Reserved) -> bool {
    matches!(reserved.verdict, ReserveVerdict::Held { .. })
}
