//! What an operation is to the worker: it says which rows it needs, is applied to them, and answers once they are committed. The
//! operations themselves are in `credits`, `usage` and `admin`.

use super::LedgerError;
use super::sheet::{Sheet, Wants};
use tokio::sync::oneshot;

/// An operation that changes the book. Applied to the sheet of a transaction that may fail and be tried again, so it keeps nothing.
pub(super) trait Change: Send + 'static {
    /// What it answers.
    type Answer: Send + 'static;
    /// What it does, for error messages.
    const ATTEMPT: &'static str;
    /// Whether it is also a time to look for records of the version before.
    const FILLS: bool = false;

    /// Refuses what no store could keep, before it joins others in a transaction.
    fn check(&self) -> Result<(), LedgerError>;
    /// Says which rows it needs.
    fn wants(&self, wants: &mut Wants);
    /// Changes them.
    fn apply(&self, sheet: &mut Sheet) -> Self::Answer;
}

/// An operation on its way through the worker, whatever it is.
pub(super) trait Waiting: Send {
    fn attempt(&self) -> &'static str;
    fn fills(&self) -> bool;
    fn wants(&self, wants: &mut Wants);
    fn apply(&mut self, sheet: &mut Sheet);
    /// Tells whoever waits that it is kept, or why not.
    fn done(self: Box<Self>, outcome: Result<(), LedgerError>);
}

/// One operation, its answer, and who waits for it.
pub(super) struct Job<C: Change> {
    change: C,
    answer: Option<C::Answer>,
    reply: oneshot::Sender<Result<C::Answer, LedgerError>>,
}

impl<C: Change> Job<C> {
    pub(super) fn new(change: C, reply: oneshot::Sender<Result<C::Answer, LedgerError>>) -> Self {
        Job {
            change,
            answer: None,
            reply,
        }
    }
}

impl<C: Change> Waiting for Job<C> {
    fn attempt(&self) -> &'static str {
        C::ATTEMPT
    }

    fn fills(&self) -> bool {
        C::FILLS
    }

    fn wants(&self, wants: &mut Wants) {
        self.change.wants(wants);
    }

    fn apply(&mut self, sheet: &mut Sheet) {
        self.answer = Some(self.change.apply(sheet));
    }

    fn done(self: Box<Self>, outcome: Result<(), LedgerError>) {
        let Job { answer, reply, .. } = *self;
        let answer = outcome.and_then(|()| answer.ok_or(LedgerError::Stopped));
        // Whoever asked may be gone; what is kept is kept.
        reply.send(answer).ok();
    }
}

/// Refuses an id that a store could not keep.
pub(super) fn fits_id(what: &'static str, id: &str) -> Result<(), LedgerError> {
    if fits(id) {
        Ok(())
    } else {
        Err(LedgerError::Unfit { what })
    }
}

/// Whether an id can be kept.
pub(super) fn fits(id: &str) -> bool {
    (1..=256).contains(&id.len()) && !id.chars().any(char::is_control)
}
