//! What is sent to HubSpot, byte for byte. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value as Json, json};
use sync_core::connector::{Cursor, Error, Lookup, Query, Write, WriteBody};
use sync_core::http::Request;
use sync_core::model::{Activity, Properties, RecordId, Timestamp};
use uuid::Uuid;

use crate::config::{ConfigError, EVENT_NAMESPACE, HubSpotConfig};
use crate::mapping::PROPERTIES;
use crate::wire::{CustomEvent, Input};

const CONTACTS: &str = "/crm/v3/objects/contacts";
const CONTACT_PROPERTIES: &str = "/crm/v3/properties/contacts";
const SEND_EVENT: &str = "/events/v3/send";

/// Properties asked for beyond the mapped ones: for identity, age and paging.
const FURTHER_PROPERTIES: [&str; 4] =
    ["createdate", "lastmodifieddate", "hs_additional_emails", "hs_merged_object_ids"];

/// Records in a page of a list or search.
const PAGE: usize = 100;

/// Everything but the characters that need no escape anywhere in a URI.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Builds requests for one app in one account.
pub(crate) struct Requests {
    base: String,
    authorization: HeaderValue,
    purchase_event: Option<String>,
    row_level: bool,
}

impl Requests {
    pub(crate) fn new(config: &HubSpotConfig) -> Result<Self, ConfigError> {
        let token = config.access_token.expose_secret();
        if token.is_empty() {
            return Err(ConfigError::AccessToken);
        }
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ConfigError::AccessToken)?;
        authorization.set_sensitive(true);
        Ok(Self {
            base: config.base_url.trim_end_matches('/').to_owned(),
            authorization,
            purchase_event: config.purchase_event.clone(),
            row_level: config.row_level,
        })
    }

    /// The call that answers `query`; `None` when nothing is known to look for. `twin` is the property in use for it.
    pub(crate) fn read(&self, query: &Query, twin: Option<&str>) -> Result<Option<Request>, Error> {
        match query {
            Query::Ids(ids) => self.by_ids(ids, twin).map(Some),
            Query::Find(lookup) => self.find(lookup, twin),
            Query::Page(cursor) => self.page(cursor.as_ref(), twin).map(Some),
            Query::ChangedSince(since, cursor) => self.changed(*since, cursor.as_ref(), twin).map(Some),
        }
    }

    /// The call that writes `rows`; `None` when there is nothing to write.
    pub(crate) fn write(&self, rows: &[Write], twin: Option<&str>) -> Result<Option<Request>, Error> {
        let Some(first) = rows.first() else { return Ok(None) };
        if rows.iter().any(|row| row.body.kind() != first.body.kind()) {
            return Err(unsendable("rows of different kinds in one write"));
        }
        if rows.iter().all(|row| is_empty(&row.body, twin)) {
            return Ok(None);
        }
        match (&first.body, rows.len()) {
            (WriteBody::Emit { id, activity }, 1) => self.emit(id, activity),
            (WriteBody::Emit { .. }, _) => Err(unsendable("more than one activity in one write")),
            (WriteBody::Create { .. }, 1) => self.post(CONTACTS, &json!(self.input(first, twin))),
            (WriteBody::Update { id, .. }, 1) => {
                let body = json!({ "properties": self.input(first, twin).properties });
                self.send(Method::PATCH, &format!("{CONTACTS}/{}", escape(id.as_str())), Some(encode(&body)?))
            }
            (WriteBody::Create { .. }, _) => self.batch("create", rows, twin),
            (WriteBody::Update { .. }, _) => self.batch("update", rows, twin),
        }
        .map(Some)
    }

    /// The call that asks for a property's definition.
    pub(crate) fn property(&self, name: &str) -> Result<Request, Error> {
        self.send(Method::GET, &format!("{CONTACT_PROPERTIES}/{}", escape(name)), None)
    }

    /// The call that defines a property whose values are unique, by which records can therefore be found.
    pub(crate) fn create_property(&self, name: &str) -> Result<Request, Error> {
        let body = json!({
            "name": name,
            "label": name.replace('_', " "),
            "groupName": "contactinformation",
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": true,
        });
        self.post(CONTACT_PROPERTIES, &body)
    }

    fn by_ids(&self, ids: &[RecordId], twin: Option<&str>) -> Result<Request, Error> {
        // One id twice fails the whole call ("Duplicate IDs found in batch input").
        let mut unique: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        unique.sort_unstable();
        unique.dedup();
        let inputs: Vec<Json> = unique.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({
            "inputs": inputs,
            "properties": asked(twin),
            "propertiesWithHistory": PROPERTIES,
        });
        self.post(&format!("{CONTACTS}/batch/read"), &body)
    }

    fn find(&self, lookup: &Lookup, twin: Option<&str>) -> Result<Option<Request>, Error> {
        let (key, property) = match (&lookup.match_value, &lookup.link.twin, twin) {
            // This finds secondary addresses too, and unlike search it is never behind.
            (Some(email), _, _) => (email.as_str(), "email"),
            (None, Some(twin), Some(property)) => (twin.as_str(), property),
            _ => return Ok(None),
        };
        let (properties, past) = (asked(twin).join(","), PROPERTIES.join(","));
        let path = format!(
            "{CONTACTS}/{}?idProperty={property}&properties={properties}&propertiesWithHistory={past}",
            escape(key)
        );
        self.send(Method::GET, &path, None).map(Some)
    }

    fn page(&self, cursor: Option<&Cursor>, twin: Option<&str>) -> Result<Request, Error> {
        let after = cursor.map(|c| format!("&after={}", escape(&c.0))).unwrap_or_default();
        let path = format!("{CONTACTS}?limit={PAGE}&properties={}{after}", asked(twin).join(","));
        self.send(Method::GET, &path, None)
    }

    fn changed(
        &self,
        since: Timestamp,
        cursor: Option<&Cursor>,
        twin: Option<&str>,
    ) -> Result<Request, Error> {
        let at = cursor.and_then(Place::parse).unwrap_or(Place { since, after: 0 });
        let mut body = json!({
            "filterGroups": [{ "filters": [{
                "propertyName": "lastmodifieddate",
                "operator": "GTE",
                "value": at.since.as_millis().to_string(),
            }] }],
            "sorts": [{ "propertyName": "lastmodifieddate", "direction": "ASCENDING" }],
            "properties": asked(twin),
            "limit": PAGE,
        });
        if at.after > 0 {
            body["after"] = json!(at.after.to_string());
        }
        self.post(&format!("{CONTACTS}/search"), &body)
    }

    fn batch(&self, verb: &str, rows: &[Write], twin: Option<&str>) -> Result<Request, Error> {
        let inputs: Vec<Input<'_>> = rows
            .iter()
            .map(|row| Input {
                object_write_trace_id: self.row_level.then_some(row.op.as_str()),
                ..self.input(row, twin)
            })
            .collect();
        self.post(&format!("{CONTACTS}/batch/{verb}"), &json!({ "inputs": inputs }))
    }

    fn input<'a>(&self, row: &'a Write, twin: Option<&'a str>) -> Input<'a> {
        let (id, properties) = match &row.body {
            WriteBody::Create { properties, link } => {
                (None, with_link(filled(properties), link.twin.as_ref(), twin))
            }
            WriteBody::Update { id, properties, link } => {
                (Some(id.as_str()), with_link(texts(properties), link.as_ref(), twin))
            }
            WriteBody::Emit { .. } => (None, BTreeMap::new()),
        };
        Input { id, properties, object_write_trace_id: None }
    }

    fn emit(&self, id: &RecordId, activity: &Activity) -> Result<Request, Error> {
        let event =
            self.purchase_event.as_ref().ok_or_else(|| unsendable("no purchase event is configured"))?;
        let at = jiff::Timestamp::from_millisecond(activity.at.as_millis())
            .map_err(|_| unsendable("the activity's time is out of range"))?;
        let body = CustomEvent {
            event_name: event,
            object_id: id.as_str(),
            uuid: event_uuid(&activity.id).to_string(),
            occurred_at: format!("{at:.3}"),
            properties: &activity.details,
        };
        self.post(SEND_EVENT, &body)
    }

    fn post(&self, path: &str, body: &impl Serialize) -> Result<Request, Error> {
        self.send(Method::POST, path, Some(encode(body)?))
    }

    fn send(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Request, Error> {
        let uri = Uri::try_from(format!("{}{path}", self.base))
            .map_err(|_| unsendable("an id does not fit into an address"))?;
        let has_body = body.is_some();
        let mut request = Request::new(body.unwrap_or_default());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("connector-hubspot/", env!("CARGO_PKG_VERSION"))),
        );
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(request)
    }
}

