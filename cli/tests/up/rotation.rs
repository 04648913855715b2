//! Rotation under `purser up`: a new value in its time, the one before until its end, and the same after a kill.

use super::provider::Provider;
use super::running::{Home, Up, status};

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#;

fn rotated(up: &mut Up) -> String {
    let line = up.wait_for("(rotated; the one before works until 20");
    line.split_whitespace().nth(2).unwrap().to_owned()
}

#[test]
fn a_value_is_replaced_in_its_time_and_the_one_before_works_until_its_end() {
    let provider = Provider::start();
    let home = Home::new(&provider.address, "");
    home.plan("", "  rotation: {every: 6s, overlap: 5s}");
    let (mut up, first) = home.up();
    assert_eq!(status(&up.call(&first, BODY)), "200");
    let second = rotated(&mut up);
    assert_ne!(first, second);
    assert_eq!(status(&up.call(&second, BODY)), "200");
    assert_eq!(status(&up.call(&first, BODY)), "200", "the overlap");
    up.kill();

    // A year without rotation, so that nothing turns but the end of the overlap.
    home.plan("", "  rotation: {every: 8760h, overlap: 5s}");
    let (mut up, same) = home.up();
    assert_eq!(same, second, "the new value outlives the process");
    let gone = up.call_until("401", &first, BODY);
    assert!(!gone.contains(&first), "{gone}");
    up.wait_for("the key's value before works no more");
    assert_eq!(status(&up.call(&second, BODY)), "200");
    let file = std::fs::read_to_string(format!("{}/keys.json", home.data())).unwrap();
    assert!(file.contains(&second) && !file.contains(&first), "{file}");
    assert!(file.contains("purser.dev/rotated-at"), "{file}");
}
