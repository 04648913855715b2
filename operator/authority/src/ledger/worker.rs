//! The thread that owns a connection, or a simulation's task. It takes all operations that wait, runs them in one transaction, commits, and only then answers:
//! what is acknowledged survives a loss of power, and a thousand callers share one commit. Started by the ledger; knows no rule.

use super::LedgerError;
use super::change::Waiting;
use super::fill::fill;
use super::reads::Question;
use super::rows::Rows;
use super::sheet::{Sheet, Wants};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How many operations are run in one transaction at most, so that none waits long behind others.
const AT_ONCE: usize = 1_024;
/// How many operations may wait before callers wait to be heard.
pub(super) const WAITING: usize = 4_096;
/// How often a transaction is tried again that another one was in the way of.
const TRIES: u32 = 5;
/// How long a transaction may take before its connection is given up.
pub(super) const LONGEST: Duration = Duration::from_secs(15);

/// An operation on its way.
pub(super) type Job = Box<dyn Waiting>;

/// Starts the thread that writes; answers once the store is open.
pub(super) async fn writes<S: Rows>(
    open: impl FnOnce() -> S + Send + 'static,
) -> Result<mpsc::Sender<Job>, LedgerError> {
    let (sender, jobs) = mpsc::channel::<Job>(WAITING);
    let ready = async |store: &mut S| fill(store).await.map(|_| ());
    start((open, ready), "ledger-writes", async |store: &mut S| {
        write(store, jobs).await;
    })
    .await?;
    Ok(sender)
}

/// Starts the thread that reads; answers once the store is open.
pub(super) async fn reads<S: Rows>(
    open: impl FnOnce() -> S + Send + 'static,
) -> Result<mpsc::Sender<Question>, LedgerError> {
    let (sender, questions) = mpsc::channel::<Question>(WAITING);
    let ready = async |store: &mut S| store.ready().await;
    start((open, ready), "ledger-reads", async |store: &mut S| {
        read(store, questions).await;
    })
    .await?;
    Ok(sender)
}

/// The same without threads, over two connections: the work of both goes on while what is answered is polled.
pub(super) async fn here<S: Rows>(
    mut writing: S,
    mut reading: S,
) -> Result<
    (
        mpsc::Sender<Job>,
        mpsc::Sender<Question>,
        impl Future<Output = ()>,
    ),
    LedgerError,
> {
    let (writes, jobs) = mpsc::channel::<Job>(WAITING);
    let (reads, questions) = mpsc::channel::<Question>(WAITING);
    fill(&mut writing).await?;
    reading.ready().await?;
    let work = async move {
        tokio::join!(write(&mut writing, jobs), read(&mut reading, questions));
    };
    Ok((writes, reads, work))
}

async fn write<S: Rows>(store: &mut S, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::new();
    while jobs.recv_many(&mut waiting, AT_ONCE).await > 0 {
        let fills = waiting.iter().any(|job| job.fills());
        serve(store, &mut waiting).await;
        if fills && let Err(error) = fill(store).await {
            tracing::warn!(%error, "records of an older version are not added up yet; the next sweep tries again");
        }
    }
}

async fn read<S: Rows>(store: &mut S, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        question.answer(store).await;
    }
}

async fn start<S: Rows>(
    (open, ready): (
        impl FnOnce() -> S + Send + 'static,
        impl AsyncFnOnce(&mut S) -> Result<(), LedgerError> + Send + 'static,
    ),
    name: &str,
    serve: impl AsyncFnOnce(&mut S) + Send + 'static,
) -> Result<(), LedgerError> {
    let (opened, is_open) = oneshot::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let mut store = open();
            let ready = ready(&mut store).await;
            let failed = ready.is_err();
            opened.send(ready).ok();
            if !failed {
                serve(&mut store).await;
            }
        });
    };
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|_| LedgerError::Stopped)?;
    is_open.await.unwrap_or(Err(LedgerError::Stopped))
}

/// Runs what waits and answers it. Where a transaction fails for a reason that may be one operation's own, each is tried alone, so
/// that it fails alone.
async fn serve<S: Rows>(store: &mut S, waiting: &mut Vec<Job>) {
    let outcome = transact(store, waiting).await;
    let alone = waiting.len() > 1 && outcome.as_ref().is_err_and(LedgerError::may_be_of_one);
    for job in waiting.drain(..) {
        let (job, outcome) = if alone {
            let mut one = vec![job];
            let outcome = transact(store, &mut one).await;
            (one.pop(), outcome)
        } else {
            (Some(job), outcome.clone())
        };
        if let Some(job) = job {
            job.done(outcome);
        }
    }
}

async fn transact<S: Rows>(store: &mut S, jobs: &mut [Job]) -> Result<(), LedgerError> {
    let mut outcome = once(store, jobs).await;
    for _ in 1..TRIES {
        if !outcome.as_ref().is_err_and(LedgerError::is_conflict) {
            break;
        }
        outcome = once(store, jobs).await;
    }
    // A failure of the transaction is told as that of what was asked, where that is one thing.
    let named = jobs.first().map(|job| job.attempt());
    outcome.map_err(|error| match (error, named) {
        (LedgerError::Failed { store, why, .. }, Some(attempt)) => LedgerError::Failed {
            store,
            attempt,
            why,
        },
        (error, _) => error,
    })
}

async fn once<S: Rows>(store: &mut S, jobs: &mut [Job]) -> Result<(), LedgerError> {
    store.ready().await?;
    let outcome = tokio::time::timeout(LONGEST, commit(store, jobs)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(store.unreachable("it took too long to answer")));
    if outcome.is_err() {
        store.rollback().await;
    }
    outcome
}

async fn commit<S: Rows>(store: &S, jobs: &mut [Job]) -> Result<(), LedgerError> {
    let mut wants = Wants::default();
    jobs.iter().for_each(|job| job.wants(&mut wants));
    let mut sheet = Sheet::load(store, &wants).await?;
    jobs.iter_mut().for_each(|job| job.apply(&mut sheet));
    sheet.save(store).await
}
