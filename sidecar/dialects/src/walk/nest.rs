//! Remembers what a value stands in, without recursion.
//!
//! Called by the walk at each bracket. Must never need more than a bit per level.

/// The objects (set) and arrays (not set) around a value: one bit each, 64 without allocation.
#[derive(Default)]
pub(super) struct Nest {
    depth: usize,
    inmost: u64,
    rest: Vec<u64>,
}

impl Nest {
    #[inline]
    pub(super) fn push(&mut self, is_object: bool) {
        if self.depth.is_multiple_of(64) {
            self.deepen();
        }
        self.inmost = self.inmost << 1 | u64::from(is_object);
        self.depth += 1;
    }

    #[inline]
    pub(super) fn pop(&mut self) {
        self.inmost >>= 1;
        self.depth -= 1;
        if self.depth.is_multiple_of(64) {
            self.rise();
        }
    }

    #[inline]
    pub(super) fn top(&self) -> Option<bool> {
        (self.depth != 0).then_some(self.inmost & 1 == 1)
    }

    #[inline(never)]
    fn deepen(&mut self) {
        if self.depth != 0 {
            self.rest.push(self.inmost);
        }
    }

    #[inline(never)]
    fn rise(&mut self) {
        self.inmost = self.rest.pop().unwrap_or_default();
    }
}
