//! A version that kills the sidecar twice is refused, and the one before it is served; an orderly end is no death.

use super::setup::{SOON, channel, chat, configuration, serve};
use purser_tests::process::Process;
use purser_tests::provider::{Behaviour, Provider};
use purser_tests::sse_client::Call;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

/// A sidecar's file, the folder it keeps, and its provider: all that outlives its process.
struct Home {
    provider: Provider,
    folder: tempfile::TempDir,
}

impl Home {
    async fn new() -> Self {
        Home {
            provider: Provider::start(Behaviour::healthy()).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A configuration that asks the provider for the model of this name.
    fn write(&self, model: &str) {
        let mut one = channel(&self.provider);
        one.models[0].upstream_name = Some(model.to_owned());
        let all = configuration(&[("one", one)]);
        std::fs::write(self.path("next"), serde_json::to_vec(&all).unwrap()).unwrap();
        std::fs::rename(self.path("next"), self.path("config.json")).unwrap();
    }

    async fn start(&self) -> Running {
        let (file, kept) = (self.path("config.json"), self.path("kept"));
        let paths = [file.to_str().unwrap(), kept.to_str().unwrap()];
        let (process, address, admin) =
            serve(&["--config", paths[0], "--last-good", paths[1]]).await;
        Running {
            process,
            address,
            admin,
        }
    }

    /// Waits until the version in force is kept.
    async fn until_kept(&self, running: &Running) {
        let version = running.configz().await["version"]["published_ms"].clone();
        let kept = format!("v{version}-");
        let begun = Instant::now();
        loop {
            let link = std::fs::read_link(self.path("kept").join("current"));
            if link.is_ok_and(|link| link.to_str().unwrap().starts_with(&kept)) {
                return;
            }
            assert!(begun.elapsed() < SOON, "{kept} is not kept");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

struct Running {
    process: Process,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Running {
    async fn configz(&self) -> Value {
        let page = Call::get("/configz").send(self.admin).await.unwrap();
        page.json().await.unwrap()
    }

    /// Which model the provider is asked for now.
    async fn model(&self) -> String {
        let answer = chat(false).send(self.address).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.json().await.unwrap();
        body["model"].as_str().unwrap().to_owned()
    }

    async fn until_model(&self, model: &str) {
        let begun = Instant::now();
        loop {
            let now = self.model().await;
            if now == model {
                return;
            }
            assert!(begun.elapsed() < SOON, "still {now}, not {model}");
        }
    }
}

/// `good` is kept, then `bad` comes and is in force.
async fn obeying_bad() -> (Home, Running) {
    let home = Home::new().await;
    home.write("good");
    let running = home.start().await;
    home.until_kept(&running).await;
    home.write("bad");
    running.until_model("bad").await;
    home.until_kept(&running).await;
    (home, running)
}

#[tokio::test]
async fn a_version_that_kills_the_process_twice_is_refused_and_the_one_before_it_is_served() {
    let (home, mut running) = obeying_bad().await;
    running.process.kill();
    let mut running = home.start().await;
    running.until_model("bad").await;
    running.process.kill();

    let mut running = home.start().await;
    assert_eq!(running.model().await, "good");
    let shown = running.configz().await;
    assert!(shown["quarantined"]["hash"].is_string(), "{shown}");
    let error = shown["error"].as_str().unwrap();
    assert!(error.contains("quarantined") && error.contains("config.json"));
    let log = running.process.stderr();
    assert!(log.contains("this process died twice"), "{log}");
    let ready = Call::get("/readyz").send(running.admin).await.unwrap();
    assert_eq!(ready.status(), 200);
    running.process.kill();

    let running = home.start().await;
    assert_eq!(running.model().await, "good", "it is refused for good");
    home.write("newer");
    running.until_model("newer").await;
    let shown = running.configz().await;
    assert!(shown["quarantined"].is_null() && shown["error"].is_null());
}

#[tokio::test]
async fn a_process_that_is_told_to_end_did_not_die_of_its_version() {
    let (home, mut running) = obeying_bad().await;
    for _ in 0..3 {
        running.process.end(SOON).await.unwrap();
        running = home.start().await;
        assert_eq!(running.model().await, "bad");
    }
    assert!(running.configz().await["quarantined"].is_null());
}
