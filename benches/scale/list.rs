//! One listing of both sides, in a process of its own: the first, which fills the store, or a sweep, which compares.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stage::figures::Used;
use sync_core::journal::{Draft, Journal, Meta};
use sync_core::model::{Entity, PerSide, Side, Timestamp};
use sync_core::store::{Batch, Change, Rows, Store, StoreError, Table};
use sync_core::stores::RedbStore;
use sync_core::{Engine, Settings};

use crate::still::Still;

/// Records on a page, as both vendors have it.
const PAGE: usize = 100;
/// Records on a page while the store is filled, which is to be over soon.
const FILLING: usize = 1_000;

/// What a listing cost.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) cpu_micros: f64,
    /// How much of it went into making the records, which is the bench's work and nobody else's.
    pub(crate) making_micros: f64,
    pub(crate) peak: u64,
    pub(crate) calls: u64,
    pub(crate) pages: u64,
    /// Pairs that were written.
    pub(crate) rewritten: u64,
    pub(crate) disk: u64,
    /// Bytes of a pair's row, on average, and of what both sides hold.
    pub(crate) row: f64,
    pub(crate) raw: f64,
}

/// Lists both sides, for the first time or once more, and tells what it cost.
pub(crate) fn main(directory: &str, pairs: usize) -> ! {
    let listed = tokio::runtime::Runtime::new().unwrap().block_on(list(Path::new(directory), pairs));
    serde_json::to_writer(std::io::stdout(), &listed).unwrap();
    std::io::stdout().flush().unwrap();
    std::process::exit(0)
}

async fn list(directory: &Path, pairs: usize) -> Listed {
    let store = Counting { inner: RedbStore::open(directory).unwrap(), pairs: Arc::default() };
    let page = if is_to_be_swept(&store).await { PAGE } else { FILLING };
    let sides = [Side::Left, Side::Right].map(|side| Still::new(side, pairs, page));
    let [left, right] = &sides;
    let engine = Engine::builder(Entity::person())
        .left(left.clone(), connector_hubspot::mapping())
        .right(right.clone(), connector_stripe::mapping())
        .store(store.clone())
        .settings(Settings { tail: Duration::ZERO, ..Settings::default() })
        .build()
        .await
        .unwrap();
    let before = Used::by_us();
    let done = async {
        while !is_done(&engine).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = engine.run(std::future::pending()) => ended.unwrap(),
        () = done => {}
    }
    let after = Used::by_us();
    sides.iter().for_each(Still::make_all);
    let made = Used::by_us();
    let rows = store.scan(Table::Pairs, b"", 1_000).await.unwrap();
    Listed {
        cpu_micros: after.cpu.saturating_sub(before.cpu).as_secs_f64() * 1e6,
        making_micros: made.cpu.saturating_sub(after.cpu).as_secs_f64() * 1e6,
        peak: after.peak,
        calls: left.calls() + right.calls(),
        pages: left.pages() + right.pages(),
        rewritten: store.pairs.load(Ordering::Relaxed),
        disk: std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum(),
        row: rows.iter().map(|(_, row)| row.len() as f64).sum::<f64>() / rows.len().max(1) as f64,
        raw: left.bytes() + right.bytes(),
    }
}

/// Both sides are to be compared in full, now. False when they were never listed.
async fn is_to_be_swept(store: &Counting) -> bool {
    let journal = Journal::open(Arc::new(store.clone())).await.unwrap();
    let Some(mut meta) = journal.meta().await.unwrap() else { return false };
    meta.swept = PerSide::from_fn(|_| Some(Timestamp::EPOCH));
    let mut draft = Draft::new(journal.clone());
    draft.put_meta(&meta);
    journal.commit(draft.take()).await.unwrap();
    true
}

/// Whether both sides were listed, all pairs planned for, and none waits for its sweep.
async fn is_done(engine: &Engine) -> bool {
    let meta = engine.journal().meta().await.unwrap();
    let swept = |meta: &Meta| Side::BOTH.iter().all(|side| meta.swept[*side] > Some(Timestamp::EPOCH));
    engine.status().index_complete && meta.is_some_and(|meta| meta.planning.is_none() && swept(&meta))
}

/// A store that counts how often a pair is written.
#[derive(Clone)]
struct Counting {
    inner: RedbStore,
    pairs: Arc<AtomicU64>,
}

#[async_trait]
impl Store for Counting {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.inner.scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let pairs = batch.changes.iter().filter(|c| matches!(c, Change::Put(Table::Pairs, ..))).count();
        self.pairs.fetch_add(pairs as u64, Ordering::Relaxed);
        self.inner.commit(batch).await
    }
}
