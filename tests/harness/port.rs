//! Ports for servers that cannot choose one and say which: whatever is given to two processes, or is bound again after a kill.
//! Called by tests and benches; it must never hand out a port that another process of this machine can get meanwhile.

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use tokio::net::TcpSocket;

static HELD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());

/// A loopback address that is this process's own as long as it lives. Nobody listens there, so whoever calls is refused, until a server
/// does: every server here sets `SO_REUSEADDR`, and with that a port is free for it that is bound but not listened at. The kernel
/// gives such a port to nobody who asks for any port, and to no connection on its way out.
pub fn reserve() -> Result<SocketAddr> {
    reserve_at(Ipv4Addr::LOCALHOST)
}

/// The same at another of this machine's addresses.
pub fn reserve_at(at: Ipv4Addr) -> Result<SocketAddr> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((at, 0).into())?;
    let address = socket.local_addr();
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.push(socket);
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    /// Longer than any start takes.
    const LONG: Duration = Duration::from_secs(10);

    /// A program that another test starts holds what is open here for as long as it is not that program yet.
    fn bound(address: SocketAddr) -> TcpListener {
        let begun = Instant::now();
        loop {
            match TcpListener::bind(address) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && begun.elapsed() < LONG => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                bound => return bound.unwrap(),
            }
        }
    }

    #[test]
    fn a_reserved_port_is_given_to_nobody_else_and_is_free_for_who_knows_it() {
        let mut mine: BTreeSet<SocketAddr> = BTreeSet::new();
        for _ in 0..200 {
            assert!(mine.insert(reserve().unwrap()), "twice");
        }
        let others: Vec<TcpListener> = (0..200)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        assert!(
            others
                .iter()
                .all(|other| !mine.contains(&other.local_addr().unwrap()))
        );
        for address in mine {
            let refused = TcpStream::connect(address).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            for _ in 0..2 {
                let server = bound(address);
                TcpStream::connect(address).unwrap();
                server.accept().unwrap();
            }
        }
    }
}
