//! Telling how each call went.

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, debug_span};

use crate::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Remaining, Write,
};
use crate::model::{News, Timestamp};

/// Puts each call in a `call` span and ends it with one event: how it went and how long it took.
///
/// It names the system, the kind of call and how many rows; never an id, a value or an error's text. A call that is
/// cancelled leaves its span but no event.
#[derive(Debug)]
pub struct Trace<C> {
    inner: C,
}

impl<C: Connector> Trace<C> {
    /// Traces the calls of `inner`.
    #[must_use]
    pub fn new(inner: C) -> Self {
        Self { inner }
    }

    fn span(&self, kind: &'static str, rows: usize) -> Span {
        debug_span!("call", system = self.inner.describe().name, kind, rows)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connector> Connector for Trace<C> {
    fn describe(&self) -> &Description {
        self.inner.describe()
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        self.inner.decode(delivery, now)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        let (kind, rows) = match query {
            Query::Ids(ids) => ("ids", ids.len()),
            Query::Find(_) => ("find", 1),
            Query::Page(_) => ("page", 0),
            Query::ChangedSince(..) => ("changed_since", 0),
        };
        let call = async {
            let started = Instant::now();
            let result = self.inner.read(query).await;
            finish(started, result.as_ref().err(), 0);
            result
        };
        call.instrument(self.span(kind, rows)).await
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let kind = rows.first().map_or("nothing", |row| row.body.kind());
        let call = async {
            let started = Instant::now();
            let result = self.inner.write(rows).await;
            let failed = result.iter().flatten().filter(|row| row.is_err()).count();
            finish(started, result.as_ref().err(), failed);
            result
        };
        call.instrument(self.span(kind, rows.len())).await
    }

    fn remaining(&self) -> Vec<Remaining> {
        self.inner.remaining()
    }
}

fn finish(started: Instant, error: Option<&Error>, failed_rows: usize) {
    let outcome = error.map_or("ok", class);
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    debug!(outcome, failed_rows, elapsed_ms, "call ended");
}

fn class(error: &Error) -> &'static str {
    match error {
        Error::Throttled { .. } => "throttled",
        Error::Unavailable { .. } => "unavailable",
        Error::Ambiguous { .. } => "ambiguous",
        Error::Refused { .. } => "refused",
        Error::Exists { .. } => "exists",
        Error::Missing => "missing",
        Error::Unauthorized { .. } => "unauthorized",
    }
}
