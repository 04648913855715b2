//! Values that are made, kept, replaced and forgotten.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn open(folder: &Path) -> Keybook {
    Keybook::open(Some(folder.to_owned())).unwrap()
}

fn value(book: &mut Keybook, name: &Name, data: &str) -> Option<String> {
    let (secret, _) = book.secret(name, 0).unwrap();
    Some(secret.data.get(data)?.reveal().to_owned())
}

fn due(at_ms: u64, step: Step) -> Rotation {
    Rotation {
        secret: Name::new("shop", "a-key"),
        key: Name::new("shop", "a"),
        at_ms,
        step,
    }
}

#[test]
fn a_value_is_made_once_and_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let secret = Name::new("shop", "a-key");
    let (_, made) = open(folder.path()).secret(&secret, 0).unwrap();
    let mut later = open(folder.path());
    assert!(later.secret(&secret, 0).unwrap().1.is_none());
    assert_eq!(value(&mut later, &secret, KEY_DATA), made);
    let other = value(&mut later, &Name::new("shop", "b-key"), KEY_DATA);
    assert_ne!(other, made);
    let file = std::fs::metadata(folder.path().join(FILE)).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_damaged_file_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), "sk-secret").unwrap();
    let error = Keybook::open(Some(folder.path().to_owned()))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("delete it") && !error.contains("sk-secret"),
        "{error}"
    );
}

#[test]
fn a_value_of_an_earlier_version_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"shop/a-key": "sk-earlier"}"#;
    std::fs::write(folder.path().join(FILE), text).unwrap();
    let name = Name::new("shop", "a-key");
    let (secret, new) = open(folder.path()).secret(&name, 0).unwrap();
    assert_eq!(secret.data[KEY_DATA].reveal(), "sk-earlier");
    assert_eq!(secret.annotations[GENERATED_ANNOTATION], hash("sk-earlier"));
    assert!(new.is_none());
}

#[test]
fn a_replaced_value_works_on_until_its_end_and_all_of_it_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let name = Name::new("shop", "a-key");
    let mut book = open(folder.path());
    let old = value(&mut book, &name, KEY_DATA);
    let replace = due(5_000, Step::Replace { overlap_ms: 3_000 });
    let Turned::Replaced {
        value: new,
        until_ms,
    } = book.turn(&replace, 6_000).unwrap()
    else {
        panic!("it was not replaced");
    };
    assert_eq!(until_ms, 9_000);
    let mut book = open(folder.path());
    assert_eq!(value(&mut book, &name, KEY_DATA), Some(new.clone()));
    assert_eq!(value(&mut book, &name, PREVIOUS_DATA), old);
    let annotations = book.secret(&name, 0).unwrap().0.annotations;
    assert_eq!(annotations[GENERATED_ANNOTATION], hash(&new));
    assert_eq!(annotations[ROTATED_AT_ANNOTATION], "1970-01-01T00:00:06Z");
    assert_eq!(
        annotations[PREVIOUS_UNTIL_ANNOTATION],
        "1970-01-01T00:00:09Z"
    );
    // Never more than two work, and what was done is not done again.
    assert!(matches!(
        book.turn(&replace, 7_000).unwrap(),
        Turned::Nothing
    ));
    let forget = due(9_000, Step::Forget);
    assert!(matches!(
        book.turn(&forget, 8_999).unwrap(),
        Turned::Nothing
    ));
    assert!(matches!(
        book.turn(&forget, 9_000).unwrap(),
        Turned::Forgotten
    ));
    assert_eq!(value(&mut open(folder.path()), &name, PREVIOUS_DATA), None);
    assert!(matches!(
        book.turn(&replace, 9_000).unwrap(),
        Turned::Nothing
    ));
}

#[test]
fn what_cannot_be_kept_does_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let name = Name::new("shop", "a-key");
    let mut book = open(folder.path());
    let old = value(&mut book, &name, KEY_DATA);
    std::fs::remove_dir_all(folder.path()).unwrap();
    let replace = due(5_000, Step::Replace { overlap_ms: 3_000 });
    assert!(book.turn(&replace, 6_000).is_err());
    assert_eq!(value(&mut book, &name, KEY_DATA), old);
}
