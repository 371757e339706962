//! The version of what is stored, so that no version of this crate misreads another's data.

use std::pin::Pin;

use bytes::Bytes;
use serde_json::{Map, Value as Json};

use crate::store::{Batch, Precondition, Store, StoreError, Table};

/// The format this version writes, and the newest it can read.
pub const FORMAT: u32 = 4;

/// Rows rewritten in one commit.
const CHUNK: usize = 1_000;

/// Where the version is kept, in [`Table::Meta`], as decimal text.
const KEY: &[u8] = b"format";

/// Rewrites what one version wrote as the next one would have. It may commit as often as it likes, so it must be able to
/// begin again over what it has already done: after a crash it is called anew.
type Migration =
    for<'a> fn(&'a dyn Store) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// How to come from format 1 to 2, from 2 to 3, and so on to [`FORMAT`].
const MIGRATIONS: [Migration; FORMAT as usize - 1] =
    [as_they_are_written, as_they_are_written, |store| Box::pin(split_pairs(store))];

/// Since format 2 a pair's row leaves out what is as in most; since format 3 the index holds prints of what pairs believe, which
/// in format 2 stood in their rows. Older rows are still read, and become new ones when they are next written, or when a sweep
/// first finds them without a print: there is nothing to do at once.
fn as_they_are_written(_: &dyn Store) -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + '_>> {
    Box::pin(std::future::ready(Ok(())))
}

/// Since format 4 a pair's row holds only what is believed of it. The work for it has a row of its own, and so has each activity
/// that is still to be told.
async fn split_pairs(store: &dyn Store) -> Result<(), StoreError> {
    let mut from = Vec::new();
    loop {
        let rows = store.scan(Table::Pairs, &from, CHUNK).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        from = [last, &b"\0"[..]].concat();
        let mut batch = Batch::default();
        for (id, row) in rows {
            // The error of serde_json may quote the row, and rows hold personal data.
            let unreadable = |_| StoreError::Damaged("unreadable row of a pair".to_owned());
            split_pair(id, serde_json::from_slice(&row).map_err(unreadable)?, &mut batch);
        }
        store.commit(batch).await?;
    }
}

fn split_pair(id: Bytes, mut work: Map<String, Json>, batch: &mut Batch) {
    // What was split before a crash has none.
    if work.remove("id").is_none() {
        return;
    }
    work.remove("prints");
    let believed = ["sides", "aliases", "base", "read", "refused", "history"];
    let belief: Map<_, _> = believed.iter().filter_map(|name| work.remove_entry(*name)).collect();
    if let Some(Json::Array(activities)) = work.remove("activities") {
        for pending in activities {
            let activity = pending["activity"]["id"].as_str().unwrap_or_default();
            let key = [b"p/", &id[..], b"\0", activity.as_bytes()].concat();
            batch.put(Table::Activities, key, pending.to_string());
        }
    }
    if !work.is_empty() {
        work.insert("id".to_owned(), Json::String(String::from_utf8_lossy(&id).into_owned()));
        batch.put(Table::Work, id.clone(), Json::Object(work).to_string());
    }
    batch.put(Table::Pairs, id, Json::Object(belief).to_string());
}

/// Makes sure that the store holds data this version understands; call it once after opening. An empty store is marked
/// with [`FORMAT`]; an older format is migrated.
///
/// # Errors
/// [`StoreError::Damaged`] when the format is newer, unreadable or missing from a store that is not empty; otherwise
/// whatever the store reports.
pub async fn check_format(store: &dyn Store) -> Result<(), StoreError> {
    bring_up(store, &MIGRATIONS).await
}

/// Brings the store to the format that the last of the migrations leads to.
async fn bring_up(store: &dyn Store, migrations: &[Migration]) -> Result<(), StoreError> {
    let newest = migrations.len() + 1;
    let Some(found) = store.get(Table::Meta, KEY).await? else {
        return mark_empty(store, newest).await;
    };
    let version = readable(&found, newest)?;
    for (version, migrate) in (version..).zip(&migrations[version - 1..]) {
        tracing::info!(from = version, to = version + 1, "migrating the store");
        migrate(store).await?;
        let condition = Precondition::Equals(Table::Meta, Bytes::from_static(KEY), text(version));
        mark(store, condition, version + 1).await?;
    }
    Ok(())
}

fn readable(found: &[u8], newest: usize) -> Result<usize, StoreError> {
    let version = std::str::from_utf8(found).ok().and_then(|text| text.parse::<usize>().ok());
    match version {
        Some(version) if (1..=newest).contains(&version) => Ok(version),
        Some(newer) if newer > newest => Err(StoreError::Damaged(format!(
            "format {newer} was written by a newer version; this one reads up to {newest}"
        ))),
        Some(unknown) => Err(StoreError::Damaged(format!("format {unknown} never existed"))),
        None => Err(StoreError::Damaged("the format version is unreadable".to_owned())),
    }
}

