//! The B-tree behind the log: one redb file.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use redb::{
    AccessGuard, Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, StorageBackend,
    TableDefinition, WriteTransaction,
};

use super::checked::Checked;
use super::memtable::{Changed, Memtable};
use crate::store::{StoreError, Table};

/// Most memory for cached pages, in bytes.
const CACHE_BYTES: usize = 2 * 1024 * 1024;

/// Up to which epoch the log was absorbed; without a row, there never was a log.
const ABSORBED: TableDefinition<'static, (), u64> = TableDefinition::new("log");

/// An open redb file, which is closed and opened again after an I/O error.
pub(super) struct Tree {
    name: String,
    open: Box<OpenDatabase>,
    /// `None` only while it could not be reopened. Work on it holds the lock for reading.
    database: RwLock<Option<Opened>>,
    /// The open database has met an I/O error and will refuse further work. Set while reading, reset while writing.
    failed: AtomicBool,
}

/// An open database, and its tables as of the last commit: to open one for each read would take longer than to read.
struct Opened {
    /// Dropped before the database, which can only then be closed.
    tables: RwLock<Tables>,
    database: Database,
}

type Tables = BTreeMap<Table, ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// A key and its value.
pub(super) type Row = (Bytes, Bytes);

type OpenDatabase = dyn Fn(&Builder) -> Result<Database, redb::Error> + Send + Sync;

impl Tree {
    /// Opens the file that `storage` gives, now and whenever it has to be reopened.
    pub(super) fn open<B: StorageBackend>(
        name: String,
        storage: impl Fn() -> io::Result<B> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let open = move |builder: &Builder| Ok(builder.create_with_backend(Checked::new(storage()?))?);
        let tree =
            Self { name, open: Box::new(open), database: RwLock::default(), failed: AtomicBool::new(false) };
        tree.with(|_| Ok(()))?;
        Ok(tree)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.with(|opened| {
            let tables = opened.tables.read().unwrap_or_else(PoisonError::into_inner);
            let Some(rows) = tables.get(&table) else { return Ok(None) };
            let value = rows.get(key)?.map(|value| Bytes::copy_from_slice(value.value()));
            Ok(value)
        })
    }

    /// Works on the rows with key `>= from`, in key order, as of one moment.
    pub(super) fn scan<T>(
        &self,
        table: Table,
        from: &[u8],
        work: impl FnOnce(&mut dyn Iterator<Item = Result<Row, redb::Error>>) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with(|opened| {
            let rows = opened.database.begin_read()?.open_table(definition(table))?;
            let copied = |(key, value): (AccessGuard<'_, _>, AccessGuard<'_, _>)| {
                let copy = |guard: AccessGuard<'_, &'static [u8]>| Bytes::copy_from_slice(guard.value());
                (copy(key), copy(value))
            };
            work(&mut rows.range(from..)?.map(|row| row.map(copied).map_err(redb::Error::from)))
        })
    }

    /// Up to which epoch the log was absorbed; none if there never was a log.
    pub(super) fn absorbed(&self) -> Result<Option<u64>, StoreError> {
        self.with(|opened| {
            let epoch = opened.database.begin_read()?.open_table(ABSORBED)?.get(())?;
            Ok(epoch.map(|epoch| epoch.value()))
        })
    }

    /// Makes the changes of the log's `epoch`, in one commit; durable when this returns. To do it again changes nothing.
    pub(super) fn absorb(&self, changes: &Memtable, epoch: u64) -> Result<(), StoreError> {
        self.with(|opened| {
            let transaction = begin_write(&opened.database)?;
            for table in Table::ALL {
                if let Some(changed) = changes.table(table) {
                    apply(&transaction, table, changed)?;
                }
            }
            transaction.open_table(ABSORBED)?.insert((), epoch)?;
            transaction.commit()?;
            // Before this returns: whoever no longer finds a change in memory is to find it here.
            let tables = open_tables(&opened.database)?;
            *opened.tables.write().unwrap_or_else(PoisonError::into_inner) = tables;
            Ok(())
        })
    }

    /// Works on the database, after reopening it if that is needed.
    fn with<T>(&self, work: impl FnOnce(&Opened) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        // redb panics where a file written by it could not have this content. That is damage, not a bug of the caller.
        // Nothing half-done can be seen afterwards: the database is reopened, which drops unfinished transactions.
        catch_unwind(AssertUnwindSafe(|| {
            let opened = self.healthy()?;
            let Some(opened) = opened.as_ref() else {
                return Err(StoreError::Unavailable(format!("{}: not open", self.name)));
            };
            work(opened).map_err(|error| self.failure(&error))
        }))
        .unwrap_or_else(|_| {
            self.failed.store(true, Ordering::Release);
            Err(StoreError::Damaged(format!("{}: redb panicked", self.name)))
        })
    }

    fn healthy(&self) -> Result<RwLockReadGuard<'_, Option<Opened>>, StoreError> {
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

    fn reopen(&self) -> Result<Opened, redb::Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let database = (self.open)(&builder)?;
        let transaction = begin_write(&database)?;
        for table in Table::ALL {
            transaction.open_table(definition(table))?;
        }
        transaction.open_table(ABSORBED)?;
        transaction.commit()?;
        Ok(Opened { tables: RwLock::new(open_tables(&database)?), database })
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

fn open_tables(database: &Database) -> Result<Tables, redb::Error> {
    let transaction = database.begin_read()?;
    Table::ALL.into_iter().map(|table| Ok((table, transaction.open_table(definition(table))?))).collect()
}

fn begin_write(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn apply(transaction: &WriteTransaction, table: Table, changed: &Changed) -> Result<(), redb::Error> {
    let mut rows = transaction.open_table(definition(table))?;
    for (key, value) in changed {
        match value {
            Some(value) => rows.insert(key.as_ref(), value.as_ref())?,
            None => rows.remove(key.as_ref())?,
        };
    }
    Ok(())
}

fn definition(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}
