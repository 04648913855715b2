//! `GET /v1/models`: what this key can call now. Called by `gateway`; filtered by plan and by channels that live.

use crate::failover::gone;
use crate::reject::Reject;
use crate::snapshot::{Caller, Serving};
use purser_config::stream::Version;
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
}

/// The list, as JSON.
pub fn list(caller: &Caller, version: &Version, now: Duration) -> Vec<u8> {
    let live = caller
        .table
        .models()
        .filter(|(_, serving)| is_live(serving, now));
    let data = live
        .map(|(id, serving)| entry(id, serving, version))
        .collect();
    serde_json::to_vec(&List {
        object: "list",
        data,
    })
    .unwrap_or_default()
}

/// One model, as JSON.
///
/// # Errors
/// 404 as for a call that names it.
pub fn one(
    caller: &Caller,
    model: &str,
    version: &Version,
    now: Duration,
) -> Result<Vec<u8>, Reject> {
    match caller.table.serving(model) {
        Some(serving) if is_live(serving, now) => {
            Ok(serde_json::to_vec(&entry(model, serving, version)).unwrap_or_default())
        }
        Some(serving) => Err(Reject::ModelOut {
            model: model.to_owned(),
            retry: gone(serving, now)
                .unwrap_or_default()
                .max(Duration::from_secs(1)),
        }),
        None if caller.table.withholds(model) => Err(Reject::ModelNotInPlan {
            model: model.to_owned(),
            plan: caller.plan_name.to_string(),
        }),
        None => Err(Reject::ModelUnknown {
            model: model
                .chars()
                .filter(|letter| !letter.is_control())
                .take(200)
                .collect(),
            detail: "no channel that this key may use serves it".into(),
        }),
    }
}

/// A model leaves the list when all its channels have been out for more than a minute, until one may be tried again.
fn is_live(serving: &[Serving], now: Duration) -> bool {
    gone(serving, now).is_none_or(|wait| wait.is_zero())
}

fn entry<'a>(id: &'a str, serving: &'a [Serving], version: &Version) -> Entry<'a> {
    let owner = serving
        .first()
        .map_or("purser", |one| one.reach.lane.name.name());
    let context_length = serving
        .iter()
        .filter_map(|one| one.model().context_length)
        .min();
    Entry {
        id,
        object: "model",
        created: version.published_ms / 1000,
        owned_by: owner,
        context_length,
    }
}
