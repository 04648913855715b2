//! Leaves something out of JSON, or puts something in its place, and keeps every other value as it is written.
//!
//! Called by `state`. What is not JSON is kept. Must never build the values.

use super::name;
use crate::walk::Walk;

/// What becomes of a value.
pub(crate) enum Keep {
    As,
    Out,
    Instead(String),
}

impl Keep {
    /// And then what `next` makes of what is left of `text`.
    pub(crate) fn then(self, text: &str, next: impl FnOnce(&str) -> Keep) -> Keep {
        match self {
            Keep::As => next(text),
            Keep::Out => Keep::Out,
            Keep::Instead(text) => match next(&text) {
                Keep::As => Keep::Instead(text),
                other => other,
            },
        }
    }
}

/// An array, if anything of it changes.
pub(crate) fn list(text: &str, mut each: impl FnMut(&str) -> Keep) -> Option<String> {
    let (mut kept, mut changed) = (Vec::new(), false);
    let mut walk = Walk::open(text.as_bytes(), b'[').ok()?;
    while let Some(element) = walk.element().ok()? {
        let element = text.get(element)?;
        match each(element) {
            Keep::As => kept.push(element.to_owned()),
            Keep::Out => changed = true,
            Keep::Instead(other) => {
                changed = true;
                kept.push(other);
            }
        }
    }
    changed.then(|| format!("[{}]", kept.join(",")))
}

/// An object, if anything of it changes.
pub(crate) fn object(text: &str, mut each: impl FnMut(&str, &str) -> Keep) -> Option<String> {
    let (mut kept, mut changed) = (Vec::new(), false);
    let mut walk = Walk::open(text.as_bytes(), b'{').ok()?;
    while let Some((spelt, value)) = walk.member().ok()? {
        let literal = text.get(spelt.inner.start - 1..spelt.inner.end + 1)?;
        let value = text.get(value)?;
        let name = name(text, spelt).ok()?;
        match each(&name, value) {
            Keep::As => kept.push(format!("{literal}:{value}")),
            Keep::Out => changed = true,
            Keep::Instead(other) => {
                changed = true;
                kept.push(format!("{literal}:{other}"));
            }
        }
    }
    changed.then(|| format!("{{{}}}", kept.join(",")))
}
