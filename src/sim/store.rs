//! A store that takes its time and now and then goes wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sync_core::store::{Batch, Rows, Store, StoreError, Table};
use sync_core::stores::MemoryStore;
use tokio::sync::Notify;

use super::chance::millis;
use super::scenario::Trouble;

/// A [`MemoryStore`] with a bad day. Clones share one state, so it outlives the engines that use it.
#[derive(Clone)]
pub(super) struct FlakyStore {
    inner: MemoryStore,
    state: Arc<Mutex<State>>,
    /// Told when the engine is to end.
    crash: Arc<Notify>,
    seed: u64,
    longest_ms: u64,
}

#[derive(Default)]
struct State {
    commits: u64,
    /// What is planned, by the number of the commit it meets.
    planned: Vec<(u64, Trouble)>,
}

impl FlakyStore {
    pub(super) fn new(seed: u64, longest_ms: u64) -> Self {
        let (state, crash) = (Arc::default(), Arc::default());
        Self { inner: MemoryStore::new(), state, crash, seed, longest_ms }
    }

    /// Lets `after` commits go well, and the next one go wrong.
    pub(super) fn plan(&self, after: u32, trouble: Trouble) {
        let mut state = self.lock();
        let number = state.commits + 1 + u64::from(after);
        state.planned.push((number, trouble));
    }

    /// Everything goes well from now on.
    pub(super) fn heal(&self) {
        self.lock().planned.clear();
    }

    /// Waits until a commit wants the engine to end.
    pub(super) async fn crash(&self) {
        self.crash.notified().await;
    }

    fn next(&self) -> (u64, Option<Trouble>) {
        let mut state = self.lock();
        state.commits += 1;
        let number = state.commits;
        let place = state.planned.iter().position(|(at, _)| *at <= number);
        (number, place.map(|place| state.planned.remove(place).1))
    }

    async fn end_the_engine<T>(&self) -> T {
        self.crash.notify_one();
        std::future::pending().await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for FlakyStore {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.inner.scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (number, trouble) = self.next();
        let failed = || Err(StoreError::Unavailable("planned".to_owned()));
        tokio::time::sleep(millis(self.seed, "before commit", number, self.longest_ms)).await;
        match trouble {
            Some(Trouble::Unavailable) => return failed(),
            Some(Trouble::CrashBefore) => return self.end_the_engine().await,
            _ => self.inner.commit(batch).await?,
        }
        match trouble {
            Some(Trouble::Unreported) => return failed(),
            Some(Trouble::CrashAfter) => return self.end_the_engine().await,
            _ => {}
        }
        tokio::time::sleep(millis(self.seed, "after commit", number, self.longest_ms)).await;
        Ok(())
    }
}
