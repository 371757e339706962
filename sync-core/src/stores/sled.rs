//! A durable store in a directory of the `sled` crate's. Not the default.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sled::Db;
use tokio::sync::oneshot;

use super::directory;
use crate::store::{Batch, Change, Precondition, Rows, Store, StoreError, Table};

/// Most memory for cached pages, in bytes.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How long an open waits for whoever has the directory open, in steps.
const PATIENCE: (u32, Duration) = (150, Duration::from_millis(20));

/// Keeps everything in a directory of sled's: what it acknowledges survives a crash and a power cut.
///
/// Use [`RedbStore`](super::RedbStore) unless you have to use sled:
/// * sled's last release is of 2021, and two crates it needs are unmaintained (RUSTSEC-2025-0057, RUSTSEC-2024-0384).
/// * Its `flush` asks Linux for `sync_file_range`, which does not survive a power cut; its `flush_async` can wait for
///   ever. This adapter writes from one thread, and syncs the files itself before it answers.
/// * It keeps pages of more than 128 KiB (up to 16 rows make a page) in files of their own, `blobs`, which it never
///   syncs. This adapter does; but before that, the kernel may store the reference to such a file without the file. A
///   power cut just then can cost old rows of that page.
/// * A disk that fails or is full cannot be got over without opening the store anew: it answers
///   [`StoreError::Damaged`] from then on.
///
/// Clones share one open directory, and only one process can have it open.
#[derive(Clone)]
pub struct SledStore {
    shared: Arc<Shared>,
}

impl SledStore {
    /// Opens the store in directory `dir`, which is created if need be. Does blocking I/O, and waits for up to three
    /// seconds for somebody else to close it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the directory cannot be used or is open elsewhere;
    /// [`StoreError::Damaged`] when what is in it is not a sound store.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let named = |e: io::Error| StoreError::Unavailable(format!("directory {}: {e}", dir.display()));
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        wait_for_lock(&dir.join("db")).map_err(named)?;
        let db = guarded(|| config.open())?;
        let files = Files::open(dir).map_err(named)?;
        directory::sync(dir).map_err(named)?;
        let rows = Arc::new(RwLock::new(db));
        let (orders, ordered) = channel();
        let mut writer = Writer { rows: Arc::clone(&rows), files, failed: None };
        let thread = thread::Builder::new().name("sled-writer".to_owned());
        let writer = thread.spawn(move || writer.work(&ordered)).map_err(named)?;
        let shared =
            Shared { name: dir.display().to_string(), rows, orders: Some(orders), writer: Some(writer) };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore").field("at", &self.shared.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let (shared, key) = (Arc::clone(&self.shared), row_key(table, key));
        blocking(move || {
            let rows = shared.rows.read().unwrap_or_else(PoisonError::into_inner);
            let value = guarded(|| rows.get(key))?;
            Ok(value.map(|value| Bytes::copy_from_slice(&value)))
        })
        .await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        let (shared, start, from) = (Arc::clone(&self.shared), row_key(table, b""), row_key(table, from));
        blocking(move || {
            let rows = shared.rows.read().unwrap_or_else(PoisonError::into_inner);
            let mut found = Rows::new();
            let mut rest = rows.range(from..);
            while found.len() < limit
                && let Some((key, value)) = guarded(|| rest.next().transpose())?
                && let Some(key) = key.strip_prefix(start.as_slice())
            {
                found.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(&value)));
            }
            Ok(found)
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let ended = || StoreError::Damaged("the writer has ended".to_owned());
        let orders = self.shared.orders.as_ref().ok_or_else(ended)?;
        orders.send(Order { batch, answer }).map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// What clones of a store share.
struct Shared {
    name: String,
    /// Locked for writing from a batch's first change until it is synced, so that nobody sees half of it.
    rows: Arc<RwLock<Db>>,
    /// `None` only while it is closed.
    orders: Option<Sender<Order>>,
    writer: Option<JoinHandle<()>>,
}

impl Drop for Shared {
    /// Waits for the writer, so that the directory can be opened again.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            // If it has panicked, whoever waited for it was told.
            let _ = writer.join();
        }
    }
}

