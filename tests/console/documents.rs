//! docs/management-api.md has the table as it is served, and the served document is the table.

use super::setup::House;
use purser_console::{doors, table_markdown};
use std::path::Path;

#[test]
fn the_table_in_docs_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/management-api.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- routes -->\n", "<!-- /routes -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (table, after) = rest.split_once(end).unwrap();
    if std::env::var_os("PURSER_WRITE_DOCS").is_some() {
        let new = format!("{before}{begin}{}{end}{after}", table_markdown());
        std::fs::write(&path, new).unwrap();
        return;
    }
    assert_eq!(
        table,
        table_markdown(),
        "PURSER_WRITE_DOCS=1 cargo test -p purser-tests --test console documents rewrites it"
    );
}

#[tokio::test]
async fn the_served_document_lists_every_route_and_no_other() {
    let house = House::start().await;
    let document = house.ask("GET", "/openapi.json", None, None).json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut listed = 0;
    for (_, operations) in document["paths"].as_object().unwrap() {
        listed += operations.as_object().unwrap().len();
    }
    assert_eq!(listed, doors().len());
}
