//! Applications whose calls cost credits, and what the ledger says when they have ended.

use super::application::{Application, served};
use super::installed::installed;
use super::kubectl::{apply, until};
use super::replaced::Followed;
use serde_json::{Value, json};

const GRANT: usize = 100_000;

/// Two pods that call without end; each call costs one credit.
pub(super) async fn metered(name: &str) -> Application {
    installed().await;
    let plan = json!({
        "models": {"allow": ["*"]}, "credits": {"grant": GRANT.to_string()},
        "prices": [{"models": ["*"], "perRequest": "1"}],
    });
    let application = Application::alone(name, plan).await;
    application.deploy(2, "load").await;
    application
}

/// Ends its pods and waits until the key's status says of the ledger that every call was charged, and once.
pub(super) async fn each_call_is_charged_once(application: Application) {
    let followed = Followed::begin(&application).await;
    apply(&[application.deployment(0, "load")]).await;
    let mut calls = 0;
    for (pod, printed) in followed.ended().await {
        // And the one stream with which each begins.
        calls += served(&printed, &pod) + 1;
    }
    let (used, left) = (calls.to_string(), (GRANT - calls).to_string());
    let is_charged = |key: &Value| {
        let status = &key["status"];
        status["creditsUsed"] == used.as_str() && status["creditsLeft"] == left.as_str()
    };
    let what = format!("{calls} calls are charged");
    let key = format!("apikey -n {} {}", application.namespace, application.key);
    until(&what, &key, is_charged).await;
    application.end().await;
}
