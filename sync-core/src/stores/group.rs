//! Many writers, one commit.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::store::{Batch, Change, Rows, Store, StoreError, Table};

/// Most changes in one merged commit, unless a single batch is larger.
const MAX_CHANGES: usize = 1_000;

/// Most bytes of keys and values in one merged commit, unless a single batch is larger.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Goes around a store and lets concurrent [`commit`](Store::commit) calls share one commit of it, and so one sync to
/// disk.
///
/// While one commit is under way, further batches wait; the next commit takes all of them, up to 1,000 changes or 4 MiB.
/// Each caller is answered when the commit that holds its batch is durable. A lone caller waits for nobody.
///
/// Only batches without preconditions are merged; one with preconditions commits alone. A merged commit that fails,
/// fails for all its callers: none of the errors a store has for it could be one caller's fault.
///
/// There is no background task: whichever caller's turn it is drives the commit for all. A caller that is cancelled
/// leaves what it was driving to the next one; its own batch may or may not be applied, as a whole.
pub struct GroupCommit<S> {
    store: Arc<S>,
    waiting: Mutex<VecDeque<Waiting>>,
    /// Held by the caller whose turn it is to drive. The round outlives its driver, should that one be cancelled.
    turn: tokio::sync::Mutex<Option<Round>>,
}

type Round = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Waiting {
    batch: Batch,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl<S: Store> GroupCommit<S> {
    /// Groups the commits to `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store: Arc::new(store), waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Finishes the round that is under way, or else makes one of those who wait.
    async fn drive(&self, turn: &mut Option<Round>) {
        let round = turn.get_or_insert_with(|| {
            let group = take_group(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            Box::pin(commit_group(Arc::clone(&self.store), group))
        });
        round.as_mut().await;
        *turn = None;
    }
}

impl<S> fmt::Debug for GroupCommit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupCommit").finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: Store> Store for GroupCommit<S> {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.store.get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.store.scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Waiting { batch, answer });
        loop {
            tokio::select! {
                biased;
                answer = &mut answered => return answer.unwrap_or_else(|_| Err(interrupted())),
                mut turn = self.turn.lock() => self.drive(&mut turn).await,
            }
        }
    }

    fn shares_commits(&self) -> bool {
        true
    }
}

/// The first batch that waits, and all that may be merged with it. Batches whose callers have gone are left out.
fn take_group(waiting: &mut VecDeque<Waiting>) -> Vec<Waiting> {
    waiting.retain(|w| !w.answer.is_closed());
    let Some(first) = waiting.pop_front() else { return Vec::new() };
    if !first.batch.preconditions.is_empty() {
        return vec![first];
    }
    let (mut changes, mut bytes) = size(&first.batch);
    let mut group = vec![first];
    let mut left = VecDeque::new();
    let mut full = false;
    for next in waiting.drain(..) {
        let (more_changes, more_bytes) = size(&next.batch);
        full = full || changes + more_changes > MAX_CHANGES || bytes + more_bytes > MAX_BYTES;
        if full || !next.batch.preconditions.is_empty() {
            left.push_back(next);
        } else {
            changes += more_changes;
            bytes += more_bytes;
            group.push(next);
        }
    }
    *waiting = left;
    group
}

fn size(batch: &Batch) -> (usize, usize) {
    let bytes = batch.changes.iter().map(|change| match change {
        Change::Put(_, key, value) => key.len() + value.len(),
        Change::Delete(_, key) => key.len(),
    });
    (batch.changes.len(), bytes.sum())
}

async fn commit_group<S: Store>(store: Arc<S>, group: Vec<Waiting>) {
    let mut merged = Batch::default();
    let mut answers = Vec::with_capacity(group.len());
    for Waiting { batch, answer } in group {
        merged.preconditions.extend(batch.preconditions);
        merged.changes.extend(batch.changes);
        answers.push(answer);
    }
    if answers.is_empty() {
        return;
    }
    let result = store.commit(merged).await;
    for answer in answers {
        // A caller that has gone needs no answer.
        let _ = answer.send(result.clone());
    }
}

fn interrupted() -> StoreError {
    StoreError::Unavailable("the commit was interrupted".to_owned())
}
