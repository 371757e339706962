//! How long to wait before trying again. Pure: the seed brings the randomness.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// The longest wait that a far side can ask for with `Retry-After`. A longer one is more likely a mistake than a wish,
/// and one call an hour is not rude.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// No schedule waits longer than this, whatever its `max` says.
const MAX_DELAY: Duration = Duration::from_secs(24 * 3600);

/// Delays grow no further after this many attempts.
const LAST_GROWTH: u32 = 63;

/// An exponential schedule with jitter: waits grow from `base` by `factor` at each attempt, up to `max`.
///
/// Each wait is drawn from the upper half of its value, so that callers who failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait of all; more than a day counts as a day.
    pub max: Duration,
    /// By how much each wait is longer than the one before; less than 1 counts as 1.
    pub factor: f32,
}

impl Schedule {
    /// How long to wait after `attempt` earlier retries (0 for the first). Equal arguments give equal waits; callers
    /// that should spread out bring different seeds.
    #[must_use]
    pub fn delay(&self, attempt: u32, seed: u64) -> Duration {
        // The crate adds up to as much again as the delay itself.
        let half = self.max.min(MAX_DELAY) / 2;
        let mut delays = ExponentialBuilder::new()
            .with_min_delay((self.base / 2).min(half))
            .with_max_delay(half)
            .with_factor(self.factor.max(1.0))
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed)
            .build();
        delays.nth(attempt.min(LAST_GROWTH) as usize).unwrap_or(half)
    }

    /// The same, but never less than the far side asked for, up to [`MAX_RETRY_AFTER`].
    #[must_use]
    pub fn delay_after(&self, attempt: u32, seed: u64, retry_after: Option<Duration>) -> Duration {
        let floor = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.delay(attempt, seed).max(floor)
    }
}

/// How many calls may be repetitions: as many as a fifth of all calls, and one a second besides.
///
/// When a system fails now and then, repetitions hardly count; when it fails often, repeating everything would add to
/// its troubles. A few repetitions are saved up for, so a single failure is repeated at once.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Repetitions that may be made now; a debt, when negative.
    saved: f64,
    /// When that was true.
    at: Duration,
}

impl Budget {
    const MOST: f64 = 10.0;
    const DEEPEST: f64 = -20.0;

    /// A call is made.
    pub fn earn(&mut self) {
        self.saved = (self.saved + 0.2).min(Self::MOST);
    }

    /// How long until a repetition is paid for.
    #[must_use]
    pub fn wait(&mut self, now: Duration) -> Duration {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        self.saved = (self.saved + passed.as_secs_f64()).min(Self::MOST);
        Duration::try_from_secs_f64(1.0 - self.saved).unwrap_or_default()
    }

    /// A call will be repeated. Nobody goes into debt for more than twenty.
    pub fn spend(&mut self) {
        self.saved = (self.saved - 1.0).max(Self::DEEPEST);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { saved: Self::MOST, at: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Duration, MAX_RETRY_AFTER, Schedule};
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const SCHEDULE: Schedule =
        Schedule { base: Duration::from_millis(100), max: Duration::from_secs(5), factor: 2.0 };

    #[test]
    fn do_waits_double_up_to_the_longest() {
        for (attempt, full) in
            [(0, 100), (1, 200), (2, 400), (5, 3200), (6, 5000), (7, 5000), (u32::MAX, 5000)]
        {
            for seed in 0..200 {
                let delay = SCHEDULE.delay(attempt, seed);
                assert!(delay >= MS(full) / 2 && delay <= MS(full), "{attempt}: {delay:?}");
            }
        }
    }

    #[test]
    fn is_a_day_the_longest_wait() {
        let (day, week) = (Duration::from_secs(86_400), Duration::from_secs(604_800));
        let delay = Schedule { base: week, max: week, factor: 1.0 }.delay(0, 7);
        assert!(delay >= day / 2 && delay <= day, "{delay:?}");
    }

    #[test]
    fn do_seeds_spread_waits_evenly_over_the_upper_half() {
        let mut quarters = [0; 4];
        for seed in 0..4000 {
            let above = SCHEDULE.delay(0, seed).saturating_sub(MS(50));
            let quarter = (above.as_micros() / 12_500).min(3);
            quarters[usize::try_from(quarter).unwrap()] += 1;
        }
        assert!(quarters.iter().all(|n| (850..1150).contains(n)), "{quarters:?}");
    }

    #[test]
    fn does_the_same_seed_give_the_same_wait() {
        assert_eq!(SCHEDULE.delay(3, 42), SCHEDULE.delay(3, 42));
        assert_ne!(SCHEDULE.delay(3, 42), SCHEDULE.delay(3, 43));
    }

    #[test]
    fn is_retry_after_a_floor_with_a_ceiling() {
        let after = |seconds| SCHEDULE.delay_after(0, 7, Some(Duration::from_secs(seconds)));
        assert_eq!(SCHEDULE.delay_after(0, 7, None), SCHEDULE.delay(0, 7));
        assert_eq!(after(0), SCHEDULE.delay(0, 7));
        assert_eq!(after(30), Duration::from_secs(30));
        assert_eq!(after(u64::MAX), MAX_RETRY_AFTER);
    }

    #[test]
    fn are_repetitions_a_fifth_of_all_calls_and_one_a_second() {
        // Every call fails for a minute, ten of them a second, and is repeated as soon as that is paid for.
        let (mut budget, mut repeated) = (Budget::default(), 0);
        for tenth in 0..600 {
            budget.earn();
            if budget.wait(MS(100 * tenth)).is_zero() {
                budget.spend();
                repeated += 1;
            }
        }
        let saved = 10;
        assert!((60 + 120..=60 + 120 + saved).contains(&repeated), "{repeated}");
    }

    #[test]
    fn is_a_debt_soon_paid_however_many_calls_failed_at_once() {
        let mut budget = Budget::default();
        (0..1_000).for_each(|_| budget.spend());
        assert_eq!(budget.wait(MS(0)), MS(21_000));
        assert_eq!(budget.wait(MS(20_000)), MS(1_000));
        assert_eq!(budget.wait(MS(21_000)), MS(0));
        assert_eq!(budget.wait(MS(1_000)), MS(0), "time that runs backwards costs nothing");
    }

    proptest! {
        #[test]
        fn is_every_schedule_within_its_bounds(
            base in any::<Duration>(), max in any::<Duration>(), factor in any::<f32>(),
            attempt in any::<u32>(), seed in any::<u64>(),
        ) {
            let delay = Schedule { base, max, factor }.delay(attempt, seed);
            prop_assert!(delay <= max && delay <= super::MAX_DELAY);
        }
    }
}
