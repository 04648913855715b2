//! The console's state: its house, since when it runs. Made by whoever serves it; shared by all calls.

use crate::house::House;
use std::sync::Arc;

/// See the file's page.
pub struct Console {
    pub(crate) house: Arc<dyn House>,
    /// In unix milliseconds.
    pub(crate) started_ms: u64,
}

impl Console {
    /// A console over this house.
    pub fn new(house: Arc<dyn House>) -> Self {
        let started_ms = house.wall_ms();
        Console { house, started_ms }
    }

    /// The token that makes the first administrator; none: there is a user.
    ///
    /// # Errors
    /// When the ledger cannot be asked.
    pub async fn setup_token(&self) -> Result<Option<String>, String> {
        Ok(None)
    }
}