/// The UUID under which an activity is sent: the same for ever.
pub(crate) fn event_uuid(activity: &str) -> Uuid {
    Uuid::new_v5(&EVENT_NAMESPACE, activity.as_bytes())
}

/// Where a changed-since search goes on. A search ends after 10,000 results, so longer ones are started anew from the
/// last time seen; that is why the time is part of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) since: Timestamp,
    pub(crate) after: u32,
}

impl Place {
    pub(crate) fn parse(cursor: &Cursor) -> Option<Self> {
        let (since, after) = cursor.0.split_once(':')?;
        Some(Self { since: Timestamp::from_millis(since.parse().ok()?), after: after.parse().ok()? })
    }

    pub(crate) fn cursor(self) -> Cursor {
        Cursor(format!("{}:{}", self.since.as_millis(), self.after))
    }
}

fn asked(twin: Option<&str>) -> Vec<&str> {
    PROPERTIES.into_iter().chain(FURTHER_PROPERTIES).chain(twin).collect()
}

fn filled(properties: &Properties) -> BTreeMap<&str, &str> {
    properties.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_ref()?.as_str()))).collect()
}

/// Whether this is a mere link, and there is no property to put it in.
fn is_empty(body: &WriteBody, twin: Option<&str>) -> bool {
    matches!(body, WriteBody::Update { properties, link: Some(_), .. } if properties.is_empty() && twin.is_none())
}

/// HubSpot clears a property that is written as empty text.
fn texts(properties: &Properties) -> BTreeMap<&str, &str> {
    properties
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref().map_or("", |v| v.as_str())))
        .collect()
}

fn with_link<'a>(
    mut properties: BTreeMap<&'a str, &'a str>,
    link: Option<&'a RecordId>,
    property: Option<&'a str>,
) -> BTreeMap<&'a str, &'a str> {
    if let (Some(property), Some(id)) = (property, link) {
        properties.insert(property, id.as_str());
    }
    properties
}

fn encode(body: &impl Serialize) -> Result<Bytes, Error> {
    let bytes = serde_json::to_vec(body).map_err(|_| unsendable("what has no form in JSON"))?;
    Ok(bytes.into())
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn unsendable(reason: &str) -> Error {
    Error::Refused { reason: reason.to_owned(), properties: Vec::new() }
}
