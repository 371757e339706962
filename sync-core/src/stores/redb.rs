//! A durable store in one file, over the `redb` crate.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    WriteTransaction,
};

use super::checked::Checked;
use super::directory;
use crate::store::{Batch, Change, Precondition, Rows, Store, StoreError, Table};

/// The one file of a store, inside its directory.
const FILE_NAME: &str = "store.redb";

/// Most memory for cached pages, in bytes.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// As many rows are read on the calling thread.
const FEW_ROWS: usize = 8;

/// Keeps everything in one file, durably: what it acknowledges survives a crash and a power cut.
///
/// Clones share one open file. Only one `RedbStore` can have a directory open, in this process or another. Every commit
/// is synced to disk and carries what redb needs to reopen at once after a crash (its *quick-repair*).
///
/// Every page has a checksum that is compared whenever the page is read: what is damaged is refused as
/// [`StoreError::Damaged`], never served. For that reason other programs for redb files cannot read this one.
///
/// After an I/O error redb refuses all further work on the open file. The store then closes the file and opens it again
/// on the next call, so a disk that was full for a while needs no restart. The file never shrinks.
#[derive(Clone)]
pub struct RedbStore {
    shared: Arc<Shared>,
}

impl RedbStore {
    /// Opens the store in directory `dir`, which is created if need be. Does blocking I/O.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the directory cannot be used or is open elsewhere;
    /// [`StoreError::Damaged`] when the file in it is not a sound store.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let named = |e: io::Error| StoreError::Unavailable(format!("directory {}: {e}", dir.display()));
        std::fs::create_dir_all(dir).map_err(named)?;
        let path = dir.join(FILE_NAME);
        let store = Self::new(dir.display().to_string(), move |builder| {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            Ok(builder.create_with_backend(Checked::new(FileBackend::new(file)?))?)
        })?;
        directory::sync(dir).map_err(named)?;
        Ok(store)
    }

    /// Opens a store over storage of your own, for example one that injects faults. `backend` is called now, and again
    /// whenever the store has to be reopened after an I/O error; redb has closed the former backend by then.
    ///
    /// # Errors
    /// As for [`RedbStore::open`].
    pub fn with_backend<B: StorageBackend>(
        backend: impl Fn() -> io::Result<B> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        Self::new("custom backend".to_owned(), move |builder| {
            Ok(builder.create_with_backend(Checked::new(backend()?))?)
        })
    }

    fn new(
        name: String,
        open: impl Fn(&Builder) -> Result<Database, redb::Error> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let shared = Shared {
            name,
            open: Box::new(open),
            database: RwLock::default(),
            failed: AtomicBool::new(false),
        };
        shared.with(|_| Ok(()))?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Does blocking work away from the async threads. Work that has begun goes on even if the caller stops waiting.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || shared.with(work))
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the runtime is shutting down".to_owned())))
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("at", &self.shared.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for RedbStore {
    /// Reads on the calling thread: a handful of pages, mostly cached, cost less than handing the work to another.
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.shared.with(|database| {
            let rows = database.begin_read()?.open_table(definition(table))?;
            let value = rows.get(key)?.map(|value| Bytes::copy_from_slice(value.value()));
            Ok(value)
        })
    }

    /// A look at a few rows is like [`get`](Store::get); many rows are read elsewhere.
    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        if limit <= FEW_ROWS {
            return self.shared.with(|database| scan(database, table, from, limit));
        }
        let from = from.to_vec();
        self.blocking(move |database| scan(database, table, &from, limit)).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        match self.blocking(move |database| commit(database, &batch)).await? {
            Committed::Yes => Ok(()),
            Committed::PreconditionFailed => Err(StoreError::Precondition),
        }
    }
}

/// What clones of a store share.
struct Shared {
    name: String,
    open: Box<OpenDatabase>,
    /// `None` only while it could not be reopened. Work on it holds the lock for reading.
    database: RwLock<Option<Database>>,
    /// The open database has met an I/O error and will refuse further work. Set while reading, reset while writing.
    failed: AtomicBool,
}

type OpenDatabase = dyn Fn(&Builder) -> Result<Database, redb::Error> + Send + Sync;

