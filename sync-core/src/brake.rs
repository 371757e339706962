//! The brake on emptiness: when much would be blanked at once, it stops and asks. Pure.
//!
//! One person clears one field, and that is an edit like any other. But an integration gone wrong, or an import with empty
//! columns, clears fields of many records within minutes, and a faithful sync would clear them on the other side as well.
//! So only so many fields may be blanked on a side in any hour. From then on blanking waits, and nothing else does, until
//! a person has said that it is meant.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// How far back blanking is counted.
pub const WINDOW: Duration = Duration::from_secs(3600);
/// So much may be blanked in an hour however few records there are.
pub const LEAST: u64 = 20;
/// What is blanked is counted together for so long.
const STEP: Duration = Duration::from_secs(300);

/// The brake of one side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brake {
    /// Writes that blanked something, by the end of the step in which they were made; oldest first.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    blanked: VecDeque<(Timestamp, u64)>,
    /// Since when blanking waits for a person, by the engine's clock; `None` while it need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when a person has said that blanking is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_until: Option<Timestamp>,
}

impl Brake {
    /// Whether one more write may blank something now, which it then does. `pairs` is how many there are; `percent` of
    /// them, and at least [`LEAST`], may be blanked in an hour; with 100 there is no limit. Once this says no it does so until [`Brake::release`].
    pub fn may_blank(&mut self, now: Timestamp, pairs: u64, percent: u8) -> bool {
        if percent >= 100 || self.released_until.is_some_and(|until| now < until) {
            return true;
        }
        if self.since.is_some() {
            return false;
        }
        while self.blanked.front().is_some_and(|(end, _)| end.plus(WINDOW) <= now) {
            self.blanked.pop_front();
        }
        let allowed = LEAST.max(pairs.saturating_mul(u64::from(percent)) / 100);
        if self.blanked_lately() >= allowed {
            self.since = Some(now);
            return false;
        }
        match self.blanked.back_mut().filter(|(end, _)| now < *end) {
            Some((_, count)) => *count += 1,
            None => self.blanked.push_back((now.plus(STEP), 1)),
        }
        true
    }

    /// How many writes blanked something lately: in the last hour, or somewhat longer.
    #[must_use]
    pub fn blanked_lately(&self) -> u64 {
        self.blanked.iter().map(|(_, count)| count).sum()
    }

    /// A person has said that it is meant: for an hour nothing is held.
    pub fn release(&mut self, now: Timestamp) {
        *self = Self { released_until: Some(now.plus(WINDOW)), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PERCENT: u8 = 10;

    /// The moments (in seconds) at which blanking was let through.
    fn let_through(brake: &mut Brake, moments: &[i64], pairs: u64) -> Vec<i64> {
        let mut may = |second: &&i64| brake.may_blank(Timestamp::from_secs(**second), pairs, PERCENT);
        moments.iter().filter(|second| may(second)).copied().collect()
    }

    proptest! {
        #[test]
        fn is_no_more_let_through_in_any_hour_than_allowed(
            mut moments in proptest::collection::vec(0_i64..20_000, 0..400),
            pairs in 0_u64..500,
        ) {
            moments.sort_unstable();
            let passed = let_through(&mut Brake::default(), &moments, pairs);
            let allowed = usize::try_from(LEAST.max(pairs / 10)).unwrap_or(usize::MAX);
            for first in &passed {
                let hour = passed.iter().filter(|second| (*first..*first + 3600).contains(second)).count();
                prop_assert!(hour <= allowed, "{hour} of {pairs} pairs in one hour");
            }
        }
    }

    #[test]
    fn is_everyday_clearing_never_held() {
        let mut brake = Brake::default();
        let moments: Vec<i64> = (0..1_000).map(|n| n * 240).collect();
        assert_eq!(let_through(&mut brake, &moments, 50).len(), 1_000, "fifteen an hour");
    }

    #[test]
    fn does_it_hold_until_a_person_says_otherwise() {
        let mut brake = Brake::default();
        assert_eq!(let_through(&mut brake, &[5; 30], 100).len(), 20);
        assert_eq!((brake.since, brake.blanked_lately()), (Some(Timestamp::from_secs(5)), 20));
        assert_eq!(let_through(&mut brake, &[100_000], 100).len(), 0, "not even a day later");
        brake.release(Timestamp::from_secs(100_000));
        assert_eq!(brake.since, None);
        assert_eq!(let_through(&mut brake, &[100_010; 500], 100).len(), 500, "it is meant");
        assert_eq!(let_through(&mut brake, &[103_700; 30], 100).len(), 20, "an hour later it counts again");
    }

    #[test]
    fn may_a_tenth_of_many_be_blanked() {
        assert_eq!(let_through(&mut Brake::default(), &[5; 3_000], 10_000).len(), 1_000);
    }
}