struct Order {
    batch: Batch,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

/// The only one who writes.
struct Writer {
    rows: Arc<RwLock<Db>>,
    files: Files,
    failed: Option<StoreError>,
}

impl Writer {
    fn work(&mut self, orders: &Receiver<Order>) {
        for Order { batch, answer } in orders {
            let result = self.commit(&batch);
            // A caller that has gone needs no answer.
            let _ = answer.send(result);
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for condition in &batch.preconditions {
            if !guarded(|| holds(&rows, condition))? {
                return Err(StoreError::Precondition);
            }
        }
        let result = guarded(|| {
            rows.apply_batch(changes(batch))?;
            rows.flush()?;
            Ok(self.files.sync()?)
        });
        // What the kernel could not write it may forget: a later sync would succeed and mean nothing.
        result.map_err(|error| {
            let error = StoreError::Damaged(format!("not synced, to be opened anew: {error}"));
            self.failed.insert(error).clone()
        })
    }
}

/// Waits until nobody has the log open. sled's own threads keep it for a moment after it was closed.
fn wait_for_lock(log: &Path) -> io::Result<()> {
    let (steps, step) = PATIENCE;
    for _ in 0..steps {
        let log = match File::open(log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        match log.try_lock() {
            Err(TryLockError::WouldBlock) => thread::park_timeout(step),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
    // sled will say that it is open.
    Ok(())
}

/// The files that sled does not sync, or not well enough.
struct Files {
    log: File,
    blobs: PathBuf,
    /// Those in `blobs` that are durable. sled never changes one.
    synced: BTreeSet<OsString>,
}

impl Files {
    fn open(dir: &Path) -> io::Result<Self> {
        let log = File::options().read(true).write(true).open(dir.join("db"))?;
        Ok(Self { log, blobs: dir.join("blobs"), synced: BTreeSet::new() })
    }

    /// The log comes last: it refers to the others.
    fn sync(&mut self) -> io::Result<()> {
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(&self.blobs)? {
            found.insert(entry?.file_name());
        }
        let mut new = found.difference(&self.synced).peekable();
        if new.peek().is_some() {
            for name in new {
                File::open(self.blobs.join(name))?.sync_all()?;
            }
            directory::sync(&self.blobs)?;
        }
        self.synced = found;
        self.log.sync_data()
    }
}

fn holds(rows: &Db, condition: &Precondition) -> sled::Result<bool> {
    let (table, key, expected) = match condition {
        Precondition::Absent(table, key) => (table, key, None),
        Precondition::Equals(table, key, value) => (table, key, Some(value.as_ref())),
    };
    Ok(rows.get(row_key(*table, key))?.as_deref() == expected)
}

fn changes(batch: &Batch) -> sled::Batch {
    let mut changes = sled::Batch::default();
    for change in &batch.changes {
        match change {
            Change::Put(table, key, value) => changes.insert(row_key(*table, key), value.as_ref()),
            Change::Delete(table, key) => changes.remove(row_key(*table, key)),
        }
    }
    changes
}

/// All tables share one tree of sled's, because its batches are atomic within one tree only.
fn row_key(table: Table, key: &[u8]) -> Vec<u8> {
    [table.name().as_bytes(), b"\0", key].concat()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("the runtime is shutting down".to_owned())))
}

/// sled panics where a file written by it could not have this content. That is damage, not a bug of the caller.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| match error {
            sled::Error::Io(error) => StoreError::Unavailable(format!("sled: {error}")),
            error => StoreError::Damaged(format!("sled: {error}")),
        }),
        Err(_) => Err(StoreError::Damaged("sled panicked".to_owned())),
    }
}
