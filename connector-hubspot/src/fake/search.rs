//! Search, which lags behind (HubSpot API guide, "Search the CRM").

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use sync_core::http::{Request, Response};
use sync_core::model::Timestamp;

use super::FakeHubSpot;
use super::changes::Act;
use super::contact::{Contact, Indexed, iso};
use super::refusal::{Refusal, respond};
use crate::record::time;
use crate::wire::Loose;

/// Properties shown when none are asked for.
pub(super) const DEFAULTS: [&str; 3] = ["email", "firstname", "lastname"];
/// Results a query gives in all.
const CAP: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default)]
    filter_groups: Vec<FilterGroup>,
    #[serde(default)]
    sorts: Vec<Json>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Loose>,
}

#[derive(Deserialize)]
struct FilterGroup {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<Loose>,
    high_value: Option<Loose>,
    values: Option<Vec<String>>,
}

type Row<'a> = (&'a Contact, &'a Indexed);

impl FakeHubSpot {
    /// Answers `POST ../search`, from what the index knows at this act.
    pub(super) fn search(&self, act: Act, request: &Request) -> Result<Response, Refusal> {
        let search: Search =
            serde_json::from_slice(request.body()).map_err(|_| Refusal::bad_request("Invalid input JSON"))?;
        let limit = search.limit.unwrap_or(10);
        let after =
            search.after.as_ref().and_then(Loose::number).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        if limit > 200 || after + limit > CAP {
            return Err(Refusal::bad_request("Too many results were asked for"));
        }
        let mut rows = self.matching(act.now, &search.filter_groups)?;
        if let Some((name, descending)) = search.sorts.first().and_then(sort) {
            rows.sort_by(|a, b| {
                let order = compare(&value(*a, &name), &value(*b, &name)).then(a.0.id.cmp(&b.0.id));
                if descending { order.reverse() } else { order }
            });
        }
        let names = if search.properties.is_empty() {
            DEFAULTS.map(str::to_owned).to_vec()
        } else {
            search.properties
        };
        let results: Vec<Json> = rows
            .iter()
            .skip(after)
            .take(limit)
            .map(|(contact, known)| {
                contact.view_of(&known.contact, known.updated_at, &names, |name| self.definitions.knows(name))
            })
            .collect();
        let mut body = json!({ "total": rows.len(), "results": results });
        if after + limit < rows.len() {
            body["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
        }
        Ok(respond(200, &body))
    }

    fn matching(&self, now: Timestamp, groups: &[FilterGroup]) -> Result<Vec<Row<'_>>, Refusal> {
        let mut rows = Vec::new();
        for contact in self.contacts.live() {
            let Some(known) = contact.indexed(now) else { continue };
            let mut found = groups.is_empty();
            for group in groups {
                found |= all_match(&group.filters, (contact, known))?;
            }
            if found {
                rows.push((contact, known));
            }
        }
        Ok(rows)
    }
}

fn all_match(filters: &[Filter], row: Row<'_>) -> Result<bool, Refusal> {
    for filter in filters {
        if !filter.matches(&value(row, &filter.property_name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Filter {
    fn matches(&self, value: &str) -> Result<bool, Refusal> {
        let want = self.value.as_ref().map_or("", |v| v.0.as_str());
        let order = compare(value, want);
        let token = || value.to_lowercase().contains(want.trim_matches('*').to_lowercase().as_str());
        let listed = || self.values.iter().flatten().any(|v| v.eq_ignore_ascii_case(value));
        let high = || self.high_value.as_ref().is_some_and(|high| compare(value, &high.0).is_le());
        Ok(match self.operator.as_str() {
            "HAS_PROPERTY" => !value.is_empty(),
            "NOT_HAS_PROPERTY" => value.is_empty(),
            "NEQ" => !value.eq_ignore_ascii_case(want),
            "NOT_IN" => !listed(),
            "NOT_CONTAINS_TOKEN" => !token(),
            _ if value.is_empty() => false,
            "EQ" => value.eq_ignore_ascii_case(want) || order.is_eq(),
            "IN" => listed(),
            "CONTAINS_TOKEN" => token(),
            "GT" => order.is_gt(),
            "GTE" => order.is_ge(),
            "LT" => order.is_lt(),
            "LTE" => order.is_le(),
            "BETWEEN" => order.is_ge() && high(),
            _ => return Err(Refusal::bad_request("Unknown operator")),
        })
    }
}

fn value((contact, known): Row<'_>, name: &str) -> String {
    let stored: &BTreeMap<String, String> = &known.contact;
    match name {
        "createdate" => iso(contact.created_at),
        "lastmodifieddate" => iso(known.updated_at),
        "hs_object_id" => contact.id.to_string(),
        _ => stored.get(name).cloned().unwrap_or_default(),
    }
}

/// Times and numbers by size, anything else by letters.
fn compare(a: &str, b: &str) -> Ordering {
    match (time(a), time(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

/// A sort is `"-name"`, `"name"` or an object.
fn sort(json: &Json) -> Option<(String, bool)> {
    if let Some(text) = json.as_str() {
        let name = text.trim_start_matches('-');
        return Some((name.to_owned(), text.starts_with('-')));
    }
    let descending = json.get("direction").and_then(Json::as_str) == Some("DESCENDING");
    Some((json.get("propertyName")?.as_str()?.to_owned(), descending))
}
