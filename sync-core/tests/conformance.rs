//! Does every store keep the promises of the port, and would the suite notice one that does not?

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sync_core::store::{Batch, Change, Rows, Store, StoreError, Table};
#[cfg(feature = "redb")]
use sync_core::stores::RedbStore;
#[cfg(feature = "sled")]
use sync_core::stores::SledStore;
use sync_core::stores::{GroupCommit, MemoryStore};
use sync_core::testing::conformance;

/// Memory stores by name: opening one again is reopening after a crash of whatever used it.
#[derive(Default)]
struct Memories(Mutex<BTreeMap<String, MemoryStore>>);

impl Memories {
    fn open(&self, name: &str) -> MemoryStore {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stores.entry(name.to_owned()).or_default().clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_the_memory_store_conform() {
    let memories = Memories::default();
    conformance::store(async |name| memories.open(name)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_group_commit_over_memory_conform() {
    let memories = Memories::default();
    conformance::store(async |name| GroupCommit::new(memories.open(name))).await.unwrap();
}

#[cfg(feature = "redb")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_the_redb_store_conform() {
    let dir = tempfile::tempdir().unwrap();
    conformance::store(async |name| RedbStore::open(&dir.path().join(name)).unwrap()).await.unwrap();
}

#[cfg(feature = "redb")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_group_commit_over_redb_conform() {
    let dir = tempfile::tempdir().unwrap();
    conformance::store(async |name| GroupCommit::new(RedbStore::open(&dir.path().join(name)).unwrap()))
        .await
        .unwrap();
}

#[cfg(feature = "sled")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_the_sled_store_conform() {
    let dir = tempfile::tempdir().unwrap();
    conformance::store(async |name| SledStore::open(&dir.path().join(name)).unwrap()).await.unwrap();
}

#[cfg(feature = "sled")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_group_commit_over_sled_conform() {
    let dir = tempfile::tempdir().unwrap();
    conformance::store(async |name| GroupCommit::new(SledStore::open(&dir.path().join(name)).unwrap()))
        .await
        .unwrap();
}

#[cfg(feature = "sled")]
#[tokio::test]
async fn is_a_second_opener_of_a_sled_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledStore::open(dir.path()).unwrap();
    let error = SledStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    drop(first);
    SledStore::open(dir.path()).unwrap();
}

/// What a broken store gets wrong.
#[derive(Debug, Clone, Copy)]
enum Bug {
    FirstChangeWins,
    DeletesForgotten,
    TablesMixed,
    EmptyValueIsAbsence,
    FromExcluded,
    LimitIgnored,
    PreconditionsIgnored,
    RefusedButApplied,
    BatchesTorn,
    LosesTheLast,
}

/// A store with one bug.
struct Broken {
    store: MemoryStore,
    bug: Bug,
    last: Mutex<Option<Batch>>,
}

#[async_trait]
impl Store for Broken {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let found = self.store.get(self.table(table), key).await?;
        Ok(found.filter(|value| !(matches!(self.bug, Bug::EmptyValueIsAbsence) && value.is_empty())))
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        let limit = if matches!(self.bug, Bug::LimitIgnored) { usize::MAX } else { limit };
        let mut rows = self.store.scan(self.table(table), from, limit).await?;
        rows.retain(|(key, _)| !(matches!(self.bug, Bug::FromExcluded) && key == from && !from.is_empty()));
        Ok(rows)
    }

    async fn commit(&self, mut batch: Batch) -> Result<(), StoreError> {
        for change in &mut batch.changes {
            match change {
                Change::Put(table, ..) | Change::Delete(table, _) => *table = self.table(*table),
            }
        }
        match self.bug {
            Bug::FirstChangeWins => batch.changes.reverse(),
            Bug::DeletesForgotten => batch.changes.retain(|change| matches!(change, Change::Put(..))),
            Bug::PreconditionsIgnored => batch.preconditions.clear(),
            Bug::RefusedButApplied => {
                let changes = Batch { preconditions: Vec::new(), changes: batch.changes.clone() };
                let result = self.store.commit(batch).await;
                self.store.commit(changes).await?;
                return result;
            }
            Bug::BatchesTorn => {
                for change in batch.changes.split_off(batch.changes.len().min(1)) {
                    tokio::task::yield_now().await;
                    self.store.commit(Batch { preconditions: Vec::new(), changes: vec![change] }).await?;
                }
            }
            Bug::LosesTheLast => {
                let previous = self.last.lock().unwrap().replace(batch);
                return self.store.commit(previous.unwrap_or_default()).await;
            }
            _ => {}
        }
        self.store.commit(batch).await
    }
}

impl Broken {
    fn table(&self, table: Table) -> Table {
        if matches!(self.bug, Bug::TablesMixed) { Table::Meta } else { table }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_the_suite_notice_broken_stores() {
    let bugs = [
        Bug::FirstChangeWins,
        Bug::DeletesForgotten,
        Bug::TablesMixed,
        Bug::EmptyValueIsAbsence,
        Bug::FromExcluded,
        Bug::LimitIgnored,
        Bug::PreconditionsIgnored,
        Bug::RefusedButApplied,
        Bug::BatchesTorn,
        Bug::LosesTheLast,
    ];
    for bug in bugs {
        let memories = Memories::default();
        let verdict = conformance::store(async |name| Broken {
            store: memories.open(name),
            bug,
            last: Mutex::default(),
        });
        assert!(verdict.await.is_err(), "{bug:?} was not noticed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_the_suite_notice_a_store_that_forgets_when_reopened() {
    let verdict = conformance::store(async |_| MemoryStore::new()).await;
    assert!(verdict.unwrap_err().starts_with("reopen: "));
}
