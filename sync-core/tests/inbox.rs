//! Is every acknowledged delivery taken in, although concurrent deliveries reach the disk in any order?

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write,
};
use sync_core::mapping::Mapping;
use sync_core::model::{Entity, News, Side, Timestamp};
use sync_core::store::{Batch, Change, Rows, Store, StoreError, Table};
use sync_core::stores::MemoryStore;
use sync_core::{Engine, Settings};
use tokio::sync::Semaphore;

/// A system about which nothing is to be known; its webhooks are news as JSON.
struct Mute(Description);

#[async_trait]
impl Connector for Mute {
    fn describe(&self) -> &Description {
        &self.0
    }

    fn decode(&self, delivery: &Delivery, _: Timestamp) -> Result<Vec<News>, Rejection> {
        serde_json::from_slice(delivery.body()).map_err(|_| Rejection::Unsigned)
    }

    async fn read(&self, _: &Query) -> Result<Answer, Error> {
        Ok(Answer::default())
    }

    async fn write(&self, _: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        Ok(Vec::new())
    }
}

/// Holds back the commit of arrival number 0 until told; everything else passes at once.
#[derive(Clone)]
struct HoldsBackTheFirst {
    store: MemoryStore,
    go: Arc<Semaphore>,
}

#[async_trait]
impl Store for HoldsBackTheFirst {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.store.get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.store.scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let first = 0_u64.to_be_bytes();
        let held = |c: &Change| matches!(c, Change::Put(Table::Inbox, key, _) if key[..] == first);
        if batch.changes.iter().any(held) {
            let _told = self.go.acquire().await.unwrap();
            return self.store.commit(batch).await;
        }
        self.store.commit(batch).await
    }

    /// It has to hold back a single commit, not those that would share it.
    fn shares_commits(&self) -> bool {
        true
    }
}

fn ignored() -> Delivery {
    let news = [News::Ignored { reason: "test".into() }];
    Delivery::new(serde_json::to_vec(&news).unwrap().into())
}

/// An engine of which nothing is to be known but its inbox.
async fn engine(store: impl Store) -> Engine {
    Engine::builder(Entity::new("thing"))
        .left(Mute(Description::default()), Mapping::new())
        .right(Mute(Description::default()), Mapping::new())
        .settings(Settings { backfill: false, ..Settings::default() })
        .store(store)
        .build()
        .await
        .unwrap()
}

/// Runs until this many arrivals were taken in.
async fn run_until(engine: &Engine, taken: u64) {
    let mut status = engine.watch();
    let all = tokio::time::timeout(Duration::from_secs(600), status.wait_for(|s| s.counts.taken == taken));
    tokio::select! {
        _ = engine.run(std::future::pending()) => panic!("it ended"),
        all = all => drop(all.expect("some were passed by").unwrap()),
    }
}

#[tokio::test(start_paused = true)]
async fn is_what_piled_up_taken_in_once_whether_at_hand_or_on_disk_alone() {
    let store = MemoryStore::new();
    let piled_up = engine(store.clone()).await;
    for _ in 0..300 {
        assert_eq!(piled_up.accept(Side::Left, &ignored()).await, Ok(1));
    }
    drop(piled_up);
    // After a restart nothing is at hand, and of what comes then only the first.
    let engine = engine(store.clone()).await;
    for _ in 0..400 {
        assert_eq!(engine.accept(Side::Left, &ignored()).await, Ok(1));
    }
    run_until(&engine, 700).await;
    assert_eq!(engine.status().counts.noop, 700);
    assert!(store.scan(Table::Inbox, b"", 1).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn is_a_delivery_taken_in_that_reaches_the_disk_after_its_successor() {
    let store = HoldsBackTheFirst { store: MemoryStore::new(), go: Arc::new(Semaphore::new(0)) };
    let engine = engine(store.clone()).await;
    let running = tokio::spawn({
        let engine = engine.clone();
        async move { engine.run(std::future::pending()).await }
    });
    let first = tokio::spawn({
        let engine = engine.clone();
        async move { engine.accept(Side::Left, &ignored()).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(engine.accept(Side::Left, &ignored()).await, Ok(1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    store.go.add_permits(1);
    assert_eq!(first.await.unwrap(), Ok(1));
    let mut status = engine.watch();
    let both = tokio::time::timeout(Duration::from_secs(600), status.wait_for(|s| s.counts.taken == 2)).await;
    assert!(both.is_ok(), "the first delivery was acknowledged and passed by");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn does_nothing_wait_for_a_sender_that_hangs_up_before_it_is_answered() {
    let store = HoldsBackTheFirst { store: MemoryStore::new(), go: Arc::new(Semaphore::new(0)) };
    let engine = engine(store.clone()).await;
    let hangs_up = tokio::time::timeout(Duration::from_secs(1), engine.accept(Side::Left, &ignored())).await;
    assert!(hangs_up.is_err());
    assert_eq!(engine.accept(Side::Left, &ignored()).await, Ok(1));
    store.go.add_permits(1);
    run_until(&engine, 2).await;
}
