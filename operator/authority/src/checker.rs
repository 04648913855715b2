//! The brute-force judge of the promise: how many uses the worst window held. For tests of every level.

use std::time::Duration;

/// The most uses in any half-open `[start, start + window)`; the worst one always starts at a use. Sorts `uses_ns`.
pub fn worst_window(uses_ns: &mut [u64], window: Duration) -> usize {
    uses_ns.sort_unstable();
    let width = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
    let (mut start, mut worst) = (0, 0);
    for (end, &last) in uses_ns.iter().enumerate() {
        while last - uses_ns[start] >= width {
            start += 1;
        }
        worst = worst.max(end + 1 - start);
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Duration::from_nanos(10);
        assert_eq!(worst_window(&mut [], window), 0);
        assert_eq!(worst_window(&mut [10, 0], window), 1);
        assert_eq!(worst_window(&mut [9, 0, 10], window), 2);
        assert_eq!(worst_window(&mut [5, 5, 5], window), 3);
    }
}
