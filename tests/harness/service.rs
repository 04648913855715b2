//! One address in front of several, as a Service of Kubernetes is: each new connection goes to the next that accepts it. Used by tests with
//! more than one operator, and by those whose network stands still for a while. It must never repair a connection that broke: whoever had
//! it dials again.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

type Still = watch::Receiver<bool>;

/// The address. It ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    still: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Service {
    /// In front of these, on a port that the system chooses.
    pub async fn start(behind: Vec<SocketAddr>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let still = watch::Sender::new(false);
        let task = tokio::spawn(serve(listener, behind.into(), still.subscribe()));
        Ok(Self {
            address,
            still,
            task,
        })
    }

    /// Carries nothing more, and breaks nothing, for as long as that is so.
    pub fn stands_still(&self, still: bool) {
        self.still.send_replace(still);
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

async fn serve(listener: TcpListener, behind: Arc<[SocketAddr]>, still: Still) {
    let mut carried = JoinSet::new();
    for turn in 0.. {
        if let Ok((caller, _)) = listener.accept().await {
            let carries = carry(caller, Arc::clone(&behind), turn);
            carried.spawn(unless(still.clone(), carries));
        }
        while carried.try_join_next().is_some() {}
    }
}

/// Goes on only while nothing has to stand still.
async fn unless(mut still: Still, carries: impl Future<Output = ()>) {
    let mut carries = std::pin::pin!(carries);
    while still.wait_for(|still| !still).await.is_ok() {
        tokio::select! {
            () = &mut carries => return,
            _ = still.wait_for(|still| *still) => {}
        }
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
