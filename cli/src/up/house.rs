//! The console's house over manifest files: what `desk` has in force is what is seen, and a change is one more edit of the files that
//! people write, taken at once. Made by `up`. It must never leave a half-written file, and never change an object that was not meant.

use super::authority::Local;
use super::desk::Errand;
use super::drafts::{Draft, draft, draft_credential};
use super::sources::{Place, Sources};
use crate::manifests::schema::Schemas;
use purser_authority::ledger::Ledger;
use purser_compile::ObjectRef;
use purser_config::Name;
use purser_config::refusals::Refusal;
use purser_config::stream::ChannelHealth;
use purser_console::{
    Change, Health, House, Later, PaymentSecrets, Refused, Seen, Tested, Written,
};
use purser_sidecar::gateway::Gateway;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

/// See the file's page.
pub(crate) struct LocalHouse {
    pub(crate) authority: Arc<Local>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) sources: Arc<Sources>,
    /// What is in force.
    pub(crate) seen: watch::Receiver<Arc<Seen>>,
    /// To the desk.
    pub(crate) errands: mpsc::Sender<Errand>,
    /// With what payments are signed.
    pub(crate) payment_secrets: PaymentSecrets,
    /// One change at a time.
    pub(crate) turn: Mutex<()>,
}

impl House for LocalHouse {
    fn ledger(&self) -> Option<Ledger> {
        Some(self.authority.ledger())
    }

    fn wall_ms(&self) -> u64 {
        self.gateway.clock.wall_ms()
    }

    fn random(&self) -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn seen(&self) -> Arc<Seen> {
        self.seen.borrow().clone()
    }

    fn health(&self) -> BTreeMap<Name, Health> {
        let now_ms = self.gateway.clock.wall_ms();
        let found = purser_sidecar::link::health(&self.gateway.store, self.gateway.clock.now());
        let told = found.into_iter().map(|found| health(found, now_ms));
        told.collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        self.gateway.refusals.lately()
    }

    fn write(&self, change: Change) -> Later<'_, Result<Written, Refused>> {
        Box::pin(self.written(change))
    }

    fn payment_secrets(&self) -> PaymentSecrets {
        self.payment_secrets.clone()
    }

    fn test(&self, channel: Name) -> Later<'_, Tested> {
        Box::pin(async move {
            let store = &self.gateway.store;
            let clock = &self.gateway.clock;
            let asked = purser_sidecar::inquiry::inquire(store, &channel, clock).await;
            Tested {
                works: asked.works,
                message: asked.message,
                took_ms: asked.took_ms,
            }
        })
    }
}

impl LocalHouse {
    async fn written(&self, change: Change) -> Result<Written, Refused> {
        let _turn = self.turn.lock().await;
        let (rotates, place) = match &change {
            Change::Rotate { key, overlap_ms } => (Some((key.clone(), *overlap_ms)), String::new()),
            _ => (None, self.edited(change.clone()).await?),
        };
        let tells = match &change {
            Change::Create { object, .. } if object["kind"] == "ApiKey" => key_of(object),
            Change::Rotate { key, .. } => Some(key.clone()),
            _ => None,
        };
        let (done, answer) = oneshot::channel();
        let errand = Errand {
            rotates,
            tells,
            done,
        };
        let gone = || Refused::Failed("the files are watched no more; restart to go on".to_owned());
        self.errands.send(errand).await.map_err(|_| gone())?;
        let value = answer
            .await
            .map_err(|_| gone())?
            .map_err(Refused::Conflict)?;
        let secret = None;
        Ok(Written {
            place,
            value,
            secret,
        })
    }

    /// The change on disk, or in memory where the texts are no files; and where.
    async fn edited(&self, change: Change) -> Result<String, Refused> {
        let sources = Arc::clone(&self.sources);
        let edited = tokio::task::spawn_blocking(move || {
            let schemas = Schemas::new();
            let credential = match &change {
                Change::Patch {
                    of: ObjectRef::ProviderChannel(channel),
                    secret: Some(secret),
                    ..
                } => Some((channel, secret)),
                _ => None,
            };
            if let Some(credential) = credential {
                // Refused before anything is written, and drafted anew over what the channel's own change leaves.
                draft_credential(&sources, &schemas, credential)?;
            }
            let place = put(&sources, draft(&sources, &schemas, &change)?)?;
            if let Some(credential) = credential {
                put(&sources, draft_credential(&sources, &schemas, credential)?)?;
            }
            Ok(place)
        });
        let broke = |_| Refused::Failed("editing the files broke".to_owned());
        edited.await.map_err(broke)?
    }
}

/// Puts a draft where it belongs; says where that is.
fn put(sources: &Sources, draft: Draft) -> Result<String, Refused> {
    let Draft {
        place,
        text,
        secret,
    } = draft;
    match &place {
        Place::Here(at) => {
            sources.put(*at, text);
            Ok("this process, until it ends".to_owned())
        }
        Place::Disk(path) => {
            let failed = |error| Refused::Failed(format!("writing {}: {error}", path.display()));
            replace(path, &text, secret).map_err(failed)?;
            Ok(path.display().to_string())
        }
    }
}

fn key_of(object: &serde_json::Value) -> Option<Name> {
    let name = crate::manifests::name_of(object, "ApiKey");
    Some(Name::new(&name.namespace, &name.name))
}

fn health(found: ChannelHealth, now_ms: u64) -> (Name, Health) {
    let troubles = found.troubles.into_iter();
    let troubles = troubles.map(|trouble| {
        let since_ms = now_ms.saturating_sub(trouble.for_ms);
        (trouble.ailment, trouble.about, since_ms)
    });
    let health = Health {
        works: found.works,
        troubles: troubles.collect(),
    };
    (found.channel, health)
}

/// Whole or not at all; with the rights that the file had, and for this user alone where it holds a secret.
fn replace(path: &Path, text: &str, secret: bool) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Behind a link lies the file that is meant.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new()
        .prefix(".purser-")
        .tempfile_in(folder)?;
    std::io::Write::write_all(&mut draft, text.as_bytes())?;
    draft.as_file().sync_all()?;
    let rights = match std::fs::metadata(&path) {
        Ok(before) => before.permissions(),
        Err(_) if secret => std::fs::Permissions::from_mode(0o600),
        Err(_) => std::fs::Permissions::from_mode(0o644),
    };
    draft.as_file().set_permissions(rights)?;
    draft.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
