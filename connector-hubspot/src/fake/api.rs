//! The API's single calls, and which call a path means.

use std::collections::BTreeMap;

use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sync_core::http::{Request, Response};

use super::FakeHubSpot;
use super::batch::shown;
use super::changes::Act;
use super::contact::{Contact, Shown};
use super::contacts::Wanted;
use super::refusal::{Refusal, no_content, page, respond};
use crate::wire::Loose;

#[derive(Deserialize)]
struct Properties {
    properties: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: Loose,
    object_id_to_merge: Loose,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GdprDelete {
    object_id: Loose,
    id_property: Option<String>,
}

impl FakeHubSpot {
    /// Does what the request asks, or says why not.
    pub(super) fn route(&mut self, act: Act, request: &Request) -> Result<Response, Refusal> {
        let path = request.uri().path().trim_matches('/');
        let parts: Vec<String> = path.split('/').map(decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let post = request.method() == Method::POST;
        match parts.as_slice() {
            ["crm", "v3", "objects", "contacts"] if post => self.post_contact(act, request),
            ["crm", "v3", "objects", "contacts"] => self.list(request),
            ["crm", "v3", "objects", "contacts", "search"] if post => self.search(act, request),
            ["crm", "v3", "objects", "contacts", "merge"] if post => self.post_merge(act, request),
            ["crm", "v3", "objects", "contacts", "gdpr-delete"] if post => self.gdpr(act, request),
            ["crm", "v3", "objects", "contacts", "batch", verb] if post => self.batch(act, verb, request),
            ["crm", "v3", "objects", "contacts", key] => self.single(act, request, key),
            ["crm", "v3", "properties", "contacts", ..] if !self.config.schema_scopes => {
                Err(Refusal::new(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes"))
            }
            ["crm", "v3", "properties", "contacts"] => self.definitions.handle(request, None),
            ["crm", "v3", "properties", "contacts", name] => self.definitions.handle(request, Some(name)),
            ["events", "v3", "send"] if post => self.send_event(act, request),
            _ => Ok(page(404)),
        }
    }

    /// The live contact that `key` means: an id, or the value of a unique property.
    pub(super) fn locate(&self, key: &str, property: Option<&str>) -> Option<i64> {
        let contact = match property {
            None | Some("hs_object_id") => key.parse().ok().and_then(|id| self.live(id)),
            Some(property) => self.contacts.holder(property, key),
        };
        contact.map(|contact| contact.id)
    }

    fn single(&mut self, act: Act, request: &Request, key: &str) -> Result<Response, Refusal> {
        let query = query(request);
        let property = query.get("idProperty").map(String::as_str);
        if let Some(name) =
            property.filter(|name| *name != "hs_object_id" && !self.definitions.is_unique(name))
        {
            return Err(Refusal::bad_request(format!("{name} is not a unique property")));
        }
        let missing = || Refusal::missing(Vec::new());
        match *request.method() {
            Method::GET => {
                let id = self.locate(key, property).ok_or_else(missing)?;
                let shown = shown(names(&query, "properties"), names(&query, "propertiesWithHistory"));
                self.show(200, id, &shown)
            }
            Method::PATCH => {
                let id = self.locate(key, property).ok_or_else(missing)?;
                let wanted = properties(request)?;
                let id = self.update(act, id, &wanted)?;
                self.show(200, id, &shown(wanted.into_keys().collect(), Vec::new()))
            }
            Method::DELETE => {
                // Deleting what is not there succeeds, too.
                if let Some(id) = self.locate(key, property) {
                    self.delete(act, id, false);
                }
                Ok(no_content())
            }
            _ => Err(Refusal::new(405, "METHOD_NOT_ALLOWED", "Method not allowed")),
        }
    }

    fn post_contact(&mut self, act: Act, request: &Request) -> Result<Response, Refusal> {
        let wanted = properties(request)?;
        let id = self.create(act, &wanted)?;
        self.show(201, id, &shown(wanted.into_keys().collect(), Vec::new()))
    }

    fn post_merge(&mut self, act: Act, request: &Request) -> Result<Response, Refusal> {
        let merge: Merge =
            serde_json::from_slice(request.body()).map_err(|_| Refusal::bad_request("Invalid input JSON"))?;
        let number = |id: &Loose| id.number().unwrap_or(0);
        let into = self.merge(act, number(&merge.primary_object_id), number(&merge.object_id_to_merge))?;
        self.show(200, into, &shown(Vec::new(), Vec::new()))
    }

    fn gdpr(&mut self, act: Act, request: &Request) -> Result<Response, Refusal> {
        let gdpr: GdprDelete =
            serde_json::from_slice(request.body()).map_err(|_| Refusal::bad_request("Invalid input JSON"))?;
        if let Some(id) = self.locate(&gdpr.object_id.0, gdpr.id_property.as_deref()) {
            self.delete(act, id, true);
        }
        Ok(no_content())
    }

    fn list(&self, request: &Request) -> Result<Response, Refusal> {
        let query = query(request);
        let shown = shown(names(&query, "properties"), names(&query, "propertiesWithHistory"));
        let limit: usize = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(10);
        let most = if shown.with_history.is_empty() { 100 } else { 50 };
        if limit == 0 || limit > most {
            return Err(Refusal::bad_request(format!("limit must be from 1 to {most}")));
        }
        let from: i64 = query.get("after").and_then(|after| after.parse().ok()).unwrap_or(0);
        let archived = query.get("archived").is_some_and(|archived| archived == "true");
        let all: Box<dyn Iterator<Item = &Contact>> =
            if archived { Box::new(self.contacts.archived()) } else { Box::new(self.contacts.live()) };
        let mut rest = all.filter(|contact| contact.id >= from);
        let page: Vec<Json> = rest
            .by_ref()
            .take(limit)
            .map(|contact| contact.view(&shown, |name| self.definitions.knows(name)))
            .collect();
        let mut body = json!({ "results": page });
        if let Some(next) = rest.next() {
            body["paging"] = json!({ "next": { "after": next.id.to_string() } });
        }
        Ok(respond(200, &body))
    }

    fn show(&self, status: u16, id: i64, shown: &Shown) -> Result<Response, Refusal> {
        let contact = self.live(id).ok_or_else(|| Refusal::missing(Vec::new()))?;
        Ok(respond(status, &contact.view(shown, |name| self.definitions.knows(name))))
    }
}

/// A property's value as text; JSON null clears, as the empty text does.
pub(super) fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn properties(request: &Request) -> Result<Wanted, Refusal> {
    let body: Properties =
        serde_json::from_slice(request.body()).map_err(|_| Refusal::bad_request("Invalid input JSON"))?;
    Ok(body.properties.iter().map(|(name, value)| (name.clone(), text_of(value))).collect())
}

fn query(request: &Request) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        // A list may be written with commas or as a repeated parameter.
        let list = parameters.entry(name.into_owned()).or_default();
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(&value);
    }
    parameters
}

fn names(query: &BTreeMap<String, String>, parameter: &str) -> Vec<String> {
    let list = query.get(parameter).map_or("", String::as_str);
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}
