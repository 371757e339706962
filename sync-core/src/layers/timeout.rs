//! Giving up on a call.

use std::time::Duration;

use async_trait::async_trait;

use crate::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Remaining, Write,
};
use crate::model::{News, Timestamp};

/// Gives up on a call that takes too long as a whole.
///
/// A write that was given up may have been applied: [`Error::Ambiguous`]. A read had no effect: [`Error::Unavailable`].
#[derive(Debug)]
pub struct Timeout<C> {
    inner: C,
    after: Duration,
}

impl<C> Timeout<C> {
    /// Gives up `after` this long.
    #[must_use]
    pub fn new(inner: C, after: Duration) -> Self {
        Self { inner, after }
    }

    fn reason(&self) -> String {
        format!("no answer within {:?}", self.after)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connector> Connector for Timeout<C> {
    fn describe(&self) -> &Description {
        self.inner.describe()
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        self.inner.decode(delivery, now)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        tokio::time::timeout(self.after, self.inner.read(query))
            .await
            .unwrap_or_else(|_| Err(Error::Unavailable { reason: self.reason(), retry_after: None }))
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        tokio::time::timeout(self.after, self.inner.write(rows))
            .await
            .unwrap_or_else(|_| Err(Error::Ambiguous { reason: self.reason() }))
    }

    fn remaining(&self) -> Vec<Remaining> {
        self.inner.remaining()
    }
}
