//! From a webhook's body to news. Pure; the signature has been verified before.
//!
//! HubSpot posts arrays of up to 100 thin events: which record, what kind of change, at most one property
//! (HubSpot API guide, "Webhooks"). One unintelligible event spoils only itself.

use std::borrow::Cow;

use serde_json::value::RawValue;
use sync_core::model::{Author, Class, News, RecordId, Timestamp, Value};

use crate::mapping::PROPERTIES;
use crate::record::author;
use crate::wire::{Event, Loose};

/// The object type of contacts in generic subscriptions.
const CONTACT_TYPE: &str = "0-1";

/// Whose events count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoder {
    pub(crate) portal_id: i64,
    pub(crate) app_id: i64,
}

impl Decoder {
    /// Understands an array of events, or a single one.
    pub(crate) fn decode(&self, body: &[u8]) -> Vec<News> {
        if let Ok(events) = serde_json::from_slice::<Vec<&RawValue>>(body) {
            return events.into_iter().map(|event| self.event(event.get())).collect();
        }
        match std::str::from_utf8(body) {
            Ok(text) => vec![self.event(text)],
            Err(_) => vec![malformed("not UTF-8", &String::from_utf8_lossy(body))],
        }
    }

    fn event(&self, raw: &str) -> News {
        let event: Event = match serde_json::from_str(raw) {
            Ok(event) => event,
            Err(error) if error.is_data() => {
                return malformed("a member of the event has the wrong type", raw);
            }
            Err(_) => return malformed("not JSON", raw),
        };
        self.news(&event).unwrap_or_else(|reason| malformed(reason, raw))
    }

    fn news(&self, event: &Event) -> Result<News, &'static str> {
        if is_test(event) {
            return Ok(ignored("test"));
        }
        let portal = event.portal_id.as_ref().and_then(Loose::number).ok_or("no portalId")?;
        if portal != self.portal_id {
            return Ok(ignored("other_portal"));
        }
        let kind =
            event.subscription_type.as_ref().or(event.event_type.as_ref()).ok_or("no subscriptionType")?;
        let kind = match kind.split_once('.') {
            Some(("contact", kind)) => kind,
            Some(("object", kind)) if event.object_type_id.as_deref() == Some(CONTACT_TYPE) => kind,
            _ => return Ok(ignored("unknown_type")),
        };
        match kind {
            "creation" => self.changed(event, None, Class::New),
            "restore" => self.changed(event, None, Class::Edit),
            "propertyChange" => self.property_changed(event),
            "deletion" | "privacyDeletion" => {
                Ok(News::Gone { id: object(event)?, at: occurred(event)?, author: self.author(event) })
            }
            "merge" => merged(event),
            _ => Ok(ignored("unknown_type")),
        }
    }

    fn property_changed(&self, event: &Event) -> Result<News, &'static str> {
        let name = event.property_name.as_ref().ok_or("no propertyName")?;
        if !PROPERTIES.contains(&name.as_str()) {
            return Ok(ignored("unmapped_property"));
        }
        // No value is not the same as an empty one: then we know only that something changed.
        let property = event.property_value.as_ref().map(|value| (name.clone(), Value::new(value.0.clone())));
        self.changed(event, property, Class::Edit)
    }

    fn changed(
        &self,
        event: &Event,
        property: Option<(String, Option<Value>)>,
        class: Class,
    ) -> Result<News, &'static str> {
        let class = if event.change_source.as_deref() == Some("IMPORT") { Class::Import } else { class };
        Ok(News::Changed {
            id: object(event)?,
            at: occurred(event)?,
            author: self.author(event),
            class,
            property,
        })
    }

    fn author(&self, event: &Event) -> Author {
        author(event.change_source.as_deref(), event.source_id.as_ref().map(|id| id.0.as_str()), self.app_id)
    }
}

fn merged(event: &Event) -> Result<News, &'static str> {
    let survivor = event.new_object_id.as_ref().or(event.primary_object_id.as_ref());
    let into = id(survivor.ok_or("no newObjectId and no primaryObjectId")?)?;
    let mut from = Vec::new();
    for former in event.primary_object_id.iter().chain(event.merged_object_ids.iter().flatten()) {
        let former = id(former)?;
        if former != into && !from.contains(&former) {
            from.push(former);
        }
    }
    Ok(News::Merged { into, from, at: occurred(event)? })
}

/// The payload of the "Test" button in HubSpot's settings: a record that does not exist.
fn is_test(event: &Event) -> bool {
    let number = |field: &Option<Loose>| field.as_ref().and_then(Loose::number);
    let sample = event.change_source.as_deref() == Some("CRM") && event.change_flag.as_deref() == Some("NEW");
    number(&event.object_id) == Some(123) && (number(&event.event_id) == Some(100) || sample)
}

fn object(event: &Event) -> Result<RecordId, &'static str> {
    id(event.object_id.as_ref().or(event.contact_id.as_ref()).ok_or("no objectId")?)
}

fn id(text: &Loose) -> Result<RecordId, &'static str> {
    let digits = !text.0.is_empty() && text.0.chars().all(|c| c.is_ascii_digit());
    if digits { Ok(RecordId::new(text.0.clone())) } else { Err("a record id is not a number") }
}

fn occurred(event: &Event) -> Result<Timestamp, &'static str> {
    event.occurred_at.as_ref().and_then(Loose::number).map(Timestamp::from_millis).ok_or("no occurredAt")
}

fn ignored(reason: &'static str) -> News {
    News::Ignored { reason: Cow::Borrowed(reason) }
}

fn malformed(reason: &str, raw: &str) -> News {
    let nothing = || Value::new("(nothing)");
    match Value::new(raw).or_else(nothing) {
        Some(raw) => News::Malformed { reason: reason.to_owned(), raw },
        None => ignored("empty"),
    }
}
