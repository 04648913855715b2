//! Segments that are cut off, or in which bits turned.

use super::*;

/// Two calls that ended, of which one is kept, and one that did not, in one segment.
fn written() -> (tempfile::TempDir, Vec<u8>) {
    let folder = super::folder();
    let (spool, _) = Spool::open(folder.path()).unwrap();
    call(&spool, "a");
    call(&spool, "b");
    spool.sync();
    spool.kept(&spool.id(), 1);
    spool.intent(&intent("c")).unwrap();
    spool.sync();
    let bytes = std::fs::read(&segments(folder.path())[0]).unwrap();
    (folder, bytes)
}

/// Opens a folder with this one segment: every record is there at most once, in order, none is made up, and it works.
fn opens(bytes: &[u8]) -> (Vec<(String, End)>, Recovered, usize) {
    let folder = super::folder();
    std::fs::write(folder.path().join("0000000000000001.seg"), bytes).unwrap();
    let (spool, recovered) = open(folder.path());
    assert_eq!(spool.fault(), None);
    call(&spool, "z");
    spool.sync();
    let batch = spool.next_batch(9).unwrap();
    let known = ["a", "b", "c", "z"];
    let ids = ids(&batch);
    assert!(ids.iter().all(|id| known.contains(&id.as_str())), "{ids:?}");
    assert!(ids.is_sorted(), "{ids:?}");
    let kept_aside = std::fs::read_dir(folder.path()).unwrap().flatten();
    let aside = kept_aside.filter(|entry| entry.path().extension().is_some_and(|end| end == "bad"));
    let ends = batch.records.into_iter().map(|one| (one.id, one.end));
    let found = (ends.collect(), recovered, aside.count());
    drop(spool);
    let (_, again) = open(folder.path());
    assert_eq!(
        (again.interrupted, again.damaged.len()),
        (0, 0),
        "opening settles it for good"
    );
    found
}

fn expected(all: &[(&str, End)]) -> Vec<(String, End)> {
    all.iter()
        .map(|(id, end)| ((*id).to_owned(), *end))
        .collect()
}

#[test]
fn a_segment_that_ends_at_any_byte_gives_every_call_that_it_still_knows_one_record() {
    let (_folder, bytes) = written();
    for length in 0..bytes.len() {
        let (records, recovered, aside) = opens(&bytes[..length]);
        let ids: Vec<&str> = records.iter().map(|(id, _)| id.as_str()).collect();
        assert!(
            ids.windows(2).all(|pair| pair[0] != pair[1]),
            "{length}: {ids:?}"
        );
        assert_eq!(aside, recovered.damaged.len(), "{length}");
    }
    let (records, recovered, _) = opens(&bytes);
    assert_eq!(
        records,
        expected(&[("b", End::Done), ("c", End::Interrupted), ("z", End::Done)])
    );
    assert!(recovered.damaged.is_empty());
}

#[test]
fn a_bit_that_turned_is_noticed_wherever_it_is() {
    let (_folder, bytes) = written();
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let (_, recovered, aside) = opens(&bytes);
        assert_eq!((recovered.damaged.len(), aside), (1, 1), "byte {at}");
    }
}

#[test]
fn what_later_segments_hold_survives_damage_in_an_earlier_one_under_a_new_name() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    let before = spool.id();
    for number in 0..40 {
        call(&spool, &format!("r{number:02}"));
    }
    spool.sync();
    drop(spool);
    let second = &segments(folder.path())[1];
    let mut bytes = std::fs::read(second).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(second, bytes).unwrap();
    let (spool, recovered) = open(folder.path());
    assert_eq!(recovered.damaged.len(), 1);
    assert_ne!(spool.id(), before);
    let told = spool.damage().unwrap();
    assert!(told.contains("set aside: /"), "{told}");
    let mut authority = Authority::default();
    authority.drain(&spool);
    let ids: Vec<&str> = authority
        .records
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    assert!(ids.contains(&"r00") && ids.contains(&"r39"));
    assert!(ids.len() >= 37, "{ids:?}");
    assert!(recovered.damaged[0].exists());
}

#[test]
fn a_segment_that_is_missing_in_the_middle_is_noticed() {
    let folder = super::folder();
    let (spool, _) = open(folder.path());
    for number in 0..40 {
        call(&spool, &format!("r{number:02}"));
    }
    spool.sync();
    drop(spool);
    std::fs::remove_file(&segments(folder.path())[1]).unwrap();
    let (spool, recovered) = open(folder.path());
    assert_eq!(recovered.damaged.len(), 1);
    let mut authority = Authority::default();
    authority.drain(&spool);
}
