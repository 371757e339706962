//! A connector that makes no call before its time.

use std::time::Duration;

use async_trait::async_trait;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Remaining, Write,
};
use sync_core::model::{News, Timestamp};
use tokio::sync::watch;

/// Keeps calls waiting for a while, then fails them, until its [`Latch`] is opened. Webhooks pass at all times.
///
/// Once the latch explains why it is still shut, calls fail with that at once.
pub(crate) struct Gate<C> {
    inner: C,
    state: watch::Receiver<State>,
    patience: Duration,
}

/// Opens a [`Gate`].
pub(crate) struct Latch(watch::Sender<State>);

enum State {
    /// It should not take long.
    Soon,
    /// It may take long. What a call fails with meanwhile.
    Shut(Error),
    Open,
}

impl<C> Gate<C> {
    /// A gate that is shut. A call waits no longer than `patience` for it to open.
    pub(crate) fn new(inner: C, patience: Duration) -> (Self, Latch) {
        let (latch, state) = watch::channel(State::Soon);
        (Self { inner, state, patience }, Latch(latch))
    }

    async fn pass(&self) -> Result<(), Error> {
        if matches!(*self.state.borrow(), State::Open) {
            return Ok(());
        }
        let mut state = self.state.clone();
        // Whether the wait ended in time shows in the state itself.
        let _ =
            tokio::time::timeout(self.patience, state.wait_for(|state| !matches!(state, State::Soon))).await;
        match &*self.state.borrow() {
            State::Open => Ok(()),
            State::Soon => Err(unavailable("not prepared yet")),
            State::Shut(error) => Err(error.clone()),
        }
    }
}

impl Latch {
    /// From now on calls pass.
    pub(crate) fn open(&self) {
        self.0.send_replace(State::Open);
    }

    /// Tells callers why the gate stays shut. For them nothing has happened, whatever happened here.
    pub(crate) fn explain(&self, error: &Error) {
        let error = match error {
            Error::Unauthorized { .. } => error.clone(),
            other => unavailable(&format!("not prepared yet: {other}")),
        };
        self.0.send_replace(State::Shut(error));
    }
}

fn unavailable(reason: &str) -> Error {
    Error::Unavailable { reason: reason.to_owned(), retry_after: None }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connector> Connector for Gate<C> {
    fn describe(&self) -> &Description {
        self.inner.describe()
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        self.inner.decode(delivery, now)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        self.pass().await?;
        self.inner.read(query).await
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        self.pass().await?;
        self.inner.write(rows).await
    }

    fn remaining(&self) -> Vec<Remaining> {
        self.inner.remaining()
    }
}
