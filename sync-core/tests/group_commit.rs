//! Do concurrent writers share commits, without ever being told too early and whoever gives up?

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sync_core::store::{Batch, Change, Precondition, Rows, Store, StoreError, Table};
use sync_core::stores::{GroupCommit, MemoryStore};
use tokio::task::JoinSet;

/// A memory store whose every commit takes ten (virtual) milliseconds, and which remembers its commits.
#[derive(Clone, Default)]
struct Slow {
    store: MemoryStore,
    commits: Arc<Mutex<Vec<Batch>>>,
    failing: Arc<AtomicUsize>,
}

impl Slow {
    fn sizes(&self) -> Vec<usize> {
        self.commits.lock().unwrap().iter().map(|batch| batch.changes.len()).collect()
    }
}

#[async_trait]
impl Store for Slow {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.store.get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.store.scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.commits.lock().unwrap().push(batch.clone());
        tokio::time::sleep(Duration::from_millis(10)).await;
        let failing = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if failing.is_ok() {
            return Err(StoreError::Unavailable("disk full".to_owned()));
        }
        self.store.commit(batch).await
    }
}

fn put(key: &str) -> Batch {
    let mut batch = Batch::default();
    batch.put(Table::Inbox, key.to_owned(), "value");
    batch
}

fn put_if_absent(key: &str) -> Batch {
    let mut batch = put(key);
    batch.preconditions.push(Precondition::Absent(Table::Inbox, Bytes::from(key.to_owned())));
    batch
}

