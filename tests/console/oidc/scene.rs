//! A house whose people sign in with a provider that the test starts, and what their browsers send. Used by `oidc`.

use super::super::setup::{Answer, House, SOON};
use purser_tests::plain::send;
use purser_tests::port::reserve;
use purser_tests::process::Process;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/console/oidc");
pub(super) const SECRET: &str = "a secret of the client: + and %";
pub(super) const BEGIN: &str = "POST /api/user/oidc";
pub(super) const END: &str = "POST /api/user/oidc/login";

/// Where npm's packages are.
pub(super) fn node() -> PathBuf {
    let toolchain = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/toolchain/node");
    let named = std::env::var_os("PURSER_TEST_NODE_DIR");
    named.map_or_else(|| PathBuf::from(toolchain), PathBuf::from)
}

/// A provider and where it is.
pub(super) struct Provider {
    pub(super) process: Process,
    pub(super) issuer: String,
}

impl Provider {
    pub(super) async fn start(script: &str, mut told: Value) -> Self {
        told["node"] = json!(node());
        let mut command = Command::new("node");
        command
            .arg(Path::new(HERE).join(script))
            .arg(told.to_string());
        let mut process = Process::start(script, &mut command).unwrap();
        // Its packages are many files, and read slowly on a busy machine.
        let issuer = process.until_prints("at ", SOON * 4).await.unwrap();
        Provider { process, issuer }
    }

    /// A page of the script, beside the provider's own.
    pub(super) fn page(&self, path: &str, query: &[(&str, &str)]) -> String {
        let query = query
            .iter()
            .map(|(name, value)| format!("{name}={}", quoted(value)));
        let query: Vec<String> = query.collect();
        let address = self
            .issuer
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        let answer = send(address, &format!("GET {path}?{}", query.join("&")), "", "");
        assert_eq!(answer.status, 200, "{answer:?}");
        // Node sends in chunks what has no length.
        let lines = answer.text.lines();
        let line = lines.max_by_key(|line| line.len()).unwrap_or_default();
        line.to_owned()
    }
}

fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let bytes = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    bytes.collect()
}

pub(super) fn members(url: &str) -> HashMap<String, String> {
    let query = url.split_once('?').unwrap().1;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let unquoted = |text: &str| {
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        String::from_utf8(bytes).unwrap()
    };
    pairs
        .map(|(name, value)| (name.to_owned(), unquoted(value)))
        .collect()
}

/// A house whose people sign in with this provider.
pub(super) struct Scene {
    pub(super) house: House,
    pub(super) provider: Provider,
}

impl Scene {
    pub(super) async fn real() -> Self {
        let console = reserve().unwrap().to_string();
        let told = json!({"redirect": format!("http://{console}/")});
        let provider = Provider::start("provider.mjs", told).await;
        Self::over(provider, console).await
    }

    pub(super) async fn lying() -> Self {
        let provider = Provider::start("liar.mjs", json!({})).await;
        let console = reserve().unwrap().to_string();
        Self::over(provider, console).await
    }

    pub(super) async fn over(provider: Provider, console: String) -> Self {
        let redirect = format!("http://{console}/");
        let settings = [
            ("PURSER_OIDC_ISSUER", provider.issuer.as_str()),
            ("PURSER_OIDC_CLIENT_ID", "purser"),
            ("PURSER_OIDC_SECRET", SECRET),
            ("PURSER_OIDC_REDIRECT", &redirect),
            ("PURSER_OIDC_NAME", "the house"),
            ("PURSER_OIDC_SCOPES", "profile,groups"),
            (
                "PURSER_OIDC_GRANTS",
                "ops=administrator;shop-team=team:shop",
            ),
        ];
        let house = House::start_at(&console, &settings).await;
        Scene { house, provider }
    }

    /// Begins in a browser; its cookie, and where it is sent.
    pub(super) fn begin(&self) -> (String, String) {
        let begun = send(self.house.console, BEGIN, "", "");
        let url = begun.data()["url"].as_str().unwrap().to_owned();
        (begun.cookie, url)
    }

    pub(super) fn end(&self, cookie: &str, (code, state): (&str, &str)) -> Answer {
        let head = format!("cookie: {cookie}\r\n");
        let body = json!({"code": code, "state": state}).to_string();
        send(self.house.console, END, &head, &body)
    }

    /// Code and state with which the provider sends this person back.
    pub(super) fn returned(&self, person: &str, url: &str) -> (String, String) {
        let back = self
            .provider
            .page("/person", &[("as", person), ("url", url)]);
        let said = members(&back);
        assert_eq!(said["iss"], self.provider.issuer);
        (said["code"].clone(), said["state"].clone())
    }

    /// All of it, as one person in one browser.
    pub(super) fn sign_in(&self, person: &str) -> Answer {
        let (cookie, url) = self.begin();
        let (code, state) = self.returned(person, &url);
        self.end(&cookie, (&code, &state))
    }

    /// With a code that asks the liar for such a token; `{nonce}` is the right one.
    pub(super) fn lie(&self, mut asked: Value) -> Answer {
        use base64::Engine;
        let (cookie, url) = self.begin();
        let sent = members(&url);
        if asked["claims"]["nonce"].is_null() {
            asked["claims"]["nonce"] = json!(sent["nonce"]);
        }
        let code = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(asked.to_string());
        self.end(&cookie, (&code, &sent["state"]))
    }
}
