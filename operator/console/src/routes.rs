//! The table: every route, once. `server` dispatches by it; `/openapi.json`, docs/management-api.md and the test that walks all routes are
//! made from it.

use crate::answer::{Failure, Page};
use crate::calls::{
    audit, billing, channel, data, log, model, openapi, payment, plan, refused, statement, status,
    token, user,
};
use crate::query::Paging;
use crate::route::{Route, Who};
use http::Method;
use std::fmt::Write;
use std::sync::LazyLock;

macro_rules! routes {
    ($($method:ident $path:literal $who:ident $what:literal => $call:path $(, $with:ident($($shape:ty)?))*;)*) => {
        fn table() -> Vec<Route> {
            vec![$(
                Route::new((Method::$method, $path), Who::$who, $what, |ask| Box::pin($call(ask)))
                    $(.$with $(::<$shape>)?())*
            ),*]
        }
    };
}

routes! {
    GET    "/api/status" Anyone "what this is" => status::status, data(status::Status);
    GET    "/openapi.json" Anyone "this table as OpenAPI 3.1" => openapi::document, bare();

    POST   "/api/user/login" Anyone "a session for a name and a password" => user::login, body(user::Login), data(user::LoggedIn);
    POST   "/api/user/oidc" Anyone "begins to sign in with the identity provider; the cookie of the answer belongs to the attempt" => user::begin_oidc, data(user::Begun);
    POST   "/api/user/oidc/login" Anyone "a session for what the provider sent back, in the browser that began" => user::end_oidc, body(user::Returned), data(user::LoggedIn);
    POST   "/api/user/setup" Anyone "the first administrator, by the one-time token that is printed at the start" => user::setup, body(user::Setup), data(user::LoggedIn);
    GET    "/api/user/logout" Session "ends this session" => user::logout;
    GET    "/api/user/self" Session "oneself" => user::this, data(user::UserView);
    PUT    "/api/user/self" Session "changes one's display name or password" => user::change_self, body(user::ChangeSelf), data(user::UserView);
    GET    "/api/user" Administrator "users" => user::list, query(Paging), data(Page<user::UserView>);
    POST   "/api/user" Administrator "a new user" => user::create, body(user::NewUser), data(user::UserView);
    GET    "/api/user/{id}" Administrator "one user" => user::read, data(user::UserView);
    POST   "/api/user/manage" Administrator "enables, disables, deletes, promotes, demotes or sets a user" => user::manage, body(user::Manage), data(Option<user::UserView>);
    GET    "/api/audit" Administrator "who changed what, the last first" => audit::list, query(Paging), data(Page<audit::Done>);

    GET    "/api/log" Session "calls that one may see, newest first" => log::list, query(log::Filter), query(log::Tail), query(Paging), data(log::Calls);
    GET    "/api/log/self" Session "the same" => log::list, query(log::Filter), query(log::Tail), query(Paging), data(log::Calls);
    GET    "/api/log/stat" Session "sums over the same calls" => log::stat, query(log::Filter), data(log::Stat);
    GET    "/api/log/self/stat" Session "the same" => log::stat, query(log::Filter), data(log::Stat);
    GET    "/api/log/refused" Session "why calls were refused lately: they have no record" => refused::list, query(refused::Whose), data(Vec<refused::Told>);
    GET    "/api/data" Session "sums for charts" => data::data, query(data::Grouping), query(log::Filter), data(Vec<data::Point>);

    GET    "/api/token" Session "API keys that one may see" => token::list, query(token::Search), query(Paging), data(Page<token::Token>);
    GET    "/api/token/search" Session "the same, by keyword" => token::list, query(token::Search), query(Paging), data(Page<token::Token>);
    GET    "/api/token/{id}" Session "one key" => token::read, data(token::Token);
    POST   "/api/token" Writer "a new key; the answer alone has its value" => token::create, body(token::NewToken), data(token::Token);
    PUT    "/api/token" Writer "changes a key" => token::update, body(token::Changed), data(token::Token);
    DELETE "/api/token/{id}" Writer "deletes a key" => token::delete;
    POST   "/api/token/batch" Writer "deletes several keys" => token::delete_many, body(token::Batch), data(u64);
    POST   "/api/token/{id}/rotate" Writer "replaces a key's value; the answer alone has the new one" => token::rotate, optional_body(token::Rotate), data(token::Token);
    POST   "/api/token/{id}/suspend" Writer "suspends a key, or resumes it" => token::suspend, body(token::Suspend), data(token::Token);
    POST   "/api/token/{id}/topup" AdministratorOrRbac "adds credits to a key, once by the entry's id" => token::top_up, body(token::TopUpWish), data(token::Token);

    GET    "/api/plan" Session "plans" => plan::list, query(Paging), data(Page<plan::PlanView>);
    GET    "/api/plan/{id}" Session "one plan" => plan::read, data(plan::PlanView);
    POST   "/api/plan" AdministratorOrRbac "a new plan" => plan::create, body(plan::PlanWish), data(plan::PlanView);
    PUT    "/api/plan" AdministratorOrRbac "replaces a plan's spec" => plan::update, body(plan::PlanWish), data(plan::PlanView);
    DELETE "/api/plan/{id}" AdministratorOrRbac "deletes a plan" => plan::delete;

    GET    "/api/channel" Session "provider channels that one may see" => channel::list, query(channel::Search), query(Paging), data(Page<channel::ChannelView>);
    GET    "/api/channel/search" Session "the same, by keyword or model" => channel::list, query(channel::Search), query(Paging), data(Page<channel::ChannelView>);
    GET    "/api/channel/{id}" Session "one channel" => channel::read, data(channel::ChannelView);
    GET    "/api/channel/test/{id}" Writer "asks a channel's provider whether it answers" => channel::test, bare(), data(channel::TestedView);
    POST   "/api/channel" AdministratorOrRbac "a new channel, and the Secret of its credential" => channel::create, body(channel::NewChannel), data(channel::ChannelView);
    PUT    "/api/channel" AdministratorOrRbac "changes a channel" => channel::update, body(channel::ChangedChannel), data(channel::ChannelView);
    DELETE "/api/channel/{id}" AdministratorOrRbac "deletes a channel" => channel::delete;

    GET    "/api/models" Session "models, and the channels that serve them" => model::list, data(Vec<model::ModelView>);
    GET    "/api/pricing" Session "models, and what they cost on which plan" => model::pricing, data(Vec<model::Pricing>);

    GET    "/api/statement" Session "what keys, namespaces or plans came to: JSON, CSV, or an invoice to print" => statement::statement, query(statement::StatementWish), data(statement::StatementView);
    GET    "/api/payment" Administrator "payments that came, the last first" => payment::list, query(Paging), data(Page<payment::PaymentView>);
    POST   "/api/payment/stripe" Signature "Stripe's word that money came, with its signature" => payment::stripe, data(payment::Followed);
    POST   "/api/payment/hmac" Signature "another processor's word, with an HMAC of it" => payment::hmac, data(payment::Followed);

    GET    "/api/log/token" Key "the latest 1000 calls of the key that asks" => log::of_key, data(Vec<log::Item>);
    GET    "/api/usage/token" Key "what the key that asks has used and has left" => token::usage, bare(), data(token::UsageAnswer);
    GET    "/dashboard/billing/subscription" Key "what the key that asks may spend" => billing::subscription, bare(), data(billing::Subscription);
    GET    "/dashboard/billing/usage" Key "what the key that asks has spent" => billing::usage, bare(), data(billing::Spent);
}

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(table);

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

/// One route, as tests and documents see it.
#[derive(Clone, Debug)]
pub struct Door {
    /// Its method.
    pub method: String,
    /// Its path, with `{id}`.
    pub path: &'static str,
    /// Who may call it, in words.
    pub who: &'static str,
    /// What it is for.
    pub what: &'static str,
}

/// Every route.
pub fn doors() -> Vec<Door> {
    let door = |route: &Route| Door {
        method: route.method.to_string(),
        path: route.path,
        who: match route.who {
            Who::Anyone => "anyone",
            Who::Key => "an API key",
            Who::Signature => "a signature",
            Who::Session => "session",
            Who::Writer => "session that may write",
            Who::Administrator | Who::AdministratorOrRbac => "administrator",
        },
        what: route.what,
    };
    all().iter().map(door).collect()
}

/// The table as docs/management-api.md has it.
pub fn table_markdown() -> String {
    let mut text = "| call | who | what |\n|---|---|---|\n".to_owned();
    for door in doors() {
        let Door {
            method,
            path,
            who,
            what,
        } = door;
        let _ = writeln!(text, "| `{method} {path}` | {who} | {what} |");
    }
    text
}
