//! The names of a body's members, to find one that stands twice. Part of `scan`; must stay cheap for the few members that bodies have.

use super::{MAX_MEMBERS, ScanFault};
use std::borrow::Cow;
use std::collections::HashSet;

/// Up to here duplicates are sought by comparing with each, without memory of its own; above, by hash.
const FEW: usize = 16;

/// The names seen so far.
#[derive(Default)]
pub(super) struct Seen<'a> {
    few: [&'a str; FEW],
    count: usize,
    many: Option<HashSet<Cow<'a, str>>>,
}

impl<'a> Seen<'a> {
    pub(super) fn add(&mut self, name: Cow<'a, str>) -> Result<(), ScanFault> {
        let few = self.few.iter().take(self.count);
        let is_among_many = |many: &HashSet<_>| many.contains(&name);
        if few.copied().any(|few| few == name) || self.many.as_ref().is_some_and(is_among_many) {
            return Err(ScanFault::Duplicate(name.chars().take(128).collect()));
        }
        match (name, self.few.get_mut(self.count)) {
            (Cow::Borrowed(name), Some(place)) => {
                *place = name;
                self.count += 1;
            }
            (name, _) => {
                let many = self.many.get_or_insert_default();
                if self.count + many.len() == MAX_MEMBERS {
                    return Err(ScanFault::TooManyMembers);
                }
                many.insert(name);
            }
        }
        Ok(())
    }
}
