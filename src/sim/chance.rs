//! Keyed randomness: every decision is a hash of the seed, of what is decided, and of which one it is. So a step can be
//! taken out of a scenario without changing what happens around the others.

use std::time::Duration;

/// A number below `bound` (0 for a bound of 0).
pub(super) fn below(seed: u64, purpose: &str, index: u64, bound: u64) -> u64 {
    let purpose = purpose.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    mix(seed ^ mix(purpose ^ mix(index))).checked_rem(bound).unwrap_or(0)
}

/// True in `percent` of a hundred cases.
pub(super) fn chance(seed: u64, purpose: &str, index: u64, percent: u64) -> bool {
    below(seed, purpose, index, 100) < percent
}

/// A time of up to `most_ms` milliseconds.
pub(super) fn millis(seed: u64, purpose: &str, index: u64, most_ms: u64) -> Duration {
    Duration::from_millis(below(seed, purpose, index, most_ms.saturating_add(1)))
}

/// The splitmix64 step: a bijection that spreads every bit.
pub(super) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
