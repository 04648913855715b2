//! A server that would forget is refused, with what to change; the password is never told.

use super::server::Server;
use purser_authority::redis::{RedisError, RedisWindows};
use std::time::{Duration, Instant};

async fn refused(url: &str) -> RedisError {
    let began = Instant::now();
    let error = RedisWindows::open(url, "opening")
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5));
    let (said, debug) = (error.to_string(), format!("{error:?}"));
    assert!(
        !said.contains("hunter2") && !debug.contains("hunter2"),
        "{said}"
    );
    println!("{said}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_forget_is_refused_with_what_to_change() {
    let Some(server) = Server::with(&[]) else {
        return;
    };
    let error = refused(&server.url()).await;
    assert!(matches!(error, RedisError::NoAppendOnlyFile { .. }));
    let evicting = ["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"];
    let server = Server::with(&evicting).unwrap();
    let error = refused(&server.url()).await;
    assert!(matches!(error, RedisError::Evicts { .. }));
    let replica = ["--appendonly", "yes", "--replicaof", "127.0.0.1 9"];
    let server = Server::with(&replica).unwrap();
    let error = refused(&server.url()).await;
    assert!(matches!(error, RedisError::Replica { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_wrong_address_are_told_without_the_password() {
    let Some(server) = Server::with(&["--appendonly", "yes", "--requirepass", "hunter2"]) else {
        return;
    };
    let with = |pass: &str| format!("{}?pass={pass}", server.url());
    assert!(
        RedisWindows::open(&with("hunter2"), "opening")
            .await
            .is_ok()
    );
    for url in [with("hunter22"), server.url()] {
        let error = refused(&url).await;
        assert!(matches!(error, RedisError::Password { .. }), "{error:?}");
    }
    let error = refused("redis://:hunter2@127.0.0.1:9/").await;
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error:?}");
    let error = refused("redis://:hunter2@127.0.0.1:many/").await;
    assert!(matches!(error, RedisError::Address { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let Some(server) = Server::start() else {
        return;
    };
    server.freeze();
    let error = refused(&server.url()).await;
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error:?}");
    server.thaw();
}
