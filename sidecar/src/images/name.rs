//! Takes an address of a caller's apart, as strictly as it can be read in one way only. Pure; part of `images`.
//!
//! A library that reads URLs as browsers do would make `127.1`, `0x7f.1` and fullwidth dots into 127.0.0.1 and go on. What reads them at
//! the provider is unknown, so every spelling but the plain one is refused instead of understood.

use super::Why;
use super::address::is_public;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest address.
const LONGEST: usize = 8_192;
const LONGEST_NAME: usize = 253;

/// Where an address points to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) tls: bool,
    pub(super) host: Host,
    /// As written, in lower case, without brackets and last dot.
    pub(super) host_text: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) target: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Ends of names that lead into a network of one's own.
const PRIVATE: [&str; 14] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "svc",
    "test",
    "invalid",
    "onion",
];

impl Place {
    /// Refuses what is not http, not plain, or private by its name or number.
    pub(super) fn of(url: &str) -> Result<Place, Why> {
        let (tls, rest) = scheme(url)?;
        let plain =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>');
        if url.len() > LONGEST || !rest.bytes().all(plain) {
            return Err("it has spaces, backslashes or letters that must be written in %XX or punycode, or is too long".into());
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err("it names a user".into());
        }
        let (host_text, port) = port(authority, if tls { 443 } else { 80 })?;
        let host_text = host_text.to_ascii_lowercase();
        let host = host(&host_text)?;
        let host_text = host_text
            .trim_matches(['[', ']'])
            .trim_end_matches('.')
            .to_owned();
        let target = match target.chars().next() {
            Some('/') => target.to_owned(),
            _ => format!("/{target}"),
        };
        Ok(Place {
            tls,
            host,
            host_text,
            port,
            target,
        })
    }
}

fn scheme(url: &str) -> Result<(bool, &str), Why> {
    for (name, tls) in [("https://", true), ("http://", false)] {
        let start = url.get(..name.len());
        if start.is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Ok((tls, url.get(name.len()..).unwrap_or_default()));
        }
    }
    Err("it is neither http:// nor https://".into())
}

fn port(authority: &str, default: u16) -> Result<(&str, u16), Why> {
    let after = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority.get(after..).and_then(|rest| rest.find(':')) else {
        return Ok((authority, default));
    };
    let (host, port) = authority.split_at(after + colon);
    let digits = port.trim_start_matches(':');
    let is_plain =
        port.len() == digits.len() + 1 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| is_plain && *port > 0);
    Ok((host, port.ok_or("its port is none")?))
}

