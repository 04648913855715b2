//! The table: every route, once. `server` dispatches by it; `/openapi.json`, docs/management-api.md and the test that walks all routes are
//! made from it.

use crate::answer::{Failure, Page};
use crate::calls::{audit, billing, channel, data, log, model, openapi, plan, refused, status, token, user};
use crate::query::Paging;
use crate::route::{Call, Route, Who};
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
    [people(), calls(), keys(), objects(), of_keys()]
        .into_iter()
        .flatten()
        .collect()
}

fn get(path: &'static str, who: Who, what: &'static str, call: Call) -> Route {
    Route::new((Method::GET, path), who, what, call)
}

fn post(path: &'static str, who: Who, what: &'static str, call: Call) -> Route {
    Route::new((Method::POST, path), who, what, call)
}

fn put(path: &'static str, who: Who, what: &'static str, call: Call) -> Route {
    Route::new((Method::PUT, path), who, what, call)
}

fn delete(path: &'static str, who: Who, what: &'static str, call: Call) -> Route {
    Route::new((Method::DELETE, path), who, what, call)
}

/// People and their sessions; what this is.
fn people() -> Vec<Route> {
    use Who::{Administrator, Anyone, Session};
    vec![
        get("/api/status", Anyone, "what this is", call!(status::status)).data::<status::Status>(),
        get(
            "/openapi.json",
            Anyone,
            "this table as OpenAPI 3.1",
            call!(openapi::document),
        )
        .bare(),
        post(
            "/api/user/login",
            Anyone,
            "a session for a name and a password",
            call!(user::login),
        )
        .body::<user::Login>()
        .data::<user::LoggedIn>(),
        post(
            "/api/user/setup",
            Anyone,
            "the first administrator, by the one-time token that is printed at the start",
            call!(user::setup),
        )
        .body::<user::Setup>()
        .data::<user::LoggedIn>(),
        get(
            "/api/user/logout",
            Session,
            "ends this session",
            call!(user::logout),
        ),
        get("/api/user/self", Session, "oneself", call!(user::this)).data::<user::UserView>(),
        put(
            "/api/user/self",
            Session,
            "changes one's display name or password",
            call!(user::change_self),
        )
        .body::<user::ChangeSelf>()
        .data::<user::UserView>(),
        get("/api/user", Administrator, "users", call!(user::list))
            .query::<Paging>()
            .data::<Page<user::UserView>>(),
        post(
            "/api/user",
            Administrator,
            "a new user",
            call!(user::create),
        )
        .body::<user::NewUser>()
        .data::<user::UserView>(),
        get(
            "/api/user/{id}",
            Administrator,
            "one user",
            call!(user::read),
        )
        .data::<user::UserView>(),
        post(
            "/api/user/manage",
            Administrator,
            "enables, disables, deletes, promotes, demotes or sets a user",
            call!(user::manage),
        )
        .body::<user::Manage>()
        .data::<Option<user::UserView>>(),
        get(
            "/api/audit",
            Administrator,
            "who changed what, the last first",
            call!(audit::list),
        )
        .query::<Paging>()
        .data::<Page<audit::Done>>(),
    ]
}

/// Calls on record, and sums over them.
fn calls() -> Vec<Route> {
    use Who::Session;
    let list = |path, what| {
        get(path, Session, what, call!(log::list))
            .query::<log::Filter>()
            .query::<log::Tail>()
            .query::<Paging>()
            .data::<log::Calls>()
    };
    let stat = |path, what| {
        get(path, Session, what, call!(log::stat))
            .query::<log::Filter>()
            .data::<log::Stat>()
    };
    vec![
        list("/api/log", "calls that one may see, newest first"),
        list("/api/log/self", "the same"),
        stat("/api/log/stat", "sums over the same calls"),
        stat("/api/log/self/stat", "the same"),
        get(
            "/api/log/refused",
            Session,
            "why calls were refused lately: they have no record",
            call!(refused::list),
        )
        .query::<refused::Whose>()
        .data::<Vec<refused::Told>>(),
        get("/api/data", Session, "sums for charts", call!(data::data))
            .query::<data::Grouping>()
            .query::<log::Filter>()
            .data::<Vec<data::Point>>(),
    ]
}

