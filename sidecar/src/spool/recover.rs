//! Opens a spool: reads every segment up to its first damage, finds what the authority may not have and which calls never ended, and writes
//! the records of those. Called once, before serving. Damage is told, set aside and never guessed at.

use super::disk::{Disk, Opening};
use super::folder::Folder;
use super::frame::Place;
use super::scan::Scan;
use super::state::State;
use super::{Intent, InvalidSpool, Limits};
use crate::charge::{By, Ended, Stage, charge};
use crate::clock;
use purser_config::OnAbort;
use purser_config::price::{Cost, Tokens};
use purser_config::usage::{End, Record};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was found in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Records that the authority may not have, interrupted ones included.
    pub waiting: u64,
    /// Calls that their process did not end.
    pub interrupted: u64,
    /// Damaged files, set aside for a person to look at. Not empty: the spool has a new name.
    pub damaged: Vec<PathBuf>,
}

/// Opens the spool of this folder.
pub(super) fn recover(path: &Path, limits: Limits) -> Result<(State, Recovered), InvalidSpool> {
    let folder = Folder::take(path)?;
    let failed = |doing| move |source| InvalidSpool::io(path, doing, source);
    let found = Scan::of(&folder).map_err(failed("read the segments"))?;
    let damaged = set_aside(&folder, &found);
    let fresh = fresh_id().map_err(failed("draw a name"))?;
    let renamed = !found.damaged.is_empty();
    let mut state = adopt(folder, limits, found, fresh).map_err(failed("begin a segment"))?;
    if renamed {
        state.renew().map_err(failed("write what survived"))?;
    }
    let interrupted = settle(&mut state);
    if let Some(mut round) = state.prepare() {
        round.carry_out();
        state.finish(round);
    }
    let waiting = state.last - state.kept;
    if waiting > 0 {
        tracing::info!(folder = %path.display(), waiting, interrupted, "an earlier process left usage records behind");
    }
    let recovered = Recovered {
        waiting,
        interrupted,
        damaged,
    };
    Ok((state, recovered))
}

/// A name for a spool.
pub(super) fn fresh_id() -> std::io::Result<String> {
    let unique = clock::unique().map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(format!("{unique:032x}"))
}

/// Goes on where the segments end, in a new one.
fn adopt(folder: Folder, limits: Limits, found: Scan, fresh: String) -> std::io::Result<State> {
    let id = found.id.unwrap_or(fresh);
    let unkept = found.segments.iter().find(|one| one.last > found.kept);
    let cursor = unkept.map(|one| Place {
        segment: one.ordinal,
        at: 0,
    });
    let used = found.segments.iter().map(|one| one.bytes).sum();
    let mut disk = Disk {
        folder: Arc::new(folder),
        limits,
        segments: found.segments,
        file: None,
        left: Vec::new(),
        buffer: Vec::new(),
        open: found.open,
        used,
        refused: None,
        unsynced: None,
        dirty: false,
    };
    disk.begin(&Opening {
        spool: &id,
        last: found.last,
        kept: found.kept,
    })?;
    disk.folder.sync()?;
    let mut state = State::new(id, limits, Some(disk));
    (state.last, state.synced) = (found.last, found.last);
    (state.kept, state.loaded) = (found.kept, found.kept);
    state.cursor = cursor;
    Ok(state)
}

/// Keeps each damaged file for a person, and says so.
fn set_aside(folder: &Folder, found: &Scan) -> Vec<PathBuf> {
    let mut aside = Vec::new();
    for (ordinal, why) in &found.damaged {
        let file = folder.segment(*ordinal);
        match folder.set_aside(*ordinal) {
            Ok(kept) => {
                tracing::error!(file = %file.display(), kept = %kept.display(), why, "a segment of the usage spool is damaged: what follows the damage is not read; calls without a record are settled as interrupted, and the spool goes on under a new name");
                aside.push(kept);
            }
            Err(error) => {
                tracing::error!(file = %file.display(), why, %error, "a segment of the usage spool is damaged and could not be set aside");
                aside.push(file);
            }
        }
    }
    aside
}

/// Ends what the earlier process did not, in the order in which it began. How many there were.
fn settle(state: &mut State) -> u64 {
    let Some(disk) = &state.disk else { return 0 };
    let mut left = Vec::new();
    let open: BTreeMap<Place, String> = disk
        .open
        .iter()
        .map(|(id, place)| (*place, id.clone()))
        .collect();
    for (place, id) in open {
        let payload = disk.payload(place).unwrap_or_default();
        match serde_json::from_slice(&payload) {
            Ok(intent) => left.push(interrupted(&intent)),
            Err(error) => {
                tracing::error!(request = id, %error, "an open intent cannot be read: its call has no record here");
            }
        }
    }
    let count = left.len() as u64;
    for record in left {
        state.outcome(record);
    }
    count
}

/// The record of a call of which only its intent is known.
fn interrupted(intent: &Intent<'_>) -> Record {
    let tokens = Tokens::default();
    let ended = Ended {
        stage: Stage::Attempted,
        by: By::Process,
        tokens,
        reported: false,
        relayed: 0,
    };
    let on_abort = OnAbort {
        unconfirmed_pays: intent.unconfirmed_pays,
        ..OnAbort::default()
    };
    let charge = charge(&ended, &Cost::default(), on_abort, intent.reserved);
    Record {
        id: intent.id.to_string(),
        key: intent.key.clone(),
        plan: intent.plan.to_string(),
        reservation: intent.reservation.as_deref().map(str::to_owned),
        channel: None,
        endpoint: intent.endpoint,
        asked: intent.asked.to_string(),
        served: String::new(),
        // An intent is written only where a send follows.
        attempts: 1,
        status: 0,
        end: End::Interrupted,
        stream: intent.stream,
        tokens,
        estimated: charge.estimated,
        credits: charge.credits,
        unpaid: 0,
        failures: Vec::new(),
        cost: 0,
        waste: BTreeMap::new(),
        began_ms: intent.began_ms,
        latency_ms: 0,
        first_ms: None,
        user_metadata: BTreeMap::new(),
        pod: String::new(),
    }
}
