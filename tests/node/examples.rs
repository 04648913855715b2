//! Every manifest in `examples/` is what a cluster takes, as it stands. What a dry run takes is not stored, so the objects of one example
//! do not know each other, and the warnings of that are all that may be said.

use super::installed::installed;
use super::kubectl::kubectl;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_accepted_and_warned_of_nothing_but_what_a_dry_run_does_not_store() {
    installed().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for example in std::fs::read_dir(folder).unwrap() {
        let path = example.unwrap().path();
        let path = path.to_str().unwrap();
        let said = kubectl(&["apply", "--dry-run=server", "-f", path], "").await;
        let unstored = |line: &&str| {
            let known = ["does not exist", "no channel that it lists has"];
            line.starts_with("Warning: ") && known.iter().any(|known| line.contains(known))
        };
        let others: Vec<&str> = said.err.lines().filter(|line| !unstored(line)).collect();
        assert!(said.good && others.is_empty(), "{path}: {said:?}");
        seen += 1;
    }
    assert!(seen > 1, "{seen}");
}
