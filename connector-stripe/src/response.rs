//! What Stripe's answers mean. Pure.

use std::time::Duration;

use http::HeaderMap;
use sync_core::connector::{Answer, Cursor, Error, Query, Receipt};
use sync_core::http::{Response, TransportError, date, retry_after};
use sync_core::model::News;

use crate::config::StripeConfig;
use crate::mapping::METADATA;
use crate::record::record;
use crate::webhook;
use crate::wire::{Customer, ErrorBody, ErrorDetail, EventPage, Identified, Page};

/// How long to wait when Stripe says that trying again soon is of no use (`Stripe-Should-Retry: false`).
const RELUCTANT_WAIT: Duration = Duration::from_secs(10);

/// What a call was for, which decides what a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Create,
    Update,
}

/// The answer to a question.
///
/// # Errors
/// Whatever the status means; [`Error::Missing`] when a cursor's record is gone, so that the walk must begin anew;
/// [`Error::Unavailable`] when the answer cannot be read.
pub(crate) fn answer(config: &StripeConfig, query: &Query, response: &Response) -> Result<Answer, Error> {
    let as_of = date(response.headers());
    if !response.status().is_success() {
        return match failure(Purpose::Read, response) {
            Error::Missing if matches!(query, Query::Ids(_)) => Ok(Answer { as_of, ..Answer::default() }),
            error => Err(error),
        };
    }
    let body = response.body();
    let parsed = match query {
        Query::Ids(_) => one(config, body),
        Query::Find(_) => customers(config, body).map(|found| Answer { next: None, ..found }),
        Query::Page(_) => customers(config, body),
        Query::ChangedSince(..) => events(config, body),
    };
    match parsed {
        Some(answer) => Ok(Answer { as_of, ..answer }),
        None => Err(unavailable("answer cannot be read".to_owned(), None)),
    }
}

/// Proof that a write was applied.
///
/// # Errors
/// Whatever the status means; a success that cannot be read is [`Error::Ambiguous`].
pub(crate) fn receipt(
    config: &StripeConfig,
    purpose: Purpose,
    response: &Response,
) -> Result<Receipt, Error> {
    if !response.status().is_success() {
        return Err(failure(purpose, response));
    }
    let unreadable = || Error::Ambiguous { reason: "answer cannot be read".to_owned() };
    let customer: Customer = serde_json::from_slice(response.body()).map_err(|_| unreadable())?;
    if customer.deleted {
        return Err(Error::Missing);
    }
    let record = record(config, customer).ok_or_else(unreadable)?;
    // A creation that is repeated under its name is answered with the first answer (Stripe API reference, idempotent
    // requests): however late it comes, it shows the customer as of its creation.
    let created = record.created_at.filter(|_| purpose == Purpose::Create);
    let at = created.or_else(|| date(response.headers()));
    Ok(Receipt { record: Some(record), at })
}

/// What it means that there was no answer at all.
pub(crate) fn no_answer(purpose: Purpose, error: &TransportError) -> Error {
    match (error, purpose) {
        (TransportError::NotSent(_), _) | (_, Purpose::Read) => unavailable(error.to_string(), None),
        (TransportError::NoAnswer(_), _) => Error::Ambiguous { reason: error.to_string() },
    }
}

fn one(config: &StripeConfig, body: &[u8]) -> Option<Answer> {
    let customer: Customer = serde_json::from_slice(body).ok()?;
    customer.id.as_ref()?;
    Some(Answer { records: record(config, customer).into_iter().collect(), ..Answer::default() })
}

fn customers(config: &StripeConfig, body: &[u8]) -> Option<Answer> {
    let page: Page<Customer> = serde_json::from_slice(body).ok()?;
    let next = page.data.last().and_then(|c| c.id.clone()).filter(|_| page.has_more).map(Cursor);
    let records = page.data.into_iter().filter_map(|c| record(config, c)).collect();
    Some(Answer { records, next, ..Answer::default() })
}

