//! What is wrong with one object: a reason for its condition and a sentence that says what to do. Every room returns it.

use crate::Verdict;
use purser_crds::AcceptedReason;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The reason of `Accepted=False`.
    pub(crate) reason: AcceptedReason,
    /// What was expected, and what to do.
    pub(crate) message: String,
}

impl Fault {
    /// A fault of this reason.
    pub(crate) fn new(reason: AcceptedReason, message: impl Into<String>) -> Self {
        Fault {
            reason,
            message: message.into(),
        }
    }

    /// A field that holds what cannot be obeyed.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Fault::new(AcceptedReason::Invalid, message)
    }
}

/// Refuses an object for the first of its faults, and tells the others in the same breath, so that one edit can mend all.
pub(crate) fn refuse(verdict: &mut Verdict, faults: Vec<Fault>) {
    let Some(reason) = faults.first().map(|fault| fault.reason) else {
        return;
    };
    let messages: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
    verdict.refused = Some((reason, messages.join("; ")));
}

/// Gathers faults while the good parts are still read.
#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// Keeps the value or the fault.
    pub(crate) fn take<T>(&mut self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    /// A fault unless `holds`.
    pub(crate) fn expect(&mut self, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Fault::invalid(message()));
        }
    }
}
