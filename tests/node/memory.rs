//! A container that runs out of memory: what its control group is charged with grows to the group's limit, and the kernel's OOM killer
//! ends its process. `machine` calls it. It must never touch a group that is not the named container's, nor leave what it wrote.

use purser_tests::process::Process;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// In memory; it counts for the group of whoever wrote it, and for no process.
const FILLING: &str = "/dev/shm/purser-node-filling";
/// For at most 2 GiB.
const PATIENCE: Duration = Duration::from_secs(60);

/// Joins the container's group and writes until its first process is gone, or until far more is written than its limit can be.
const FILL: &str = r#"
echo $$ >"$GROUP/cgroup.procs" || exit 1
for turn in $(seq 512); do
    kill -0 "$VICTIM" 2>/dev/null || exit 0
    head -c 4194304 /dev/zero
done >"$FILLING""#;

/// Fills the memory of a pod's container until the kernel has killed its process.
pub(super) async fn exhaust(pod: &Value, container: &Value) {
    let group = group(pod, container);
    let victim = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
    let mut fill = Command::new("sh");
    fill.args(["-c", FILL]);
    fill.env("GROUP", &group).env("VICTIM", victim.trim());
    let mut filling = Process::start("sh", fill.env("FILLING", FILLING)).unwrap();
    // Where the whole group is killed at once (control groups of version 2), it is among the victims: its status says nothing.
    let ended = filling.until_ended(PATIENCE).await;
    // Before the pod's next container needs the room.
    std::fs::remove_file(FILLING).unwrap();
    ended.unwrap();
}

/// Of version 2 there is one tree of groups, of version 1 one for memory. tests/cluster/node_place.go names the node's.
fn group(pod: &Value, container: &Value) -> PathBuf {
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let class = pod["status"]["qosClass"].as_str().unwrap();
    let id = container["containerID"].as_str().unwrap();
    let id = id.trim_start_matches("containerd://");
    let below = format!(
        "purser-node/kubepods/{}/pod{uid}/{id}",
        class.to_lowercase()
    );
    let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"];
    let mut found = trees.iter().map(|tree| Path::new(tree).join(&below));
    let is_memorys = |group: &PathBuf| {
        let limits = ["memory.max", "memory.limit_in_bytes"];
        limits.iter().any(|limit| group.join(limit).exists())
    };
    let found = found.find(is_memorys);
    found.unwrap_or_else(|| panic!("no control group of memory ends in {below}"))
}
