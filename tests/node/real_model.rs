//! A model that really answers, on the node's host, which pods reach at the bridge's address.

use super::application::{Application, Line};
use super::installed::installed;
use super::kubectl::apply;
use super::machine::BRIDGE;
use purser_tests::model_server::{ModelServer, is_speech};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_an_ordinary_program_talks_to_a_real_model_on_the_host() {
    installed().await;
    let server = ModelServer::start(BRIDGE).await.unwrap();
    let plan = json!({"models": {"allow": ["*"]}, "maxOutputTokens": 24});
    let application = Application::alone("real", plan).await;
    let spec = json!({
        "provider": "OpenAICompatible", "baseURL": format!("http://{}/v1", server.address), "models": [{"name": "smollm2"}],
    });
    let mut pod = application.pod("asks", "once");
    pod["spec"]["restartPolicy"] = "Never".into();
    pod["spec"]["containers"][0]["args"][2] = "smollm2".into();
    apply(&[
        json!({"apiVersion": "purser.dev/v1alpha1", "kind": "ProviderChannel", "metadata": {"name": "host", "namespace": "real"}, "spec": spec}),
        pod,
    ])
    .await;
    let both = |printed: &[Line]| printed.len() > 1;
    let printed = application
        .until_prints("asks", "a call and a stream", both)
        .await;
    assert_eq!(printed[0].status(), Some(200), "{printed:?}");
    assert_eq!(printed[0].says("channel"), "real/host", "{printed:?}");
    assert!(is_speech(printed[0].says("said")), "{printed:?}");
    assert!(is_speech(printed[1].says("stream")), "{printed:?}");
    application.end().await;
}
