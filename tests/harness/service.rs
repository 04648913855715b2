//! One address in front of several, as a Service of Kubernetes is: each new connection goes to the next that accepts it. Used by tests with
//! more than one operator. It must never repair a connection that broke: whoever had it dials again.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The address. It ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Service {
    /// In front of these, on a port that the system chooses.
    pub async fn start(behind: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, behind.into()));
        Ok(Self { address, task })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, behind: Arc<[SocketAddr]>) {
    let mut carried = JoinSet::new();
    for turn in 0.. {
        if let Ok((caller, _)) = listener.accept().await {
            carried.spawn(carry(caller, Arc::clone(&behind), turn));
        }
        while carried.try_join_next().is_some() {}
    }
}

async fn carry(mut caller: TcpStream, behind: Arc<[SocketAddr]>, turn: usize) {
    for at in 0..behind.len() {
        let Some(address) = behind.get((turn + at) % behind.len()) else {
            return;
        };
        if let Ok(mut called) = TcpStream::connect(address).await {
            // Either end may break off; both are gone then.
            let _ = copy_bidirectional(&mut caller, &mut called).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Behaviour, Provider};
    use crate::sse_client::Call;

    #[tokio::test]
    async fn connections_go_round_and_past_who_is_away() {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(Provider::start(Behaviour::healthy()).await.unwrap());
        }
        all[1].set(Behaviour::Refuses).await.unwrap();
        let behind = all.iter().map(Provider::address).collect();
        let service = Service::start(behind).await.unwrap();
        for _ in 0..6 {
            let call = Call::chat("m", "hello", false).key("sk-1");
            let answer = call.send(service.address()).await.unwrap();
            assert_eq!(answer.status(), 200);
        }
        let calls: Vec<u64> = all.iter().map(Provider::calls).collect();
        assert_eq!(calls, [2, 0, 4]);
    }
}
