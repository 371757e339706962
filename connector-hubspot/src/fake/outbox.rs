//! Webhooks on their way: grouped, signed, repeated until they are taken.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use sync_core::http::Request;
use sync_core::model::Timestamp;
use sync_core::testing::fake::Posting;

use super::FakeHubSpot;
use super::changes::Act;
use super::config::FakeConfig;
use super::random::{between, chance};
use crate::signature::{
    Message, TIMESTAMP_HEADER, V1_HEADER, V3_HEADER, VERSION_HEADER, sign_v1, signed_uri,
};

/// Most events in one post.
const MOST_EVENTS: usize = 100;

/// Events not yet taken.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Not yet posted, by the time they are due and then in order of birth.
    fresh: BTreeMap<(Timestamp, u64), Json>,
    /// Posts to be tried again.
    again: BTreeMap<(Timestamp, u64), Batch>,
    under_way: BTreeMap<u64, Batch>,
    born: u64,
    posted: u64,
    last_due: Timestamp,
}

#[derive(Debug)]
struct Batch {
    events: Vec<Json>,
    attempt: u32,
}

impl Outbox {
    /// Takes in an event, for as many posts as chance decides.
    pub(super) fn add(&mut self, config: &FakeConfig, now: Timestamp, event: Json) {
        self.born += 1;
        let settings = &config.webhooks;
        if chance(settings.drop_percent, config.seed, &[self.born, 1]) {
            return;
        }
        let twice = chance(settings.duplicate_percent, config.seed, &[self.born, 2]);
        for copy in 0..=u64::from(twice) {
            let latency = between(settings.latency, config.seed, &[self.born, 3, copy]);
            let mut due = round_up(now.plus(latency), settings.group_every);
            if !settings.reorder {
                due = due.max(self.last_due);
                self.last_due = due;
            }
            self.fresh.insert((due, self.born * 2 + copy), event.clone());
        }
    }

    /// The posts whose time has come, as far as the limit on posts under way allows.
    pub(super) fn take(&mut self, config: &FakeConfig, now: Timestamp) -> Vec<(u64, Vec<Json>)> {
        let mut taken = Vec::new();
        while self.under_way.len() < config.webhooks.concurrency {
            let Some(batch) = self.next_batch(config, now) else { break };
            self.posted += 1;
            let events = batch.events.iter().map(|event| with_attempt(event, batch.attempt)).collect();
            taken.push((self.posted, events));
            self.under_way.insert(self.posted, batch);
        }
        taken
    }

    pub(super) fn next_due(&self, config: &FakeConfig) -> Option<Timestamp> {
        if self.under_way.len() >= config.webhooks.concurrency {
            return None;
        }
        let fresh = self.fresh.keys().next().map(|(due, _)| *due);
        let again = self.again.keys().next().map(|(due, _)| *due);
        fresh.into_iter().chain(again).min()
    }

    /// A post was answered, or not. Whatever is not a success is tried again, the whole post of it.
    pub(super) fn delivered(&mut self, config: &FakeConfig, now: Timestamp, id: u64, status: Option<u16>) {
        let Some(mut batch) = self.under_way.remove(&id) else { return };
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        batch.attempt += 1;
        if batch.attempt < config.webhooks.max_attempts {
            let wait = config.webhooks.retry_base * (1 << (batch.attempt - 1).min(16));
            let wait = between((wait / 2, wait), config.seed, &[id, u64::from(batch.attempt)]);
            self.again.insert((now.plus(wait), id), batch);
        }
    }

    /// Events not yet taken by the receiver.
    pub(super) fn len(&self) -> usize {
        let batches = self.again.values().chain(self.under_way.values());
        self.fresh.len() + batches.map(|batch| batch.events.len()).sum::<usize>()
    }

    fn next_batch(&mut self, config: &FakeConfig, now: Timestamp) -> Option<Batch> {
        if let Some(entry) = self.again.first_entry().filter(|entry| entry.key().0 <= now) {
            return Some(entry.remove());
        }
        let most = if config.webhooks.single { 1 } else { MOST_EVENTS };
        let mut events = Vec::new();
        while events.len() < most {
            let Some(entry) = self.fresh.first_entry().filter(|entry| entry.key().0 <= now) else { break };
            events.push(entry.remove());
        }
        (!events.is_empty()).then_some(Batch { events, attempt: 0 })
    }
}

impl FakeHubSpot {
    /// Tells the subscriber of a change. `event` holds what is particular to it.
    pub(super) fn tell(&mut self, act: Act, kind: &str, mut event: Json) {
        if self.config.webhooks.url.is_none() {
            return;
        }
        self.next_event += 1;
        event["eventId"] = json!(self.next_event);
        event["subscriptionId"] = json!(3_923_621);
        event["portalId"] = json!(self.config.portal_id);
        event["appId"] = json!(self.config.app_id);
        event["occurredAt"] = json!(act.at.as_millis());
        event["subscriptionType"] = json!(kind);
        event["changeSource"] = json!(act.by.kind());
        if let Some(id) = act.by.id() {
            event["sourceId"] = json!(id);
        }
        self.outbox.add(&self.config, act.now, event);
    }

    /// Posts what the "Test" button of the settings page posts: an event about a contact that does not exist.
    pub fn test_button(&mut self, now: Timestamp) {
        let event = json!({
            "eventId": 100,
            "subscriptionId": 3_923_621,
            "portalId": self.config.portal_id,
            "appId": self.config.app_id,
            "occurredAt": self.clock(now).as_millis(),
            "subscriptionType": "contact.creation",
            "objectId": 123,
            "changeFlag": "NEW",
            "changeSource": "CRM",
        });
        self.outbox.add(&self.config, now, event);
    }

    /// A webhook request with this body, signed now as HubSpot signs; `None` without a usable webhook address.
    #[must_use]
    pub fn signed(&self, now: Timestamp, body: impl Into<Bytes>) -> Option<Request> {
        let url = self.config.webhooks.url.as_deref()?;
        let secret = SecretString::from(self.config.client_secret.clone());
        let stamp = self.clock(now).as_millis().to_string();
        let mut request = Request::new(body.into());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::try_from(url).ok()?;
        let message = Message { method: "POST", uri: &signed_uri(url), body: request.body(), stamp: &stamp };
        let (v3, v1) = (message.sign(&secret), sign_v1(&secret, request.body()));
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "HubSpot Connect 2.0 (http://dev.hubspot.com/) - WebhooksExecutorDaemon-executor"),
            (V3_HEADER, v3.as_str()),
            (TIMESTAMP_HEADER, stamp.as_str()),
            (V1_HEADER, v1.as_str()),
            (VERSION_HEADER, "v1"),
        ];
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::try_from(value).ok()?);
        }
        Some(request)
    }

    pub(super) fn postings(&mut self, now: Timestamp) -> Vec<Posting> {
        let taken = self.outbox.take(&self.config, now);
        let signed =
            taken.into_iter().map(|(id, events)| (id, self.signed(now, Json::Array(events).to_string())));
        signed.filter_map(|(id, request)| Some(Posting { id, request: request? })).collect()
    }
}

fn with_attempt(event: &Json, attempt: u32) -> Json {
    let mut event = event.clone();
    event["attemptNumber"] = json!(attempt);
    event
}

fn round_up(at: Timestamp, step: Duration) -> Timestamp {
    let step = i64::try_from(step.as_millis()).unwrap_or(1).max(1);
    let over = at.as_millis().rem_euclid(step);
    if over == 0 { at } else { Timestamp::from_millis(at.as_millis() - over + step) }
}
