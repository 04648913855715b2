//! Which channels to try, and in which order: a pure function of what each offers now. Called by `failover` once per
//! call; it must never read a clock or a circuit itself.

/// One channel that could serve the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Lower is tried first.
    pub priority: u64,
    /// Share among equals, already lowered for channels that are recovering.
    pub weight: f64,
    /// A stable hash of the channel's name.
    pub hash: u64,
    /// Whether its circuit lets traffic flow; the others come last, for when nothing else is left.
    pub flows: bool,
}

/// The order in which to try them, as indexes into `candidates`.
///
/// Channels that flow come first, by priority; equals are drawn by weight. `sticky` (a hash of the key and of what the
/// caller says belongs together) makes the draw the same for the same caller, which keeps provider prompt caches warm:
/// weighted rendezvous hashing, so that a channel that comes or goes moves only its own callers.
pub fn order(candidates: &[Candidate], sticky: u64) -> Vec<usize> {
    let mut ranked: Vec<(bool, u64, f64, usize)> = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| {
            (
                !candidate.flows,
                candidate.priority,
                score(candidate, sticky),
                at,
            )
        })
        .collect();
    ranked.sort_by(|left, right| {
        (left.0, left.1)
            .cmp(&(right.0, right.1))
            .then(right.2.total_cmp(&left.2))
    });
    ranked.into_iter().map(|(.., at)| at).collect()
}

fn score(candidate: &Candidate, sticky: u64) -> f64 {
    let mixed = mix(candidate.hash ^ sticky.rotate_left(32));
    let fraction = ((mixed >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    -candidate.weight.max(1e-9) / fraction.ln()
}

/// SplitMix64's finaliser: every bit of the input moves every bit of the output.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// FNV-1a, for names: stable across processes, so that every sidecar sticks the same way.
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, priority: u64, weight: f64) -> Candidate {
        Candidate {
            priority,
            weight,
            hash: hash(name),
            flows: true,
        }
    }

    #[test]
    fn a_lower_number_is_tried_first_and_what_does_not_flow_last() {
        let mut all = [
            candidate("a", 2, 1.0),
            candidate("b", 0, 1.0),
            candidate("c", 1, 1.0),
        ];
        assert_eq!(order(&all, 7), [1, 2, 0]);
        all[1].flows = false;
        assert_eq!(order(&all, 7), [2, 0, 1]);
    }

    #[test]
    fn equals_share_by_weight() {
        let all = [candidate("a", 0, 300.0), candidate("b", 0, 100.0)];
        let first = (0..20_000)
            .filter(|call| order(&all, mix(*call))[0] == 0)
            .count();
        assert!(
            (14_500..15_500).contains(&first),
            "{first} of 20000 instead of about 15000"
        );
    }

    #[test]
    fn a_caller_stays_with_its_channel_while_others_come_and_go() {
        let few = [candidate("a", 0, 1.0), candidate("b", 0, 1.0)];
        let more = [few[0], few[1], candidate("c", 0, 1.0)];
        for sticky in (0..1_000).map(mix) {
            let (before, after) = (order(&few, sticky)[0], order(&more, sticky)[0]);
            assert!(after == before || after == 2);
        }
    }

    #[test]
    fn weight_zero_only_takes_what_is_left() {
        let all = [candidate("a", 0, 0.0), candidate("b", 0, 1.0)];
        assert!((0..10_000).all(|call| order(&all, mix(call))[0] == 1));
    }
}
