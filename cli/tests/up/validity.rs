//! A key's time under `purser up`: begins with its first call, ends for every process, begins anew when it is renewed.

use super::provider::Provider;
use super::running::{Home, status};
use std::time::{Duration, Instant};

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#;

#[test]
fn a_pass_begins_with_its_first_call_and_a_kill_does_not_begin_it_again() {
    let provider = Provider::start();
    let plan = "  validity: {duration: 2s, startsAt: FirstUse}";
    let home = Home::new(&provider.address, plan);
    let (up, key) = home.up();
    let began = Instant::now();
    assert_eq!(status(&up.call(&key, BODY)), "200");
    up.kill();
    let (up, key) = home.up();
    let over = up.call_until("403", &key, BODY);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    assert!(over.contains("plan_expired"), "{over}");
    assert!(
        over.contains("`p`") && over.contains(" expired at 20"),
        "{over}"
    );
    let calls = provider.calls();
    up.kill();
    let (up, key) = home.up();
    assert_eq!(status(&up.call(&key, BODY)), "403");
    assert_eq!(provider.calls(), calls);
}

#[test]
fn a_renewal_beside_the_running_process_begins_the_time_anew_once() {
    let provider = Provider::start();
    let plan = "  validity: {duration: 5s, startsAt: FirstUse}";
    let home = Home::new(&provider.address, plan);
    let (up, key) = home.up();
    assert_eq!(status(&up.call(&key, BODY)), "200");
    up.call_until("403", &key, BODY);
    let renew = ["renew", "default/a", "--plan", "p", "--id", "invoice-7"];
    let (done, said) = home.enter(&renew);
    assert!(
        done && said.contains("the time of default/a on plan p began anew at 20"),
        "{said}"
    );
    up.call_until("200", &key, BODY);
    let (done, again) = home.enter(&renew);
    assert!(
        done && again.contains("entry invoice-7 was made before"),
        "{again}"
    );
    up.call_until("403", &key, BODY);
    let other = ["renew", "default/a", "--plan", "q", "--id", "invoice-7"];
    let (done, said) = home.enter(&other);
    assert!(!done && said.contains("choose another id"), "{said}");
}

#[test]
fn a_time_that_begins_while_a_file_is_broken_is_told_once_and_ends_all_the_same() {
    let provider = Provider::start();
    let plan = "  validity: {duration: 1s, startsAt: FirstUse}";
    let home = Home::new(&provider.address, plan);
    let (mut up, key) = home.up();
    home.write("broken.yaml", "a: [");
    up.wait_for("the configuration in force stays");
    assert_eq!(status(&up.call(&key, BODY)), "200");
    up.call_until("403", &key, BODY);
    assert_eq!(up.count("the configuration in force stays"), 1);
}