/// Events that are none of our business stay out: every overlapping poll would count them again.
fn events(config: &StripeConfig, body: &[u8]) -> Option<Answer> {
    let page: EventPage<'_> = serde_json::from_slice(body).ok()?;
    let next = match page.data.last().filter(|_| page.has_more) {
        Some(last) => Some(Cursor(serde_json::from_str::<Identified>(last.get()).ok()?.id)),
        None => None,
    };
    // Stripe lists the newest first (Stripe API reference, list all events).
    let news = page
        .data
        .iter()
        .rev()
        .map(|event| webhook::event(config, event.get()))
        .filter(|news| !matches!(news, News::Ignored { .. }))
        .collect();
    Some(Answer { news, next, ..Answer::default() })
}

/// The meaning of a status that is no success.
///
/// A 409 says that an earlier attempt of the same write is still running (or lost a race). This attempt did nothing, but
/// the *write* may well happen, so it is ambiguous rather than without effect: whoever took it for not done could
/// decide anew under another key and create a second customer.
fn failure(purpose: Purpose, response: &Response) -> Error {
    let status = response.status().as_u16();
    let body: Option<ErrorDetail> =
        serde_json::from_slice::<ErrorBody>(response.body()).ok().map(|body| body.error);
    let is_stripes = body.is_some();
    let detail = body.unwrap_or_default();
    let advice = Advice::of(response.headers());
    let reason = reason(status, &detail, response.headers());
    let write = purpose != Purpose::Read;
    match status {
        429 => Error::Throttled { reason, retry_after: advice.wait() },
        400 if detail.code.as_deref() == Some("rate_limit") => {
            Error::Throttled { reason, retry_after: advice.wait() }
        }
        400 if write && detail.kind.as_deref() == Some("idempotency_error") => Error::Ambiguous { reason },
        401 | 403 => Error::Unauthorized { reason },
        404 if is_stripes && purpose != Purpose::Create => Error::Missing,
        408 | 409 | 500.. if write => Error::Ambiguous { reason },
        408 | 409 | 500.. => unavailable(reason, advice.wait()),
        // Not from Stripe's API but from something in between: says nothing about the record or the content.
        404 if !is_stripes => unavailable(reason, advice.wait()),
        400..=499 if advice.should_retry == Some(true) => unavailable(reason, advice.wait()),
        400..=499 => {
            Error::Refused { reason, properties: detail.param.iter().filter_map(|p| property(p)).collect() }
        }
        _ => unavailable(reason, advice.wait()),
    }
}

/// When an answer says to come back.
struct Advice {
    retry_after: Option<Duration>,
    should_retry: Option<bool>,
}

impl Advice {
    fn of(headers: &HeaderMap) -> Self {
        let should_retry = match text(headers, "stripe-should-retry") {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        Self { retry_after: retry_after(headers), should_retry }
    }

    /// `Stripe-Should-Retry: false` cannot make us give up on content that is not at fault, but we do hold back.
    fn wait(&self) -> Option<Duration> {
        let least = (self.should_retry == Some(false)).then_some(RELUCTANT_WAIT);
        self.retry_after.max(least)
    }
}

/// Stripe's own words for it, never its message: that may quote values.
fn reason(status: u16, detail: &ErrorDetail, headers: &HeaderMap) -> String {
    let limit = text(headers, "stripe-rate-limited-reason");
    let words = [limit, detail.code.as_deref(), detail.kind.as_deref()];
    match words.into_iter().flatten().find(|word| is_word(word)) {
        Some(word) => format!("{status} {word}"),
        None => format!("{status}"),
    }
}

/// The native property behind a parameter name: `metadata[k]` is `metadata.k`.
fn property(param: &str) -> Option<String> {
    let property = match param.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) {
        Some(key) => format!("{METADATA}{key}"),
        None => param.to_owned(),
    };
    is_word(&property).then_some(property)
}

/// What an identifier looks like. A far side that puts anything else here must not reach our logs.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn unavailable(reason: String, retry_after: Option<Duration>) -> Error {
    Error::Unavailable { reason, retry_after }
}
