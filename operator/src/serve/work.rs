//! What one stream asks of the authority, each message by itself: answers that are there at once are given at once, and one that waits
//! for the ledger holds up none of the messages after it. `connection` begins it and sends what comes of it.
//!
//! Invariant: work begins before the stream's next message is read, and what settles waits for the reserves before it and for what goes on
//! without an answer: who settles what it has just reserved finds it held, and what goes on and then ends holds nothing.
//! Invariant: nothing is answered unless the tenure held before it was decided and holds when the answer leaves.

use crate::metrics::Metrics;
use crate::serve::bounds::shortened;
use crate::serve::ended::Ended;
use crate::serve::hub::{Hub, Seat};
use crate::serve::lines;
use crate::serve::order::{Order, Turn};
use crate::serve::token::Caller;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use purser_authority::Answers;
use purser_authority::ledger::{KeepRefused, Sender};
use purser_config::quota::{Ask, Reserve, Return, Settle, Share, Use};
use purser_config::stream::{FromOperator, FromSidecar};
use purser_config::usage::Batch;
use std::time::Duration;

/// Entries of messages that wait for the ledger; while so many do, no more is read.
const MOST_WAITING: usize = 65_536;
/// How long after a failure records are offered to the ledger again.
const AGAIN: Duration = Duration::from_secs(1);

/// What came of a message: perhaps a line to send.
type Done = Result<Option<Bytes>, Ended>;

/// A stream's messages that are being worked on.
pub(super) struct Work<'a> {
    hub: &'a Hub,
    metrics: &'a Metrics,
    /// The sidecar's name, as the windows know it.
    sidecar: &'a str,
    sender: Sender,
    order: Order,
    /// Each with the number of its entries.
    waiting: FuturesUnordered<BoxFuture<'a, (usize, Done)>>,
    entries: usize,
}

/// Whose records these are: a pod's, or where the token names none, its account's: an instance ends with its process, its spool does not.
pub(super) fn sender(caller: &Caller) -> Sender {
    let pod = caller.pod.clone();
    Sender {
        namespace: caller.scope().map(str::to_owned),
        pod: pod.unwrap_or_else(|| caller.service_account.clone()),
    }
}

impl<'a> Work<'a> {
    /// None yet.
    pub(super) fn new(
        (hub, metrics): (&'a Hub, &'a Metrics),
        seat: &'a Seat,
        sender: Sender,
    ) -> Self {
        Work {
            hub,
            metrics,
            sidecar: &seat.name,
            sender,
            order: Order::default(),
            waiting: FuturesUnordered::new(),
            entries: 0,
        }
    }

    /// Whether another message may be read.
    pub(super) fn has_room(&self) -> bool {
        self.entries < MOST_WAITING
    }

    /// Begins to work on a message for the authority; says what came of it, if that is known at once.
    pub(super) fn begin(&mut self, message: FromSidecar) -> Option<Done> {
        let (hub, sidecar) = (self.hub, self.sidecar);
        let (entries, mut work) = match message {
            FromSidecar::Ask { seq, asks } => (asks.len(), ask(hub, sidecar, (seq, asks)).boxed()),
            FromSidecar::Reserve { seq, reserves } => {
                let (entries, turn) = (reserves.len(), self.order.begin());
                let work = async move {
                    let done = reserve(hub, sidecar, (seq, reserves)).await;
                    drop(turn);
                    done
                };
                (entries, work.boxed())
            }
            FromSidecar::Settle(settles) => {
                let (entries, before) = (settles.len(), self.order.before());
                // Ends commute; what goes on must be counted before its end, and so before any.
                let alone = settles.iter().any(|settle| settle.goes_on.is_some());
                let turn = alone.then(|| self.order.begin());
                let work = async move {
                    before.await;
                    settle(hub, (sidecar, turn), settles).await
                };
                (entries, work.boxed())
            }
            FromSidecar::Return(returns) => {
                (returns.len(), give_back(hub, sidecar, returns).boxed())
            }
            FromSidecar::Uses(uses) => (uses.len(), used(hub, sidecar, uses).boxed()),
            FromSidecar::SharesHeld(shares) => {
                (shares.len(), shares_held(hub, sidecar, shares).boxed())
            }
            FromSidecar::Usage(batch) => {
                let records: Vec<_> = batch.records.into_iter().map(shortened).collect();
                let (entries, batch) = (records.len(), Batch { records, ..batch });
                let shipped = (self.sender.clone(), batch);
                (entries, keep((hub, self.metrics), sidecar, shipped).boxed())
            }
            _ => return None,
        };
        let done = (&mut work).now_or_never();
        if done.is_none() {
            self.entries += entries;
            self.waiting
                .push(work.map(move |done| (entries, done)).boxed());
        }
        done
    }

