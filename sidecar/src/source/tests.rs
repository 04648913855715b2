//! Mounted Secrets as the kubelet swaps them, damaged bundles, and the cache.

use super::*;
use crate::testing::{channel, key, plan};
use purser_config::Name;
use purser_config::stream::Version;

fn of_keys(count: usize) -> Configuration {
    let mut all = Configuration::default();
    all.plans.insert("free".into(), plan(&["*"], &[], 20));
    all.channels.insert(
        Name::new("shop", "one"),
        channel("http://127.0.0.1:1/v1", &["m"]),
    );
    for number in 0..count {
        all.keys.insert(
            Name::new("shop", &format!("key-{number}")),
            key(&format!("sk-{number}"), "free", &["shop/one"]),
        );
    }
    all
}

fn version(published_ms: u64) -> Version {
    Version {
        published_ms,
        hash: String::new(),
    }
}

/// A mounted Secret, as the kubelet makes it: data in a dated folder, `..data` pointing at it, each name a link through it.
fn mount(folder: &Path, version: &Version, configuration: &Configuration) {
    let dated = folder.join(format!("..{}", version.published_ms));
    std::fs::create_dir_all(&dated).unwrap();
    for (name, bytes) in bundle::pack(version, configuration).unwrap() {
        std::fs::write(dated.join(&name), bytes).unwrap();
        let _ = std::os::unix::fs::symlink(format!("..data/{name}"), folder.join(&name));
    }
    let _ = std::fs::remove_file(folder.join("..next"));
    std::os::unix::fs::symlink(dated.file_name().unwrap(), folder.join("..next")).unwrap();
    std::fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
}

fn source(path: &Path) -> Source {
    Source {
        path: path.to_owned(),
        every: Duration::from_millis(5),
        force: false,
    }
}

#[tokio::test]
async fn every_swap_of_a_mounted_secret_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::default());
    let mut changes = store.changes();
    mount(folder.path(), &version(1), &of_keys(1));
    let watching = tokio::spawn(source(folder.path()).watch(Arc::clone(&store)));
    for number in 1..=5 {
        changes.changed().await.unwrap();
        assert_eq!(store.held().version.published_ms, number);
        mount(folder.path(), &version(number + 1), &of_keys(1));
    }
    watching.abort();
}

#[test]
fn a_damaged_part_is_refused_whole_and_the_last_good_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::default();
    mount(folder.path(), &version(1), &of_keys(2));
    source(folder.path()).load(&store).unwrap();
    mount(folder.path(), &version(2), &of_keys(3));
    let part = std::fs::canonicalize(folder.path().join("part-0")).unwrap();
    let whole = std::fs::read(&part).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&part, &whole[..cut]).unwrap();
        assert!(source(folder.path()).load(&store).is_err(), "cut at {cut}");
    }
    assert_eq!(store.held().configuration.keys.len(), 2);
    std::fs::write(&part, whole).unwrap();
    source(folder.path()).load(&store).unwrap();
    assert_eq!(store.held().configuration.keys.len(), 3);
}

#[test]
fn an_older_version_does_not_replace_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::default();
    store.put(version(9), of_keys(1));
    mount(folder.path(), &version(8), &of_keys(5));
    source(folder.path()).load(&store).unwrap();
    assert_eq!(store.held().configuration.keys.len(), 1);
}

#[test]
fn a_read_that_lost_most_keys_is_held_back_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::default();
    store.put(version(1), of_keys(30));
    mount(folder.path(), &version(2), &of_keys(14));
    assert!(matches!(
        source(folder.path()).load(&store),
        Err(InvalidBundle::Shrank(_))
    ));
    Source {
        force: true,
        ..source(folder.path())
    }
    .load(&store)
    .unwrap();
    assert_eq!(store.held().configuration.keys.len(), 14);
}

#[tokio::test]
async fn the_last_good_configuration_is_found_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::default());
    let cache = Cache::new(folder.path().join("good"));
    assert!(cache.load().is_err());
    tokio::spawn(cache.clone().follow(Arc::clone(&store)));
    tokio::task::yield_now().await;
    for number in 1..=3 {
        store.put(version(number), of_keys(number as usize));
    }
    let kept = loop {
        match cache.load() {
            Ok((version, configuration)) if version.published_ms == 3 => break configuration,
            _ => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    };
    assert_eq!(kept, of_keys(3));
}
