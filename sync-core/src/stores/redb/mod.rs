//! A durable store: a write-ahead log in front of a B-tree of the `redb` crate.

mod checked;
mod frame;
mod log;
mod memtable;
mod tree;
mod writer;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use bytes::Bytes;
use redb::StorageBackend;
use redb::backends::FileBackend;
use tokio::sync::oneshot;

use super::directory;
use crate::store::{Batch, Rows, Store, StoreError, Table};
use log::Log;
use memtable::Memtable;
use tree::Tree;
use writer::{Order, Writer};

/// The B-tree, inside the store's directory.
const TREE_NAME: &str = "store.redb";

/// The log, beside it.
const LOG_NAME: &str = "store.log";

/// How much the log and the order of its rows in memory may take before a checkpoint, in bytes.
const LOG_BYTES: usize = 2 * 1024 * 1024;

/// As many rows of the tree are read on the calling thread.
const FEW_ROWS: usize = 16;

/// Keeps everything in a directory, durably: what it acknowledges survives a crash and a power cut.
///
/// A commit is appended to a *write-ahead log*, `store.log`, which is synced once; all who commit at the same time share
/// that. What is in the log is in memory as well. When both take 2 MiB, a *checkpoint* moves it into a B-tree,
/// `store.redb`, in one commit; what was put and deleted in between never gets there. Whoever commits during a checkpoint
/// waits for it.
///
/// Clones share the open files. Only one `RedbStore` can have a directory open, in this process or another. The two files
/// belong together: one without the other, or of another time, is refused. Of a store without a log, as older versions
/// wrote it, the log is begun.
///
/// What is damaged is refused as [`StoreError::Damaged`], never served: every page of the tree and every frame of the log
/// has a checksum. For that reason other programs for redb files cannot read this one. The end of the log, which nobody
/// was told of when the power went, is left out. Damage cannot be told apart from that in one case: it hits the last thing
/// written, after the power was cut or the program killed at the very moment.
///
/// An I/O error or a full disk fails the commit, and the next call tries anew: a disk that was full for a while needs no
/// restart. The files never shrink.
#[derive(Clone)]
pub struct RedbStore {
    shared: Arc<Shared>,
}

impl RedbStore {
    /// Opens the store in directory `dir`, which is created if need be. Does blocking I/O.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the directory cannot be used or is open elsewhere;
    /// [`StoreError::Damaged`] when what is in it is not a sound store.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let named = |e: io::Error| StoreError::Unavailable(format!("directory {}: {e}", dir.display()));
        std::fs::create_dir_all(dir).map_err(named)?;
        let path = dir.join(TREE_NAME);
        let tree = Tree::open(dir.display().to_string(), move || backend(&path))?;
        let log = backend(&dir.join(LOG_NAME)).map_err(named)?;
        directory::sync(dir).map_err(named)?;
        Self::new(tree, Box::new(log), LOG_BYTES)
    }

    /// Opens a store over storage of your own, for example one that injects faults. `tree` is called now, and again
    /// whenever the B-tree has to be reopened after an I/O error; redb has closed the former backend by then.
    /// `log_bytes`: when there is a checkpoint; 2 MiB in a store that was opened by [`RedbStore::open`].
    ///
    /// # Errors
    /// As for [`RedbStore::open`].
    pub fn with_storage<T: StorageBackend>(
        tree: impl Fn() -> io::Result<T> + Send + Sync + 'static,
        log: impl StorageBackend,
        log_bytes: usize,
    ) -> Result<Self, StoreError> {
        Self::new(Tree::open("custom storage".to_owned(), tree)?, Box::new(log), log_bytes)
    }

    fn new(tree: Tree, log: Box<dyn StorageBackend>, room: usize) -> Result<Self, StoreError> {
        let absorbed = tree.absorbed()?;
        let named = |error| match error {
            StoreError::Unavailable(text) => StoreError::Unavailable(format!("{}: {text}", tree.name())),
            StoreError::Damaged(text) => StoreError::Damaged(format!("{}: {text}", tree.name())),
            other => other,
        };
        let (log, frames) = Log::open(log, absorbed, room).map_err(named)?;
        let mut memtable = Memtable::default();
        for frame in frames {
            memtable.apply(frame).map_err(named)?;
        }
        if absorbed.is_none() {
            // From now on there has to be a log.
            tree.absorb(&memtable, 0)?;
        }
        let (tree, memtable) = (Arc::new(tree), Arc::new(RwLock::new(memtable)));
        let (orders, ordered) = channel();
        let writer = Writer { log, tree: Arc::clone(&tree), memtable: Arc::clone(&memtable), room };
        let thread = thread::Builder::new().name("store".to_owned());
        let writer = thread
            .spawn(move || writer.work(&ordered))
            .map_err(|error| StoreError::Unavailable(format!("no thread to write: {error}")))?;
        let shared = Shared { tree, memtable, orders: Some(orders), writer: Some(writer) };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("at", &self.shared.tree.name()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for RedbStore {
    /// Reads on the calling thread: a handful of pages, mostly cached, cost less than handing the work to another.
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        visible(&self.shared.memtable, &self.shared.tree, table, key)
    }

    /// A look at a few rows is like [`get`](Store::get); many rows are read elsewhere.
    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        if let Some(rows) = self.shared.scan(table, from, limit, FEW_ROWS)? {
            return Ok(rows);
        }
        let (shared, from) = (Arc::clone(&self.shared), from.to_vec());
        let rows = tokio::task::spawn_blocking(move || shared.scan(table, &from, limit, usize::MAX)).await;
        let rows = rows.map_err(|_| StoreError::Unavailable("the runtime is shutting down".to_owned()))?;
        rows.map(Option::unwrap_or_default)
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let ended = || StoreError::Unavailable("the writer has ended".to_owned());
        let orders = self.shared.orders.as_ref().ok_or_else(ended)?;
        orders.send(Order { batch, answer }).map_err(|_| ended())?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    fn shares_commits(&self) -> bool {
        true
    }
}

/// What clones of a store share.
struct Shared {
    tree: Arc<Tree>,
    memtable: Arc<RwLock<Memtable>>,
    /// `None` only while it is closed.
    orders: Option<Sender<Order>>,
    writer: Option<JoinHandle<()>>,
}

impl Shared {
    /// None if it takes a look at `patience` rows of the tree.
    fn scan(
        &self,
        table: Table,
        from: &[u8],
        limit: usize,
        patience: usize,
    ) -> Result<Option<Rows>, StoreError> {
        // Held meanwhile, so that no checkpoint moves rows out of it that the tree, as of now, does not have.
        let memtable = self.memtable.read().unwrap_or_else(PoisonError::into_inner);
        self.tree.scan(table, from, |stored| {
            let mut looked = 0;
            let mut stored = stored.take(patience).inspect(|_| looked += 1);
            let rows = memtable.over(&mut stored, table, from, limit)?;
            Ok((looked < patience).then_some(rows))
        })
    }
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

/// The value of a key. A checkpoint in between takes nothing away: it has moved the row before it forgets the change.
fn visible(
    memtable: &RwLock<Memtable>,
    tree: &Tree,
    table: Table,
    key: &[u8],
) -> Result<Option<Bytes>, StoreError> {
    let changed = memtable.read().unwrap_or_else(PoisonError::into_inner).get(table, key);
    changed.map_or_else(|| tree.get(table, key), Ok)
}

fn backend(path: &Path) -> io::Result<FileBackend> {
    let file: File = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    FileBackend::new(file).map_err(io::Error::other)
}
