//! The sidecar's client in this process: its ledger, its link over TLS and HTTP/2, its spool on disk. Part of the quota's bench; a check is
//! what a call waits for between its headers and its first byte to a provider.

use super::cluster::SOON;
use super::measure::{Ask, PROXIES};
use super::place::Place;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use purser_config::price::Tokens;
use purser_config::stream::Version;
use purser_config::usage::End;
use purser_config::{Endpoint, Name};
use purser_sidecar::call::Call;
use purser_sidecar::clock::Clock;
use purser_sidecar::gateway::Gateway;
use purser_sidecar::ledger::{Authority, Memory};
use purser_sidecar::link::{self, Surroundings};
use purser_sidecar::reject::Reject;
use purser_sidecar::snapshot::Caller;
use purser_sidecar::spool::Spool;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const MODEL: &str = "m";
const BODY: &[u8] = br#"{"model":"m","max_tokens":16,"messages":[]}"#;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// One of them.
pub(crate) struct Proxy {
    gateway: Arc<Gateway>,
    namespace: String,
    _folder: tempfile::TempDir,
}

/// As many as are measured, each in a pod of its own, connected.
pub(crate) async fn proxies(place: &Place) -> Vec<Arc<Proxy>> {
    let mut all = Vec::new();
    for number in 0..PROXIES {
        all.push(Arc::new(
            Proxy::start(place, &format!("proxy-{number}")).await,
        ));
    }
    all
}

/// The check of a key without credits: one request of its window, granted and spent.
pub(crate) fn unmetered(proxies: &Arc<Vec<Arc<Proxy>>>) -> Ask {
    let proxies = Arc::clone(proxies);
    Arc::new(move |proxy, key| {
        let proxy = Arc::clone(&proxies[proxy]);
        Box::pin(async move { proxy.window(&key).await.is_ok() })
    })
}

/// The check of a key with credits: what its call may cost is reserved in the ledger, and its end is on record.
pub(crate) fn metered(proxies: &Arc<Vec<Arc<Proxy>>>) -> Ask {
    let proxies = Arc::clone(proxies);
    Arc::new(move |proxy, key| {
        let proxy = Arc::clone(&proxies[proxy]);
        Box::pin(async move { proxy.credits(&key).await.is_ok() })
    })
}

impl Proxy {
    async fn start(place: &Place, pod: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, place.token_of_pod(pod).await).unwrap();
        let clock = Clock::start();
        let (handle, link) = link::new();
        let (memory, authority) = (Arc::new(Memory::default()), Arc::new(handle));
        let authority: Arc<dyn Authority> = authority;
        let (spool, _) = Spool::open(&folder.path().join("spool")).unwrap();
        let gateway = purser_sidecar::run::gateway(authority, (Arc::clone(&memory), spool), clock);
        let gateway = gateway.unwrap();
        let operator = link::Endpoint {
            uri: format!("https://{}", place.world.stream).parse().unwrap(),
            ca: place.world.ca.clone(),
            token,
        };
        tokio::spawn(link.run(Surroundings {
            operator: Arc::new(operator),
            store: Arc::clone(&gateway.store),
            memory,
            gateway: Arc::clone(&gateway),
            clock,
        }));
        tokio::spawn(Arc::clone(&gateway.ledger).run());
        let proxy = Proxy {
            gateway,
            namespace: place.namespace.clone(),
            _folder: folder,
        };
        proxy.until_told().await;
        proxy
    }

    async fn until_told(&self) {
        let begun = Instant::now();
        let nothing = Version::default();
        while self.gateway.store.version().unwrap_or_default() == nothing {
            assert!(begun.elapsed() < SOON, "the operator told nothing");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn caller(&self, key: &str) -> Arc<Caller> {
        let snapshot = self.gateway.store.load();
        let caller = snapshot.by_name(&Name::new(&self.namespace, key));
        Arc::clone(caller.unwrap_or_else(|| panic!("no key {key}")))
    }

    async fn window(&self, key: &str) -> Result<(), Reject> {
        let (caller, ledger) = (self.caller(key), &self.gateway.ledger);
        let (reservation, _) = ledger.reserve(&caller).await?;
        ledger.spend(reservation, &caller).await.map(drop)
    }

    async fn credits(&self, key: &str) -> Result<(), Reject> {
        let (caller, ledger) = (self.caller(key), &self.gateway.ledger);
        let serving = caller.table.serving(MODEL).expect("a channel");
        let call = call(&caller);
        let mut bill = ledger.open(&call, || serving.iter().collect()).await?;
        bill.note()?;
        bill.sent(&serving[0]);
        bill.content(200, Duration::ZERO);
        bill.used(Tokens::default());
        bill.end(End::Done);
        Ok(())
    }
}

fn call(caller: &Arc<Caller>) -> Call {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Call {
        id: HeaderValue::from_str(&format!("quota-{}-{number}", std::process::id())).unwrap(),
        caller: Arc::clone(caller),
        dialect: purser_dialects::Dialect::OpenAI,
        endpoint: Endpoint::Chat,
        named: None,
        scan: purser_dialects::scan_json(BODY).unwrap(),
        body: Bytes::from_static(BODY),
        headers: HeaderMap::new(),
        began: Duration::ZERO,
        replay: true,
        room: purser_sidecar::fit::Room::default(),
        as_array: false,
        letters: purser_sidecar::letter::Letters::default(),
        keeping: None,
        stored: None,
    }
}
