//! The console in a real Chromium, over a real `purser up` and real calls through its gateway. Owns that process and the scripts in
//! `browser/`, which say what a person does and sees; here stand the bars. Chromium and npm's packages are what tests/toolchain.sh
//! installs. It must never serve the page itself, nor speak for the API.

mod history;

use purser_tests::figures::{figure, soak};
use purser_tests::process::Process;
use purser_tests::provider::{Behaviour, Provider};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long a start may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// The longest that one script may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// The most that the whole page may weigh over the wire: 300 KiB.
const HEAVIEST: u64 = 300 << 10;
/// The latest that something is to be seen on the page, in milliseconds.
const LATEST_PAINT_MS: u64 = 1000;
/// The latest that half of the calls are to be seen in the live tail after their ends, in milliseconds.
const LATEST_CALL_MS: u64 = 1000;
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/console/browser");
const VENDOR: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../operator/console/page/vendor"
);

/// A running `purser up` with its console.
struct Served {
    process: Process,
    told: Value,
    _parts: Option<(tempfile::TempDir, [Provider; 2])>,
}

impl Served {
    /// The demo, as a person starts it first.
    async fn demo() -> Self {
        Self::start(&["--demo"], None).await
    }

    /// `browser/house.yaml`, with a week of calls behind it.
    async fn house() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        history::write(&data.join("ledger.db")).await;
        let providers = [provider().await, provider().await];
        let manifests = include_str!("browser/house.yaml")
            .replace("PRIMARY", &providers[0].url())
            .replace("BACKUP", &providers[1].url());
        let file = folder.path().join("house.yaml");
        std::fs::write(&file, manifests).unwrap();
        let (file, data) = (file.to_str().unwrap(), data.to_str().unwrap());
        let arguments = ["-f", file, "--data-dir", data].map(str::to_owned);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Self::start(&arguments, Some((folder, providers))).await
    }

    async fn start(what: &[&str], parts: Option<(tempfile::TempDir, [Provider; 2])>) -> Self {
        let free = "127.0.0.1:0";
        let ports = ["--listen", free, "--admin", free, "--console", free];
        let arguments = ["up"].iter().chain(what).chain(&ports);
        let mut process = Process::ours("purser", arguments).unwrap();
        let token = async |process: &Process| between(&process.stdout(), "one-time token ", "\n");
        let token = process.until("its one-time token", SOON, token).await;
        let (token, printed) = (token.unwrap(), process.stdout());
        let key = |name: &str| between(&printed, &format!("key {name}: "), " ");
        let told = json!({
            "console": between(&printed, "console   ", " "),
            "gateway": between(&printed, " serves ", " "),
            "key": key("demo/you").or_else(|| key("shop/checkout")),
            "visitor": key("support/visitor"),
            "token": token,
            "node": node(),
            "chromium": "/usr/bin/chromium",
            "pictures": std::env::var("PURSER_TEST_PICTURES").ok(),
        });
        Served {
            process,
            told,
            _parts: parts,
        }
    }

    /// Runs one script to its end; what it printed.
    async fn run(&self, script: &str) -> String {
        let mut command = Command::new("node");
        command.arg(Path::new(HERE).join(script));
        command.arg(self.told.to_string());
        let mut running = Process::start(script, &mut command).unwrap();
        let status = running.until_ended(PATIENCE).await.unwrap();
        let (said, wrong) = (running.stdout(), running.stderr());
        assert!(status.success(), "{script} says:\n{said}{wrong}");
        said
    }

    async fn end(mut self) {
        let status = self.process.end(SOON).await.unwrap();
        assert!(status.success(), "{}", self.process.stderr());
    }
}

async fn provider() -> Provider {
    let answers = Behaviour::Answers {
        chunks: 12,
        interval: Duration::from_millis(20),
    };
    Provider::start(answers).await.unwrap()
}

/// What stands between these two; none: it is not there, or not whole.
fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

/// Where npm's packages are.
fn node() -> PathBuf {
    let toolchain = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/toolchain/node");
    let named = std::env::var_os("PURSER_TEST_NODE_DIR");
    named.map_or_else(|| PathBuf::from(toolchain), PathBuf::from)
}

fn number(said: &str, name: &str) -> u64 {
    let last = said.lines().last().unwrap_or_default();
    let figures: Value = serde_json::from_str(last).unwrap();
    figures[name].as_u64().unwrap()
}

#[tokio::test]
async fn a_person_does_everything_from_the_one_time_token_to_the_statement() {
    let demo = Served::demo().await;
    let late = number(&demo.run("walk.mjs").await, "tail_ms");
    let line = format!("a call shows in the live tail {late} ms after its end");
    figure("console.txt", &line).unwrap();
    assert!(!soak() || late <= LATEST_CALL_MS, "{line}");
    demo.end().await;
}

#[tokio::test]
async fn every_view_is_for_everybody_in_both_themes_and_on_a_phone() {
    let demo = Served::house().await;
    demo.run("views.mjs").await;
    demo.end().await;
}

#[tokio::test]
async fn a_part_that_does_not_arrive_is_asked_for_again_and_not_for_ever() {
    let demo = Served::demo().await;
    demo.run("broken.mjs").await;
    demo.end().await;
}

#[tokio::test]
async fn the_page_is_small_and_soon_there() {
    let demo = Served::demo().await;
    let said = demo.run("weight.mjs").await;
    let (bytes, paint) = (number(&said, "bytes"), number(&said, "first_paint_ms"));
    let line = format!("the console's page: {bytes} bytes, first paint after {paint} ms");
    figure("console.txt", &line).unwrap();
    assert!(bytes <= HEAVIEST, "the page weighs {bytes} bytes");
    // Beside other suites it is what they leave of the machine.
    assert!(!soak() || paint <= LATEST_PAINT_MS, "{line}");
    demo.end().await;
}

#[test]
fn what_others_made_is_what_npm_has_under_the_version_that_is_named() {
    let packages = node().join("node_modules");
    let notes = std::fs::read_to_string(Path::new(VENDOR).join("README.md")).unwrap();
    for (folder, package, files) in [
        (
            "uplot",
            "uplot",
            &[
                ("uPlot.iife.min.js", "dist/uPlot.iife.min.js"),
                ("uPlot.min.css", "dist/uPlot.min.css"),
                ("LICENSE", "LICENSE"),
            ][..],
        ),
        (
            "inter",
            "@fontsource-variable/inter",
            &[
                (
                    "inter-latin-wght-normal.woff2",
                    "files/inter-latin-wght-normal.woff2",
                ),
                ("LICENSE", "LICENSE"),
            ],
        ),
    ] {
        let manifest = std::fs::read_to_string(packages.join(package).join("package.json"));
        let manifest: Value = serde_json::from_str(&manifest.unwrap()).unwrap();
        let (version, licence) = (manifest["version"].as_str(), manifest["license"].as_str());
        let line = format!(
            "| `{folder}/` | `{package}` | {} | {} |",
            version.unwrap(),
            licence.unwrap()
        );
        assert!(
            notes.contains(&line),
            "vendor/README.md does not say: {line}"
        );
        for (ours, theirs) in files {
            let kept = std::fs::read(Path::new(VENDOR).join(folder).join(ours)).unwrap();
            let made = std::fs::read(packages.join(package).join(theirs)).unwrap();
            assert!(kept == made, "{folder}/{ours} is not {package}'s {theirs}");
        }
    }
}
