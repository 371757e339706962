//! Trying again at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Remaining, Remedy, Write,
};
use crate::model::{News, Timestamp};
use crate::retry::{Budget, Schedule};

/// A caller holds a slot while it waits; longer waits belong to whoever can put the work aside.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

const SCHEDULE: Schedule = Schedule { base: Duration::from_millis(100), max: LONGEST_WAIT, factor: 2.0 };

/// Repeats a failed call a few times, when it certainly had no effect and the far side does not ask for more than a
/// second of patience.
///
/// Repetitions keep to a [`Budget`]: while most calls fail, most are not repeated.
///
/// It repeats only what [`Error::remedy`] says to retry; an unknown outcome is returned at once. Rows that failed within
/// a call that succeeded are not repeated.
#[derive(Debug)]
pub struct Retry<C> {
    inner: C,
    retries: u32,
    /// The seed of the next call's jitter.
    seed: AtomicU64,
    /// The origin of the budget's times.
    zero: Instant,
    budget: Mutex<Budget>,
}

impl<C> Retry<C> {
    /// At most `retries` repetitions of each call; waits are drawn from `seed`.
    #[must_use]
    pub fn new(inner: C, retries: u32, seed: u64) -> Self {
        let budget = Mutex::new(Budget::default());
        Self { inner, retries, seed: AtomicU64::new(seed), zero: Instant::now(), budget }
    }

    fn attempts(&self) -> Attempts {
        self.budget().earn();
        Attempts { left: self.retries, made: 0, seed: self.seed.fetch_add(1, Ordering::Relaxed) }
    }

    /// Waits until the call may be repeated, or gives the error back if it may not.
    async fn wait_after(&self, attempts: &mut Attempts, error: Error) -> Result<(), Error> {
        let Remedy::Retry(asked) = error.remedy() else { return Err(error) };
        if attempts.left == 0 || asked.is_some_and(|wait| wait > LONGEST_WAIT) {
            return Err(error);
        }
        let delay = SCHEDULE.delay_after(attempts.made, attempts.seed, asked);
        let Some(unpaid) = self.pay() else { return Err(error) };
        tokio::time::sleep(delay.max(unpaid)).await;
        self.budget().earn();
        attempts.left -= 1;
        attempts.made += 1;
        Ok(())
    }

    /// Pays for a repetition; says how long until it is paid for, if that is not too long.
    fn pay(&self) -> Option<Duration> {
        let mut budget = self.budget();
        let wait = budget.wait(self.zero.elapsed());
        if wait > LONGEST_WAIT {
            return None;
        }
        budget.spend();
        Some(wait)
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connector> Connector for Retry<C> {
    fn describe(&self) -> &Description {
        self.inner.describe()
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        self.inner.decode(delivery, now)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        let mut attempts = self.attempts();
        loop {
            match self.inner.read(query).await {
                Err(error) => self.wait_after(&mut attempts, error).await?,
                answer => return answer,
            }
        }
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let mut attempts = self.attempts();
        loop {
            match self.inner.write(rows).await {
                Err(error) => self.wait_after(&mut attempts, error).await?,
                results => return results,
            }
        }
    }

    fn remaining(&self) -> Vec<Remaining> {
        self.inner.remaining()
    }
}

/// The attempts at one call.
struct Attempts {
    left: u32,
    made: u32,
    seed: u64,
}
