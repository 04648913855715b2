//! The two curl lines that the FAQ of the hosted service prints, as they stand there, with another host and password. Run by the tests of
//! the console over `purser up` and in a cluster.

use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;

/// As they are printed.
const LINES: &str = r#"
# 1. Login to get a session token
TOKEN=$(curl -s -X POST https://api.bluesminds.com/api/user/login \
-H "Content-Type: application/json" \
-d '{"username":"you","password":"pass"}' | jq -r '.data.token')
# 2. Query logs
curl -H "Authorization: $TOKEN" https://api.bluesminds.com/api/log/
"#;

/// What they print of the console at this address, where the user `you` has this password.
pub fn lines(console: SocketAddr, password: &str) -> anyhow::Result<Value> {
    let lines = LINES.replace("https://api.bluesminds.com", &format!("http://{console}"));
    let lines = lines.replace("\"pass\"", &format!("\"{password}\""));
    let printed = Command::new("bash").args(["-c", &lines]).output()?;
    Ok(serde_json::from_slice(&printed.stdout)?)
}
