//! Repeatable chance: numbers that depend only on the seed, a purpose and a count.

/// Where ids and draws come from.
#[derive(Debug, Default)]
pub(super) struct Chance {
    count: u64,
}

impl Chance {
    /// A new id: the prefix and 22 letters and digits, never the same twice.
    pub(super) fn id(&mut self, seed: u64, prefix: &str) -> String {
        self.count += 1;
        let mut id = prefix.to_owned();
        for part in 0..2 {
            push_base62(&mut id, mix(seed ^ mix(self.count ^ (part << 63))));
        }
        id
    }
}

/// A number below `bound` (0 for a bound of 0), the same for the same seed, purpose and count.
pub(super) fn draw(seed: u64, purpose: &str, count: u64, bound: u64) -> u64 {
    let purpose = purpose.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    mix(seed ^ mix(purpose ^ mix(count))).checked_rem(bound).unwrap_or(0)
}

/// The splitmix64 step: a bijection that spreads every bit.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn push_base62(text: &mut String, mut number: u64) {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for _ in 0..11 {
        let digit = usize::try_from(number % 62).unwrap_or(0);
        text.push(char::from(DIGITS[digit]));
        number /= 62;
    }
}
