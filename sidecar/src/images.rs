//! Images that a request names by address: which addresses nobody may be sent to, and their bytes for providers that take only bytes.
//!
//! Called by `gateway` before a channel is chosen ([`Images::check`]), and before a request is written for a provider that reads no
//! addresses ([`Images::inline`]). The one place that opens a connection to an address that a caller wrote: it connects only to what
//! it has checked, once, without credentials, without redirects and without a proxy.
//!
//! Invariant: an address that is refused here is never connected to and never passed on. Errors never tell what a name resolves to.

mod address;
mod fetch;
mod lookup;
mod name;

pub use fetch::Fetched;
pub use lookup::Unknown;

use crate::reject::{Fault, Reject};
use futures::future::try_join_all;
use name::{Host, Place};
use purser_dialects::talk::{Ask, Block, Source};
use purser_dialects::{Medium, Sense};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// The most bytes of all images of one request.
const MOST_BYTES: usize = 20 << 20;
/// The most images that are fetched for one request.
const MOST_IMAGES: usize = 32;
/// How long all of them may take, names and handshakes included.
const FETCH: Duration = Duration::from_secs(5);
/// How long a name may take where the address is only passed on: the provider resolves it again.
const LOOK: Duration = Duration::from_secs(1);
/// The most names that are looked up at the same time for one request.
const MOST_LOOKED_UP: usize = 16;

/// How images are reached.
#[derive(Clone, Default)]
pub struct Images {
    seam: Option<Arc<Seam>>,
}

/// For tests alone: what names resolve to, and which addresses count as public although they are not. There is no argument, no
/// variable and no field of the configuration that sets it.
pub struct Seam {
    /// Names and their addresses; others do not exist.
    pub names: Vec<(String, Vec<IpAddr>)>,
    /// Domains that complete a name which does not end in a dot.
    pub search: Vec<String>,
    /// Where a connection may go beside the public, at any port.
    pub open: Vec<SocketAddr>,
}

/// Why an address is refused: half a sentence.
type Why = String;

impl Images {
    /// With names and addresses of a test's own.
    pub fn with(seam: Seam) -> Images {
        Images {
            seam: Some(Arc::new(seam)),
        }
    }

    /// Refuses media at addresses that only this network or nobody can reach.
    ///
    /// # Errors
    /// 400 `invalid_image_url` for the first of them.
    pub async fn check(&self, media: &[Medium], unknown: Unknown) -> Result<(), Reject> {
        let (mut places, mut names) = (Vec::new(), BTreeSet::new());
        for medium in media {
            let Some(url) = &medium.url else { continue };
            let place = Place::of(url).map_err(|why| refuse(Some(medium), why))?;
            if matches!(place.host, Host::Name(_)) && names.insert(place.host_text.clone()) {
                places.push((medium, place));
            }
        }
        let all = async {
            for some in places.chunks(MOST_LOOKED_UP) {
                let looked = some.iter().map(|(medium, place)| async {
                    let may = self.may_be_passed(place, unknown).await;
                    may.map_err(|why| refuse(Some(medium), why))
                });
                try_join_all(looked).await?;
            }
            Ok(())
        };
        let late = |_| {
            let why = format!(
                "not all names could be resolved within {} s",
                FETCH.as_secs()
            );
            refuse(None, why)
        };
        tokio::time::timeout(FETCH, all).await.map_err(late)?
    }

    /// Puts the bytes of images and documents in the place of their addresses. `media` names the members at fault.
    ///
    /// # Errors
    /// 400 `invalid_image_url` when one cannot be had.
    pub async fn inline(&self, ask: &mut Ask, media: &[Medium]) -> Result<(), Reject> {
        let mut sources = Vec::new();
        for turn in &mut ask.turns {
            addressed(&mut turn.blocks, &mut sources);
        }
        let named = |url: &str| media.iter().find(|one| one.url.as_deref() == Some(url));
        if sources.len() > MOST_IMAGES {
            let why = format!("more than {MOST_IMAGES} addresses in one request cannot be fetched");
            return Err(refuse(None, why));
        }
        let room = AtomicUsize::new(MOST_BYTES);
        let fetches = sources.iter().map(|source| async {
            let Source::Url(url) = &**source else {
                return Ok(None);
            };
            let fetched = self.fetch(url, &room).await;
            fetched.map(Some).map_err(|why| refuse(named(url), why))
        });
        let late = |_| {
            let why = format!(
                "not all of them could be fetched within {} s",
                FETCH.as_secs()
            );
            refuse(None, why)
        };
        let all = tokio::time::timeout(FETCH, try_join_all(fetches)).await;
        let all = all.map_err(late)??;
        for (source, fetched) in sources.into_iter().zip(all) {
            if let Some(Fetched { media_type, bytes }) = fetched {
                *source = Source::Data {
                    media_type: media_type.to_owned(),
                    data: fetch::base64(&bytes),
                };
            }
        }
        Ok(())
    }

    async fn fetch(&self, url: &str, room: &AtomicUsize) -> Result<Fetched, Why> {
        let place = Place::of(url)?;
        let to = self.reachable(&place).await?;
        fetch::get(&place, &to, room).await
    }
}

/// Those that stand at an address.
fn addressed<'a>(blocks: &'a mut [Block], found: &mut Vec<&'a mut Source>) {
    for block in blocks {
        match block {
            Block::Image { source, .. } | Block::Document { source, .. } => {
                let here = matches!(source, Source::Url(url) if !starts_data(url));
                if here {
                    found.push(source);
                }
            }
            Block::ToolResult { blocks, .. } => addressed(blocks, found),
            _ => {}
        }
    }
}

fn starts_data(url: &str) -> bool {
    url.get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("data:"))
}

fn refuse(medium: Option<&Medium>, why: Why) -> Reject {
    let (what, itself) = match medium.map_or(Sense::Image, |medium| medium.sense) {
        Sense::Image => ("an image", "image itself as data:image/png"),
        Sense::Document => ("a document", "document itself as data:application/pdf"),
        Sense::Sound => ("sound", "sound itself as data:audio/wav"),
        Sense::Film => ("a film", "film itself as data:video/mp4"),
    };
    Reject::Invalid {
        code: Fault::ImageUrl,
        param: medium.map(|medium| medium.path.clone()),
        message: format!(
            "The address of {what} cannot be used: {why}. It must be public, http or https; or send the {itself};base64,…"
        ),
    }
}

#[cfg(test)]
mod tests;
