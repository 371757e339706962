//! Trying again at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Remaining, Remedy, Write,
};
use crate::model::{News, Timestamp};
use crate::retry::Schedule;

/// A caller holds a slot while it waits; longer waits belong to whoever can put the work aside.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

const SCHEDULE: Schedule = Schedule { base: Duration::from_millis(100), max: LONGEST_WAIT, factor: 2.0 };

/// Repeats a failed call a few times, when it certainly had no effect and the far side does not ask for more than a
/// second of patience.
///
/// It repeats only what [`Error::remedy`] says to retry; an unknown outcome is returned at once. Rows that failed within
/// a call that succeeded are not repeated.
#[derive(Debug)]
pub struct Retry<C> {
    inner: C,
    retries: u32,
    /// The seed of the next call's jitter.
    seed: AtomicU64,
}

impl<C> Retry<C> {
    /// At most `retries` repetitions of each call; waits are drawn from `seed`.
    #[must_use]
    pub fn new(inner: C, retries: u32, seed: u64) -> Self {
        Self { inner, retries, seed: AtomicU64::new(seed) }
    }

    fn attempts(&self) -> Attempts {
        Attempts { left: self.retries, made: 0, seed: self.seed.fetch_add(1, Ordering::Relaxed) }
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
                Err(error) => attempts.wait_after(error).await?,
                answer => return answer,
            }
        }
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let mut attempts = self.attempts();
        loop {
            match self.inner.write(rows).await {
                Err(error) => attempts.wait_after(error).await?,
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

impl Attempts {
    /// Waits until the call may be repeated, or gives the error back if it may not.
    async fn wait_after(&mut self, error: Error) -> Result<(), Error> {
        let Remedy::Retry(asked) = error.remedy() else { return Err(error) };
        if self.left == 0 || asked.is_some_and(|wait| wait > LONGEST_WAIT) {
            return Err(error);
        }
        tokio::time::sleep(SCHEDULE.delay_after(self.made, self.seed, asked)).await;
        self.left -= 1;
        self.made += 1;
        Ok(())
    }
}
