//! The README's second command: `purser up -f examples/local-model`, with a real model behind it and the Python SDK before it.

use super::gateway::Gateway;
use super::model_server::{Promise, call_a_real_model};
use purser_tests::model_server::ModelServer;
use std::net::Ipv4Addr;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/local-model");
/// Where the example looks for the model server.
const EXAMPLE_PORT: &str = "127.0.0.1:8012";
/// The value that the example gives its key, and its plan's requests per minute.
const KEY: &str = "sk-laptop00-4vN8qT2mX7cR9kW1zY5bH3jD6fL0sPgQ";
const RATE: usize = 10;

#[tokio::test]
async fn the_local_model_example_chats_streams_fails_over_and_keeps_the_rate() {
    let model = ModelServer::start(Ipv4Addr::LOCALHOST).await.unwrap();
    let gateway = Gateway::serve(example(&model)).await;
    call_a_real_model(Promise {
        base_url: &gateway.base_url,
        key: KEY,
        rate: RATE,
        channel: "default/llama",
    })
    .await;
    gateway.end().await;
}

/// A copy of the example in which only the model server's port is another.
fn example(model: &ModelServer) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut moved = 0;
    for entry in std::fs::read_dir(EXAMPLE).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        moved += text.matches(EXAMPLE_PORT).count();
        let text = text.replace(EXAMPLE_PORT, &model.address.to_string());
        std::fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
    }
    assert_eq!(moved, 1, "the example names {EXAMPLE_PORT} once");
    folder
}
