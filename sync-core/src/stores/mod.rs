//! Places to keep things: adapters for the [`Store`](crate::store::Store) port.
//!
//! * [`MemoryStore`] for tests and trials; it survives nothing.
//! * [`RedbStore`] keeps everything in one file (feature `redb`).
//! * [`GroupCommit`] goes around either and lets concurrent writers share one commit.
//! * [`check_format`] refuses a store written by a newer version.

mod format;
mod group;
mod memory;
#[cfg(feature = "redb")]
mod redb;

pub use format::{FORMAT, check_format};
pub use group::GroupCommit;
pub use memory::MemoryStore;

#[cfg(feature = "redb")]
pub use self::redb::RedbStore;