impl Shared {
    /// Works on the database, after reopening it if that is needed.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        // redb panics where a file written by it could not have this content. That is damage, not a bug of the caller.
        // Nothing half-done can be seen afterwards: the database is reopened, which drops unfinished transactions.
        catch_unwind(AssertUnwindSafe(|| {
            let database = self.healthy()?;
            let Some(database) = database.as_ref() else {
                return Err(StoreError::Unavailable(format!("{}: not open", self.name)));
            };
            work(database).map_err(|error| self.failure(&error))
        }))
        .unwrap_or_else(|_| {
            self.failed.store(true, Ordering::Release);
            Err(StoreError::Damaged(format!("{}: redb panicked", self.name)))
        })
    }

    fn healthy(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, StoreError> {
        let current = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() && !self.failed.load(Ordering::Acquire) {
            return Ok(current);
        }
        drop(current);
        let mut slot = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() || self.failed.load(Ordering::Acquire) {
            // Close first: the new database must be able to lock the file.
            *slot = None;
            *slot = Some(self.reopen().map_err(|error| self.failure(&error))?);
            self.failed.store(false, Ordering::Release);
        }
        drop(slot);
        Ok(self.database.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn reopen(&self) -> Result<Database, redb::Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let database = (self.open)(&builder)?;
        let transaction = begin_write(&database)?;
        for table in Table::ALL {
            transaction.open_table(definition(table))?;
        }
        transaction.commit()?;
        Ok(database)
    }

    fn failure(&self, error: &redb::Error) -> StoreError {
        use redb::Error as E;
        if matches!(error, E::Io(_) | E::PreviousIo | E::DatabaseClosed | E::LockPoisoned(_)) {
            self.failed.store(true, Ordering::Release);
        }
        let text = format!("{}: {error}", self.name);
        match error {
            // Not the disk but what is on it: no database, or less of one than there should be.
            E::Io(io) if matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                StoreError::Damaged(text)
            }
            E::Io(_) | E::PreviousIo | E::DatabaseClosed | E::LockPoisoned(_) => {
                StoreError::Unavailable(text)
            }
            E::DatabaseAlreadyOpen | E::LockProtocolMismatch => {
                StoreError::Unavailable(format!("{}: already open, here or in another process", self.name))
            }
            E::ValueTooLarge(_) => StoreError::Unavailable(text),
            _ => StoreError::Damaged(text),
        }
    }
}

enum Committed {
    Yes,
    PreconditionFailed,
}

fn scan(database: &Database, table: Table, from: &[u8], limit: usize) -> Result<Rows, redb::Error> {
    let rows = database.begin_read()?.open_table(definition(table))?;
    let mut found = Rows::new();
    for row in rows.range(from..)?.take(limit) {
        let (key, value) = row?;
        found.push((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())));
    }
    Ok(found)
}

fn commit(database: &Database, batch: &Batch) -> Result<Committed, redb::Error> {
    let transaction = begin_write(database)?;
    for condition in &batch.preconditions {
        if !holds(&transaction, condition)? {
            transaction.abort()?;
            return Ok(Committed::PreconditionFailed);
        }
    }
    for table in Table::ALL {
        apply(&transaction, table, &batch.changes)?;
    }
    transaction.commit()?;
    Ok(Committed::Yes)
}

fn begin_write(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn holds(transaction: &WriteTransaction, condition: &Precondition) -> Result<bool, redb::Error> {
    let (table, key, expected) = match condition {
        Precondition::Absent(table, key) => (table, key, None),
        Precondition::Equals(table, key, value) => (table, key, Some(value.as_ref())),
    };
    let rows = transaction.open_table(definition(*table))?;
    let found = rows.get(key.as_ref())?;
    Ok(found.as_ref().map(redb::AccessGuard::value) == expected)
}

/// Makes the changes of one table, in order: a table can be opened only once at a time.
fn apply(transaction: &WriteTransaction, table: Table, changes: &[Change]) -> Result<(), redb::Error> {
    let mut changes = changes.iter().filter(|change| table_of(change) == table).peekable();
    if changes.peek().is_none() {
        return Ok(());
    }
    let mut rows = transaction.open_table(definition(table))?;
    for change in changes {
        match change {
            Change::Put(_, key, value) => rows.insert(key.as_ref(), value.as_ref())?,
            Change::Delete(_, key) => rows.remove(key.as_ref())?,
        };
    }
    Ok(())
}

fn table_of(change: &Change) -> Table {
    match change {
        Change::Put(table, ..) | Change::Delete(table, _) => *table,
    }
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}
