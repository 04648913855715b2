//! Carries records to the authority, in order and again until it says that it has them. Called once, for as long as the process lives. It
//! knows no connection: `send` is one, and fails while there is none.

use super::Spool;
use crate::clock;
use purser_config::usage::Batch;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The most records of one batch.
pub const MOST: usize = 512;
/// A batch that is not full follows on the one before after so long: the first record of a quiet time goes at once, and a busy sidecar
/// does not cost the authority a transaction for each.
const EVERY: Duration = Duration::from_millis(100);
/// The shortest wait after a failure, doubled up to `LONGEST`.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// No authority took the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no authority took the usage records")]
pub struct Unreachable;

/// Ships until it is dropped. `send` answers with the number up to which the authority has this spool's records.
pub async fn ship<F>(spool: &Spool, mut send: impl FnMut(Batch) -> F)
where
    F: Future<Output = Result<u64, Unreachable>>,
{
    let mut wait = SHORTEST;
    let mut next = Instant::now();
    loop {
        // A batch is a copy of its records: it is made once, when it is due.
        if (1..MOST).contains(&spool.shippable()) && next > Instant::now() {
            sleep_until(next).await;
        }
        let Some(batch) = spool.next_batch(MOST) else {
            spool.ready().await;
            continue;
        };
        next = Instant::now() + EVERY;
        let sent = Sent::of(&batch);
        let answer = send(batch).await;
        if answer.is_ok_and(|upto| sent.answered(spool, upto)) {
            wait = SHORTEST;
            continue;
        }
        // Half of it at random, so that sidecars that lost the same authority do not come back together.
        let part = 0.5 + clock::fraction(clock::draw()) / 2.0;
        sleep(wait.mul_f64(part)).await;
        wait = (wait * 2).min(LONGEST);
    }
}

/// What a batch was, once it is gone.
struct Sent {
    spool: String,
    first: u64,
    last: u64,
}

impl Sent {
    fn of(batch: &Batch) -> Sent {
        Sent {
            spool: batch.spool.clone(),
            first: batch.first,
            last: batch.first + batch.records.len() as u64 - 1,
        }
    }

    /// Whether the answer is of use. A number that was never sent, or one of records that are gone here, is of another past than ours: of
    /// an authority that was restored from a backup, or of a disk that was.
    fn answered(&self, spool: &Spool, upto: u64) -> bool {
        let Sent { first, last, .. } = *self;
        if (first..=last).contains(&upto) {
            spool.kept(&self.spool, upto);
            return true;
        }
        if upto.saturating_add(1) == first {
            return false;
        }
        tracing::error!(
            upto,
            first,
            last,
            "the authority's count of this spool's records does not fit; they go on under a new name"
        );
        match spool.renew() {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the usage spool could not be given a new name");
                false
            }
        }
    }
}
