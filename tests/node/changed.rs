//! Twenty pods at once, and how long a change of their key takes to reach the last of them.

use super::application::Application;
use super::installed::installed;
use super::kubectl::{Direct, LOOK, SOON};
use purser_tests::figures::{figure, soak};
use purser_tests::process::resident_kib;
use serde_json::json;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const PODS: usize = 20;
const CHANGES: usize = 6;
const PATH: &str = "/apis/purser.dev/v1alpha1/namespaces/twenty/apikeys/app";

#[tokio::test(flavor = "multi_thread")]
async fn twenty_pods_start_at_once_and_each_change_of_their_key_is_enforced_on_all() {
    installed().await;
    let plan = json!({"models": {"allow": ["*"]}});
    let application = Application::alone("twenty", plan).await;
    let begun = Instant::now();
    application.deploy(PODS, "watch").await;
    let line = format!(
        "{PODS} pods ready with their sidecars in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    figure("node.txt", &line).unwrap();
    seen(&application, 200, 1).await;
    figure("node.txt", &memory()).unwrap();
    let direct = Direct::new().await;
    let mut taken = Vec::new();
    for change in 0..CHANGES {
        let suspended = change % 2 == 0;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let suspend = |key: &mut serde_json::Value| key["spec"]["suspended"] = suspended.into();
        direct.change(PATH, suspend).await;
        let status = if suspended { 403 } else { 200 };
        for at in seen(&application, status, change + 2).await {
            taken.push(at - since.as_secs_f64());
        }
    }
    taken.sort_by(f64::total_cmp);
    let (p50, p99) = (taken[taken.len() / 2], taken[taken.len() * 99 / 100]);
    let line = format!(
        "ApiKey changed → enforced on {PODS} pods, {CHANGES} times: p50 {p50:.3} s, p99 {p99:.3} s"
    );
    figure("node.txt", &line).unwrap();
    // Beside other suites it is printed alone.
    if soak() {
        assert!(p50 <= 0.2 && p99 <= 1.0, "{taken:?}");
    }
    application.end().await;
}

/// What the sidecars that the kubelet runs hold of this machine's memory, after their first call.
fn memory() -> String {
    let mut held: Vec<u64> = processes("purser-sidecar").map(resident_kib).collect();
    held.sort_unstable();
    assert!(held.len() >= PODS, "{held:?}");
    format!(
        "{} sidecars of the image: {} KiB of memory each after their first call, {} at the most",
        held.len(),
        held[held.len() / 2],
        held[held.len() - 1]
    )
}

/// Those in containers that run a program of this name.
fn processes(program: &str) -> impl Iterator<Item = u32> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let said = |id: u32, what: &str| {
        std::fs::read_to_string(format!("/proc/{id}/{what}")).unwrap_or_default()
    };
    ids.filter(move |id| {
        said(*id, "comm").trim() == program && said(*id, "cgroup").contains("kubepods")
    })
}

/// When each pod saw its change of that number, which must be to this status.
async fn seen(application: &Application, status: u64, number: usize) -> Vec<f64> {
    let begun = Instant::now();
    loop {
        let printed = application.all_printed().await;
        let all = printed.values();
        let found: Vec<_> = all.filter_map(|lines| lines.get(number - 1)).collect();
        if found.len() == PODS {
            assert!(
                found.iter().all(|line| line.status() == Some(status)),
                "{found:?}"
            );
            return found.iter().map(|line| line.at()).collect();
        }
        assert!(begun.elapsed() < SOON, "{status} at all: {printed:?}");
        tokio::time::sleep(LOOK).await;
    }
}
