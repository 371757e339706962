//! Chance that can be repeated: a hash of a seed and of what is being decided.

use std::time::Duration;

/// A well-mixed number that depends on the seed and the keys only (the finaliser of splitmix64).
pub(super) fn hash(seed: u64, keys: &[u64]) -> u64 {
    keys.iter().fold(mix(seed), |state, key| mix(state ^ mix(*key)))
}

/// A duration from the first to the second of the range, both included.
pub(super) fn between((least, most): (Duration, Duration), seed: u64, keys: &[u64]) -> Duration {
    let span = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(u64::MAX - 1);
    least + Duration::from_millis(hash(seed, keys) % (span + 1))
}

/// True in `percent` of a hundred cases.
pub(super) fn chance(percent: u64, seed: u64, keys: &[u64]) -> bool {
    hash(seed, keys) % 100 < percent
}

fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
