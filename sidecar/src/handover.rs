//! Hands calls of a key that reaches other namespaces' channels over to the shared gateway: the caller's bytes, in this pod's name. Called by
//! `gateway` once the caller is known; it reserves and bills nothing, because the shared gateway does. It must never pass on a credential that
//! a caller sent: there the pod's token and the key's name take its place.

use crate::link::{Endpoint, LinkError, Windows, chain};
use crate::names;
use crate::reject::Reject;
use crate::relay::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use purser_config::Name;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// When to come again while the gateway cannot be reached.
const RETRY: Duration = Duration::from_secs(1);
/// How many calls one connection carries; the gateway lets in more, so that none of them waits for another's end.
const AT_ONCE: usize = 128;
/// Who does not read its answer holds up nobody else: what all may hold is what each may.
const WINDOWS: Windows = Windows {
    each: 64 << 10,
    all: (64 << 10) * AT_ONCE as u32,
};
/// What belongs to one connection, and what names the caller here.
static KEPT_HERE: [&HeaderName; 14] = [
    &header::HOST,
    &header::CONNECTION,
    &header::CONTENT_LENGTH,
    &header::TRANSFER_ENCODING,
    &header::TE,
    &header::TRAILER,
    &header::UPGRADE,
    &header::EXPECT,
    &header::PROXY_AUTHORIZATION,
    &header::AUTHORIZATION,
    &names::X_API_KEY,
    &names::X_GOOG_API_KEY,
    &names::API_KEY,
    &names::KEY,
];

/// The way to the shared gateway: a connection for all calls, and another one where they are too many.
#[derive(Default)]
pub struct Handover {
    remote: OnceLock<Endpoint>,
    way: Mutex<Way>,
}

#[derive(Default)]
struct Way {
    open: Vec<Carrier>,
    /// When it could not be opened, and why.
    failed: Option<(Instant, String)>,
}

/// A connection. Who carries a call by it holds a copy.
#[derive(Clone)]
struct Carrier {
    sender: SendRequest<Full<Bytes>>,
    calls: Arc<()>,
}

impl Carrier {
    fn calls(&self) -> usize {
        Arc::strong_count(&self.calls) - 1
    }
}

impl Handover {
    /// Says where the gateway is. Once; later words are not heard.
    pub fn to(&self, remote: Endpoint) {
        let _ = self.remote.set(remote);
    }

    /// The gateway's answer to this call of a key, whatever it is.
    pub(crate) async fn carry(
        &self,
        parts: &Parts,
        key: &Name,
        body: Bytes,
    ) -> Result<Response<Body>, Reject> {
        let Some(remote) = self.remote.get() else {
            return Err(away(
                "this sidecar was not told where it is (--gateway)".into(),
            ));
        };
        let failed = |why: String| away(format!("{remote}: {why}"));
        let mut again = true;
        loop {
            let Carrier { mut sender, calls } = self.carrier(remote).await.map_err(failed)?;
            let request = request(remote, (parts, key), body.clone());
            let request = request.map_err(|error| failed(chain(&error)))?;
            match sender.send_request(request).await {
                Ok(response) => return Ok(answer(response, calls)),
                // It was never sent: the connection was at its end.
                Err(error) if again && error.is_canceled() => {
                    again = false;
                    let mut way = self.way.lock().await;
                    way.open.retain(|one| !Arc::ptr_eq(&one.calls, &calls));
                }
                Err(error) => return Err(failed(chain(&LinkError::from(error)))),
            }
        }
    }

    async fn carrier(&self, remote: &Endpoint) -> Result<Carrier, String> {
        let asked = Instant::now();
        let mut way = self.way.lock().await;
        way.open.retain(|one| !one.sender.is_closed());
        if let Some(free) = way.open.iter().find(|one| one.calls() < AT_ONCE) {
            return Ok(free.clone());
        }
        // Somebody tried while this call waited: one by one they would all wait as long again.
        if let Some((_, why)) = way.failed.as_ref().filter(|(at, _)| *at > asked) {
            return Err(why.clone());
        }
        match remote.http2(WINDOWS).await {
            Ok(sender) => {
                let calls = Arc::default();
                let carrier = Carrier { sender, calls };
                // Those that nothing goes by any more are no longer needed.
                way.open.retain(|one| one.calls() > 0);
                way.open.push(carrier.clone());
                Ok(carrier)
            }
            Err(error) => {
                let why = chain(&error);
                way.failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }
}

fn away(why: String) -> Reject {
    Reject::NoChannel {
        status: 503,
        detail: format!("the shared gateway cannot be reached: {why}"),
        retry: RETRY,
    }
}

fn request(
    remote: &Endpoint,
    (parts, key): (&Parts, &Name),
    body: Bytes,
) -> Result<Request<Full<Bytes>>, LinkError> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = remote.at(&path(parts))?;
    *request.headers_mut() = passed_on(&parts.headers);
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, remote.authorization()?);
    let key = HeaderValue::from_str(key.as_str());
    headers.extend(key.ok().map(|key| (names::KEY.clone(), key)));
    Ok(request)
}

/// Path and query, without a key in it.
fn path(parts: &Parts) -> String {
    let pairs = parts.uri.query().unwrap_or_default().split('&');
    let pairs: Vec<&str> = pairs
        .filter(|pair| !pair.is_empty() && !pair.starts_with("key="))
        .collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", parts.uri.path(), pairs.join("&"))
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let named_by_connection = |name: &HeaderName| {
        let all = headers.get_all(header::CONNECTION).into_iter();
        let words = all.filter_map(|value| value.to_str().ok());
        let mut words = words.flat_map(|value| value.split(','));
        words.any(|word| word.trim().eq_ignore_ascii_case(name.as_str()))
    };
    let passes = |name: &HeaderName| {
        let proxy = matches!(name.as_str(), "keep-alive" | "proxy-connection");
        !proxy && !KEPT_HERE.contains(&name) && !named_by_connection(name)
    };
    let kept = headers.iter().filter(|(name, _)| passes(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn answer(response: Response<hyper::body::Incoming>, carried: Arc<()>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    parts.version = http::Version::HTTP_11;
    Response::from_parts(parts, Body::Handed(Box::new((body, carried))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_of_a_caller_goes_on_and_all_else_does() {
        let request = Request::builder()
            .uri("/v1beta/models/m:generateContent?alt=sse&key=sk-a")
            .header("authorization", "Bearer sk-a")
            .header("x-api-key", "sk-a")
            .header("x-goog-api-key", "sk-a")
            .header("api-key", "sk-a")
            .header("x-purser-key", "other/key")
            .header("connection", "x-hop, close")
            .header("x-hop", "1")
            .header("anthropic-version", "2023-06-01")
            .header("content-type", "application/json");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let headers = passed_on(&parts.headers);
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["anthropic-version", "content-type"]);
        assert_eq!(path(&parts), "/v1beta/models/m:generateContent?alt=sse");
    }
}