async fn mark_empty(store: &dyn Store, version: usize) -> Result<(), StoreError> {
    for table in Table::ALL {
        if !store.scan(table, &[], 1).await?.is_empty() {
            return Err(StoreError::Damaged(format!("no format version, but rows in {}", table.name())));
        }
    }
    mark(store, Precondition::Absent(Table::Meta, Bytes::from_static(KEY)), version).await
}

async fn mark(store: &dyn Store, condition: Precondition, version: usize) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.preconditions.push(condition);
    batch.put(Table::Meta, KEY, text(version));
    store.commit(batch).await
}

fn text(version: usize) -> Bytes {
    Bytes::from(version.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use bytes::Bytes;

    use super::{FORMAT, KEY, Migration, bring_up, check_format};
    use crate::store::{Batch, Rows, Store, StoreError, Table};
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
        assert_eq!(store.get(Table::Meta, KEY).await.unwrap().unwrap(), FORMAT.to_string());
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

    /// The history of a format that never was: 2 put a `+` before every pair, 3 added a counter.
    const HISTORY: [Migration; 2] =
        [|store| Box::pin(prefix_pairs(store)), |store| Box::pin(count_pairs(store))];

    async fn prefix_pairs(store: &dyn Store) -> Result<(), StoreError> {
        for (key, row) in store.scan(Table::Pairs, b"", usize::MAX).await? {
            if !row.starts_with(b"+") {
                let mut batch = Batch::default();
                batch.put(Table::Pairs, key, [b"+", row.as_ref()].concat());
                store.commit(batch).await?;
            }
        }
        Ok(())
    }

    async fn count_pairs(store: &dyn Store) -> Result<(), StoreError> {
        let pairs = store.scan(Table::Pairs, b"", usize::MAX).await?.len();
        let mut batch = Batch::default();
        batch.put(Table::Meta, "pairs", pairs.to_string());
        store.commit(batch).await
    }

    /// A store of format 1 with two pairs.
    async fn old() -> MemoryStore {
        let store = store_with(Table::Meta, KEY, b"1").await;
        let mut batch = Batch::default();
        batch.put(Table::Pairs, "a", "ada");
        batch.put(Table::Pairs, "b", "bob");
        store.commit(batch).await.unwrap();
        store
    }

    async fn rows(store: &MemoryStore) -> Vec<(Bytes, Bytes)> {
        let pairs = store.scan(Table::Pairs, b"", 9).await.unwrap();
        [store.scan(Table::Meta, b"", 9).await.unwrap(), pairs].concat()
    }

    fn all(pairs: &[(&'static str, &'static str)]) -> Vec<(Bytes, Bytes)> {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[tokio::test]
    async fn is_an_older_format_migrated_step_by_step_and_only_once() {
        let new = all(&[("format", "3"), ("pairs", "2"), ("a", "+ada"), ("b", "+bob")]);
        let store = old().await;
        for _ in 0..2 {
            bring_up(&store, &HISTORY).await.unwrap();
            assert_eq!(rows(&store).await, new);
        }
        let older = old().await;
        bring_up(&older, &HISTORY[..1]).await.unwrap();
        assert_eq!(rows(&older).await, all(&[("format", "2"), ("a", "+ada"), ("b", "+bob")]));
        bring_up(&older, &HISTORY).await.unwrap();
        assert_eq!(rows(&older).await, new);
    }

    #[tokio::test]
    async fn does_a_migration_go_on_after_a_crash_at_any_commit() {
        for commits in 0..5 {
            let store = old().await;
            let dying = Dying { store: store.clone(), commits: AtomicUsize::new(commits) };
            assert!(bring_up(&dying, &HISTORY).await.is_err(), "{commits} commits are not all");
            bring_up(&store, &HISTORY).await.unwrap();
            let new = all(&[("format", "3"), ("pairs", "2"), ("a", "+ada"), ("b", "+bob")]);
            assert_eq!(rows(&store).await, new, "after {commits} commits");
        }
    }

    /// Takes so many commits and no more.
    struct Dying {
        store: MemoryStore,
        commits: AtomicUsize,
    }

    #[async_trait]
    impl Store for Dying {
        async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
            self.store.get(table, key).await
        }

        async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
            self.store.scan(table, from, limit).await
        }

        async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
            let left = self.commits.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            left.map_err(|_| StoreError::Unavailable("crash".to_owned()))?;
            self.store.commit(batch).await
        }
    }
}
