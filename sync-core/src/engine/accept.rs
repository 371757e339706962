//! From the wire to the inbox: a delivery is acknowledged once its news is durable, and not before.

use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use super::Engine;
use super::ledger::Message;
use crate::connector::{Delivery, Rejection};
use crate::journal::{Arrival, Draft, Journal};
use crate::model::Side;
use crate::store::StoreError;

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
        let now = self.shared.clock.now();
        let news = self.shared.systems[side].connector.decode(delivery, now)?;
        let count = news.len();
        if count > 0 {
            let arrivals = news.into_iter().map(|news| Arrival { side, at: now, news });
            if let Err(error) = self.shared.inbox.append(arrivals).await {
                self.shared.status.send_modify(|s| s.store_trouble = Some(error.to_string()));
                return Err(error.into());
            }
            // A full channel means that the ledger has messages to wake up for.
            let _ = self.shared.sender.try_send(Message::Mail);
        }
        Ok(count)
    }
}

/// The inbox: durable, in order of arrival.
pub(super) struct Inbox {
    journal: Journal,
    next: AtomicU64,
}

impl Inbox {
    pub(super) async fn open(journal: Journal) -> Result<Self, StoreError> {
        let next = AtomicU64::new(journal.inbox_end().await?);
        Ok(Self { journal, next })
    }

    async fn append(&self, arrivals: impl ExactSizeIterator<Item = Arrival>) -> Result<(), StoreError> {
        let count = arrivals.len() as u64;
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let mut draft = Draft::new(self.journal.clone());
        for (number, arrival) in (first..).zip(arrivals) {
            draft.put_arrival(number, &arrival);
        }
        self.journal.commit(draft.take()).await
    }
}
