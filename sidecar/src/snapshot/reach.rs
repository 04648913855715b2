//! A channel, ready to be called: its addresses and headers made once, when the snapshot is built. Used by `upstream`.

use crate::dial::InvalidCa;
use crate::lane::{Lane, Lanes};
use crate::names;
use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Uri, header};
use purser_config::{Channel, Endpoint, Name};
use purser_dialects::address::{self, Place};
use purser_dialects::kept::Stored;
use purser_dialects::provider::{Auth, Quirks};
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
    /// Where its provider looks for a credential.
    pub auth: &'static HeaderName,
    /// Its value for each credential, marked sensitive.
    pub authorizations: Vec<HeaderValue>,
    /// `host`: the authority, without a port that goes without saying.
    pub host: HeaderValue,
    /// Headers to add.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    address: Address,
}

/// Where its calls go.
struct Address {
    host: HeaderValue,
    scheme: Scheme,
    authority: Authority,
    /// What every path begins with.
    root: String,
    /// Where each endpoint is; empty where the path names the model.
    uris: Vec<(Endpoint, Uri)>,
}

impl Reach {
    /// Makes its addresses and headers.
    ///
    /// # Errors
    /// Which part of it cannot be used.
    pub(crate) fn new(name: &Name, channel: &Channel, lanes: &Lanes) -> Result<Self, String> {
        let address = Address::of(channel)?;
        let lane = lanes.of(name, channel);
        let lane = lane.map_err(|error: InvalidCa| error.to_string())?;
        let auth = Quirks::of(channel.provider).auth;
        let authorizations = channel.credentials.iter().map(|credential| {
            let value = match auth {
                Auth::Bearer => format!("Bearer {}", credential.value.reveal()),
                _ => credential.value.reveal().to_owned(),
            };
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
            auth: header_of(auth),
            authorizations: authorizations.collect::<Result<_, String>>()?,
            headers: headers.collect::<Result<_, String>>()?,
            host: address.host.clone(),
            address,
        })
    }

    /// Where a call is; `None` where no address can be made of it.
    pub fn uri(&self, place: &Place<'_>) -> Option<Uri> {
        let known = self.address.uris.iter();
        let mut known = known.filter(|(known, _)| *known == place.endpoint);
        match known.next() {
            Some((_, uri)) => Some(uri.clone()),
            None => self.address.uri(place).ok(),
        }
    }

    /// Where an answer lies that it keeps; `None` where no address can be made of it.
    pub fn stored(&self, stored: &Stored) -> Option<Uri> {
        let Channel {
            provider,
            api_version,
            ..
        } = &self.channel;
        let path = address::stored(*provider, api_version.as_deref(), stored);
        self.address.at(&path).ok()
    }

    /// Where its provider lists models.
    pub(crate) fn listing(&self) -> Option<Uri> {
        let version = self.channel.api_version.as_deref();
        let path = address::listing(self.channel.provider, version);
        self.address.at(&path).ok()
    }
}

fn header_of(auth: Auth) -> &'static HeaderName {
    match auth {
        Auth::Bearer => &header::AUTHORIZATION,
        Auth::ApiKey => &names::API_KEY,
        Auth::XApiKey => &names::X_API_KEY,
        Auth::GoogApiKey => &names::X_GOOG_API_KEY,
    }
}

impl Address {
    fn of(channel: &Channel) -> Result<Address, String> {
        let base_url = &channel.base_url;
        let wrong = |error: &dyn std::fmt::Display| format!("baseURL {base_url:?}: {error}");
        let base: Uri = base_url.parse().map_err(|error| wrong(&error))?;
        let place = base.scheme().cloned().zip(base.authority().cloned());
        let (scheme, authority): (Scheme, Authority) = place.ok_or_else(|| wrong(&"no host"))?;
        let path = base.path().trim_end_matches('/');
        let mut address = Address {
            host: host(&scheme, &authority)?,
            scheme,
            authority,
            root: address::root(channel.provider, path).to_owned(),
            uris: Vec::new(),
        };
        if !address::names_model(channel.provider) {
            address.uris = address.all(channel).map_err(|error| wrong(&error))?;
        }
        Ok(address)
    }

    fn all(&self, channel: &Channel) -> Result<Vec<(Endpoint, Uri)>, http::Error> {
        let place = |endpoint| Place {
            provider: channel.provider,
            api_version: None,
            endpoint,
            verb: None,
            model: "",
        };
        let uris = Endpoint::ALL.into_iter();
        uris.map(|endpoint| Ok((endpoint, self.uri(&place(endpoint))?)))
            .collect()
    }

    fn uri(&self, place: &Place<'_>) -> Result<Uri, http::Error> {
        self.at(&address::path(place))
    }

    fn at(&self, path: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.root))
            .build()
    }
}

fn host(scheme: &Scheme, authority: &Authority) -> Result<HeaderValue, String> {
    let default = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    match authority.port_u16() {
        Some(port) if port != default => plain(&format!("{}:{port}", authority.host())),
        _ => plain(authority.host()),
    }
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
