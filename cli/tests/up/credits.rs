//! Credits under `purser up`: spent, refused without a provider, added beside the running process, and never forgotten.

use super::provider::Provider;
use super::running::{Home, header, status};

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#;
const THREE: &str = "  credits: {grant: \"3\"}\n  prices: [{models: [\"*\"], perRequest: \"1\"}]";

#[test]
fn the_last_credit_is_spent_once_and_more_are_added_beside_the_running_process() {
    let provider = Provider::start();
    let home = Home::new(&provider.address, THREE);
    let (up, key) = home.up();
    for call in 1..=3 {
        let answer = up.call(&key, BODY);
        assert_eq!(status(&answer), "200", "call {call}: {answer}");
    }
    let refused = up.call(&key, BODY);
    assert_eq!(status(&refused), "402", "{refused}");
    assert!(refused.contains("insufficient_quota"), "{refused}");
    assert_eq!(header(&refused, "x-should-retry"), "false");
    assert_eq!(provider.calls(), 3, "no provider is called for nothing");

    let credit = ["credit", "default/a", "2", "--id", "invoice-7"];
    let (done, said) = home.enter(&credit);
    assert!(done, "{said}");
    assert!(
        said.contains("2 credits were added to default/a (invoice-7); it has 2 left"),
        "{said}"
    );
    assert_eq!(status(&up.call(&key, BODY)), "200");
    let (done, said) = home.enter(&credit);
    assert!(done, "{said}");
    assert!(
        said.contains("entry invoice-7 was made before; default/a has 1 credits left"),
        "{said}"
    );

    up.kill();
    let (up, same) = home.up();
    assert_eq!(same, key);
    assert_eq!(status(&up.call(&key, BODY)), "200");
    assert_eq!(status(&up.call(&key, BODY)), "402");
    assert_eq!(provider.calls(), 5);
}

#[test]
fn entries_that_cannot_be_are_refused_with_what_to_do() {
    let provider = Provider::start();
    let home = Home::new(&provider.address, THREE);
    let credit = |amount: &str, id: &str| home.enter(&["credit", "default/a", amount, "--id", id]);
    let (done, said) = credit("5", "x");
    assert!(!done && said.contains("there is no such file"), "{said}");
    assert!(
        said.contains("give the --data-dir of a `purser up`"),
        "{said}"
    );

    let (up, key) = home.up();
    assert_eq!(status(&up.call(&key, BODY)), "200");
    for (amount, id, why) in [
        ("five", "x", "write a decimal number"),
        ("0", "x", "0 credits are no entry"),
        (
            "1.0000001",
            "x",
            "at most 12 digits before the point and 6 after",
        ),
        ("5", "a/b", "an id has 1 to 63 letters"),
        ("-2.5", "x", "only 2 can be taken"),
        ("1000000000000", "x", "at most 12 digits"),
    ] {
        let (done, said) = credit(amount, id);
        assert!(!done && said.contains(why), "{amount} {id}: {said}");
    }
    let (done, said) = credit("-1.5", "slip");
    assert!(done && said.contains("it has 0.5 left"), "{said}");
    let (done, said) = credit("-1", "slip");
    assert!(!done && said.contains("choose another id"), "{said}");
    assert_eq!(status(&up.call(&key, BODY)), "402");
}
