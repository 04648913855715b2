//! Every manifest in `examples/` is what a cluster takes, as it stands.

use super::installed::installed;
use super::kubectl::kubectl;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_accepted_without_a_warning() {
    installed().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for example in std::fs::read_dir(folder).unwrap() {
        let path = example.unwrap().path();
        let path = path.to_str().unwrap();
        let said = kubectl(&["apply", "--dry-run=server", "-f", path], "").await;
        assert!(said.good && said.err.is_empty(), "{path}: {said:?}");
        seen += 1;
    }
    assert!(seen > 1, "{seen}");
}
