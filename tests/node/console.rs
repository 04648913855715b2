//! The console's API of an installed release, asked at its Service: what people make there are objects of the cluster.

use super::installed::{SYSTEM, installed, namespace};
use super::kubectl::{get, says, until};
use purser_tests::plain::{Answer, send};
use serde_json::{Value, json};
use std::net::SocketAddr;

const KEY: &str = "apikey -n console made";

struct Console {
    address: SocketAddr,
    token: String,
}

impl Console {
    /// With its first administrator, who was made with the token that the operator printed.
    async fn open() -> Self {
        let service = get(&format!("service -n {SYSTEM} purser-operator")).await;
        let address = service["spec"]["clusterIP"].as_str().unwrap();
        let mut console = Console {
            address: format!("{address}:8088").parse().unwrap(),
            token: String::new(),
        };
        let line = format!("logs -n {SYSTEM} deployment/purser-operator --tail=-1");
        let log = says(&line).await;
        let setup = log.split("setup-").nth(1).unwrap();
        let end = |letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter));
        let setup = format!("setup-{}", setup.split(end).next().unwrap());
        let body = json!({"token": setup, "username": "you", "password": "correct horse battery"});
        let made = console.ask("POST /api/user/setup", body).data();
        console.token = made["token"].as_str().unwrap().to_owned();
        console
    }

    fn ask(&self, line: &str, body: Value) -> Answer {
        self.ask_as(&self.token, line, body)
    }

    fn ask_as(&self, token: &str, line: &str, body: Value) -> Answer {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let head = format!("authorization: {token}\r\n");
        send(self.address, line, &head, &body)
    }

    fn does(&self, line: &str, body: Value) -> Value {
        self.ask(line, body).data()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_changed_and_deleted_at_the_console_is_so_in_the_cluster() {
    installed().await;
    namespace("console").await;
    let console = Console::open().await;
    let plan = json!({"name": "console", "spec": {"models": {"allow": ["*"]}}});
    console.does("POST /api/plan/", plan);
    let plan = json!({"name": "console", "spec": {
        "models": {"allow": ["*"]}, "credits": {"grant": "10"}, "prices": [{"models": ["*"], "perRequest": "1"}],
    }});
    console.does("PUT /api/plan/", plan);
    let wish = json!({"name": "made", "namespace": "console", "plan": "console"});
    let made = console.does("POST /api/token/", wish);
    let rotated = console.does("POST /api/token/console%2Fmade/rotate", Value::Null);
    assert_ne!(made["key"], rotated["key"]);
    for suspended in [true, false] {
        let body = json!({"suspended": suspended});
        console.does("POST /api/token/console%2Fmade/suspend", body);
        assert_eq!(get(KEY).await["spec"]["suspended"], suspended);
    }
    says("annotate apikey -n console made credit.purser.dev/gift=5").await;
    let is_given = |key: &Value| {
        let left = &key["metadata"]["annotations"]["credit.purser.dev/gift"];
        left.is_null() && key["status"]["creditsLeft"] == "15"
    };
    until("the credits are given", KEY, is_given).await;
    let channel = json!({"name": "made", "namespace": "console", "provider": "OpenAICompatible", "key": "sk-provider",
        "base_url": "http://steady.models.svc:8000/v1", "models": ["m"]});
    console.does("POST /api/channel/", channel);
    let change = json!({"id": "console/made", "priority": 7});
    console.does("PUT /api/channel/", change);
    let channel = get("providerchannel -n console made").await;
    assert_eq!(channel["spec"]["priority"], 7);
    a_kubernetes_token_is_let_in(&console).await;
    for line in [
        "token/console%2Fmade",
        "channel/console%2Fmade",
        "plan/console",
    ] {
        console.does(&format!("DELETE /api/{line}"), Value::Null);
    }
    // Nobody there needs a configuration any more.
    let is_gone = |secret: &Value| secret.is_null();
    let secret = "secret -n console purser-config";
    until("the configuration's Secret is deleted", secret, is_gone).await;
    says("delete namespace console --wait=false").await;
}

/// As far as RBAC lets it.
async fn a_kubernetes_token_is_let_in(console: &Console) {
    says("create role reader -n console --verb=get,list --resource=apikeys.purser.dev").await;
    says("create rolebinding reader -n console --role=reader --serviceaccount=console:default")
        .await;
    let token = says("create token -n console default").await;
    let seen = console.ask_as(token.trim(), "GET /api/token/", Value::Null);
    assert_eq!(seen.data()["total"], 1);
}
