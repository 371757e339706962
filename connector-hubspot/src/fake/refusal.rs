//! Error answers in HubSpot's shape (HubSpot API guide, "Error handling", and recorded answers).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderName, StatusCode};
use serde_json::{Map, Value as Json, json};
use sync_core::http::Response;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// HubSpot's category, for example `CONFLICT`.
    pub category: &'static str,
    /// HubSpot's message. It quotes values, as the real one does.
    pub message: String,
    /// What was wrong with which property.
    pub faults: Vec<Fault>,
    /// The record that is in the way.
    pub existing: Option<i64>,
    pub(super) not_found: Vec<String>,
}

/// One property that cannot be as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// For example `INVALID_EMAIL`.
    pub code: &'static str,
    /// The property.
    pub property: String,
    /// HubSpot's words, which quote the value.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            category,
            message: message.into(),
            faults: Vec::new(),
            existing: None,
            not_found: Vec::new(),
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub(super) fn invalid(faults: Vec<Fault>) -> Self {
        let list: Vec<Json> = faults
            .iter()
            .map(|f| json!({ "isValid": false, "message": f.message, "error": f.code, "name": f.property }))
            .collect();
        let message = format!("Property values were not valid: {}", Json::Array(list));
        Self { faults, ..Self::bad_request(message) }
    }

    pub(super) fn exists(id: i64) -> Self {
        let message = format!("Contact already exists. Existing ID: {id}");
        Self { existing: Some(id), ..Self::new(409, "CONFLICT", message) }
    }

    pub(super) fn missing(ids: Vec<String>) -> Self {
        Self { not_found: ids, ..Self::new(404, "OBJECT_NOT_FOUND", "resource not found") }
    }

    /// The answer to a whole call.
    pub(super) fn response(&self) -> Response {
        let mut body = self.envelope();
        body.insert("correlationId".to_owned(), json!("00000000-0000-4000-8000-000000000000"));
        let mut response = respond(self.status, &Json::Object(body));
        if self.status == 404 {
            header(&mut response, "x-hubspot-notfound", "true");
        }
        response
    }

    /// The entry for one row in the `errors` of a batch answer.
    pub(super) fn row(&self, trace: Option<&str>) -> Json {
        let mut row = self.envelope();
        let mut context = Map::new();
        if let Some(trace) = trace {
            context.insert("objectWriteTraceId".to_owned(), json!([trace]));
        }
        if let Some(id) = self.existing {
            context.insert("existingId".to_owned(), json!([id.to_string()]));
        }
        if !self.not_found.is_empty() {
            context.insert("ids".to_owned(), json!(self.not_found));
        }
        row.insert("context".to_owned(), Json::Object(context));
        Json::Object(row)
    }

    fn envelope(&self) -> Map<String, Json> {
        let mut body = Map::new();
        body.insert("status".to_owned(), json!("error"));
        body.insert("message".to_owned(), json!(self.message));
        body.insert("category".to_owned(), json!(self.category));
        if !self.faults.is_empty() {
            let errors: Vec<Json> = self
                .faults
                .iter()
                .map(|f| json!({ "message": f.message, "code": f.code, "context": { "propertyName": [f.property] } }))
                .collect();
            body.insert("errors".to_owned(), Json::Array(errors));
        }
        body
    }
}

/// A JSON answer.
pub(super) fn respond(status: u16, body: &Json) -> Response {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    header(&mut response, CONTENT_TYPE.as_str(), "application/json;charset=utf-8");
    response
}

/// An answer without content.
pub(super) fn no_content() -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The web page that a wrong path or an overloaded gateway answers with.
pub(super) fn page(status: u16) -> Response {
    let mut response = Response::new(Bytes::from_static(b"<html><body>HubSpot</body></html>"));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    header(&mut response, CONTENT_TYPE.as_str(), "text/html;charset=utf-8");
    response
}

/// A misbehaviour that was planned, with the body that HubSpot gives such an answer.
pub(super) fn planned(status: u16, retry_after: Option<u64>) -> Response {
    let mut response = match status {
        429 => super::limiter::Limited::Rolling.response(),
        502 | 504 | 520..=599 => page(status),
        423 => Refusal::new(status, "LOCKED", "This object is locked.").response(),
        477 => Refusal::new(status, "MIGRATION_IN_PROGRESS", "This account is being moved.").response(),
        401 => {
            Refusal::new(status, "INVALID_AUTHENTICATION", "Authentication credentials not found.").response()
        }
        403 => Refusal::new(status, "MISSING_SCOPES", "The app lacks a required scope.").response(),
        400..=499 => Refusal::new(status, "VALIDATION_ERROR", "Invalid input").response(),
        _ => Refusal::new(status, "INTERNAL_ERROR", "internal error").response(),
    };
    if let Some(seconds) = retry_after {
        header(&mut response, "retry-after", &seconds.to_string());
    }
    response
}

pub(super) fn header(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().insert(name, value);
    }
}
