//! Calls as clients of new-api and one-api make them: one test for each row of the table in docs/management-api.md, with their paths, their
//! names of members and their envelope.

mod calls;
mod objects;
mod people;

use super::setup::{Answer, House, SOON};
use serde_json::Value;

const DOCS: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../docs/management-api.md"
));

/// The rows, by how each begins; its test is in the room of what it is about.
const ROWS: [&str; 12] = [
    "`POST /api/user/login`",
    "`GET /api/user/self`",
    "`GET/POST /api/user/`",
    "`GET /api/log/`",
    "`GET /api/log/stat`",
    "`GET /api/log/token`",
    "`GET /api/token/`",
    "`GET /api/channel/`",
    "`GET /api/channel/test/{id}`",
    "`GET /api/data/`",
    "`GET /api/models`",
    "`GET /api/usage/token`",
];

#[test]
fn each_row_of_the_docs_has_its_test_here() {
    let (_, table) = DOCS
        .split_once("## Clients of new-api and one-api")
        .unwrap();
    let rows: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .collect();
    assert_eq!(rows.len(), ROWS.len());
    for (row, begins) in rows.iter().zip(ROWS) {
        assert!(format!("`{row}").starts_with(begins), "{row}");
    }
}

/// What their clients look at before anything else.
fn good(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(
        (&body["success"], &body["message"]),
        (&true.into(), &"".into()),
        "{body}"
    );
    body["data"].clone()
}

fn refused(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["success"], false, "{body}");
    assert!(!body["message"].as_str().unwrap().is_empty(), "{body}");
}

impl House {
    /// As the administrator, and good.
    fn get(&self, path: &str) -> Value {
        good(&self.admin("GET", path, None))
    }

    fn post(&self, path: &str, body: Value) -> Value {
        good(&self.admin("POST", path, Some(body)))
    }

    /// So many calls of the demo's key, once they are in the log.
    async fn called(&mut self, calls: u64) -> String {
        let key = self.demo_key();
        for _ in 0..calls {
            assert_eq!(self.chat(&key).status, 200);
        }
        let (console, token) = (self.console, self.token.clone());
        let logged = async |_: &_| {
            let log = super::setup::get(console, "/api/log/", &token);
            (log.data()["total"] == calls).then_some(())
        };
        let until = self.process.until("the calls in the log", SOON, logged);
        until.await.unwrap();
        key
    }
}

/// Whether it has all members of these names.
fn has(item: &Value, names: &str) {
    for name in names.split(' ') {
        assert!(!item[name].is_null(), "{name} is missing: {item}");
    }
}
