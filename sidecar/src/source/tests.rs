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
        ..Version::default()
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
    let watching = tokio::spawn(source(folder.path()).watch(None, Arc::clone(&store)));
    for number in 1..=5 {
        changes.changed().await.unwrap();
        assert_eq!(store.held().version.published_ms, number);
        mount(folder.path(), &version(number + 1), &of_keys(1));
    }
    watching.abort();
}

#[tokio::test]
async fn a_file_that_is_replaced_before_the_first_look_is_obeyed_however_old_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("configuration.json");
    let write = |keys| {
        let json = serde_json::to_vec(&of_keys(keys)).unwrap();
        std::fs::write(&path, json).unwrap();
    };
    write(1);
    let store = Arc::new(Store::default());
    let seen = source(&path).load(&store).unwrap();
    write(2);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut changes = store.changes();
    changes.mark_unchanged();
    let watching = tokio::spawn(source(&path).watch(seen, Arc::clone(&store)));
    let changed = tokio::time::timeout(Duration::from_secs(10), changes.changed());
    changed.await.unwrap().unwrap();
    assert_eq!(store.held().configuration.keys.len(), 2);
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

/// What a next process would begin with.
fn restored(folder: &Path) -> Option<Store> {
    let store = Store::default();
    Cache::new(folder.to_owned()).restore(&store).ok()?;
    Some(store)
}

/// A version with a hash of its own, as the operator's have.
fn hashed(published_ms: u64) -> Version {
    Version {
        published_ms,
        hash: format!("{published_ms:064}"),
        ..Version::default()
    }
}

#[tokio::test]
async fn the_last_good_configuration_is_found_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("good");
    let store = Arc::new(Store::default());
    assert!(restored(&kept).is_none());
    tokio::spawn(Cache::new(kept.clone()).follow(Arc::clone(&store), None));
    tokio::task::yield_now().await;
    for number in 1..=3 {
        store.put(version(number), of_keys(number as usize));
    }
    let held = loop {
        match restored(&kept).map(|store| store.held()) {
            Some(held) if held.version.published_ms == 3 => break held,
            _ => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    };
    assert_eq!(held.configuration, of_keys(3));
}

#[tokio::test(start_paused = true)]
async fn of_two_generations_the_older_one_is_the_last_that_was_survived() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().to_owned());
    let store = Arc::new(Store::default());
    store.try_under(crate::store::Trial::open(folder.path()));
    tokio::spawn(cache.follow(Arc::clone(&store), None));
    let minute = Duration::from_secs(61);
    for (number, lived) in [
        (1, minute),
        (2, minute),
        (3, Duration::from_secs(9)),
        (4, Duration::from_secs(9)),
    ] {
        store.put(hashed(number), of_keys(number as usize));
        tokio::time::sleep(lived).await;
    }
    let behind = |link| read(&folder.path().join(link)).unwrap().0.published_ms;
    assert_eq!((behind("current"), behind("previous")), (4, 2));
    let folders = std::fs::read_dir(folder.path()).unwrap().flatten();
    let kept = folders.filter(|one| one.file_type().is_ok_and(|kind| kind.is_dir()));
    assert_eq!(kept.count(), 2);
}

/// A process that takes this version from a source and dies of it as soon as it is kept.
async fn killed_by(folder: &Path, number: u64) {
    let store = Arc::new(Store::default());
    let cache = Cache::new(folder.to_owned());
    let kept = cache.restore(&store).ok();
    let following = tokio::spawn(cache.follow(Arc::clone(&store), kept));
    store.put(hashed(number), of_keys(number as usize));
    while read(&folder.join("current")).map_or(0, |(version, _)| version.published_ms) != number {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    following.abort();
}

#[tokio::test]
async fn a_version_that_killed_two_processes_is_refused_from_every_source_until_a_newer_one_comes()
{
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("good");
    std::fs::create_dir(&kept).unwrap();
    killed_by(&kept, 30).await;
    killed_by(&kept, 40).await;
    killed_by(&kept, 40).await;
    let store = restored(&kept).unwrap();
    assert_eq!(store.held().version, hashed(30), "from the cache");
    assert_eq!(store.held().quarantined, Some(hashed(40)));
    let mounted = folder.path().join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    mount(&mounted, &hashed(40), &of_keys(40));
    let refused = source(&mounted).load(&store);
    assert!(
        matches!(refused, Err(InvalidBundle::Quarantined(_))),
        "from a bundle"
    );
    let told = store.put(hashed(40), of_keys(40));
    assert_eq!(told.len(), 10, "from the stream");
    assert_eq!(store.held().configuration, of_keys(30));
    mount(&mounted, &hashed(41), &of_keys(41));
    source(&mounted).load(&store).unwrap();
    let held = store.held();
    assert_eq!((held.version, held.quarantined), (hashed(41), None));
}

#[tokio::test]
async fn what_the_refused_version_revoked_stays_revoked() {
    let folder = tempfile::tempdir().unwrap();
    killed_by(folder.path(), 9).await;
    killed_by(folder.path(), 12).await;
    let next = Arc::new(Store::default());
    let cache = Cache::new(folder.path().to_owned());
    cache.restore(&next).unwrap();
    next.put(hashed(13), of_keys(8));
    let held = next.held();
    cache
        .keep((&held.version, &held.configuration), None)
        .unwrap();
    let next = Store::default();
    cache.restore(&next).unwrap();
    next.put(hashed(13), of_keys(8));
    let last = restored(folder.path()).unwrap().held();
    assert_eq!(
        (last.version, last.configuration.keys.len()),
        (hashed(9), 8)
    );
}

#[test]
fn without_an_older_version_the_only_one_is_served_however_often_its_processes_died() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        let store = Store::default();
        let _ = Cache::new(folder.path().to_owned()).restore(&store);
        assert_eq!(store.put(hashed(1), of_keys(1)), []);
        assert!(store.held().ready);
    }
}
