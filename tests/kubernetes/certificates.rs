//! Certificates of the operator, and of the shared gateway, that live for seconds, replaced while a sidecar calls and while somebody who
//! trusts nothing but the CA that is published looks at what is presented, again and again. In a soak they live for a minute.

use super::cluster::Cluster;
use super::installed::{HOOK, Installed, Setup, WARNINGS};
use super::operator::{NAMESPACE, decoded};
use super::place::Place;
use super::pressure::{Caller, figure, none_failed, press, soak};
use super::shared::Gated;
use base64::Engine as _;
use purser_tests::provider::{Behaviour, Provider};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How many lives of a certificate go by.
const LIVES: u32 = 4;
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// Between two looks at what is presented.
const LOOK: Duration = Duration::from_millis(25);
/// A strict plan: each call needs one of its slots, which the operator alone gives.
const STRICT: &str =
    "limits: {concurrentRequests: 100}, whenQuotaUnreachable: Deny, models: {allow: ['*']}";

fn life() -> Duration {
    Duration::from_secs(if soak() { 60 } else { 10 })
}

/// The CA that both configurations of webhooks carry.
async fn published(cluster: &Cluster) -> TlsConnector {
    let [pods, objects] = [cluster.get(HOOK).await, cluster.get(WARNINGS).await];
    let [pods, objects] =
        [pods, objects].map(|hook| decoded(&hook["webhooks"][0]["clientConfig"]["caBundle"]));
    assert_eq!(pods, objects);
    trusting(&pods)
}

/// Who trusts these CAs alone.
fn trusting(bundle: &[u8]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let tls = ClientConfig::builder().with_root_certificates(roots);
    TlsConnector::from(Arc::new(tls.with_no_client_auth()))
}

/// What is presented there, which must be valid now and for the tests' own name of it.
async fn presented(tls: &TlsConnector, address: SocketAddr) -> CertificateDer<'static> {
    presented_to("127.0.0.1", (tls, address)).await
}

/// The same, for whoever calls it so.
async fn presented_to(
    name: &str,
    (tls, address): (&TlsConnector, SocketAddr),
) -> CertificateDer<'static> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let shown = tls.connect(name, socket).await;
    let shown =
        shown.unwrap_or_else(|error| panic!("{address} presents what is not valid: {error}"));
    let (_, session) = shown.get_ref();
    session.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Every certificate that each door presents for so long, and how often it was looked at.
async fn watched<const DOORS: usize>(
    tls: &TlsConnector,
    doors: [SocketAddr; DOORS],
    long: Duration,
) -> ([BTreeSet<Vec<u8>>; DOORS], usize) {
    let mut seen = doors.map(|_| BTreeSet::new());
    let (begun, mut looks) = (Instant::now(), 0);
    while begun.elapsed() < long {
        for (door, seen) in doors.into_iter().zip(&mut seen) {
            seen.insert(presented(tls, door).await.to_vec());
            looks += 1;
        }
        tokio::time::sleep(LOOK).await;
    }
    (seen, looks)
}

