//! An emulated HubSpot account: contacts, properties, custom events, limits, webhooks.
//!
//! [`FakeHubSpot`] is pure state driven with explicit time. Put it on a socket or in memory with
//! [`sync_core::testing::fake`], let scripted people act on it, and compare what the engine claims with
//! [`FakeHubSpot::oracle`]. Files, top down: `people` and `api` (who can do what), `changes` (how a contact changes),
//! `contacts` and `contact` (the table), `batch`, `search`, `properties`, `events`, `outbox` (webhooks), `limiter`.

mod api;
mod batch;
mod changes;
mod config;
mod contact;
mod contacts;
mod events;
mod limiter;
mod outbox;
mod people;
mod properties;
mod random;
mod refusal;
mod search;

use std::time::Duration;

use http::header::AUTHORIZATION;
use sync_core::http::{Request, Response};
use sync_core::model::{RecordId, Timestamp};
use sync_core::testing::fake::{
    Call, CallLog, FakeSystem, Fault as Misbehaviour, Faults, OracleLog, Posting, Reply,
};

pub use config::{FakeConfig, WebhookConfig};
pub use contact::Contact;
pub use events::CustomEvent;
pub use refusal::{Fault, Refusal};

use changes::Act;
use contact::Source;
use contacts::Contacts;
use events::Events;
use limiter::Limiter;
use outbox::Outbox;
use properties::Definitions;
use refusal::{header, planned};

/// The emulated account.
#[derive(Debug)]
pub struct FakeHubSpot {
    /// How it behaves; may be changed at any time.
    pub config: FakeConfig,
    /// Planned misbehaviour.
    pub faults: Faults,
    contacts: Contacts,
    definitions: Definitions,
    events: Events,
    limiter: Limiter,
    outbox: Outbox,
    next_event: u64,
    oracle: OracleLog,
    calls: CallLog,
}

impl FakeHubSpot {
    /// An empty account.
    #[must_use]
    pub fn new(config: FakeConfig) -> Self {
        Self {
            config,
            faults: Faults::default(),
            contacts: Contacts::new(),
            definitions: Definitions::new(),
            events: Events::default(),
            limiter: Limiter::default(),
            outbox: Outbox::default(),
            next_event: 531_833_540,
            oracle: OracleLog::default(),
            calls: CallLog::default(),
        }
    }

    /// The contact an id leads to, by a former id too; archived ones included.
    #[must_use]
    pub fn contact(&self, id: &RecordId) -> Option<&Contact> {
        self.contacts.get(people::number(id))
    }

    /// All contacts that are not archived, by id.
    pub fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.live()
    }

    /// Every custom event that was accepted, in order; repeats are not.
    #[must_use]
    pub fn custom_events(&self) -> &[CustomEvent] {
        &self.events.accepted
    }

    /// How many custom events were repeats.
    #[must_use]
    pub fn repeated_events(&self) -> usize {
        self.events.repeats
    }

    /// Webhook events not yet taken by the receiver.
    #[must_use]
    pub fn waiting_events(&self) -> usize {
        self.outbox.len()
    }

    /// What really happened.
    #[must_use]
    pub fn oracle(&self) -> &OracleLog {
        &self.oracle
    }

    /// What was asked.
    #[must_use]
    pub fn calls(&self) -> &CallLog {
        &self.calls
    }

    fn answer(&mut self, act: Act, request: &Request) -> Reply {
        let fault = self.faults.take(request);
        if fault == Some(Misbehaviour::Drop) {
            return Reply { response: None, delay: self.config.response_time };
        }
        let response = match &fault {
            Some(Misbehaviour::Refuse(status, retry_after)) => planned(*status, *retry_after),
            _ => self.admitted(act, request),
        };
        let delay = match fault {
            Some(Misbehaviour::Slow(extra)) => extra,
            _ => Duration::ZERO,
        };
        let response = match fault {
            Some(Misbehaviour::LoseAnswer) => None,
            Some(Misbehaviour::FailAfter(status)) => Some(planned(status, None)),
            _ => Some(response),
        };
        let response = response.map(|response| self.with_headers(act, request, response));
        Reply { response, delay: self.config.response_time + delay }
    }

    fn admitted(&mut self, act: Act, request: &Request) -> Response {
        let expected = format!("Bearer {}", self.config.access_token);
        if request.headers().get(AUTHORIZATION).is_none_or(|given| given != expected.as_str()) {
            return planned(401, None);
        }
        let exempt = self.config.events_exempt && request.uri().path().starts_with("/events/");
        if !exempt && let Err(limited) = self.limiter.admit(&self.config, act.now, is_search(request)) {
            return limited.response();
        }
        self.definitions.strict_phone = self.config.strict_phone;
        self.route(act, request).unwrap_or_else(|refusal| refusal.response())
    }

    fn with_headers(&self, act: Act, request: &Request, mut response: Response) -> Response {
        let date = jiff::Timestamp::from_millisecond(act.at.as_millis()).ok();
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        if let Some(date) = date.and_then(|at| printer.timestamp_to_rfc9110_string(&at).ok()) {
            header(&mut response, "date", &date);
        }
        self.limiter.describe(&self.config, act.now, is_search(request), &mut response);
        response
    }
}

impl FakeSystem for FakeHubSpot {
    fn handle(&mut self, now: Timestamp, request: &Request) -> Reply {
        let reply = self.answer(self.act(now, Source::App(self.config.app_id)), request);
        self.calls.push(Call {
            at: now,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            status: reply.response.as_ref().map(|response| response.status().as_u16()),
        });
        reply
    }

    fn due(&mut self, now: Timestamp) -> Vec<Posting> {
        self.postings(now)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.outbox.next_due(&self.config)
    }

    fn delivered(&mut self, now: Timestamp, posting: u64, status: Option<u16>) {
        self.outbox.delivered(&self.config, now, posting, status);
    }
}

fn is_search(request: &Request) -> bool {
    request.uri().path().ends_with("/search")
}
