//! The version of what is stored, so that no version of this crate misreads another's data.

use bytes::Bytes;

use crate::store::{Batch, Precondition, Store, StoreError, Table};

/// The format this version writes, and the newest it can read.
pub const FORMAT: u32 = 1;

/// Where the version is kept, in [`Table::Meta`], as decimal text.
const KEY: &[u8] = b"format";

/// Makes sure that the store holds data this version understands; call it once after opening. An empty store is marked
/// with [`FORMAT`].
///
/// # Errors
/// [`StoreError::Damaged`] when the format is newer, unreadable or missing from a store that is not empty; otherwise
/// whatever the store reports.
pub async fn check_format<S: Store + ?Sized>(store: &S) -> Result<(), StoreError> {
    match store.get(Table::Meta, KEY).await? {
        Some(found) => judge(&found),
        None => mark(store).await,
    }
}

/// A format older than [`FORMAT`] is migrated here, one version at a time, each step one commit. None exists yet.
fn judge(found: &[u8]) -> Result<(), StoreError> {
    let version = std::str::from_utf8(found).ok().and_then(|text| text.parse::<u32>().ok());
    match version {
        Some(FORMAT) => Ok(()),
        Some(newer) if newer > FORMAT => Err(StoreError::Damaged(format!(
            "format {newer} was written by a newer version; this one reads up to {FORMAT}"
        ))),
        Some(unknown) => Err(StoreError::Damaged(format!("format {unknown} never existed"))),
        None => Err(StoreError::Damaged("the format version is unreadable".to_owned())),
    }
}

async fn mark<S: Store + ?Sized>(store: &S) -> Result<(), StoreError> {
    for table in Table::ALL {
        if !store.scan(table, &[], 1).await?.is_empty() {
            return Err(StoreError::Damaged(format!("no format version, but rows in {}", table.name())));
        }
    }
    let key = Bytes::from_static(KEY);
    let mut batch = Batch::default();
    batch.preconditions.push(Precondition::Absent(Table::Meta, key.clone()));
    batch.put(Table::Meta, key, FORMAT.to_string());
    store.commit(batch).await
}

#[cfg(test)]
mod tests {
    use super::{KEY, check_format};
    use crate::store::{Batch, Store, StoreError, Table};
    use crate::stores::MemoryStore;

    async fn store_with(table: Table, key: &'static [u8], value: &'static [u8]) -> MemoryStore {
        let store = MemoryStore::new();
        let mut batch = Batch::default();
        batch.put(table, key, value);
        store.commit(batch).await.unwrap();
        store
    }

    #[tokio::test]
    async fn is_an_empty_store_marked_and_accepted_again() {
        let store = MemoryStore::new();
        check_format(&store).await.unwrap();
        assert_eq!(store.get(Table::Meta, KEY).await.unwrap().unwrap(), "1");
        check_format(&store).await.unwrap();
    }

    #[tokio::test]
    async fn is_a_newer_format_refused_with_its_number() {
        let store = store_with(Table::Meta, KEY, b"7").await;
        let Err(StoreError::Damaged(text)) = check_format(&store).await else { panic!("accepted") };
        assert!(text.contains("format 7"), "{text}");
    }

    #[tokio::test]
    async fn is_nonsense_refused() {
        for value in [&b""[..], b"one", b"0", b"-1", b"\xff"] {
            let store = store_with(Table::Meta, KEY, value).await;
            assert!(matches!(check_format(&store).await, Err(StoreError::Damaged(_))), "{value:?}");
        }
    }

    #[tokio::test]
    async fn is_data_without_a_format_refused_and_left_alone() {
        let store = store_with(Table::DeadLetters, b"k", b"v").await;
        assert!(matches!(check_format(&store).await, Err(StoreError::Damaged(_))));
        assert_eq!(store.get(Table::Meta, KEY).await.unwrap(), None);
    }
}
