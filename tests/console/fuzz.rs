//! schemathesis against the served document: whatever it thinks of, no answer is a fault of ours, and every answer fits its own shape. In a
//! soak, of twenty thousand cases and more. It needs PURSER_TEST_SCHEMATHESIS, the program of tests/toolchain.sh; without it nothing is said.

use super::setup::House;
use purser_tests::figures::{figure, soak};
use std::process::Command;

/// Cases that a soak has at least, and what each route is called with so that there are as many.
const SOAK_CASES: u64 = 20_000;
const SOAK_EACH: &str = "550";

/// How many cases it says that it tried.
fn cases(said: &str) -> u64 {
    let told = said.split_once("Test cases:").unwrap_or_default().1;
    let mut words = told.split_whitespace();
    let number = words.find_map(|word| word.replace(',', "").parse().ok());
    number.unwrap_or(0)
}

#[tokio::test]
async fn whatever_is_sent_every_answer_fits_its_shape_and_none_is_our_fault() {
    let Some(program) = std::env::var_os("PURSER_TEST_SCHEMATHESIS") else {
        eprintln!("PURSER_TEST_SCHEMATHESIS is not set: nothing was tried");
        return;
    };
    let house = House::start().await;
    let usual = if soak() { SOAK_EACH } else { "15" };
    let each = std::env::var("PURSER_FUZZ_EACH").unwrap_or_else(|_| usual.into());
    let (key, mut tried) = (house.demo_key(), 0);
    for (credential, only) in [
        (&house.token, "^/api"),
        (&key, "^/(dashboard|api/usage|api/log/token)"),
    ] {
        let output = Command::new(&program)
            .args(["run", &format!("http://{}/openapi.json", house.console)])
            .args(["--header", &format!("Authorization: Bearer {credential}")])
            .args(["--checks", "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance"])
            .args(["--include-path-regex", only, "--exclude-path-regex", "logout|/user/self|manage"])
            .args(["--max-examples", &each, "--phases", "examples,coverage,fuzzing", "--seed", "7"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(cases(&said) > 0, "it does not say how many: {said}");
        tried += cases(&said);
    }
    let line = format!("schemathesis: {tried} cases, no 5xx and no answer of another shape");
    figure("console.txt", &line).unwrap();
    assert!(!soak() || tried >= SOAK_CASES, "{line}");
}
