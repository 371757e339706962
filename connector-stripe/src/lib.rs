//! Connects `sync-core` to Stripe: its customers as records, its payments as activities.
//!
//! # The crate in one page
//! [`StripeConfig`] says how to reach one account; [`Stripe`] is the [`Connector`] over any [`Transport`];
//! [`mapping()`] says which properties are which fields of a person. Everything else is pure and private:
//!
//! | module | from | to |
//! |---|---|---|
//! | `request` | a question or a write | one HTTP request |
//! | `response` | status, headers and body | an answer, a receipt or an error |
//! | `webhook` | a signed delivery, or an entry of `/v1/events` | news |
//! | `record` | a customer's JSON | a record |
//! | `wire` | JSON | exactly the parts that are used |
//! | [`money`] | minor units | exact decimal text |
//!
//! With the feature `fake` there is also `fake`, an emulator of Stripe to test against.
//!
//! # What Stripe lacks, and what we do about it
//! * No uniqueness: many customers may have one email. We mark those we create (`metadata[wane_pair_id]`).
//! * No first and last name: two metadata keys keep the halves of `name`.
//! * No time of change on a customer: only events have one, to the second.
//! * No safe repetition of a write after 24 hours: an idempotency key may be forgotten by then. So a write whose outcome
//!   is unknown is [`Error::Ambiguous`], and the engine looks before it writes again.

mod config;
#[cfg(feature = "fake")]
pub mod fake;
mod mapping;
pub mod money;
mod record;
mod request;
mod response;
mod webhook;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write, WriteBody,
};
use sync_core::http::Transport;
use sync_core::model::{News, Timestamp};

pub use config::{API_VERSION, ConfigError, StripeConfig};
pub use mapping::{EMAIL, FIRST_NAME, LAST_NAME, NAME, PHONE, mapping};
use response::Purpose;

/// One Stripe account. Reads and writes one customer a call, as Stripe does; takes no activities.
pub struct Stripe {
    config: StripeConfig,
    description: Description,
    transport: Arc<dyn Transport>,
}

impl Stripe {
    /// Connects to the account that `config` describes, through `transport`. Makes no call yet.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the unusable field.
    pub fn new(config: StripeConfig, transport: Arc<dyn Transport>) -> Result<Self, ConfigError> {
        config.check()?;
        let description = Description {
            name: "stripe",
            limits: config.limits.clone(),
            concurrency: config.concurrency,
            read_batch: 1,
            write_batch: 1,
            row_level: true,
            emit_batch: 0,
            // One call a customer is too much for a mere convenience.
            link_batch: 1,
            resolution: Duration::from_secs(1),
            // Events are listed, not searched for; Stripe names no delay.
            lag: Duration::from_secs(10),
        };
        Ok(Self { config, description, transport })
    }

    async fn write_one(&self, row: &Write) -> Result<Receipt, Failed> {
        let purpose = match row.body {
            WriteBody::Create { .. } => Purpose::Create,
            _ => Purpose::Update,
        };
        let request = request::write(&self.config, row).map_err(Failed::Row)?;
        let response =
            self.transport.send(request).await.map_err(|e| Failed::of(response::no_answer(purpose, &e)))?;
        response::receipt(&self.config, purpose, &response).map_err(Failed::of)
    }
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stripe").field("config", &self.config).finish_non_exhaustive()
    }
}

#[async_trait]
impl Connector for Stripe {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        webhook::decode(&self.config, delivery, now)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        let request = match request::read(&self.config, query) {
            Ok(request) => request,
            Err(Error::Missing) => return Ok(Answer::default()),
            Err(error) => return Err(error),
        };
        match self.transport.send(request).await {
            Ok(response) => response::answer(&self.config, query, &response),
            Err(error) => Err(response::no_answer(Purpose::Read, &error)),
        }
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let [row] = rows else {
            let reason = "a write takes exactly one row".to_owned();
            return Err(Error::Refused { reason, properties: Vec::new() });
        };
        match self.write_one(row).await {
            Ok(receipt) => Ok(vec![Ok(receipt)]),
            Err(Failed::Row(error)) => Ok(vec![Err(error)]),
            Err(Failed::Call(error)) => Err(error),
        }
    }
}

/// Whether a failure is about the row (and says nothing of the next one) or about the call.
enum Failed {
    Row(Error),
    Call(Error),
}

impl Failed {
    fn of(error: Error) -> Self {
        match error {
            Error::Refused { .. } | Error::Exists { .. } | Error::Missing => Self::Row(error),
            _ => Self::Call(error),
        }
    }
}
