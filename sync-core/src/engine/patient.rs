//! A store that is waited for. The ledger cannot go on without its store, and has nothing better to do than to wait.

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use super::Status;
use super::ledger::SPACING;
use crate::store::{Batch, Rows, Store, StoreError, Table};

/// Repeats whatever the store could not do for now, until it can. Says so in the status meanwhile.
pub(super) struct Patient<S> {
    store: S,
    status: watch::Sender<Status>,
}

impl<S: Store> Patient<S> {
    pub(super) fn new(store: S, status: watch::Sender<Status>) -> Self {
        Self { store, status }
    }

    async fn wait(&self, attempts: &mut u32, reason: String) {
        tracing::error!(%reason, attempts, "store unavailable, waiting");
        self.status.send_modify(|s| s.store_trouble = Some(reason));
        tokio::time::sleep(SPACING.delay(*attempts, 0)).await;
        *attempts += 1;
    }
}

#[async_trait]
impl<S: Store> Store for Patient<S> {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let mut attempts = 0;
        loop {
            match self.store.get(table, key).await {
                Err(StoreError::Unavailable(reason)) => self.wait(&mut attempts, reason).await,
                other => return other,
            }
        }
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        let mut attempts = 0;
        loop {
            match self.store.scan(table, from, limit).await {
                Err(StoreError::Unavailable(reason)) => self.wait(&mut attempts, reason).await,
                other => return other,
            }
        }
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut attempts = 0;
        loop {
            match self.store.commit(batch.clone()).await {
                Err(StoreError::Unavailable(reason)) => self.wait(&mut attempts, reason).await,
                other => return other,
            }
        }
    }
}
