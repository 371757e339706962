//! Waiting one's turn.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::connector::{Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write};
use crate::model::{Class, News, Timestamp};
use crate::quota::{Quota, Verdict, Window};
use crate::retry::MAX_RETRY_AFTER;

/// One permit in so many goes to the least urgent class that waits, so that none waits for ever.
const FLOOR: u64 = 10;

/// Hands out permits to call one system, so that its limits hold whoever calls. Clones share one budget.
///
/// Permits go to the most urgent [`Class`] first, in order of arrival within a class; but every tenth goes to the least
/// urgent class that waits. A caller that stops waiting leaves the queue.
#[derive(Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
}

impl Limiter {
    /// All `windows` hold at once, and at most `concurrency` calls (at least one) are under way.
    #[must_use]
    pub fn new(windows: &[Window], concurrency: usize) -> Self {
        let state = State {
            quota: Quota::new(windows),
            queue: BTreeMap::new(),
            free: concurrency.max(1),
            arrived: 0,
            granted: 0,
        };
        let shared = Shared {
            zero: Instant::now(),
            state: Mutex::new(state),
            changed: Notify::new(),
            timekeeper: tokio::sync::Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Waits until one call may leave. Make it at once, and hold the permit until its response is here.
    pub async fn acquire(&self, class: Class) -> Permit {
        loop {
            let (ticket, mut called) = oneshot::channel();
            let _place = Place::at_the_end(&self.shared, class, ticket);
            tokio::select! {
                biased;
                permit = &mut called => if let Ok(permit) = permit { return permit },
                never = self.keep_time() => match never {},
            }
        }
    }

    /// Lets nothing leave for this long, at most [`MAX_RETRY_AFTER`]: the system asked for silence.
    pub fn pause(&self, wait: Duration) {
        let until = self.shared.now() + wait.min(MAX_RETRY_AFTER);
        self.shared.lock().quota.pause(until);
    }

    /// Calls up whoever may go, now and whenever that changes. One of those who wait does this for all, until it is
    /// called up itself (or gives up); then another takes over.
    async fn keep_time(&self) -> std::convert::Infallible {
        let _turn = self.shared.timekeeper.lock().await;
        loop {
            let changed = self.shared.changed.notified();
            match self.call_up() {
                Some(wake) => {
                    let wait = wake.saturating_sub(self.shared.now());
                    // Either way it is time to look again.
                    let _ = tokio::time::timeout(wait, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Gives permits to all who may go now. When time alone will let the next one go, says when.
    fn call_up(&self) -> Option<Duration> {
        let mut called = Vec::new();
        let wake = {
            let mut state = self.shared.lock();
            loop {
                if state.queue.is_empty() || state.free == 0 {
                    break None;
                }
                match state.quota.next(self.shared.now()) {
                    Verdict::Now => called.extend(state.grant()),
                    Verdict::At(time) => break Some(time),
                    Verdict::AfterResponse => break None,
                }
            }
        };
        // Not under the lock: a permit that finds nobody is given back, which takes the lock.
        for ticket in called {
            let _ = ticket.send(Permit { shared: Arc::clone(&self.shared), spent: true });
        }
        wake
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
    spent: bool,
}

impl Permit {
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
            state.quota.answered(now);
        } else {
            state.quota.unsent();
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
    /// A permit was given back.
    changed: Notify,
    /// Held by the one waiting caller that watches the time for all.
    timekeeper: tokio::sync::Mutex<()>,
}

impl Shared {
    fn now(&self) -> Duration {
        self.zero.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Ticket = oneshot::Sender<Permit>;

struct State {
    quota: Quota,
    /// Who waits: by urgency, then by arrival.
    queue: BTreeMap<(Class, u64), Ticket>,
    /// How many more calls may be under way at once.
    free: usize,
    /// Callers so far.
    arrived: u64,
    /// Permits granted so far.
    granted: u64,
}

impl State {
    /// Takes the next in turn out of the queue; its call leaves now.
    fn grant(&mut self) -> Option<Ticket> {
        let first = *self.queue.first_key_value()?.0;
        let (last_class, _) = *self.queue.last_key_value()?.0;
        let for_the_last = (self.granted + 1).is_multiple_of(FLOOR);
        let next = if for_the_last { *self.queue.range((last_class, 0)..).next()?.0 } else { first };
        self.granted += 1;
        self.free -= 1;
        self.quota.sent();
        self.queue.remove(&next)
    }
}

/// A place in the queue, given up when dropped.
struct Place<'a> {
    shared: &'a Shared,
    key: (Class, u64),
}

impl<'a> Place<'a> {
    fn at_the_end(shared: &'a Shared, class: Class, ticket: Ticket) -> Self {
        let mut state = shared.lock();
        state.arrived += 1;
        let key = (class, state.arrived);
        state.queue.insert(key, ticket);
        Self { shared, key }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.lock().queue.remove(&self.key);
    }
}

/// Lets each call of a connector wait its turn at a [`Limiter`].
///
/// When the system throttles a call all the same and says for how long, the limiter pauses for all its callers.
#[derive(Debug)]
pub struct Limit<C> {
    inner: C,
    limiter: Limiter,
    class: Class,
}

impl<C> Limit<C> {
    /// Calls of `inner` wait at `limiter`, as `class`.
    #[must_use]
    pub fn new(inner: C, limiter: Limiter, class: Class) -> Self {
        Self { inner, limiter, class }
    }

    async fn in_turn<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let _permit = self.limiter.acquire(self.class).await;
        let result = call.await;
        if let Err(Error::Throttled { retry_after: Some(wait), .. }) = &result {
            self.limiter.pause(*wait);
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
        self.in_turn(self.inner.read(query)).await
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        self.in_turn(self.inner.write(rows)).await
    }
}