    /// What comes of the next message that waited. May be dropped while it waits, and loses nothing.
    pub(super) async fn next(&mut self) -> Done {
        match self.waiting.next().await {
            Some((entries, done)) => {
                self.entries = self.entries.saturating_sub(entries);
                done
            }
            None => std::future::pending().await,
        }
    }
}

fn leads(hub: &Hub) -> Result<(), Ended> {
    if hub.answers() {
        Ok(())
    } else {
        Err(Ended::NotLeader)
    }
}

fn told(hub: &Hub, message: &FromOperator) -> Done {
    leads(hub)?;
    Ok(Some(lines::written(message)?))
}

async fn ask(hub: &Hub, sidecar: &str, (seq, asks): (u64, Vec<Ask>)) -> Done {
    leads(hub)?;
    let (authority, at) = (hub.authority(), hub.moment());
    let answered = authority.ask_all(at, sidecar, &asks).await;
    let Answers {
        epoch,
        answers: grants,
    } = answered;
    told(hub, &FromOperator::Answer { seq, epoch, grants })
}

async fn reserve(hub: &Hub, sidecar: &str, (seq, reserves): (u64, Vec<Reserve>)) -> Done {
    leads(hub)?;
    let (authority, at) = (hub.authority(), hub.moment());
    let Answers { epoch, answers } = authority.reserve_all(at, sidecar, &reserves).await;
    told(
        hub,
        &FromOperator::Reserved {
            seq,
            epoch,
            answers,
        },
    )
}

/// Grants that were not used.
async fn give_back(hub: &Hub, sidecar: &str, returns: Vec<Return>) -> Done {
    let (authority, now) = (hub.authority(), hub.moment().now);
    let returns = returns.iter();
    join_all(returns.map(|back| authority.give_back(now, sidecar, back))).await;
    Ok(None)
}

/// Uses of shares that nobody granted.
async fn used(hub: &Hub, sidecar: &str, uses: Vec<Use>) -> Done {
    let authority = hub.authority();
    authority.used(hub.moment(), sidecar, &uses).await;
    Ok(None)
}

/// Shares that a sidecar confirms.
async fn shares_held(hub: &Hub, sidecar: &str, shares: Vec<Share>) -> Done {
    let (authority, now) = (hub.authority(), hub.moment().now);
    authority.shares_held(now, sidecar, &shares).await;
    hub.tell_shares();
    Ok(None)
}

async fn settle(hub: &Hub, (sidecar, turn): (&str, Option<Turn>), settles: Vec<Settle>) -> Done {
    let (authority, at) = (hub.authority(), hub.moment());
    authority.settle(at, sidecar, &settles).await;
    // Whatever the ledger takes for what follows, others need not wait for it.
    drop(turn);
    authority.release(at, &settles).await;
    Ok(None)
}

/// Records are offered until the ledger has them: a sidecar waits for the answer, and can do nothing else about it.
async fn keep(
    (hub, metrics): (&Hub, &Metrics),
    sidecar: &str,
    (sender, batch): (Sender, Batch),
) -> Done {
    let spool = batch.spool.clone();
    let kept = loop {
        leads(hub)?;
        let (sender, batch) = (sender.clone(), batch.clone());
        match hub.authority().keep(hub.moment(), sender, batch).await {
            Ok(kept) => break kept,
            Err(error) => {
                metrics.kept("failed");
                tracing::error!(%sidecar, %error, "usage records wait, at their sidecar, until the ledger can keep them");
                tokio::time::sleep(AGAIN).await;
            }
        }
    };
    let upto = match kept {
        Ok(upto) => {
            metrics.kept("kept");
            upto
        }
        Err(KeepRefused::Gap { upto }) => {
            metrics.kept("gap");
            upto
        }
        Err(refused) => {
            metrics.kept("refused");
            let why = why(&refused);
            tracing::warn!(%sidecar, spool, why, "usage records are refused, and the session ends");
            return Err(Ended::Refused(why));
        }
    };
    told(hub, &FromOperator::Kept { spool, upto })
}

fn why(refused: &KeepRefused) -> String {
    match refused {
        KeepRefused::Foreign => {
            "the spool is another pod's; a spool's folder belongs to one pod alone".to_owned()
        }
        KeepRefused::OutOfScope { key } => {
            format!("a record is of key {key}, which is not of the token's namespace")
        }
        KeepRefused::Unfit | KeepRefused::Gap { .. } => {
            "a number, an id or a name in it can be none".to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
