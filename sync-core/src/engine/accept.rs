//! From the wire to the inbox: a delivery is acknowledged once its news is durable, and not before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::Notify;

use super::Engine;
use crate::clock::Clock;
use crate::connector::{Delivery, Rejection};
use crate::journal::{Arrival, Journal};
use crate::model::Side;
use crate::store::{Change, StoreError};

/// Why a delivery was not accepted.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AcceptError {
    /// It is not authentic. Do not deliver it again.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It cannot be stored now. Deliver it again later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Takes a webhook of `side`. When this returns `Ok` its news survives any crash, and gives how many pieces it held.
    ///
    /// # Errors
    /// [`AcceptError::Rejected`] when it is not authentic, [`AcceptError::Store`] when it could not be made durable: then
    /// it must not be acknowledged, so that the sender tries again.
    pub async fn accept(&self, side: Side, delivery: &Delivery) -> Result<usize, AcceptError> {
        let news = self.shared.systems[side].connector.decode(delivery, self.shared.clock.now())?;
        let count = news.len();
        if count > 0 {
            let at = self.shared.time.now();
            let arrivals = news.into_iter().map(|news| Arrival { side, at, news }).collect();
            if let Err(error) = Inbox::append(&self.shared.inbox, arrivals).await {
                self.shared.status.send_modify(|s| s.store_trouble = Some(error.to_string()));
                return Err(error.into());
            }
        }
        Ok(count)
    }
}

/// Most arrivals that are kept at hand besides being on disk.
const AT_HAND: usize = 256;
/// None of them has a longer row, in bytes.
const SHORT: usize = 2_048;

/// The inbox: durable, and read in order of number.
///
/// Concurrent deliveries share commits, so a higher number may be on disk before a lower one. Readers stop short of the
/// lowest number whose commit is still under way, or they would pass it by. Some of what was not read yet is at hand, so that a
/// reader who keeps up need not read it back from the disk.
pub(super) struct Inbox {
    journal: Journal,
    numbers: Mutex<Numbers>,
    /// Something may be there to be read.
    pub(super) mail: Notify,
}

struct Numbers {
    next: u64,
    /// The first numbers of the deliveries on their way to the disk.
    under_way: BTreeSet<u64>,
    /// Some of those that are on disk.
    at_hand: BTreeMap<u64, Arrival>,
}

impl Numbers {
    fn settled(&self) -> u64 {
        self.under_way.first().copied().unwrap_or(self.next)
    }
}

impl Inbox {
    pub(super) async fn open(journal: Journal) -> Result<Arc<Self>, StoreError> {
        let next = journal.inbox_end().await?;
        let numbers = Mutex::new(Numbers { next, under_way: BTreeSet::new(), at_hand: BTreeMap::new() });
        Ok(Arc::new(Self { journal, numbers, mail: Notify::new() }))
    }

    /// Every number below this is on disk, or never will be.
    pub(super) fn settled(&self) -> u64 {
        self.lock().settled()
    }

    /// What is next from number `from` on, at most `limit` arrivals, as far as it is at hand. What comes after that is on disk, if
    /// it is settled and arrived at all.
    pub(super) fn take(&self, from: u64, limit: usize) -> Vec<(u64, Arrival)> {
        let mut numbers = self.lock();
        let settled = numbers.settled();
        // What comes before was read from the disk meanwhile.
        numbers.at_hand = numbers.at_hand.split_off(&from);
        let consecutive = (from..settled).take(limit);
        consecutive.map_while(|number| Some((number, numbers.at_hand.remove(&number)?))).collect()
    }

    /// Commits in a task of its own: a sender that hangs up must not leave a number of which nobody knows whether it will
    /// still arrive.
    async fn append(inbox: &Arc<Self>, arrivals: Vec<Arrival>) -> Result<(), StoreError> {
        let first = inbox.take_numbers(arrivals.len() as u64);
        let batch = Journal::arrivals(first, &arrivals);
        let is_short = |change: &Change| matches!(change, Change::Put(_, _, row) if row.len() <= SHORT);
        let are_short = batch.changes.iter().all(is_short);
        let inbox = Arc::clone(inbox);
        let commit = tokio::spawn(async move {
            let result = inbox.journal.commit(batch).await;
            if result.is_ok() && are_short {
                inbox.keep_at_hand(first, arrivals);
            }
            inbox.arrived(first);
            result
        });
        commit.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the commit was given up".to_owned())))
    }

    /// Numbers for a delivery, which is on its way to the disk until it has [`arrived`](Self::arrived).
    pub(super) fn take_numbers(&self, count: u64) -> u64 {
        let mut numbers = self.lock();
        let first = numbers.next;
        numbers.next += count;
        numbers.under_way.insert(first);
        first
    }

    /// The delivery with this first number is on disk, or never will be.
    pub(super) fn arrived(&self, first: u64) {
        self.lock().under_way.remove(&first);
        self.mail.notify_one();
    }

    fn keep_at_hand(&self, first: u64, arrivals: Vec<Arrival>) {
        let at_hand = &mut self.lock().at_hand;
        let room = AT_HAND.saturating_sub(at_hand.len());
        at_hand.extend((first..).zip(arrivals).take(room));
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
