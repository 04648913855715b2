//! One HTTP call on a connection of its own, read whole, every header seen. Used where what is tested is the answer and not how it came.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so"
)]

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// What came.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// Status line and headers, lower-case.
    pub head: String,
    /// Name and value of the cookie that it sets, as a browser would send it back; empty: none.
    pub cookie: String,
    /// Its body, as it came.
    pub text: String,
}

impl Answer {
    /// Its body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What the envelope of a call that succeeded holds.
    pub fn data(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["data"].clone()
    }

    /// What the envelope says.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}

fn cookie(head: &str) -> String {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let set = lines.find(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let value = set.map_or("", |(_, value)| value);
    value.split(';').next().unwrap_or_default().to_owned()
}

/// Sends it; `line`: method and path; `head`: further headers, each with its end of line.
pub fn send(address: SocketAddr, line: &str, head: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: purser\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{head}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        cookie: cookie(head),
        text: body.to_owned(),
    }
}
