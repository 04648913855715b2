//! A channel, ready to be called: its addresses and headers made once, when the snapshot is built. Used by `upstream`.

use crate::dial::{InvalidCa, NEAR};
use crate::lane::{Lane, Lanes};
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Uri};
use purser_config::{Channel, Endpoint, Name};
use std::sync::Arc;

/// A channel, ready to be called.
pub struct Reach {
    /// What was configured.
    pub channel: Channel,
    /// What lives.
    pub lane: Arc<Lane>,
    /// `x-purser-channel`.
    pub label: HeaderValue,
    /// `x-purser-model`, for each of its models.
    pub models: Vec<HeaderValue>,
    /// One `authorization` value per credential, marked sensitive.
    pub authorizations: Vec<HeaderValue>,
    /// `host`: the authority, without a port that goes without saying.
    pub host: HeaderValue,
    /// Headers to add.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    uris: Vec<(Endpoint, Uri)>,
}

/// Where each endpoint is, and the name of the host.
struct Address {
    host: HeaderValue,
    uris: Vec<(Endpoint, Uri)>,
}

impl Reach {
    pub(super) fn new(name: &Name, channel: &Channel, lanes: &Lanes) -> Result<Self, String> {
        let Address { host, uris } = address(&channel.base_url)?;
        let lane = lanes.of(name, channel);
        let lane = lane.map_err(|error: InvalidCa| error.to_string())?;
        let authorizations = channel.credentials.iter().map(|credential| {
            let value = format!("Bearer {}", credential.value.reveal());
            sensitive(&value).ok_or_else(|| unusable(&credential.from))
        });
        let headers = channel.headers.iter().map(|header| {
            let named = HeaderName::try_from(header.name.as_str())
                .map_err(|_| format!("headers: {:?} is not a header name", header.name))?;
            let value = sensitive(header.value.reveal());
            Ok((named, value.ok_or_else(|| unusable(&header.name))?))
        });
        let models = channel.models.iter().map(|model| plain(&model.name));
        Ok(Reach {
            channel: channel.clone(),
            lane,
            label: plain(name.as_str())?,
            models: models.collect::<Result<_, String>>()?,
            authorizations: authorizations.collect::<Result<_, String>>()?,
            headers: headers.collect::<Result<_, String>>()?,
            host,
            uris,
        })
    }

    /// Where this endpoint is.
    pub fn uri(&self, endpoint: Endpoint) -> Uri {
        let known = self.uris.iter().find(|(known, _)| *known == endpoint);
        known.map(|(_, uri)| uri.clone()).unwrap_or_default()
    }
}

fn address(base_url: &str) -> Result<Address, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("baseURL {base_url:?}: {error}");
    let base: Uri = base_url.parse().map_err(|error| wrong(&error))?;
    let place = base.scheme().cloned().zip(base.authority().cloned());
    let (scheme, authority): (Scheme, Authority) = place.ok_or_else(|| wrong(&"no host"))?;
    let path = base.path().trim_end_matches('/');
    let near = if scheme == Scheme::HTTP {
        Authority::from_static(NEAR)
    } else {
        authority.clone()
    };
    let uris = Endpoint::ALL.into_iter().map(|endpoint| {
        let path = format!("{path}{}", purser_dialects::upstream_path(endpoint));
        let uri = Uri::builder()
            .scheme(scheme.clone())
            .authority(near.clone());
        let uri = uri.path_and_query(path).build();
        Ok((endpoint, uri.map_err(|error| wrong(&error))?))
    });
    let uris = uris.collect::<Result<_, String>>()?;
    let default = if scheme == Scheme::HTTPS { 443 } else { 80 };
    let host = match authority.port_u16() {
        Some(port) if port != default => plain(&format!("{}:{port}", authority.host()))?,
        _ => plain(authority.host())?,
    };
    Ok(Address { host, uris })
}

fn plain(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|error| format!("the name {text:?}: {error}"))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text.trim_end_matches(['\r', '\n'])).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unusable(from: &str) -> String {
    format!("the value of {from} cannot be sent in a header: it holds control characters")
}
