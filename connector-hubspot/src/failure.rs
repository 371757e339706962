//! What an answer other than success means. Pure.
//!
//! HubSpot's messages quote what was sent, so they are searched for codes, names and ids and never passed on.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use sync_core::connector::Error;
use sync_core::http::{Response, TransportError, date, retry_after};
use sync_core::model::RecordId;

use crate::wire::{Failure, InvalidProperty};

/// A locked contact is free again after two seconds (HubSpot API guide, contacts).
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// What was asked, as far as it changes the meaning of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Anything without an effect.
    Read,
    /// To create one record.
    Create,
    /// To change one record.
    Update,
    /// To create or change several.
    Batch,
    /// To tell an activity.
    Emit,
}

/// No response came.
pub(crate) fn no_response(asked: Asked, error: TransportError) -> Error {
    match error {
        TransportError::NotSent(reason) => unavailable(reason, None),
        TransportError::NoAnswer(reason) => perhaps(asked, reason),
    }
}

/// The response is not a success.
pub(crate) fn failed(asked: Asked, response: &Response) -> Error {
    let failure = &envelope(response).unwrap_or_default();
    let status = response.status();
    match status.as_u16() {
        400 => invalid(asked, failure),
        401 | 403 => Error::Unauthorized { reason: label(failure, status) },
        404 if asked == Asked::Update && is_missing(response) => Error::Missing,
        // Telling of an unknown contact is accepted; what can be missing is the event's definition.
        404 if asked == Asked::Emit && is_missing(response) => refused(failure, status),
        404 => unavailable("HTTP 404: is base_url right?".to_owned(), None),
        409 if asked == Asked::Batch => Error::Exists { id: None },
        409 => Error::Exists { id: failure.message.as_deref().and_then(existing_id) },
        423 => unavailable(label(failure, status), Some(LOCK_WAIT)),
        429 => throttled(failure, response.headers()),
        477 => unavailable(label(failure, status), retry_after(response.headers())),
        300..=399 => unavailable(label(failure, status), None),
        408 | 500..=599 => perhaps(asked, label(failure, status)),
        _ => refused(failure, status),
    }
}

/// A success whose body makes no sense.
pub(crate) fn unreadable(asked: Asked) -> Error {
    perhaps(asked, "the answer cannot be read".to_owned())
}

/// What one row of a batch failed with.
pub(crate) fn row(failure: &Failure) -> Error {
    match failure.category.as_deref() {
        Some("OBJECT_NOT_FOUND") => Error::Missing,
        Some("CONFLICT") => Error::Exists { id: row_existing_id(failure) },
        Some("RATE_LIMITS") => Error::Throttled { reason: "RATE_LIMITS".to_owned(), retry_after: None },
        _ => match row_existing_id(failure) {
            Some(id) => Error::Exists { id: Some(id) },
            None => invalid(Asked::Update, failure),
        },
    }
}

/// Whether a failed emit says that this very occurrence is known already. HubSpot's answer to a repeated UUID is
/// undocumented; what was seen is silent acceptance.
pub(crate) fn is_repeat(response: &Response) -> bool {
    let duplicate = |failure: &Failure| {
        failure.code.iter().chain(&failure.category).any(|word| word.contains("DUPLICATE"))
    };
    match response.status() {
        StatusCode::CONFLICT => true,
        StatusCode::BAD_REQUEST => {
            envelope(response).is_some_and(|f| duplicate(&f) || f.errors.iter().any(duplicate))
        }
        _ => false,
    }
}

/// Whether HubSpot itself says that what was asked for is not there: by a header, or by an answer in JSON. The web page
/// of a wrong address or a proxy says nothing about a record.
pub(crate) fn is_missing(response: &Response) -> bool {
    let says_so = response.headers().contains_key("x-hubspot-notfound");
    response.status() == StatusCode::NOT_FOUND && (says_so || envelope(response).is_some())
}

/// The category of an error answer.
pub(crate) fn category(response: &Response) -> Option<String> {
    envelope(response)?.category
}

fn throttled(failure: &Failure, headers: &HeaderMap) -> Error {
    let policy = failure.policy_name.as_deref().unwrap_or_default();
    let default = match policy {
        "DAILY" => until_quarter(headers),
        policy if policy.starts_with("TEN_SECONDLY") => Duration::from_secs(10),
        _ => Duration::from_secs(1),
    };
    Error::Throttled {
        reason: word(policy)
            .or_else(|| word(failure.category.as_deref()?))
            .unwrap_or("RATE_LIMIT")
            .to_owned(),
        retry_after: Some(retry_after(headers).unwrap_or(default)),
    }
}

