//! Connects `sync-core` to HubSpot: contacts in both directions, activities as custom events.
//!
//! Start at [`HubSpotConfig`], make a [`HubSpot`] of it, call [`HubSpot::provision`] once, and give it to the engine
//! together with [`mapping()`]. The connector knows nothing of the system on the other side.
//!
//! In reading order: `config`; `mapping`; `request` (what is sent); `record`, `response`, `failure` (what comes back
//! and what it means); `signature` and `webhook` (what HubSpot tells us); `wire` (its JSON). Only this file awaits, so
//! all others are tested bytes in, bytes out. `fake` (a feature) is an emulated HubSpot.
//!
//! # What it does not do
//! It neither retries nor waits for limits (the engine's layers do), it never deletes, and it follows no redirect.

mod config;
mod failure;
#[cfg(feature = "fake")]
pub mod fake;
mod mapping;
mod record;
mod request;
mod response;
pub mod signature;
mod webhook;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Remaining, Write,
};
use sync_core::http::{Request, Response, Transport};
use sync_core::model::{News, Timestamp};
use sync_core::quota::{Call, Window};

pub use config::{ConfigError, EVENT_NAMESPACE, HubSpotConfig};
pub use mapping::{PROPERTIES, mapping};

use failure::Asked;
use record::Reader;
use request::Requests;
use signature::Verifier;
use webhook::Decoder;
use wire::PropertyDefinition;

/// Most ids in one read. HubSpot takes 100 inputs in a batch, but only 50 when it is to return property histories, which
/// are the only field-level clock it has ("The maximum number of inputs supported in a batch request for property
/// histories is 50").
const READ_BATCH: usize = 50;
/// Most inputs of a batch write (HubSpot API guide, contacts).
const WRITE_BATCH: usize = 100;
/// How far search may be behind. HubSpot speaks of "moments" (HubSpot API guide, search); half a minute has been reported.
const SEARCH_LAG: Duration = Duration::from_secs(60);

/// Searches an account may make (HubSpot API guide, search). Only the question what has changed is a search.
const SEARCHES: Window = Window::per_seconds(5, 1).only(Call::Changes);

/// One HubSpot account, as seen by one app.
pub struct HubSpot {
    config: HubSpotConfig,
    description: Description,
    requests: Requests,
    transport: Arc<dyn Transport>,
    /// Whether the twin property is there to be used; see [`HubSpot::provision`].
    twin_in_use: AtomicBool,
    /// What the last answer said of what is left, until it is asked for.
    remaining: Mutex<Vec<Remaining>>,
}

/// What [`HubSpot::provision`] found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// The twin property was there.
    Present,
    /// The twin property was created.
    Created,
    /// The connector goes on without a twin property.
    Without {
        /// Why, in words for an operator.
        reason: &'static str,
    },
}

impl HubSpot {
    /// A connector that speaks through `transport`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that cannot be used.
    pub fn new(config: HubSpotConfig, transport: Arc<dyn Transport>) -> Result<Self, ConfigError> {
        config.check()?;
        let description = Description {
            name: "hubspot",
            limits: config.limits.iter().copied().chain([SEARCHES]).collect(),
            concurrency: config.concurrency,
            read_batch: READ_BATCH,
            write_batch: WRITE_BATCH,
            row_level: config.row_level,
            emit_batch: usize::from(config.purchase_event.is_some()),
            link_batch: if config.twin_property.is_some() { WRITE_BATCH } else { 0 },
            resolution: Duration::from_millis(1),
            lag: SEARCH_LAG,
        };
        let requests = Requests::new(&config)?;
        let twin_in_use = AtomicBool::new(config.twin_property.is_some());
        Ok(Self { config, description, requests, transport, twin_in_use, remaining: Mutex::default() })
    }

