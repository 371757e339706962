//! Custom events (HubSpot API guide, "Send event data").

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sync_core::http::{Request, Response};
use sync_core::model::{RecordId, Timestamp};
use sync_core::testing::fake::{Change, What};

use super::FakeHubSpot;
use super::changes::{Act, actor};
use super::refusal::{Fault, Refusal, no_content};
use crate::record::time;
use crate::wire::Loose;

/// An occurrence of a custom event that was accepted.
#[derive(Debug, Clone)]
pub struct CustomEvent {
    /// Fully qualified name.
    pub name: String,
    /// Its identity, if the caller gave one.
    pub uuid: Option<String>,
    /// The contact it is shown on.
    pub contact: RecordId,
    /// When it happened, by the caller's word.
    pub occurred_at: Timestamp,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
}

/// All occurrences, and the identities seen.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) accepted: Vec<CustomEvent>,
    pub(super) repeats: usize,
    known: BTreeSet<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    event_name: String,
    properties: BTreeMap<String, Loose>,
    object_id: Option<Loose>,
    uuid: Option<String>,
    occurred_at: Option<String>,
}

impl FakeHubSpot {
    /// Answers `POST /events/v3/send`. Acceptance proves nothing: an event for an unknown contact vanishes silently.
    pub(super) fn send_event(&mut self, act: Act, request: &Request) -> Result<Response, Refusal> {
        let sent: Sent = serde_json::from_slice(request.body())
            .map_err(|_| Refusal::bad_request("Invalid input JSON: eventName and properties are needed"))?;
        if !sent.event_name.starts_with(&format!("pe{}_", self.config.portal_id)) {
            return Err(Refusal::bad_request("No event definition has this name"));
        }
        let at = match sent.occurred_at.as_deref().map(time) {
            None => act.at,
            Some(Some(at)) => at,
            Some(None) => return Err(Refusal::bad_request("occurredAt is not a time")),
        };
        let contact = sent.object_id.and_then(|id| self.live(id.number()?)).map(|contact| contact.id);
        let Some(contact) = contact else { return Ok(no_content()) };
        if let Some(uuid) = &sent.uuid
            && !self.events.known.insert((sent.event_name.clone(), uuid.clone()))
        {
            self.events.repeats += 1;
            return if self.config.reject_repeated_events { Err(repeated()) } else { Ok(no_content()) };
        }
        let properties: BTreeMap<String, String> =
            sent.properties.into_iter().map(|(name, value)| (name, value.0)).collect();
        self.oracle.push(Change {
            at: act.now,
            actor: actor(act.by),
            what: What::Happened,
            record: contact.to_string(),
            properties: properties.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect(),
        });
        self.events.accepted.push(CustomEvent {
            name: sent.event_name,
            uuid: sent.uuid,
            contact: RecordId::new(contact.to_string()),
            occurred_at: at,
            properties,
        });
        Ok(no_content())
    }
}

fn repeated() -> Refusal {
    let message = "An event with this uuid was sent before".to_owned();
    Refusal::invalid(vec![Fault { code: "DUPLICATE_EVENT_UUID", property: "uuid".to_owned(), message }])
}
