//! Turns of the user's that say nothing. Called by `turns_out`, which has no part to write for them.
//!
//! Left out, such a turn would change who answers whom, and alone it would be a list of no parts: both are refused, as by Anthropic's
//! room. Must never mind an empty turn beside another of the user's: they are one for Google.

use crate::talk::Role;

/// What has been heard.
#[derive(Default)]
pub(super) struct Silence {
    /// The first turn of those since the model spoke that says nothing.
    empty: Option<usize>,
    /// Another of them says something.
    spoken: bool,
    found: Option<usize>,
}

impl Silence {
    /// The next turn, and whether it says anything.
    pub(super) fn hear(&mut self, role: Role, index: usize, says: bool) {
        match role {
            Role::User if says => self.spoken = true,
            Role::User => self.empty = self.empty.or(Some(index)),
            Role::Assistant => self.close(),
            Role::System | Role::Developer => {}
        }
    }

    /// The turn in which the user says nothing.
    pub(super) fn turn(mut self) -> Option<usize> {
        self.close();
        self.found
    }

    fn close(&mut self) {
        let empty = self.empty.take().filter(|_| !self.spoken);
        self.found = self.found.or(empty);
        self.spoken = false;
    }
}
