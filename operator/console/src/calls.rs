//! What answers, one file a noun. Each call takes an `Ask` that was admitted and answers data or a failure; `routes` names them.

pub(crate) mod openapi;
pub(crate) mod status;
