//! Gets one image from addresses that were checked. Part of `images`, which alone calls it and bounds its time. Must never look up a
//! name: it connects to the very addresses that it is given.

use super::name::Place;
use super::{MOST_BYTES, Why};
use crate::dial;
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

/// An image's bytes, and what they are by their own saying.
#[derive(Debug, PartialEq, Eq)]
pub struct Fetched {
    /// `image/png` and so on.
    pub media_type: &'static str,
    /// All of them.
    pub bytes: Bytes,
}

/// The largest head of an answer.
const HEAD: usize = 32 << 10;

/// The most addresses of one server that are tried.
const MOST_TRIED: usize = 4;
/// How long one of them may take while there are others.
const CONNECT: Duration = Duration::from_secs(1);

pub(super) async fn get(
    place: &Place,
    to: &[SocketAddr],
    room: &AtomicUsize,
) -> Result<Fetched, Why> {
    let stream = connect(to).await.ok_or("its server cannot be reached")?;
    let bytes = if place.tls {
        let name = rustls_pki_types::ServerName::try_from(place.host_text.clone())
            .map_err(|_| "its host is not the name of one")?;
        let tls = tokio_rustls::TlsConnector::from(Arc::new(dial::public_config()));
        let stream = tls.connect(name, stream).await;
        let stream = stream.map_err(|_| "its server has no valid certificate for it")?;
        over(TokioIo::new(stream), place, room).await?
    } else {
        over(TokioIo::new(stream), place, room).await?
    };
    let media_type =
        kind(&bytes).ok_or("it is neither a PNG, JPEG, GIF, WebP, HEIC or HEIF image nor a PDF")?;
    Ok(Fetched { media_type, bytes })
}

/// To the first that answers. IPv6 and IPv4 take turns: where one of them leads nowhere, all of its addresses do.
async fn connect(to: &[SocketAddr]) -> Option<TcpStream> {
    let of = |v6: bool| to.iter().filter(move |to| to.is_ipv6() == v6);
    let first = to.first()?.is_ipv6();
    let (mut first, mut second) = (of(first), of(!first));
    let mut order: Vec<&SocketAddr> = Vec::new();
    while order.len() < to.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order.truncate(MOST_TRIED);
    let last = order.pop()?;
    for to in order {
        let tried = tokio::time::timeout(CONNECT, TcpStream::connect(to)).await;
        if let Ok(Ok(stream)) = tried {
            return Some(stream);
        }
    }
    TcpStream::connect(last).await.ok()
}

async fn over<S>(stream: S, place: &Place, room: &AtomicUsize) -> Result<Bytes, Why>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let broken = |_| "its server did not answer as HTTP says".to_owned();
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD);
    let (mut sender, connection) = builder.handshake(stream).await.map_err(broken)?;
    // The connection lives as long as this answer is read, and no longer.
    let mut connection = std::pin::pin!(connection);
    let asked = async {
        let response = sender.send_request(request(place)?).await.map_err(broken)?;
        let status = response.status();
        if status.is_redirection() {
            return Err("its server redirects, which is not followed".into());
        }
        if status != http::StatusCode::OK {
            return Err(format!("its server answers {}", status.as_u16()));
        }
        read(response.into_body(), room).await
    };
    let mut asked = std::pin::pin!(asked);
    tokio::select! {
        read = &mut asked => read,
        // It ends when the last byte is there, which is then read from memory.
        _ = &mut connection => asked.await,
    }
}

fn request(place: &Place) -> Result<Request<Empty<Bytes>>, Why> {
    let unfit = |_| "it cannot be asked for".to_owned();
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = place
        .target
        .parse()
        .map_err(|_| "its path cannot be asked for")?;
    let host = if place.host_text.contains(':') {
        format!("[{}]", place.host_text)
    } else {
        place.host_text.clone()
    };
    let default = if place.tls { 443 } else { 80 };
    let host = if place.port == default {
        host
    } else {
        format!("{host}:{}", place.port)
    };
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::try_from(host).map_err(unfit)?);
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static("image/*, application/pdf"),
    );
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    headers.insert(header::USER_AGENT, HeaderValue::from_static("purser"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

async fn read(mut body: hyper::body::Incoming, room: &AtomicUsize) -> Result<Bytes, Why> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| "its server broke off")?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(data.len())
        });
        if taken.is_err() {
            let most = MOST_BYTES >> 20;
            return Err(format!(
                "the images of one request have more than {most} MiB together"
            ));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// By its first bytes: what a server says of it is hearsay.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    let at = |place: usize, what: &[u8]| {
        bytes
            .get(place..)
            .is_some_and(|rest| rest.starts_with(what))
    };
    if at(0, b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if at(0, b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
        Some("image/gif")
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some("image/webp")
    } else if at(4, b"ftypheic") || at(4, b"ftypheix") {
        Some("image/heic")
    } else if at(4, b"ftypmif1") || at(4, b"ftypmsf1") {
        Some("image/heif")
    } else if at(0, b"%PDF-") {
        Some("application/pdf")
    } else {
        None
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
