//! Questions and writes as HTTP requests. Pure.

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use sync_core::connector::{Error, Link, Lookup, Query, Write, WriteBody};
use sync_core::http::Request;
use sync_core::model::{Properties, RecordId};

use crate::config::StripeConfig;
use crate::mapping::{EMAIL, METADATA, NAME, PAIR_KEY, PHONE};
use crate::webhook::EVENT_TYPES;

/// Everything but what every URL library leaves alone in a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');
/// Largest page Stripe serves (Stripe API reference, pagination).
const PAGE: &str = "100";

type Params = Serializer<'static, String>;

/// The one call that answers `query`.
///
/// # Errors
/// [`Error::Missing`] when no record can have the id that is asked for; [`Error::Refused`] for more ids than one.
pub(crate) fn read(config: &StripeConfig, query: &Query) -> Result<Request, Error> {
    let mut params = params();
    let path = match query {
        Query::Ids(ids) => match ids.as_slice() {
            [id] => customer_path(id)?,
            _ => return Err(refused("a read takes exactly one id", Vec::new())),
        },
        Query::Find(lookup) => find(lookup, &mut params),
        Query::Page(cursor) => {
            params.append_pair("limit", PAGE);
            if let Some(cursor) = cursor {
                params.append_pair("starting_after", &cursor.0);
            }
            "/v1/customers".to_owned()
        }
        Query::ChangedSince(since, cursor) => {
            for kind in EVENT_TYPES {
                params.append_pair("types[]", kind);
            }
            params.append_pair("created[gte]", &since.as_secs().to_string());
            params.append_pair("limit", PAGE);
            if let Some(cursor) = cursor {
                params.append_pair("starting_after", &cursor.0);
            }
            "/v1/events".to_owned()
        }
    };
    let query = params.finish();
    let separator = if query.is_empty() { "" } else { "?" };
    request(config, Method::GET, &format!("{path}{separator}{query}"), Bytes::new())
}

/// The one call that makes `write` happen.
///
/// # Errors
/// [`Error::Refused`] for content that Stripe is known not to take, so that nothing is ever cut short on the way;
/// [`Error::Missing`] when no record can have the id.
pub(crate) fn write(config: &StripeConfig, write: &Write) -> Result<Request, Error> {
    let mut form = params();
    let path = match &write.body {
        WriteBody::Create { properties, link } => {
            check_lengths(properties)?;
            append(&mut form, properties, false);
            append_link(config, &mut form, link);
            "/v1/customers".to_owned()
        }
        WriteBody::Update { id, properties, link } => {
            check_lengths(properties)?;
            append(&mut form, properties, true);
            append_twin(config, &mut form, link.as_ref());
            customer_path(id)?
        }
        WriteBody::Emit { .. } => return Err(refused("Stripe takes no activities", Vec::new())),
    };
    let mut request = request(config, Method::POST, &path, Bytes::from(form.finish()))?;
    let key = header(&format!("{}:{}", config.key_prefix, write.op))?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(HeaderName::from_static("idempotency-key"), key);
    Ok(request)
}

/// By email where there is one: the list is consistent at once. Search lags, so it is left for records without one.
fn find(lookup: &Lookup, params: &mut Params) -> String {
    params.append_pair("limit", PAGE);
    if let Some(email) = &lookup.match_value {
        params.append_pair("email", email.as_str());
        return "/v1/customers".to_owned();
    }
    let pair = lookup.link.pair.as_str().replace('\\', "\\\\").replace('\'', "\\'");
    params.append_pair("query", &format!("metadata['{PAIR_KEY}']:'{pair}'"));
    "/v1/customers/search".to_owned()
}

/// An empty or all-dots segment would lead to another endpoint, so it cannot name a customer.
fn customer_path(id: &RecordId) -> Result<String, Error> {
    if id.as_str().chars().all(|c| c == '.') {
        return Err(Error::Missing);
    }
    Ok(format!("/v1/customers/{}", utf8_percent_encode(id.as_str(), SEGMENT)))
}

/// `field=` clears a property; one that is not mentioned stays as it is.
fn append(form: &mut Params, properties: &Properties, clearing: bool) {
    for (property, value) in properties {
        match value {
            Some(value) => form.append_pair(&param(property), value.as_str()),
            None if clearing => form.append_pair(&param(property), ""),
            None => continue,
        };
    }
}

fn append_link(config: &StripeConfig, form: &mut Params, link: &Link) {
    form.append_pair(&format!("metadata[{PAIR_KEY}]"), link.pair.as_str());
    append_twin(config, form, link.twin.as_ref());
}

fn append_twin(config: &StripeConfig, form: &mut Params, twin: Option<&RecordId>) {
    if let Some(twin) = twin {
        form.append_pair(&format!("metadata[{}]", config.twin_key), twin.as_str());
    }
}

fn param(property: &str) -> String {
    match property.strip_prefix(METADATA) {
        Some(key) => format!("metadata[{key}]"),
        None => property.to_owned(),
    }
}

fn check_lengths(properties: &Properties) -> Result<(), Error> {
    let too_long: Vec<String> = properties
        .iter()
        .filter(|(property, value)| {
            let length = value.as_ref().map_or(0, |v| v.as_str().chars().count());
            longest(property).is_some_and(|most| length > most)
        })
        .map(|(property, _)| property.clone())
        .collect();
    if too_long.is_empty() { Ok(()) } else { Err(refused("longer than Stripe stores", too_long)) }
}

/// Most characters Stripe stores (Stripe API reference, customers and metadata).
fn longest(property: &str) -> Option<usize> {
    match property {
        EMAIL => Some(512),
        NAME => Some(256),
        PHONE => Some(20),
        _ => property.starts_with(METADATA).then_some(500),
    }
}

fn request(config: &StripeConfig, method: Method, target: &str, body: Bytes) -> Result<Request, Error> {
    let base = config.base_url.trim_end_matches('/');
    let uri: Uri =
        format!("{base}{target}").parse().map_err(|_| refused("does not fit into a URL", Vec::new()))?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let mut bearer = header(&format!("Bearer {}", config.api_key.expose_secret()))?;
    bearer.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(HeaderName::from_static("stripe-version"), header(&config.api_version)?);
    if let Some(account) = &config.account {
        headers.insert(HeaderName::from_static("stripe-account"), header(account)?);
    }
    Ok(request)
}

fn header(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| refused("does not fit into a header", Vec::new()))
}

fn refused(reason: &str, properties: Vec<String>) -> Error {
    Error::Refused { reason: reason.to_owned(), properties }
}

fn params() -> Params {
    Serializer::new(String::new())
}
