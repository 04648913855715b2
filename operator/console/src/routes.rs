//! The table: every route, once. `server` dispatches by it; `/openapi.json`, docs/management-api.md and the test that walks all routes are
//! made from it.

use crate::answer::Failure;
use crate::calls::{openapi, status};
use crate::route::{Route, Who};
use http::Method;
use std::fmt::Write;
use std::sync::LazyLock;

macro_rules! call {
    ($call:path) => {
        |ask| Box::pin($call(ask))
    };
}

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(table);

fn table() -> Vec<Route> {
    let routes = vec![
        Route::new(
            (Method::GET, "/api/status"),
            Who::Anyone,
            "what this is",
            call!(status::status),
        )
        .data::<status::Status>(),
        Route::new(
            (Method::GET, "/openapi.json"),
            Who::Anyone,
            "this table as OpenAPI 3.1",
            call!(openapi::document),
        )
        .bare(),
    ];
    routes
}

/// Every route.
pub(crate) fn all() -> &'static [Route] {
    &ROUTES
}

/// A route, and what stands for its `{…}`.
pub(crate) struct Found<'a> {
    pub(crate) route: &'static Route,
    pub(crate) id: &'a str,
}

/// The route of this path; a last slash more or less is the same. Words win over `{…}`.
///
/// # Errors
/// 404 for a path that is none, 405 for another method.
pub(crate) fn find<'a>(method: &Method, path: &'a str) -> Result<Found<'a>, Failure> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let fits = all()
        .iter()
        .filter_map(|route| Some((route, route.matches(path)?)));
    let fits: Vec<(&Route, &str)> = fits.collect();
    let literal = fits.iter().any(|(_, id)| id.is_empty());
    let mut fits = fits.into_iter().filter(|(_, id)| id.is_empty() || !literal);
    let methods: Vec<&str> = fits
        .clone()
        .map(|(route, _)| route.method.as_str())
        .collect();
    if methods.is_empty() {
        return Err(Failure::new(
            404,
            "there is nothing at this path; /openapi.json lists what there is",
        ));
    }
    let found = fits.find(|(route, _)| route.method == *method);
    found
        .map(|(route, id)| Found { route, id })
        .ok_or_else(|| Failure {
            allow: Some(methods.join(", ")),
            ..Failure::new(405, format!("this path takes {}", methods.join(", ")))
        })
}

/// The table as docs/management-api.md has it.
pub fn table_markdown() -> String {
    let mut text = "| call | who | what |\n|---|---|---|\n".to_owned();
    for route in all() {
        let who = match route.who {
            Who::Anyone => "anyone",
            Who::Key => "an API key",
            Who::Session => "session",
            Who::Writer => "session that may write",
            Who::Administrator => "administrator",
        };
        let _ = writeln!(
            text,
            "| `{} {}` | {who} | {} |",
            route.method, route.path, route.what
        );
    }
    text
}
