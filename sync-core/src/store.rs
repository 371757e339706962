//! The port to durable storage: three verbs over ordered tables of bytes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

/// A table. The set is fixed: adapters may create all tables when they open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Format version, identity of the store, counters.
    Meta,
    /// Webhooks acknowledged but not yet taken in.
    Inbox,
    /// What is believed of pairs, by pair id.
    Pairs,
    /// What is under way for pairs, by pair id.
    Work,
    /// Ways to find a pair: by record id, by match value.
    Index,
    /// Pairs with work to do.
    Due,
    /// Activities that were told, or wait for their record.
    Activities,
    /// What was set aside, with the reason.
    DeadLetters,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 8] = [
        Self::Meta,
        Self::Inbox,
        Self::Pairs,
        Self::Work,
        Self::Index,
        Self::Due,
        Self::Activities,
        Self::DeadLetters,
    ];

    /// Stable name, part of the storage format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Inbox => "inbox",
            Self::Pairs => "pairs",
            Self::Work => "work",
            Self::Index => "index",
            Self::Due => "due",
            Self::Activities => "activities",
            Self::DeadLetters => "dead_letters",
        }
    }
}

/// A condition on the state before a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// There is no such key.
    Absent(Table, Bytes),
    /// The key has exactly this value.
    Equals(Table, Bytes, Bytes),
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Set a key.
    Put(Table, Bytes, Bytes),
    /// Remove a key; it need not exist.
    Delete(Table, Bytes),
}

/// Changes that happen all or not at all. Later changes of one key win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Conditions, checked before any change is made.
    pub preconditions: Vec<Precondition>,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

impl Batch {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.preconditions.is_empty() && self.changes.is_empty()
    }

    /// Adds a put.
    pub fn put(&mut self, table: Table, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.changes.push(Change::Put(table, key.into(), value.into()));
    }

    /// Adds a delete.
    pub fn delete(&mut self, table: Table, key: impl Into<Bytes>) {
        self.changes.push(Change::Delete(table, key.into()));
    }
}

/// Why the store did not do it.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// A precondition did not hold; nothing was changed.
    #[error("precondition failed")]
    Precondition,
    /// The disk is full or failing; nothing was acknowledged, and the same call may succeed later.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// The stored data is damaged or of an unknown format; a person must look.
    #[error("store damaged: {0}")]
    Damaged(String),
}

/// Key-value pairs, in key order.
pub type Rows = Vec<(Bytes, Bytes)>;

/// Durable, ordered, atomic storage.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Damaged`].
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Up to `limit` rows with key `>= from`, in key order, as of one moment.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Damaged`].
    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError>;

    /// Applies a batch. When this returns `Ok` the batch survives any crash, power loss included, and is visible to
    /// every later `get` and `scan`. When it returns an error other than `Precondition`, the batch may still turn out
    /// to have been applied as a whole, never in part.
    ///
    /// # Errors
    /// [`StoreError::Precondition`], [`StoreError::Unavailable`] or [`StoreError::Damaged`].
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Whether concurrent commits share their work by themselves. The engine puts a
    /// [`GroupCommit`](crate::stores::GroupCommit) around a store that does not say so.
    fn shares_commits(&self) -> bool {
        false
    }
}

#[async_trait]
impl<S: Store + ?Sized> Store for Arc<S> {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        (**self).get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        (**self).scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        (**self).commit(batch).await
    }

    fn shares_commits(&self) -> bool {
        (**self).shares_commits()
    }
}