async fn rows(slow: &Slow) -> usize {
    slow.scan(Table::Inbox, b"", usize::MAX).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn do_many_writers_share_few_commits_and_hear_only_when_durable() {
    let slow = Slow::default();
    let group = Arc::new(GroupCommit::new(slow.clone()));
    let mut callers = JoinSet::new();
    for i in 0..64 {
        let (group, slow) = (Arc::clone(&group), slow.clone());
        callers.spawn(async move {
            let key = format!("{i:02}");
            group.commit(put(&key)).await.unwrap();
            assert!(slow.get(Table::Inbox, key.as_bytes()).await.unwrap().is_some(), "told too early");
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    assert_eq!(slow.sizes(), [1, 63]);
    assert_eq!(rows(&slow).await, 64);
}

#[tokio::test(start_paused = true)]
async fn do_preconditions_commit_alone_and_see_what_was_merged_before() {
    let slow = Slow::default();
    let group = GroupCommit::new(slow.clone());
    let (_, a, twice, b, other) = tokio::join!(
        group.commit(put("first")),
        group.commit(put("a")),
        group.commit(put_if_absent("a")),
        group.commit(put("b")),
        group.commit(put_if_absent("c")),
    );
    assert_eq!([a, twice, b, other], [Ok(()), Err(StoreError::Precondition), Ok(()), Ok(())]);
    let conditions: Vec<_> =
        slow.commits.lock().unwrap().iter().map(|b| (b.preconditions.len(), b.changes.len())).collect();
    assert_eq!(conditions, [(0, 1), (0, 2), (1, 1), (1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn is_a_waiting_precondition_served_before_newer_plain_batches() {
    let slow = Slow::default();
    let group = Arc::new(GroupCommit::new(slow.clone()));
    let mut callers = JoinSet::new();
    for batch in [put("first"), put_if_absent("second")] {
        let group = Arc::clone(&group);
        callers.spawn(async move { group.commit(batch).await.unwrap() });
    }
    for i in 0..3 {
        tokio::time::sleep(Duration::from_millis(6)).await;
        let group = Arc::clone(&group);
        callers.spawn(async move { group.commit(put(&format!("later {i}"))).await.unwrap() });
    }
    callers.join_all().await;
    let commits = slow.commits.lock().unwrap();
    assert_eq!(commits[1], put_if_absent("second"), "and alone");
}

#[tokio::test(start_paused = true)]
async fn does_a_cancelled_caller_harm_no_one() {
    // Whoever is cancelled, and whenever: the driver in the middle of its commit, or one who waits.
    for victim in 0..4 {
        for after in [0, 5, 10, 15, 25] {
            let slow = Slow::default();
            let group = Arc::new(GroupCommit::new(slow.clone()));
            let callers: Vec<_> = (0..4)
                .map(|i| {
                    let group = Arc::clone(&group);
                    tokio::spawn(async move { group.commit(put(&i.to_string())).await })
                })
                .collect();
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(after)).await;
            callers[victim].abort();
            for (i, caller) in callers.into_iter().enumerate() {
                match caller.await {
                    Ok(result) => result.unwrap(),
                    Err(cancelled) => assert!(cancelled.is_cancelled() && i == victim),
                }
            }
            assert!(rows(&slow).await >= 3, "victim {victim} after {after} ms");
            group.commit(put("later")).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn is_a_commit_finished_whose_only_caller_gave_up_midway() {
    let slow = Slow::default();
    let group = GroupCommit::new(slow.clone());
    let given_up = tokio::time::timeout(Duration::from_millis(5), group.commit(put("first"))).await;
    assert!(given_up.is_err());
    group.commit(put("second")).await.unwrap();
    assert_eq!(slow.sizes(), [1, 1], "the first commit is not made twice");
    assert_eq!(rows(&slow).await, 2);
}

#[tokio::test(start_paused = true)]
async fn is_a_batch_dropped_whose_caller_gave_up_before_its_turn() {
    let slow = Slow::default();
    let group = GroupCommit::new(slow.clone());
    let (first, given_up) = tokio::join!(
        group.commit(put("first")),
        tokio::time::timeout(Duration::from_millis(5), group.commit(put("second"))),
    );
    first.unwrap();
    assert!(given_up.is_err());
    group.commit(put("third")).await.unwrap();
    assert_eq!(slow.get(Table::Inbox, b"second").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn do_all_callers_of_a_failed_commit_hear_of_it_and_the_next_succeed() {
    let slow = Slow::default();
    let group = GroupCommit::new(slow.clone());
    slow.failing.store(2, Ordering::SeqCst);
    let results = tokio::join!(group.commit(put("a")), group.commit(put("b")), group.commit(put("c")));
    for result in [results.0, results.1, results.2] {
        assert_eq!(result, Err(StoreError::Unavailable("disk full".to_owned())));
    }
    assert_eq!(slow.sizes(), [1, 2]);
    group.commit(put("d")).await.unwrap();
    assert_eq!(rows(&slow).await, 1);
}

/// Commits all at once behind one that keeps the store busy; the sizes of the commits made.
async fn sizes_of(batches: Vec<Batch>) -> Vec<usize> {
    let slow = Slow::default();
    let group = Arc::new(GroupCommit::new(slow.clone()));
    let mut callers = JoinSet::new();
    for batch in [put("busy")].into_iter().chain(batches) {
        let group = Arc::clone(&group);
        callers.spawn(async move { group.commit(batch).await.unwrap() });
    }
    callers.join_all().await;
    slow.sizes()[1..].to_vec()
}

#[tokio::test(start_paused = true)]
async fn is_a_merged_commit_bounded_in_changes_and_bytes() {
    let many = |n: usize| Batch {
        changes: vec![Change::Delete(Table::Due, Bytes::from("k")); n],
        ..Batch::default()
    };
    assert_eq!(sizes_of(vec![many(400), many(600), many(1)]).await, [1000, 1]);
    assert_eq!(sizes_of(vec![many(400), many(601), many(1)]).await, [400, 602]);
    assert_eq!(sizes_of(vec![many(5000), many(1)]).await, [5000, 1]);

    let big = |bytes: usize| Batch {
        changes: vec![Change::Put(Table::Inbox, Bytes::new(), vec![0; bytes].into())],
        ..Batch::default()
    };
    let mib = 1024 * 1024;
    assert_eq!(sizes_of(vec![big(3 * mib), big(mib), big(1)]).await, [2, 1]);
    assert_eq!(sizes_of(vec![big(3 * mib), big(mib + 1), big(1)]).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn do_threads_that_cancel_at_random_lose_nothing_acknowledged() {
    let store = MemoryStore::new();
    let group = Arc::new(GroupCommit::new(store.clone()));
    let mut callers = JoinSet::new();
    for i in 0..2_000_u32 {
        let group = Arc::clone(&group);
        callers.spawn(async move {
            let commit = async { group.commit(put(&i.to_string())).await.map(|()| i) };
            let give_up = async {
                for _ in 0..i % 7 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { done = commit => Some(done.unwrap()), () = give_up, if i % 3 == 0 => None }
        });
    }
    let acknowledged: BTreeSet<u32> = callers.join_all().await.into_iter().flatten().collect();
    assert!(acknowledged.len() >= 1_333);
    for i in acknowledged {
        assert!(store.get(Table::Inbox, i.to_string().as_bytes()).await.unwrap().is_some());
    }
}
