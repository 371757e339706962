//! Which properties contacts have (HubSpot API guide, properties).

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sync_core::http::{Request, Response};

use super::contacts::{Wanted, is_email};
use super::refusal::{Fault, Refusal, respond};

/// A property's definition, as the API shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    name: String,
    label: String,
    group_name: String,
    #[serde(rename = "type")]
    kind: String,
    field_type: String,
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    read_only: bool,
}

/// All properties of contacts.
#[derive(Debug)]
pub(super) struct Definitions {
    by_name: BTreeMap<String, Definition>,
    pub(super) strict_phone: bool,
}

impl Definitions {
    pub(super) fn new() -> Self {
        const TEXTS: [(&str, &str); 6] = [
            ("email", "text"),
            ("firstname", "text"),
            ("lastname", "text"),
            ("phone", "phonenumber"),
            ("company", "text"),
            ("jobtitle", "text"),
        ];
        const COMPUTED: [&str; 5] = [
            "createdate",
            "lastmodifieddate",
            "hs_object_id",
            "hs_additional_emails",
            "hs_merged_object_ids",
        ];
        let texts = TEXTS.iter().map(|(name, field)| definition(name, field, false));
        let computed = COMPUTED.iter().map(|name| definition(name, "text", true));
        let by_name = texts.chain(computed).map(|d| (d.name.clone(), d)).collect();
        Self { by_name, strict_phone: false }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Whether no two contacts may share a value. Addresses are unique by HubSpot's own rule.
    pub(super) fn is_unique(&self, name: &str) -> bool {
        name == "email" || self.by_name.get(name).is_some_and(|d| d.has_unique_value)
    }

    /// What is wrong with these values in themselves.
    pub(super) fn check(&self, wanted: &Wanted) -> Vec<Fault> {
        wanted.iter().filter_map(|(name, value)| self.fault(name, value)).collect()
    }

    fn fault(&self, name: &str, value: &str) -> Option<Fault> {
        let (code, message) = match self.by_name.get(name) {
            None => ("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist")),
            Some(definition) if definition.read_only => {
                ("READ_ONLY_VALUE", format!("\"{name}\" is a read only property; its value cannot be set"))
            }
            Some(_) if value.is_empty() => return None,
            Some(_) if name == "email" && !is_email(value) => {
                ("INVALID_EMAIL", format!("Email address {value} is invalid"))
            }
            Some(_) if name == "phone" && self.strict_phone && value.contains(char::is_alphabetic) => {
                ("INVALID_PHONE_NUMBER", format!("{value} is not a valid phone number"))
            }
            Some(_) => return None,
        };
        Some(Fault { code, property: name.to_owned(), message })
    }

    /// Answers a call to `/crm/v3/properties/contacts` and below.
    pub(super) fn handle(&mut self, request: &Request, name: Option<&str>) -> Result<Response, Refusal> {
        match (request.method(), name) {
            (&Method::GET, None) => {
                let all: Vec<_> = self.by_name.values().collect();
                Ok(respond(200, &json!({ "results": all })))
            }
            (&Method::GET, Some(name)) => match self.by_name.get(name) {
                Some(definition) => Ok(respond(200, &json!(definition))),
                None => Err(Refusal::missing(Vec::new())),
            },
            (&Method::POST, None) => self.create(request),
            _ => Err(Refusal::new(405, "METHOD_NOT_ALLOWED", "Method not allowed")),
        }
    }

    fn create(&mut self, request: &Request) -> Result<Response, Refusal> {
        let new: Definition = serde_json::from_slice(request.body()).map_err(|_| {
            Refusal::bad_request("Invalid input JSON: name, label, groupName, type and fieldType are needed")
        })?;
        if self.knows(&new.name) {
            let message = format!("A property named '{}' already exists.", new.name);
            return Err(Refusal::new(409, "OBJECT_ALREADY_EXISTS", message));
        }
        let answer = respond(201, &json!(new));
        self.by_name.insert(new.name.clone(), new);
        Ok(answer)
    }
}

fn definition(name: &str, field_type: &str, read_only: bool) -> Definition {
    Definition {
        name: name.to_owned(),
        label: name.to_owned(),
        group_name: "contactinformation".to_owned(),
        kind: "string".to_owned(),
        field_type: field_type.to_owned(),
        has_unique_value: false,
        read_only,
    }
}
