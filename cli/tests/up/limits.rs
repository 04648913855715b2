//! Limits under `purser up`, each as a caller meets it: of a day, of tokens, of calls at once.

use super::provider::Provider;
use super::running::{Home, call, header, status};
use std::time::{SystemTime, UNIX_EPOCH};

const BODY: &str = r#"{"model":"m","max_tokens":40,"messages":[{"role":"user","content":"Hi"}]}"#;

fn today() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        / 86_400
}

/// Two calls, a kill, a third: their statuses, the first and the last answer.
fn three_calls(provider: &Provider) -> (Vec<String>, String, String) {
    let home = Home::new(&provider.address, "  limits: {requestsPerDay: 2}");
    let (up, key) = home.up();
    let mut answers = vec![up.call(&key, BODY), up.call(&key, BODY)];
    up.kill();
    let (up, key) = home.up();
    answers.push(up.call(&key, BODY));
    let statuses = answers.iter().map(|answer| status(answer).to_owned());
    (statuses.collect(), answers[0].clone(), answers[2].clone())
}

#[test]
fn a_day_holds_so_many_requests_and_a_kill_forgets_none() {
    let provider = Provider::start();
    let (mut day, mut made) = (today(), three_calls(&provider));
    // A day that ended meanwhile proves nothing.
    while today() != day {
        (day, made) = (today(), three_calls(&provider));
    }
    let (statuses, first, last) = made;
    assert_eq!(statuses, ["200", "200", "429"], "{last}");
    assert!(last.contains("\"type\":\"requests\""), "{last}");
    let wait: u64 = header(&last, "retry-after").parse().unwrap();
    assert!(wait > 0 && wait <= 86_400, "{last}");
    let is_long = wait > 61;
    let told = last.contains("x-should-retry: false");
    assert_eq!(told, is_long, "nobody waits for midnight: {last}");
    // The day is the only limit of requests, so it is what the headers tell.
    assert_eq!(header(&last, "x-ratelimit-limit-requests"), "2", "{last}");
    assert_eq!(header(&last, "x-ratelimit-remaining-requests"), "0");
    assert_ne!(header(&last, "x-ratelimit-reset-requests"), "0ms");
    assert_eq!(header(&first, "x-ratelimit-limit-requests"), "2", "{first}");
    assert_eq!(header(&first, "x-ratelimit-remaining-requests"), "1");
    assert_ne!(header(&first, "x-ratelimit-reset-requests"), "0ms");
}

#[test]
fn of_a_minute_and_a_day_a_refusal_tells_the_one_that_is_full() {
    let provider = Provider::start();
    let limits = "  limits: {requestsPerMinute: 9, requestsPerDay: 1}";
    let home = Home::new(&provider.address, limits);
    let (up, key) = home.up();
    let answer = up.call(&key, BODY);
    assert_eq!(header(&answer, "x-ratelimit-limit-requests"), "9");
    let refused = up.call(&key, BODY);
    if status(&refused) == "429" {
        assert_eq!(header(&refused, "x-ratelimit-limit-requests"), "1");
        assert_eq!(header(&refused, "x-ratelimit-remaining-requests"), "0");
    } else {
        // Midnight came between the two.
        assert_eq!(status(&refused), "200", "{refused}");
    }
}

#[test]
fn a_minute_holds_so_many_tokens() {
    let provider = Provider::start();
    let home = Home::new(&provider.address, "  limits: {tokensPerMinute: 100}");
    let (up, key) = home.up();
    let answers: Vec<String> = (0..5).map(|_| up.call(&key, BODY)).collect();
    let served = answers
        .iter()
        .take_while(|one| status(one) == "200")
        .count();
    // Each call reserves what it may write and settles for the 30 that it used.
    assert!((1..=3).contains(&served), "{served}");
    let refused = &answers[served];
    assert_eq!(status(refused), "429", "{refused}");
    assert!(refused.contains("\"type\":\"tokens\""), "{refused}");
    assert_eq!(provider.calls(), served);
    let number = |name: &str| header(refused, name).parse::<u64>().unwrap();
    assert!((1..=60).contains(&number("retry-after")), "{refused}");
    assert_eq!(number("x-ratelimit-limit-tokens"), 100);
    let left = number("x-ratelimit-remaining-tokens");
    assert!(left < 100, "not all that there may be: {refused}");
    assert_ne!(header(refused, "x-ratelimit-reset-tokens"), "0ms");

    let large = BODY.replace("40", "900");
    let refused = up.call(&key, &large);
    assert_eq!(status(&refused), "429", "{refused}");
    assert!(refused.contains("\"type\":\"tokens\""), "{refused}");
    assert_eq!(header(&refused, "x-should-retry"), "false");
}

#[test]
fn so_many_calls_are_under_way_at_once_and_the_next_may_come_when_one_ends() {
    let provider = Provider::start();
    let home = Home::new(&provider.address, "  limits: {concurrentRequests: 2}");
    let (up, key) = home.up();
    provider.hold(true);
    std::thread::scope(|threads| {
        let address = up.address.as_str();
        let two = [(); 2].map(|()| threads.spawn(|| call(address, &key, BODY)));
        provider.wait_for(2);
        let refused = up.call(&key, BODY);
        assert_eq!(status(&refused), "429", "{refused}");
        assert!(
            refused.contains("\"code\":\"concurrent_requests\""),
            "{refused}"
        );
        assert_eq!(header(&refused, "retry-after"), "1");
        assert_eq!(header(&refused, "retry-after-ms"), "1000");
        for kind in ["limit", "remaining", "reset"] {
            for of in ["requests", "tokens"] {
                let told = header(&refused, &format!("x-ratelimit-{kind}-{of}"));
                assert_ne!(told, "", "{kind} {of}: {refused}");
            }
        }
        assert_eq!(provider.calls(), 2);
        provider.hold(false);
        for one in two {
            assert_eq!(status(&one.join().unwrap()), "200");
        }
    });
    up.call_until("200", &key, BODY);
}
