//! Answers before they are bytes, and the shapes of errors.

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};
use sync_core::http::Response;

/// What a handler gives: a body, or what is wrong.
pub(super) type Outcome = Result<Value, Problem>;

/// An answer without the headers that all have.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As bytes. A header that cannot be one is left out.
    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(self.body.to_string().into());
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(body) => Self { status: 200, body, headers: Vec::new() },
            Err(problem) => problem.into(),
        }
    }
}

/// One of Stripe's errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
}

impl Problem {
    /// A problem of type `invalid_request_error`.
    pub(super) fn invalid(status: u16, message: impl Into<String>) -> Self {
        Self { status, kind: "invalid_request_error", code: None, message: message.into(), param: None }
    }

    /// A problem of type `idempotency_error`.
    pub(super) fn idempotency(status: u16, message: impl Into<String>) -> Self {
        Self { kind: "idempotency_error", ..Self::invalid(status, message) }
    }

    /// A planned misbehaviour with this status.
    pub(super) fn planned(status: u16) -> Self {
        match status {
            429 => Self::rate_limit(),
            500.. => Self { kind: "api_error", ..Self::invalid(status, "An unknown error occurred") },
            _ => Self::invalid(status, "Refused as planned"),
        }
    }

    pub(super) fn rate_limit() -> Self {
        Self::invalid(429, "Request rate limit exceeded.").code("rate_limit")
    }

    pub(super) fn no_such(what: &str, id: &str, param: &str) -> Self {
        Self::invalid(404, format!("No such {what}: '{id}'")).code("resource_missing").param(param)
    }

    pub(super) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(super) fn param(self, param: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..self }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let mut error = Map::new();
        error.insert("type".to_owned(), json!(problem.kind));
        error.insert("message".to_owned(), json!(problem.message));
        if let Some(code) = problem.code {
            error.insert("code".to_owned(), json!(code));
        }
        if let Some(param) = problem.param {
            error.insert("param".to_owned(), json!(param));
        }
        Self { status: problem.status, body: json!({ "error": error }), headers: Vec::new() }
    }
}
