//! schemathesis against the served document: whatever it thinks of, no answer is a fault of ours, and every answer fits its own shape. It
//! needs PURSER_TEST_SCHEMATHESIS, the program of tests/toolchain.sh; without it nothing is said.

use super::setup::House;
use std::process::Command;

#[tokio::test]
async fn whatever_is_sent_every_answer_fits_its_shape_and_none_is_our_fault() {
    let Some(program) = std::env::var_os("PURSER_TEST_SCHEMATHESIS") else {
        eprintln!("PURSER_TEST_SCHEMATHESIS is not set: nothing was tried");
        return;
    };
    let house = House::start().await;
    let each = std::env::var("PURSER_FUZZ_EACH").unwrap_or_else(|_| "60".into());
    let key = house.demo_key();
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
        let cases = said.lines().rev().take(12).collect::<Vec<_>>();
        println!("{}", cases.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
}
