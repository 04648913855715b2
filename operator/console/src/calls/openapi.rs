//! `/openapi.json`.

use crate::answer::{Outcome, Reply};
use crate::ask::Ask;

/// The document, made from the table.
pub(crate) async fn document(_: Ask) -> Outcome {
    Ok(Reply::Bare(crate::openapi::document()))
}
