//! The page's files, as they lie in `page/`, inside the program: `/` is `index.html`, `/page/FILE` the others. Served with type, `ETag`
//! and, where the reader takes it, gzip. It must never serve what is not in the table; a test holds folder and table together.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::sync::LazyLock;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../page/", $name)))),*]
    };
}

/// Every file of the folder.
const FILES: &[(&str, &[u8])] = files![
    "again.js",
    "api.js",
    "app.css",
    "app.js",
    "chart.js",
    "dom.js",
    "format.js",
    "icon.svg",
    "index.html",
    "parts.js",
    "period.js",
    "shell.js",
    "shown.js",
    "theme.css",
    "theme.js",
    "vendor/inter/LICENSE",
    "vendor/inter/inter-latin-wght-normal.woff2",
    "vendor/uplot/LICENSE",
    "vendor/uplot/uPlot.iife.min.js",
    "vendor/uplot/uPlot.min.css",
    "views.css",
    "views/account.js",
    "views/audit.js",
    "views/call.js",
    "views/channels.js",
    "views/invoice.js",
    "views/key-deeds.js",
    "views/key-drawer.js",
    "views/keys.js",
    "views/log.js",
    "views/overview.js",
    "views/plans.js",
    "views/refusals.js",
    "views/signin.js",
    "views/statements.js",
    "views/users.js",
];

/// A file as it is sent.
struct Ready {
    name: &'static str,
    plain: Bytes,
    /// Where that is shorter.
    packed: Option<Bytes>,
    etag: HeaderValue,
}

static READY: LazyLock<Vec<Ready>> = LazyLock::new(|| FILES.iter().filter_map(ready).collect());

fn ready((name, bytes): &(&'static str, &'static [u8])) -> Option<Ready> {
    let packed = pack(bytes).ok();
    let digest = Sha256::digest(bytes);
    let hex: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(Ready {
        name,
        plain: Bytes::from_static(bytes),
        packed: packed
            .filter(|packed| packed.len() < bytes.len())
            .map(Bytes::from),
        etag: HeaderValue::try_from(format!("W/\"{hex}\"")).ok()?,
    })
}

fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    packer.finish()
}

/// The file of this path; none: it is no page's.
pub(crate) fn answer(path: &str, headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let name = match path {
        "/" => "index.html",
        path => path.strip_prefix("/page/")?,
    };
    let file = READY.iter().find(|file| file.name == name)?;
    let known = headers.get(header::IF_NONE_MATCH);
    let packs = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    let packs = packs.is_some_and(|accepts| accepts.contains("gzip"));
    let packed = file.packed.as_ref().filter(|_| packs);
    let is_known = known.is_some_and(|known| *known == file.etag);
    let body = match is_known {
        true => Bytes::new(),
        false => packed.unwrap_or(&file.plain).clone(),
    };
    let mut response = Response::new(Full::new(body));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    headers.insert(header::ETAG, file.etag.clone());
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Asked again each time, and answered 304: a new version shows at once.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if packed.is_some() && !is_known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit(['.', '/']).next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" | "LICENSE" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// What lies in it, but for what is said to those who change it.
    fn list(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                list(&path, root, found);
            } else if !path.ends_with("README.md") {
                let name = path.strip_prefix(root).unwrap();
                found.push(name.to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_has_a_type() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let mut there = Vec::new();
        list(folder.as_ref(), folder.as_ref(), &mut there);
        there.sort();
        let served: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(there, served, "list it in page.rs");
        assert!(
            served
                .iter()
                .all(|name| kind(name) != "application/octet-stream")
        );
    }

    #[test]
    fn a_reader_that_has_it_is_not_sent_it_again() {
        let first = answer("/", &HeaderMap::new()).unwrap();
        let mut asks = HeaderMap::new();
        asks.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert_eq!(answer("/", &asks).unwrap().status(), 304);
        assert!(answer("/page/../Cargo.toml", &asks).is_none());
    }
}
