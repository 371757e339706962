//! The event store behind `/v1/events`.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use sync_core::model::Timestamp;

use super::answer::{Outcome, Problem};
use super::customers::Previous;
use super::list::{self, Listed};
use super::params::{self, Params};

/// How long events can be listed (Stripe API reference, events).
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    kind: String,
    /// By the system's own clock.
    created: i64,
    body: Value,
    /// Attempts at delivery that are still to come.
    pending: bool,
}

/// What an event tells, before it has an id.
#[derive(Debug)]
pub(super) struct Telling {
    pub(super) kind: &'static str,
    /// By the system's own clock.
    pub(super) at: Timestamp,
    pub(super) object: Value,
    /// Old values, for an update.
    pub(super) previous: Option<Previous>,
    /// Id and idempotency key of the request behind it.
    pub(super) request: (String, Option<String>),
}

impl Event {
    /// Makes an event.
    pub(super) fn new(id: String, telling: Telling, config: &super::FakeConfig) -> Self {
        let created = telling.at.as_secs();
        let mut data = json!({ "object": telling.object });
        if let (Some(previous), Some(data)) = (telling.previous, data.as_object_mut()) {
            data.insert("previous_attributes".to_owned(), nested(previous));
        }
        let (request, key) = telling.request;
        let mut body = json!({
            "id": id, "object": "event", "api_version": config.api_version, "created": created, "data": data,
            "livemode": config.livemode, "pending_webhooks": 0,
            "request": { "id": request, "idempotency_key": key }, "type": telling.kind
        });
        if let (Some(account), Some(body)) = (&config.account, body.as_object_mut()) {
            body.insert("account".to_owned(), json!(account));
        }
        Self { id, kind: telling.kind.to_owned(), created, body, pending: false }
    }

    /// The same happening under another id.
    pub(super) fn again(&self, id: String) -> Self {
        let mut again = self.clone();
        if let Some(body) = again.body.as_object_mut() {
            body.insert("id".to_owned(), json!(id));
        }
        again.id = id;
        again
    }

    pub(super) fn json(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(body) = body.as_object_mut() {
            body.insert("pending_webhooks".to_owned(), json!(u8::from(self.pending)));
        }
        body
    }
}

impl Listed for Event {
    const WHAT: &'static str = "event";
    fn id(&self) -> &str {
        &self.id
    }
    fn created(&self) -> i64 {
        self.created
    }
}

/// All events, oldest first.
#[derive(Debug, Default)]
pub(super) struct Events {
    all: Vec<Event>,
    places: HashMap<String, usize>,
}

impl Events {
    pub(super) fn add(&mut self, event: Event) {
        self.places.insert(event.id.clone(), self.all.len());
        self.all.push(event);
    }

    pub(super) fn get(&self, id: &str) -> Option<&Event> {
        self.places.get(id).and_then(|place| self.all.get(*place))
    }

    /// Whether attempts at delivery are still to come.
    pub(super) fn set_pending(&mut self, id: &str, pending: bool) {
        let place = self.places.get(id).copied();
        if let Some(event) = place.and_then(|place| self.all.get_mut(place)) {
            event.pending = pending;
        }
    }

    /// `GET /v1/events`. `now` is the system's own time.
    pub(super) fn list(&self, now: Timestamp, params: &Params) -> Outcome {
        let known = ["type", "types[", "delivery_success", "created", "created["];
        params::only(params, &[&known[..], &["limit", "starting_after", "ending_before"]].concat())?;
        let kinds: Vec<&str> = params
            .iter()
            .filter(|(name, _)| name == "type" || name.starts_with("types["))
            .map(|(_, kind)| kind.as_str())
            .collect();
        if kinds.len() > 20 {
            return Err(Problem::invalid(400, "You may pass up to 20 types.").param("types"));
        }
        let delivered = params::get(params, "delivery_success").map(|wanted| wanted == "true");
        let oldest = now.minus(RETENTION).as_secs();
        let fits = |event: &Event| {
            event.created >= oldest
                && (kinds.is_empty() || kinds.iter().any(|kind| covers(kind, &event.kind)))
                && delivered.is_none_or(|delivered| delivered != event.pending)
        };
        list::page(&self.all, params, fits, Event::json, "/v1/events")
    }
}

/// `customer.*` covers all types that begin so.
fn covers(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => pattern == kind,
    }
}

fn nested(previous: Previous) -> Value {
    let mut attributes = Map::new();
    let mut metadata = Map::new();
    for (property, old) in previous {
        match property.strip_prefix("metadata.") {
            Some(key) => metadata.insert(key.to_owned(), json!(old)),
            None => attributes.insert(property, json!(old)),
        };
    }
    if !metadata.is_empty() {
        attributes.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Value::Object(attributes)
}