fn host(text: &str) -> Result<Host, Why> {
    let private = || Err("it leads to a private or special-purpose address".into());
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or_default();
        let address: Ipv6Addr = inner.parse().map_err(|_| "its host is no IPv6 address")?;
        return if is_public(address.into()) {
            Ok(Host::Address(address.into()))
        } else {
            private()
        };
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let labels: Vec<&str> = name.split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    // A name's last label has a letter, and none is a number in hexadecimal.
    if last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return match name.parse::<Ipv4Addr>() {
            Ok(address) if is_public(address.into()) => Ok(Host::Address(address.into())),
            Ok(_) => private(),
            Err(_) => Err("its host is a number, but not written as a.b.c.d".into()),
        };
    }
    if name.len() > LONGEST_NAME || !labels.iter().all(|label| is_label(label)) {
        return Err("its host is not the name of one".into());
    }
    if labels.len() == 1 || PRIVATE.contains(&last) {
        return Err("its host is a name of a private network".into());
    }
    Ok(Host::Name(name.to_owned()))
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len()) && label.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Attack list 27, 28 and 30 of the research, and more spellings of the same.
    const REFUSED: [&str; 66] = [
        "http://127.0.0.1/a.png",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST:8080/",
        "http://a.localhost/",
        "http://[::1]/",
        "http://0/",
        "http://0x7f000001/",
        "http://0X7F000001/",
        "http://017700000001/",
        "http://127.1/",
        "http://2130706433/",
        "http://127.0.0.1./",
        "http://0177.0.0.1/",
        "http://0x7f.0.0.1/",
        "http://127.0.0.0x1/",
        "http://127.000.000.001/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[::169.254.169.254]/",
        "http://[2001:0:53aa:64c:0:0:5601:5601]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1]/",
        "http://100.64.0.1/",
        "http://198.18.0.1/",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://172.16.0.1/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://metadata/",
        "http://kubernetes.default.svc/",
        "http://kubernetes.default.svc.cluster.local/",
        "http://kubernetes/",
        "http://printer.lan/",
        "http://router.home.arpa/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/a.png",
        "data:image/png;base64,AAAA",
        "//example.com/a.png",
        "example.com/a.png",
        "http:example.com",
        "http:/example.com",
        "javascript:alert(1)",
        "http://a@b@example.com/",
        "http://user:pass@example.com/",
        "http://example.com@127.0.0.1/",
        "http://good.example.com#@127.0.0.1/",
        "http://good.example.com\\@127.0.0.1/",
        "http://127。0。0。1/",
        "http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1/",
        "http://ⓛocalhost/",
        "http://127%2e0%2e0%2e1/",
        "http://example.com:0/",
        "http://example.com:80:81/",
        "http://example.com:99999/",
        "http://example.com:+80/",
        "http://exa mple.com/",
        "http://example.com/\r\nHost: x",
        "http://",
        "http://./",
        "http://..com/",
    ];

    #[test]
    fn what_is_private_or_can_be_read_in_two_ways_is_refused() {
        for url in REFUSED {
            let read = Place::of(url);
            // `#@` is a fragment for some and a user for others; the host before it is where we would go.
            if url.contains("#@") {
                assert_eq!(read.unwrap().host_text, "good.example.com", "{url}");
            } else {
                assert!(read.is_err(), "{url}: {read:?}");
            }
        }
    }

    #[test]
    fn what_is_public_is_taken_apart() {
        let place = Place::of("HTTPS://Images.Example.COM./a/b.png?x=%2F#top").unwrap();
        assert_eq!(place.host, Host::Name("images.example.com".into()));
        assert_eq!(
            (place.tls, place.port, place.target.as_str()),
            (true, 443, "/a/b.png?x=%2F")
        );
        assert_eq!(place.host_text, "images.example.com");
        let place = Place::of("http://8.8.8.8:8080?q").unwrap();
        assert_eq!(place.host, Host::Address("8.8.8.8".parse().unwrap()));
        assert_eq!((place.port, place.target.as_str()), (8080, "/?q"));
        let place = Place::of("http://[2606:4700::1111]:81/").unwrap();
        assert_eq!(
            (place.port, place.host_text.as_str()),
            (81, "2606:4700::1111")
        );
        let punycode = Place::of("https://xn--bcher-kva.example/ok").unwrap();
        assert_eq!(punycode.host_text, "xn--bcher-kva.example");
    }

    /// What addresses are made of, in any order, and letters at random.
    fn anything() -> impl Strategy<Value = String> {
        let known = prop::sample::select(vec![
            "a",
            "example.com",
            "127.0.0.1",
            "8.8.8.8",
            "0x7f",
            "[::1]",
            "[2606:4700::1111]",
            "localhost",
            "svc",
            ".",
            ":",
            ":80",
            "@",
            "/",
            "//",
            "?",
            "#",
            "\\",
            "%2e",
            "[",
            "]",
            " ",
        ]);
        let piece = prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,3}"];
        let scheme = prop::sample::select(vec!["http://", "https://", "HTTP://", "file://", ""]);
        (scheme, prop::collection::vec(piece, 0..6))
            .prop_map(|(scheme, pieces)| format!("{scheme}{}", pieces.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_taken_is_public_and_is_read_in_one_way(url in anything()) {
            let Ok(place) = Place::of(&url) else { return Ok(()) };
            if let Host::Address(address) = place.host {
                prop_assert!(is_public(address));
            }
            let Place { tls, host_text, port, target, .. } = &place;
            let scheme = if *tls { "https" } else { "http" };
            let host = if host_text.contains(':') { format!("[{host_text}]") } else { host_text.clone() };
            prop_assert_eq!(Place::of(&format!("{scheme}://{host}:{port}{target}")), Ok(place));
        }
    }
}
