//! `purser-sidecar probe`: what the kubelet runs inside the container, because it cannot reach loopback. Passes once the
//! listeners are open, and waits for no operator.

use anyhow::Context;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `path` of the admin port.
///
/// # Errors
/// When nobody answers, or the answer is not 200.
pub fn probe(admin: &str, path: &str) -> anyhow::Result<()> {
    let address = admin.to_socket_addrs().ok().and_then(|mut all| all.next());
    let address = address.with_context(|| format!("nobody is known under {admin}"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("connecting to {admin} ({address})"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(64 << 10).read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(
        status == "200",
        "{path} on {admin} answered {}",
        answer.lines().next().unwrap_or_default()
    );
    Ok(())
}
