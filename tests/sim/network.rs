//! Between the pods and the operator: streams of lines that are late, break, or vanish without a word. `pod` opens them through the
//! link's own seam, `center` is handed their other end. It must never reorder or change what one stream carries: that is TCP's part.

use super::dice::Dice;
use super::history::History;
use bytes::Bytes;
use futures::stream::unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use purser_sidecar::link::{Connector, Hears, LinkError, Opened, Opening};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a stream whose other end vanished stays open.
const FORGOTTEN: Duration = Duration::from_secs(8);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A stream at its other end.
pub(super) struct Accepted {
    pub(super) pod: usize,
    pub(super) heard: mpsc::Receiver<Bytes>,
    pub(super) out: mpsc::Sender<Bytes>,
}

/// How a stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Up,
    /// Both ends see it end.
    Cut,
    /// Nothing passes any more, and neither end is told.
    Vanished,
}

struct Wire {
    dice: Dice,
    /// One way, in milliseconds.
    delay: (u64, u64),
    parted_until: Instant,
    lines: Vec<watch::Sender<Line>>,
}

/// All of it.
pub(super) struct Network {
    wires: Vec<Mutex<Wire>>,
    door: Mutex<Option<mpsc::UnboundedSender<Accepted>>>,
    pub(super) history: History,
}

impl Network {
    pub(super) fn new(seed: u64, delays: &[(u64, u64)], history: History) -> Arc<Self> {
        let wire = |(at, delay): (usize, &(u64, u64))| {
            Mutex::new(Wire {
                dice: Dice::new(seed, &format!("wire {at}")),
                delay: *delay,
                parted_until: Instant::now(),
                lines: Vec::new(),
            })
        };
        Arc::new(Network {
            wires: delays.iter().enumerate().map(wire).collect(),
            door: Mutex::default(),
            history,
        })
    }

    fn wire(&self, pod: usize) -> MutexGuard<'_, Wire> {
        self.wires[pod].lock().unwrap()
    }

    /// From now on streams are accepted there; `None`: nobody listens.
    pub(super) fn listen(&self, door: Option<mpsc::UnboundedSender<Accepted>>) {
        *self.door.lock().unwrap() = door;
    }

    /// Ends every stream of a pod so.
    pub(super) fn end(&self, pod: usize, how: Line) {
        for line in self.wire(pod).lines.drain(..) {
            line.send_replace(how);
        }
    }

    /// Nothing passes for so long; then what was sent does, where its stream still is.
    pub(super) fn part(&self, pod: usize, span: Duration) {
        let mut wire = self.wire(pod);
        wire.parted_until = wire.parted_until.max(Instant::now() + span);
    }

    fn delay(&self, pod: usize) -> Duration {
        let mut wire = self.wire(pod);
        let (least, most) = wire.delay;
        wire.dice.millis(least, most)
    }

    fn arrival(&self, pod: usize, from: Instant) -> Instant {
        let parted_until = self.wire(pod).parted_until;
        from.max(parted_until) + self.delay(pod)
    }

    async fn open(self: &Arc<Self>, pod: usize) -> Result<Opened, LinkError> {
        let arrival = self.arrival(pod, Instant::now()) + self.delay(pod);
        if arrival > Instant::now() + CONNECT_WITHIN {
            sleep(CONNECT_WITHIN).await;
            return Err(LinkError::Slow);
        }
        sleep_until(arrival).await;
        let door = self.door.lock().unwrap().clone();
        let refused = || LinkError::Connect(std::io::ErrorKind::ConnectionRefused.into());
        let door = door.ok_or_else(refused)?;
        let (lines, from_pod) = mpsc::channel(256);
        let (to_center, heard) = mpsc::channel(256);
        let (out, from_center) = mpsc::channel(16);
        let (to_pod, answers) = mpsc::channel(256);
        let (line, is) = watch::channel(Line::Up);
        door.send(Accepted { pod, heard, out })
            .map_err(|_| refused())?;
        self.wire(pod).lines.push(line);
        for (from, to) in [(from_pod, to_center), (from_center, to_pod)] {
            tokio::task::spawn_local(pipe((Arc::clone(self), pod), (from, to), is.clone()));
        }
        let frames = unfold(answers, |mut answers| async {
            let line = answers.recv().await?;
            Some((Ok::<_, LinkError>(Frame::data(line)), answers))
        });
        Ok(Opened {
            lines,
            incoming: StreamBody::new(frames).boxed_unsync(),
            hears: Hears {
                spools: true,
                uses: true,
            },
        })
    }
}

/// One direction of a stream.
async fn pipe(
    (network, pod): (Arc<Network>, usize),
    (mut from, to): (mpsc::Receiver<Bytes>, mpsc::Sender<Bytes>),
    mut is: watch::Receiver<Line>,
) {
    let mut on_its_way: VecDeque<(Instant, Bytes)> = VecDeque::new();
    let (mut last, mut ended) = (Instant::now(), false);
    loop {
        let next = on_its_way.front().map(|(at, _)| *at);
        if ended && next.is_none() {
            return;
        }
        tokio::select! {
            biased;
            _ = is.changed() => match *is.borrow_and_update() {
                Line::Vanished => return sleep(FORGOTTEN).await,
                _ => return,
            },
            () = to.closed() => return,
            () = sleep_until(next.unwrap_or(last)), if next.is_some() => {
                let again = network.wire(pod).parted_until;
                if again > Instant::now() {
                    // What was under way when the network parted comes when it is whole again.
                    on_its_way[0].0 = again;
                } else if let Some((_, line)) = on_its_way.pop_front()
                    && to.send(line).await.is_err()
                {
                    return;
                }
            }
            line = from.recv(), if !ended => match line {
                None => ended = true,
                Some(line) => {
                    last = network.arrival(pod, Instant::now()).max(last);
                    on_its_way.push_back((last, line));
                }
            },
        }
    }
}

/// The network as one pod's link sees it.
pub(super) struct Socket {
    pub(super) network: Arc<Network>,
    pub(super) pod: usize,
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sim://operator")
    }
}

impl Connector for Socket {
    fn open(&self) -> Opening<'_> {
        Box::pin(self.network.open(self.pod))
    }
}