/// API keys.
fn keys() -> Vec<Route> {
    use Who::{Administrator, Session, Writer};
    let list = |path, what| {
        get(path, Session, what, call!(token::list))
            .query::<token::Search>()
            .query::<Paging>()
            .data::<Page<token::Token>>()
    };
    vec![
        list("/api/token", "API keys that one may see"),
        list("/api/token/search", "the same, by keyword"),
        get("/api/token/{id}", Session, "one key", call!(token::read)).data::<token::Token>(),
        post(
            "/api/token",
            Writer,
            "a new key; the answer alone has its value",
            call!(token::create),
        )
        .body::<token::NewToken>()
        .data::<token::Token>(),
        put("/api/token", Writer, "changes a key", call!(token::update))
            .body::<token::Changed>()
            .data::<token::Token>(),
        delete(
            "/api/token/{id}",
            Writer,
            "deletes a key",
            call!(token::delete),
        ),
        post(
            "/api/token/batch",
            Writer,
            "deletes several keys",
            call!(token::delete_many),
        )
        .body::<token::Batch>()
        .data::<u64>(),
        post(
            "/api/token/{id}/rotate",
            Writer,
            "replaces a key's value; the answer alone has the new one",
            call!(token::rotate),
        )
        .optional_body::<token::Rotate>()
        .data::<token::Token>(),
        post(
            "/api/token/{id}/suspend",
            Writer,
            "suspends a key, or resumes it",
            call!(token::suspend),
        )
        .body::<token::Suspend>()
        .data::<token::Token>(),
        post(
            "/api/token/{id}/topup",
            Administrator,
            "adds credits to a key, once by the entry's id",
            call!(token::top_up),
        )
        .body::<token::TopUpWish>()
        .data::<token::Token>(),
    ]
}

/// Plans, channels, models.
fn objects() -> Vec<Route> {
    use Who::{Administrator, Session, Writer};
    let channels = |path, what| {
        get(path, Session, what, call!(channel::list))
            .query::<channel::Search>()
            .query::<Paging>()
            .data::<Page<channel::ChannelView>>()
    };
    vec![
        get("/api/plan", Session, "plans", call!(plan::list))
            .query::<Paging>()
            .data::<Page<plan::PlanView>>(),
        get("/api/plan/{id}", Session, "one plan", call!(plan::read)).data::<plan::PlanView>(),
        post(
            "/api/plan",
            Administrator,
            "a new plan",
            call!(plan::create),
        )
        .body::<plan::PlanWish>()
        .data::<plan::PlanView>(),
        put(
            "/api/plan",
            Administrator,
            "replaces a plan's spec",
            call!(plan::update),
        )
        .body::<plan::PlanWish>()
        .data::<plan::PlanView>(),
        delete(
            "/api/plan/{id}",
            Administrator,
            "deletes a plan",
            call!(plan::delete),
        ),
        channels("/api/channel", "provider channels that one may see"),
        channels("/api/channel/search", "the same, by keyword or model"),
        get(
            "/api/channel/{id}",
            Session,
            "one channel",
            call!(channel::read),
        )
        .data::<channel::ChannelView>(),
        get(
            "/api/channel/test/{id}",
            Writer,
            "asks a channel's provider whether it answers",
            call!(channel::test),
        )
        .bare()
        .data::<channel::TestedView>(),
        post(
            "/api/channel",
            Administrator,
            "a new channel, and the Secret of its credential",
            call!(channel::create),
        )
        .body::<channel::NewChannel>()
        .data::<channel::ChannelView>(),
        put(
            "/api/channel",
            Administrator,
            "changes a channel",
            call!(channel::update),
        )
        .body::<channel::ChangedChannel>()
        .data::<channel::ChannelView>(),
        delete(
            "/api/channel/{id}",
            Administrator,
            "deletes a channel",
            call!(channel::delete),
        ),
        get(
            "/api/models",
            Session,
            "models, and the channels that serve them",
            call!(model::list),
        )
        .data::<Vec<model::ModelView>>(),
        get(
            "/api/pricing",
            Session,
            "models, and what they cost on which plan",
            call!(model::pricing),
        )
        .data::<Vec<model::Pricing>>(),
    ]
}

/// For API keys.
fn of_keys() -> Vec<Route> {
    use Who::Key;
    vec![
        get(
            "/api/log/token",
            Key,
            "the latest 1000 calls of the key that asks",
            call!(log::of_key),
        )
        .data::<Vec<log::Item>>(),
        get(
            "/api/usage/token",
            Key,
            "what the key that asks has used and has left",
            call!(token::usage),
        )
        .bare()
        .data::<token::UsageAnswer>(),
        get(
            "/dashboard/billing/subscription",
            Key,
            "what the key that asks may spend",
            call!(billing::subscription),
        )
        .bare()
        .data::<billing::Subscription>(),
        get(
            "/dashboard/billing/usage",
            Key,
            "what the key that asks has spent",
            call!(billing::usage),
        )
        .bare()
        .data::<billing::Spent>(),
    ]
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
