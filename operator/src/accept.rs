//! Accepts a listener's connections, so many at once and no more, and serves each in a task of its own. Called by every server of this
//! crate. It must never end because of what happens to a connection.

use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// After one that could not be accepted. Out of file descriptors, mostly: a pause frees some, a loop without it frees none.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the process ends. What comes while `most` are open waits until one of them ends.
pub(crate) async fn connections<F>(
    listener: TcpListener,
    most: usize,
    serve: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(most));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = socket.set_nodelay(true);
        let served = serve(socket);
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    }
}