/// Until the daily limit can be reset, and a little longer. That happens at midnight of the account's time zone, which we
/// do not know; but whatever zone it is, its midnight is at a full quarter of an hour. So one call a quarter is refused,
/// and not a minute of the new day is lost.
fn until_quarter(headers: &HeaderMap) -> Duration {
    const QUARTER: i64 = 15 * 60;
    const MARGIN: Duration = Duration::from_secs(5);
    let passed = date(headers).map_or(0, |now| now.as_secs().rem_euclid(QUARTER));
    Duration::from_secs((QUARTER - passed).unsigned_abs()) + MARGIN
}

fn invalid(asked: Asked, failure: &Failure) -> Error {
    let faults = faults(failure);
    let taken = faults.iter().find(|fault| fault.code.contains("CONFLICTING_UNIQUE_VALUE"));
    if let Some(fault) = taken {
        return Error::Exists { id: fault.holder.clone().filter(|_| asked != Asked::Batch) };
    }
    if faults.is_empty() {
        return refused(failure, StatusCode::BAD_REQUEST);
    }
    let reasons: BTreeSet<String> = faults.iter().map(Fault::reason).collect();
    let properties: BTreeSet<String> = faults.into_iter().filter_map(|fault| fault.property).collect();
    Error::Refused {
        reason: reasons.into_iter().collect::<Vec<_>>().join(", "),
        properties: properties.into_iter().collect(),
    }
}

/// One reason for which content was refused.
struct Fault {
    code: String,
    property: Option<String>,
    /// The record that holds the value already, where that is the reason.
    holder: Option<RecordId>,
}

impl Fault {
    fn new(code: Option<&str>, property: Option<&str>, message: Option<&str>) -> Option<Self> {
        Some(Self {
            code: word(code?)?.to_owned(),
            property: property.and_then(word).map(str::to_owned),
            holder: message.and_then(value_holder),
        })
    }

    fn reason(&self) -> String {
        match &self.property {
            Some(property) => format!("{}: {property}", self.code),
            None => self.code.clone(),
        }
    }
}

/// The faults an error names: in its `errors`, or else in the JSON list inside its message, as older answers have it.
fn faults(failure: &Failure) -> Vec<Fault> {
    let listed: Vec<Fault> = failure.errors.iter().filter_map(listed_fault).collect();
    if !listed.is_empty() {
        return listed;
    }
    let message = failure.message.as_deref().unwrap_or_default();
    let list = message.find('[').map(|at| &message[at..]).unwrap_or_default();
    let first = serde_json::Deserializer::from_str(list).into_iter::<Vec<InvalidProperty>>().next();
    first
        .and_then(Result::ok)
        .unwrap_or_default()
        .iter()
        .filter_map(|p| Fault::new(p.error.as_deref(), p.name.as_deref(), p.message.as_deref()))
        .collect()
}

fn listed_fault(error: &Failure) -> Option<Fault> {
    let property = ["propertyName", "name"].iter().find_map(|key| error.context(key).into_iter().next());
    let code = error.code.as_deref().or(error.category.as_deref());
    Fault::new(code, property.as_deref(), error.message.as_deref())
}

fn refused(failure: &Failure, status: StatusCode) -> Error {
    Error::Refused { reason: label(failure, status), properties: Vec::new() }
}

fn unavailable(reason: String, retry_after: Option<Duration>) -> Error {
    Error::Unavailable { reason, retry_after }
}

/// It may have had its effect; but a read has none.
fn perhaps(asked: Asked, reason: String) -> Error {
    match asked {
        Asked::Read => unavailable(reason, None),
        _ => Error::Ambiguous { reason },
    }
}

/// HubSpot's own envelope, if that is what the body can be.
fn envelope(response: &Response) -> Option<Failure> {
    serde_json::from_slice(response.body()).ok()
}

fn label(failure: &Failure, status: StatusCode) -> String {
    let number = status.as_u16();
    match failure.category.as_deref().and_then(word) {
        Some(category) => format!("HTTP {number} {category}"),
        None => format!("HTTP {number}"),
    }
}

/// Text that can only be a code or a property's name, never something a person typed.
fn word(text: &str) -> Option<&str> {
    let fits =
        !text.is_empty() && text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    fits.then_some(text)
}

fn row_existing_id(failure: &Failure) -> Option<RecordId> {
    let named = failure.context("existingId").into_iter().next().map(RecordId::new);
    named.or_else(|| failure.message.as_deref().and_then(existing_id))
}

/// `Contact already exists. Existing ID: 123`
fn existing_id(message: &str) -> Option<RecordId> {
    let (_, after) = message.split_once("Existing ID:")?;
    let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| RecordId::new(digits))
}

/// `.. on 10. 11 already has that value.`
fn value_holder(message: &str) -> Option<RecordId> {
    let (before, _) = message.split_once(" already has that value")?;
    let last = before.rsplit(' ').next()?;
    (!last.is_empty() && last.chars().all(|c| c.is_ascii_digit())).then(|| RecordId::new(last))
}
