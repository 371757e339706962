//! A store in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::store::{Batch, Change, Precondition, Rows, Store, StoreError, Table};

/// Keeps everything in memory, for tests and trials.
///
/// It survives nothing: when the last clone is dropped, or the process ends, all of it is gone. Clones share one state,
/// so a test can drop an engine at any point and start a new one on a clone: that is a crash of the engine, with a store
/// that lost nothing it had acknowledged.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

type Tables = BTreeMap<Table, BTreeMap<Bytes, Bytes>>;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(value(&self.lock(), table, key).cloned())
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        let tables = self.lock();
        let Some(rows) = tables.get(&table) else { return Ok(Rows::new()) };
        let from = Bytes::copy_from_slice(from);
        Ok(rows.range(from..).take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut tables = self.lock();
        if !batch.preconditions.iter().all(|condition| holds(&tables, condition)) {
            return Err(StoreError::Precondition);
        }
        for change in batch.changes {
            match change {
                Change::Put(table, key, value) => tables.entry(table).or_default().insert(key, value),
                Change::Delete(table, key) => tables.entry(table).or_default().remove(&key),
            };
        }
        Ok(())
    }
}

fn holds(tables: &Tables, condition: &Precondition) -> bool {
    match condition {
        Precondition::Absent(table, key) => value(tables, *table, key).is_none(),
        Precondition::Equals(table, key, expected) => value(tables, *table, key) == Some(expected),
    }
}

fn value<'a>(tables: &'a Tables, table: Table, key: &[u8]) -> Option<&'a Bytes> {
    tables.get(&table)?.get(key)
}
