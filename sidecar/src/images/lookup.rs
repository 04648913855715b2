//! What the names of addresses lead to, and whether that is anybody's to see. Part of `images`. Errors never tell what a name resolves to.

use super::name::{Host, Place};
use super::{Images, LOOK, Why};
use crate::images::address::is_public;
use std::net::{IpAddr, SocketAddr};

/// Whether a name that nobody here knows may be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The provider judges, which resolves the name out in the world: here may be no names of the world at all.
    Passes,
    /// The provider may be a server of this cluster's, whose own search domains make a Service of what is no name of the world.
    Refused,
}

impl Images {
    /// Whether this place may be passed on: as the world reads its name, and as this cluster's search domains complete it.
    pub(super) async fn may_be_passed(&self, place: &Place, unknown: Unknown) -> Result<(), Why> {
        let Host::Name(name) = &place.host else {
            // Its number was looked at as it was read.
            return Ok(());
        };
        let absolute = format!("{name}.");
        let looked = |spelt| tokio::time::timeout(LOOK, self.resolve(spelt, place.port));
        let (world, cluster) = tokio::join!(looked(&absolute), looked(name));
        // What takes too long is not known.
        let (world, cluster) = (world.unwrap_or_default(), cluster.unwrap_or_default());
        self.all_public(&world)?;
        self.all_public(&cluster)?;
        if world.is_empty() && unknown == Unknown::Refused {
            return Err(does_not_exist(place));
        }
        Ok(())
    }

    /// Where to connect to: the addresses of the place, when all of them are public.
    pub(super) async fn reachable(&self, place: &Place) -> Result<Vec<SocketAddr>, Why> {
        let found = match &place.host {
            Host::Address(address) => vec![SocketAddr::new(*address, place.port)],
            // Absolute, so that no search domain of the cluster's makes a Service of it.
            Host::Name(name) => self.resolve(&format!("{name}."), place.port).await,
        };
        self.all_public(&found)?;
        match found.is_empty() {
            true => Err(does_not_exist(place)),
            false => Ok(found),
        }
    }

    /// One private address among public ones is enough: which is taken would be chance.
    fn all_public(&self, found: &[SocketAddr]) -> Result<(), Why> {
        let open = self.seam.as_ref().map(|seam| seam.open.as_slice());
        let may = |to: &SocketAddr| is_public(to.ip()) || open.unwrap_or_default().contains(to);
        if found.iter().all(may) {
            return Ok(());
        }
        Err("it leads to a private or special-purpose address".into())
    }

    /// Without a dot at its end, a name is completed by search domains, as in any program of the cluster's.
    async fn resolve(&self, spelt: &str, port: u16) -> Vec<SocketAddr> {
        let Some(seam) = &self.seam else {
            let found = tokio::net::lookup_host((spelt, port)).await;
            return found.map(Iterator::collect).unwrap_or_default();
        };
        let of = |name: &str| seam.names.iter().find(|(known, _)| known == name);
        let found = match spelt.strip_suffix('.') {
            Some(absolute) => of(absolute),
            None => {
                let searched = seam.search.iter();
                let mut searched = searched.map(|domain| format!("{spelt}.{domain}"));
                searched.find_map(|name| of(&name)).or_else(|| of(spelt))
            }
        };
        let at = |address: &IpAddr| SocketAddr::new(*address, port);
        found.map_or_else(Vec::new, |(_, found)| found.iter().map(at).collect())
    }
}

fn does_not_exist(place: &Place) -> Why {
    format!("the name {:?} does not exist", place.host_text)
}