/// Whether the CA was never replaced.
async fn has_one_ca(cluster: &Cluster) -> bool {
    let secret = format!("/api/v1/namespaces/{NAMESPACE}/secrets/purser-ca");
    let kept = cluster.get(&secret).await["data"].clone();
    kept["next.crt"].is_null() && kept["previous.crt"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_live_for_seconds_are_replaced_under_load_and_no_call_fails() {
    let life = life();
    let installed = Installed::with(&[&format!("--leaf-life={}s", life.as_secs())]).await;
    installed.reach_webhook().await;
    let world = &installed.world;
    let place = Place::new(world, "leaves").await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let [secret, key] = place.key("one", "strict");
    let channel = place.channel("live", &provider.url(), "{name: m}");
    place
        .apply(&[place.plan("strict", STRICT), channel, secret, key])
        .await;
    place.until_key("one", "True").await;
    let sidecars = place.sidecars(1).await;
    let caller = Caller {
        model: "m",
        key: place.value("one"),
        pause: Duration::from_millis(20),
    };
    let pressure = press(&[sidecars[0].address], &caller);

    let tls = published(&world.cluster).await;
    let (begun, doors) = (Instant::now(), [world.stream, installed.webhook()]);
    let (seen, looks) = watched(&tls, doors, life * LIVES).await;
    let mut late = place.sidecar("late", &[]).await;
    late.until_connected().await;
    let outcomes = pressure.end().await;

    none_failed(&outcomes, "no call fails");
    let lives = LIVES as usize;
    for seen in &seen {
        assert!(
            seen.len() > lives,
            "{} certificates in {lives} lives",
            seen.len()
        );
    }
    assert!(has_one_ca(&world.cluster).await, "one CA all along");
    figure(&format!(
        "certificates of {} s for {} s: {} calls of a strict plan and {looks} handshakes, none failed; {} certificates seen",
        life.as_secs(),
        begun.elapsed().as_secs(),
        outcomes.len(),
        seen[0].len(),
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_gateways_certificate_is_replaced_under_load_through_it_and_no_call_fails() {
    let life = life();
    let gated = Gated::with(&[&format!("--leaf-life={}s", life.as_secs())]).await;
    let provider = Provider::start(Behaviour::healthy()).await.unwrap();
    let lender = gated.lender("turning", &provider).await;
    let tenant = gated.tenant("turned", &lender).await;
    let sidecar = gated.sidecar(&tenant, "pod").await;
    let caller = Caller {
        model: "m",
        key: tenant.value("any"),
        pause: Duration::from_millis(20),
    };
    let pressure = press(&[sidecar.address], &caller);

    let tls = trusting(&std::fs::read(&gated.world.ca).unwrap());
    let (begun, doors) = (Instant::now(), [gated.address]);
    let ([seen], looks) = watched(&tls, doors, life * LIVES).await;
    gated.sidecar(&tenant, "late").await;
    let outcomes = pressure.end().await;

    none_failed(&outcomes, "no call fails");
    assert!(seen.len() > LIVES as usize, "{} certificates", seen.len());
    assert!(has_one_ca(&gated.world.cluster).await, "one CA all along");
    figure(&format!(
        "the shared gateway's certificates of {} s for {} s: {} calls through it and {looks} handshakes, none failed; {} certificates seen",
        life.as_secs(),
        begun.elapsed().as_secs(),
        outcomes.len(),
        seen.len(),
    ));
}

/// The Secret of an operator that was uninstalled, as somebody finds it who installs again so long after.
fn left_behind(age: Duration) -> String {
    let made = SystemTime::now() - age;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    let name = rcgen::DnType::CommonName;
    params.distinguished_name.push(name, "purser operator CA");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.not_before = made.into();
    params.not_after = (made + YEAR).into();
    let certificate = params.self_signed(&key).unwrap();
    let since = made.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": "purser-ca", "namespace": NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "purser"},
        },
        "data": {
            "ca.crt": base64(certificate.pem()), "ca.key": base64(key.serialize_pem()),
            "ca.made": base64(since.as_secs().to_string()),
        },
    });
    format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}\n---\n{secret}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_whose_year_is_over_is_replaced_before_the_webhook_answers() {
    let installed = Installed::set_up(&Setup {
        objects: &left_behind(YEAR + Duration::from_secs(86_400)),
        ..Setup::default()
    })
    .await;
    let cluster = &installed.world.cluster;
    // By the name that the API server calls.
    let service = cluster.get(HOOK).await["webhooks"][0]["clientConfig"]["service"].clone();
    let part = |name: &str| service[name].as_str().unwrap().to_owned();
    let name = format!("{}.{}.svc", part("name"), part("namespace"));
    let tls = published(cluster).await;
    presented_to(&name, (&tls, installed.webhook())).await;
    // And as the API server judges it: pods are injected.
    installed.reach_webhook().await;
}
