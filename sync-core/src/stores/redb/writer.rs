//! The thread that writes: it takes whatever waits, appends it to the log, and now and then empties the log into the tree.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use tokio::sync::oneshot;

use super::frame::Frame;
use super::log::Log;
use super::memtable::Memtable;
use super::tree::Tree;
use super::visible;
use crate::store::{Batch, Precondition, StoreError};

/// From this length on a frame takes no further batch, in bytes.
const FRAME_BYTES: usize = 1024 * 1024;

/// A batch, and whoever waits for it.
pub(super) struct Order {
    pub(super) batch: Batch,
    pub(super) answer: Answer,
}

type Answer = oneshot::Sender<Result<(), StoreError>>;

/// The only one who writes.
pub(super) struct Writer {
    pub(super) log: Log,
    pub(super) tree: Arc<Tree>,
    /// What is in the log.
    pub(super) memtable: Arc<RwLock<Memtable>>,
    /// How much log and memtable may take, in bytes, before a checkpoint.
    pub(super) room: usize,
}

impl Writer {
    /// Works until all senders are gone.
    pub(super) fn work(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            // Where threads wait for a processor, some of them are about to commit, and can share this sync.
            thread::yield_now();
            let (mut frame, mut waiting) = (Frame::new(), Vec::new());
            for order in std::iter::once(first).chain(orders.try_iter()) {
                let conditions = &order.batch.preconditions;
                // What it asks for must not be hidden in a frame that nobody can see yet.
                if !conditions.is_empty() || frame.len() >= FRAME_BYTES {
                    self.write(std::mem::replace(&mut frame, Frame::new()), &mut waiting);
                }
                match self.check(conditions).and_then(|()| frame.add(&order.batch.changes)) {
                    Ok(()) => waiting.push(order.answer),
                    Err(error) => tell(order.answer, Err(error)),
                }
            }
            self.write(frame, &mut waiting);
        }
    }

    /// Writes a frame and tells those who wait for it.
    fn write(&mut self, frame: Frame, waiting: &mut Vec<Answer>) {
        let result = if frame.is_empty() { Ok(()) } else { self.append(frame) };
        for answer in waiting.drain(..) {
            tell(answer, result.clone());
        }
    }

    fn append(&mut self, frame: Frame) -> Result<(), StoreError> {
        if self.is_full() {
            self.checkpoint()?;
        }
        let frame = self.log.append(frame)?;
        self.memtable.write().unwrap_or_else(PoisonError::into_inner).apply(frame)
    }

    fn is_full(&self) -> bool {
        let memtable = self.memtable.read().unwrap_or_else(PoisonError::into_inner);
        self.log.len() + memtable.overhead() >= self.room
    }

    /// Moves what is in the log into the tree. While that fails, the log is full, and nothing is appended to it: what the
    /// tree has absorbed, or may have, does not change any more.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        let epoch = self.log.epoch();
        // Only this thread ever changes it, and those who read go on.
        self.tree.absorb(&self.memtable.read().unwrap_or_else(PoisonError::into_inner), epoch)?;
        let absorbed = std::mem::take(&mut *self.memtable.write().unwrap_or_else(PoisonError::into_inner));
        drop(absorbed);
        self.log.begin(epoch + 1)
    }

    fn check(&self, conditions: &[Precondition]) -> Result<(), StoreError> {
        for condition in conditions {
            let (table, key, expected) = match condition {
                Precondition::Absent(table, key) => (table, key, None),
                Precondition::Equals(table, key, value) => (table, key, Some(value)),
            };
            if visible(&self.memtable, &self.tree, *table, key)?.as_ref() != expected {
                return Err(StoreError::Precondition);
            }
        }
        Ok(())
    }
}

fn tell(answer: Answer, result: Result<(), StoreError>) {
    // A caller that has gone needs no answer.
    let _ = answer.send(result);
}
