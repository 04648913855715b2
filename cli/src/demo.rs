//! Two providers on loopback, one of which fails two calls of three, and the manifests that join them: so that failover is seen without
//! an account anywhere. Started by `up --demo`. It must never listen beyond loopback.

mod answer;

use crate::manifests::files::File;
use answer::Provider;
use anyhow::Context;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const MANIFESTS: &str = include_str!("demo/manifests.yaml");

/// The running providers; dropping it stops them.
pub(crate) struct Demo {
    flaky: (SocketAddr, JoinHandle<()>),
    steady: (SocketAddr, JoinHandle<()>),
}

impl Demo {
    /// Starts both.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Ok(Demo {
            flaky: start(Provider::flaky()).await?,
            steady: start(Provider::steady()).await?,
        })
    }

    /// The manifests, with the addresses that were free.
    pub(crate) fn manifests(&self) -> File {
        let text = MANIFESTS.replace("flaky.invalid", &self.flaky.0.to_string());
        File {
            name: "(demo)".to_owned(),
            text: text.replace("steady.invalid", &self.steady.0.to_string()),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.flaky.1.abort();
        self.steady.1.abort();
    }
}

async fn start(provider: Provider) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("opening a loopback port for a demo provider")?;
    let address = listener
        .local_addr()
        .context("asking for the port of a demo provider")?;
    Ok((address, tokio::spawn(serve(listener, Arc::new(provider)))))
}

async fn serve(listener: TcpListener, provider: Arc<Provider>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: those in use will come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let provider = Arc::clone(&provider);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer::answer(Arc::clone(&provider), request));
            let connection = auto::Builder::new(TokioExecutor::new());
            // A caller that goes away is no news.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