    /// Sees to it that the twin property exists, or that the connector does without it. Call it once before the first
    /// read or write: writing a property that does not exist is refused.
    ///
    /// It costs one or two calls, which no limiter sees. Without permission to look at or create properties
    /// (`MISSING_SCOPES`), when HubSpot refuses for good, or when the property exists but its values are not unique, the
    /// property is neither written nor read from then on: records without an email address can then not be found again
    /// after a lost answer.
    ///
    /// # Errors
    /// Any [`Error`] of the calls; repeating it is harmless.
    pub async fn provision(&self) -> Result<Provisioned, Error> {
        let Some(name) = &self.config.twin_property else {
            return Ok(Provisioned::Without { reason: "no twin property is configured" });
        };
        let provisioned = self.provision_property(name).await?;
        self.twin_in_use.store(!matches!(provisioned, Provisioned::Without { .. }), Ordering::Relaxed);
        Ok(provisioned)
    }

    async fn provision_property(&self, name: &str) -> Result<Provisioned, Error> {
        let response = self.send(Asked::Read, self.requests.property(name)?).await?;
        if lacks_scopes(&response) {
            return Ok(Provisioned::Without { reason: "the token may not read contact properties" });
        }
        if is_final(response.status()) && response.status() != StatusCode::NOT_FOUND {
            return Ok(Provisioned::Without { reason: "the twin property cannot be looked at" });
        }
        if response.status() != StatusCode::NOT_FOUND {
            let definition: PropertyDefinition = response::body(Asked::Read, &response)?;
            return Ok(match definition.has_unique_value {
                Some(false) => {
                    Provisioned::Without { reason: "the twin property exists, but its values are not unique" }
                }
                _ => Provisioned::Present,
            });
        }
        let response = self.send(Asked::Read, self.requests.create_property(name)?).await?;
        match response.status() {
            status if status.is_success() => Ok(Provisioned::Created),
            StatusCode::CONFLICT => Ok(Provisioned::Present),
            _ if lacks_scopes(&response) => {
                Ok(Provisioned::Without { reason: "the token may not create contact properties" })
            }
            status if is_final(status) => {
                Ok(Provisioned::Without { reason: "the twin property cannot be created" })
            }
            _ => Err(failure::failed(Asked::Read, &response)),
        }
    }

    async fn send(&self, asked: Asked, request: Request) -> Result<Response, Error> {
        let response =
            self.transport.send(request).await.map_err(|error| failure::no_response(asked, error))?;
        let said = response::remaining(response.headers());
        if !said.is_empty() {
            *self.said() = said;
        }
        Ok(response)
    }

    fn said(&self) -> MutexGuard<'_, Vec<Remaining>> {
        self.remaining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn twin(&self) -> Option<&str> {
        self.config.twin_property.as_deref().filter(|_| self.twin_in_use.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Connector for HubSpot {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn decode(&self, delivery: &Delivery, now: Timestamp) -> Result<Vec<News>, Rejection> {
        let HubSpotConfig { client_secrets, public_url, accept_v1, portal_id, app_id, .. } = &self.config;
        Verifier { secrets: client_secrets, public_url, accept_v1: *accept_v1 }.verify(delivery, now)?;
        Ok(Decoder { portal_id: *portal_id, app_id: *app_id }.decode(delivery.body()))
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        let twin = self.twin();
        // Without anything to look for there is nothing to find, and nothing to ask.
        let Some(request) = self.requests.read(query, twin)? else { return Ok(Answer::default()) };
        let response = self.send(Asked::Read, request).await?;
        Reader { app_id: self.config.app_id, twin }.answer(query, &response)
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let twin = self.twin();
        let Some(request) = self.requests.write(rows, twin)? else {
            return Ok(rows.iter().map(|_| Ok(Receipt::default())).collect());
        };
        let response = self.send(response::asked(rows), request).await?;
        Reader { app_id: self.config.app_id, twin }.outcomes(rows, &response)
    }

    fn remaining(&self) -> Vec<Remaining> {
        std::mem::take(&mut self.said())
    }
}

/// Whether asking again would be answered the same way: a refusal that is neither about credentials nor about haste.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 408 | 423 | 429 | 477)
}

fn lacks_scopes(response: &Response) -> bool {
    response.status() == StatusCode::FORBIDDEN
        && failure::category(response).is_some_and(|category| category == "MISSING_SCOPES")
}
