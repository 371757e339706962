//! Places to keep things: adapters for the [`Store`](crate::store::Store) port.
//!
//! * [`MemoryStore`] for tests and trials; it survives nothing.
//! * [`RedbStore`] keeps everything in a B-tree behind a write-ahead log (feature `redb`).
//! * `SledStore` keeps everything in a directory of sled's (feature `sled`); its documentation says why it is not the default.
//! * [`GroupCommit`] goes around any of them and lets concurrent writers share one commit.
//! * [`check_format`] refuses a store written by a newer version, and brings an older one up to date.

#[cfg(any(feature = "redb", feature = "sled"))]
mod directory;
mod format;
mod group;
mod memory;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "sled")]
mod sled;

pub use format::{FORMAT, check_format};
pub use group::GroupCommit;
pub use memory::MemoryStore;

#[cfg(feature = "redb")]
pub use self::redb::RedbStore;
#[cfg(feature = "sled")]
pub use self::sled::SledStore;
