//! `purser up` as a process, over manifests that a test writes. Used by the rooms of this test root that need no cluster; it must
//! never assert anything about an answer.

use purser_tests::process::Process;
use purser_tests::provider::Provider;
use purser_tests::sse_client::Call;
use std::path::Path;
use std::time::Duration;

/// How long anything that should be at once may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// A key on a plan that allows everything.
pub(super) const KEY: &str = "sk-opened00-0123456789abcdefghijklmnopqrstuv";
/// A key on a plan of two requests a minute.
pub(super) const SLOW: &str = "sk-slowed00-0123456789abcdefghijklmnopqrstuv";
/// A key that is suspended.
pub(super) const SUSPENDED: &str = "sk-paused00-0123456789abcdefghijklmnopqrstuv";
/// A key with one credit, on a plan on which each call costs two.
pub(super) const POOR: &str = "sk-poorer00-0123456789abcdefghijklmnopqrstuv";

const EVERYTHING: &str = "allow: [\"*\"]";
const PEOPLE: &str = r#"
apiVersion: purser.dev/v1alpha1
kind: Plan
metadata: {name: open}
spec: {models: {allow: ["*"]}}
---
apiVersion: purser.dev/v1alpha1
kind: Plan
metadata: {name: slow}
spec: {models: {allow: ["*"]}, limits: {requestsPerMinute: 2}}
---
apiVersion: purser.dev/v1alpha1
kind: Plan
metadata: {name: dear}
spec: {models: {allow: ["*"]}, credits: {grant: "1"}, prices: [{models: ["*"], perRequest: "2"}]}
---
apiVersion: purser.dev/v1alpha1
kind: ApiKey
metadata: {name: opened, namespace: shop}
spec: {plan: open}
---
apiVersion: purser.dev/v1alpha1
kind: ApiKey
metadata: {name: poorer, namespace: shop}
spec: {plan: dear}
---
apiVersion: purser.dev/v1alpha1
kind: ApiKey
metadata: {name: slowed, namespace: shop}
spec: {plan: slow}
---
apiVersion: purser.dev/v1alpha1
kind: ApiKey
metadata: {name: paused, namespace: shop}
spec: {plan: open, suspended: true}
---
apiVersion: v1
kind: Secret
metadata: {name: opened-key, namespace: shop}
stringData: {apiKey: sk-opened00-0123456789abcdefghijklmnopqrstuv}
---
apiVersion: v1
kind: Secret
metadata: {name: poorer-key, namespace: shop}
stringData: {apiKey: sk-poorer00-0123456789abcdefghijklmnopqrstuv}
---
apiVersion: v1
kind: Secret
metadata: {name: slowed-key, namespace: shop}
stringData: {apiKey: sk-slowed00-0123456789abcdefghijklmnopqrstuv}
---
apiVersion: v1
kind: Secret
metadata: {name: paused-key, namespace: shop}
stringData: {apiKey: sk-paused00-0123456789abcdefghijklmnopqrstuv}
"#;

/// A running `purser up`.
pub(super) struct Gateway {
    /// What an SDK is told.
    pub(super) base_url: String,
    process: Process,
    folder: tempfile::TempDir,
}

impl Gateway {
    /// Serves these channels to the three keys above.
    pub(super) async fn start(channels: &[String]) -> Self {
        Self::start_on(channels, EVERYTHING).await
    }

    /// The same with other `models` in both plans.
    pub(super) async fn start_on(channels: &[String], models: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let people = PEOPLE.replace(EVERYTHING, models);
        std::fs::write(folder.path().join("people.yaml"), people).unwrap();
        std::fs::write(
            folder.path().join("channels.yaml"),
            channels.join("\n---\n"),
        )
        .unwrap();
        Self::serve(folder).await
    }

    /// Serves the manifests of this folder.
    pub(super) async fn serve(folder: tempfile::TempDir) -> Self {
        let (mut process, listening) = (up(folder.path()), Duration::from_secs(20));
        let served = async |process: &Process| {
            let printed = process.stdout();
            let (_, rest) = printed.split_once(" serves ")?;
            rest.split_once("  (admin ").map(|(url, _)| url.to_owned())
        };
        let base_url = process
            .until("the address it serves", listening, served)
            .await
            .unwrap();
        Gateway {
            base_url,
            process,
            folder,
        }
    }

    /// The status of `GET /v1/models` with this key, once it is this one.
    pub(super) async fn until_answers(&mut self, key: &str, status: u16) {
        let address = self.root().trim_start_matches("http://").parse().unwrap();
        let answers = async |_: &Process| {
            let answer = Call::get("/v1/models").key(key).send(address).await;
            (answer.ok()?.status() == status).then_some(())
        };
        let what = format!("{status} for {key}");
        self.process.until(&what, SOON, answers).await.unwrap();
    }

    /// Where its manifests lie.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the SDKs of Anthropic and Google are told: they add the whole path.
    pub(super) fn root(&self) -> &str {
        self.base_url.trim_end_matches("/v1")
    }

    /// Stops it as a person would, and says whether it ended in good order.
    pub(super) async fn end(mut self) {
        let status = self.process.end(SOON).await.unwrap();
        assert!(
            status.success(),
            "purser up ended with {status}: {}",
            self.process.stderr()
        );
    }
}

fn up(folder: &Path) -> Process {
    let files = folder.to_str().unwrap();
    let arguments = [
        "up",
        "-f",
        files,
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--poll-ms",
        "50",
    ];
    Process::ours("purser", arguments).unwrap()
}

/// A channel of this name to this provider; `models` and further members as YAML in one line each.
pub(super) fn channel(name: &str, provider: &Provider, models: &str, more: &str) -> String {
    format!(
        "apiVersion: purser.dev/v1alpha1\nkind: ProviderChannel\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         provider: OpenAICompatible\n  baseURL: {}\n  models: {models}\n  {more}\n",
        provider.url()
    )
}
