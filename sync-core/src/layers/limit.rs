//! Waiting one's turn.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Remaining, Write,
};
use crate::model::{News, Timestamp};
use crate::quota::{Call, Quota, Supply, Verdict, Window};
use crate::retry::MAX_RETRY_AFTER;

/// Hands out permits to call one system, so that its limits hold whoever calls. Clones share one budget.
///
/// Callers are served in order of arrival; one that stops waiting leaves the queue. Who is more urgent is for those to
/// decide who know: the engine first gets a permit, and then chooses what to do with it.
#[derive(Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

impl Limiter {
    /// All `windows` hold at once, and at most `concurrency` calls (at least one) are under way.
    #[must_use]
    pub fn new(windows: &[Window], concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        let state =
            State { quota: Quota::new(windows), concurrency, free: concurrency, trip: Duration::ZERO };
        let shared = Shared {
            zero: Instant::now(),
            state: Mutex::new(state),
            changed: Notify::new(),
            first_in_line: tokio::sync::Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Waits until one call may leave. Make it at once, and hold the permit until its response is here.
    ///
    /// Without a `call`, the windows for one kind of call are not waited for: ask [`Limiter::opens_in`] before choosing
    /// what the permit is for, and [name](Permit::named) it before asking again.
    pub async fn acquire(&self, call: Option<Call>) -> Permit {
        let shared = &self.shared;
        let _first = shared.first_in_line.lock().await;
        loop {
            let changed = shared.changed.notified();
            let verdict = shared.lock().grant(call, shared.now());
            match verdict {
                Verdict::Now => {
                    return Permit { shared: Arc::clone(shared), call, since: shared.now(), spent: true };
                }
                Verdict::At(time) => {
                    let wait = time.saturating_sub(shared.now());
                    // Either way it is time to look again.
                    let _ = tokio::time::timeout(wait, changed).await;
                }
                Verdict::AfterResponse => changed.await,
            }
        }
    }

    /// How long until the windows for this kind of call alone let one leave; `None`: not before a response.
    #[must_use]
    pub fn opens_in(&self, call: Call) -> Option<Duration> {
        let now = self.shared.now();
        match self.shared.lock().quota.next_of_kind(call, now) {
            Verdict::Now => Some(Duration::ZERO),
            Verdict::At(time) => Some(time.saturating_sub(now)),
            Verdict::AfterResponse => None,
        }
    }

    /// What leaves at most from now on, if answers keep taking as long as they did lately.
    pub(crate) fn supplies(&self) -> Vec<Supply> {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let trip = state.trip;
        let mut supplies = state.quota.supplies(trip, now);
        if !trip.is_zero() {
            let rate = state.concurrency as f64 / trip.as_secs_f64();
            supplies.push(Supply { room: 0.0, rate, only: None });
        }
        supplies
    }

    /// Learns from how a call failed. After [`Error::Throttled`] nothing leaves for as long as the system asked, at most
    /// [`MAX_RETRY_AFTER`], and then calls leave at half the rate of before, climbing back.
    pub fn failed(&self, error: &Error) {
        let Error::Throttled { retry_after, .. } = error else { return };
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.quota.pause(now + retry_after.unwrap_or_default().min(MAX_RETRY_AFTER));
        state.quota.slow_down(now);
    }

    /// Learns what the system says is left, before the permit of the call that it said it to is given back.
    pub fn told(&self, remaining: &[Remaining]) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        for Remaining { calls, per } in remaining {
            state.quota.told(*per, *calls, now);
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// Leave to make one call. Dropping it says that the call's response is here, or that none will come: a call that was
/// cancelled counts from that moment.
#[must_use = "the budget is free again as soon as the permit is dropped"]
pub struct Permit {
    shared: Arc<Shared>,
    call: Option<Call>,
    since: Duration,
    spent: bool,
}

impl Permit {
    /// Says what a permit that was acquired for no kind of call is for.
    pub fn named(mut self, call: Call) -> Self {
        self.shared.lock().quota.named(call);
        self.call = Some(call);
        self
    }

    /// Gives the permit back: no call was made, so it does not count.
    pub fn unused(mut self) {
        self.spent = false;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        if self.spent {
            state.quota.answered(self.call, now);
            state.trip = (state.trip * 7 + now.saturating_sub(self.since)) / 8;
        } else {
            state.quota.unsent(self.call);
        }
        state.free += 1;
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

struct Shared {
    /// The origin of the quota's times.
    zero: Instant,
    state: Mutex<State>,
    /// A permit was given back. Only the first in line listens; what it misses, it sees when it looks.
    changed: Notify,
    /// Held by the one caller whose turn it is; the others queue for it.
    first_in_line: tokio::sync::Mutex<()>,
}

impl Shared {
    fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct State {
    quota: Quota,
    concurrency: usize,
    /// How long answers take, most of all the latest.
    trip: Duration,
    /// How many more calls may be under way at once.
    free: usize,
}

impl State {
    /// Counts a call that leaves now, if it may.
    fn grant(&mut self, call: Option<Call>, now: Duration) -> Verdict {
        if self.free == 0 {
            return Verdict::AfterResponse;
        }
        let verdict = self.quota.next(call, now);
        if verdict == Verdict::Now {
            self.free -= 1;
            self.quota.sent(call, now);
        }
        verdict
    }
}

/// Lets each call of a connector wait its turn at a [`Limiter`].
///
/// When the system throttles a call all the same, the limiter pauses and slows down for all its callers.
#[derive(Debug)]
pub struct Limit<C> {
    inner: C,
    limiter: Limiter,
}

impl<C: Connector> Limit<C> {
    /// Calls of `inner` wait at `limiter`.
    #[must_use]
    pub fn new(inner: C, limiter: Limiter) -> Self {
        Self { inner, limiter }
    }

    async fn in_turn<T>(
        &self,
        kind: Option<Call>,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let _permit = self.limiter.acquire(kind).await;
        let result = call.await;
        self.limiter.told(&self.inner.remaining());
        if let Err(error) = &result {
            self.limiter.failed(error);
        }
        result
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connector> Connector for Limit<C> {
    fn describe(&self) -> &Description {
        self.inner.describe()
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        self.inner.decode(delivery, now)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        self.in_turn(Some(query.call()), self.inner.read(query)).await
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        self.in_turn(rows.first().map(|row| row.body.call()), self.inner.write(rows)).await
    }

    /// Nothing: the limiter has heard it.
    fn remaining(&self) -> Vec<Remaining> {
        Vec::new()
    }
}
