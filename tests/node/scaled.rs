//! Operators over a Redis and a PostgreSQL on the node's host, which pods reach at the bridge's address: three of them, one, and three
//! again.

use super::installed::{SYSTEM, installed, run};
use super::kubectl::apply;
use super::machine::BRIDGE;
use super::metered::{each_call_is_charged_once, metered};
use super::replaced::operators;
use purser_tests::helm::chart;
use purser_tests::postgres::Postgres;
use purser_tests::redis::Redis;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;

/// Lets pods connect to this socket of the host's, as long as the task lives.
async fn opened(socket: PathBuf) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((BRIDGE, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut pod, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut server = UnixStream::connect(socket).await.unwrap();
                // Either may go at any time.
                let _ = copy_bidirectional(&mut pod, &mut server).await;
            });
        }
    });
    (address, task)
}

/// A Secret of the operator's namespace with an address.
async fn name(store: &str, url: String) {
    apply(&[json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": store, "namespace": SYSTEM},
        "stringData": {"url": url},
    })])
    .await;
}

async fn scale_out_and_back() {
    let scaled = [
        "upgrade",
        "purser",
        &chart("purser"),
        "--set=replicas=3",
        "--set=stores.redis.secret=redis",
        "--set=stores.postgres.secret=postgres",
        "--wait",
        "--timeout=6m",
    ];
    run(&scaled).await;
    let application = metered("scaled").await;
    operators(3).await;
    application.go_on("with three").await;
    operators(1).await;
    application.go_on("with one").await;
    operators(3).await;
    application.go_on("with three again").await;
    each_call_is_charged_once(application).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_operators_become_one_and_three_again_under_load_and_each_call_is_charged_once() {
    installed().await;
    let redis = Redis::start().await.unwrap();
    let postgres = Postgres::start().await.unwrap();
    let (windows, redis_task) = opened(redis.socket()).await;
    let (ledger, postgres_task) = opened(postgres.socket()).await;
    name("redis", format!("redis://{windows}")).await;
    name("postgres", format!("postgres://purser@{ledger}/postgres")).await;
    let came_of_it = tokio::spawn(scale_out_and_back()).await;
    // Whatever came of it: the other tests need the operator as it was installed.
    let chart = chart("purser");
    let back = [
        "upgrade",
        "purser",
        &chart,
        "--reset-values",
        "--wait",
        "--timeout=6m",
    ];
    run(&back).await;
    redis_task.abort();
    postgres_task.abort();
    came_of_it.unwrap();
}
