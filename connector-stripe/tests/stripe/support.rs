//! What the other modules share: a connector over canned answers, and short words for common values.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use connector_stripe::fake::FakeStripe;
use connector_stripe::{Stripe, StripeConfig};
use secrecy::SecretString;
use sync_core::connector::{Connector, Error, Link, Receipt, Write, WriteBody};
use sync_core::http::{Request, Response, Transport, TransportError};
use sync_core::model::{OpId, PairId, Properties, RecordId, Timestamp, Value};
use sync_core::testing::fake::FakeSystem;

/// The signing secret of [`config`].
pub(crate) const SECRET: &str = "whsec_test";

/// Any moment.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

pub(crate) fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

pub(crate) fn config() -> StripeConfig {
    StripeConfig::new("https://api.stripe.test", secret("sk_test_abc"), vec![secret(SECRET)])
}

/// Answers every request alike, and remembers them.
pub(crate) struct Canned {
    answer: Result<Response, TransportError>,
    requests: Mutex<Vec<Request>>,
}

impl Canned {
    /// The one request that was sent.
    pub(crate) fn only(&self) -> Request {
        let requests = self.requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "exactly one call");
        requests[0].clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.requests.lock().unwrap().push(request);
        self.answer.clone()
    }
}

/// A connector whose every call is answered so.
pub(crate) fn answered(
    config: StripeConfig,
    answer: Result<Response, TransportError>,
) -> (Stripe, Arc<Canned>) {
    let canned = Arc::new(Canned { answer, requests: Mutex::default() });
    (Stripe::new(config, canned.clone()).unwrap(), canned)
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Bytes::from(body.to_owned())).unwrap()
}

/// A customer as Stripe would return it.
pub(crate) fn ok() -> Result<Response, TransportError> {
    Ok(response(200, &[], r#"{"id":"cus_1","object":"customer"}"#))
}

pub(crate) fn properties(pairs: &[(&str, Option<&str>)]) -> Properties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.and_then(Value::new))).collect()
}

pub(crate) fn link(pair: &str, twin: Option<&str>) -> Link {
    Link { pair: PairId::new(pair), twin: twin.map(RecordId::new) }
}

pub(crate) fn create(op: &str, pairs: &[(&str, Option<&str>)]) -> Write {
    let body = WriteBody::Create { properties: properties(pairs), link: link("pair-1", Some("101")) };
    Write { op: OpId::new(op), body }
}

pub(crate) fn update(op: &str, id: &str, pairs: &[(&str, Option<&str>)]) -> Write {
    let body = WriteBody::Update { id: RecordId::new(id), properties: properties(pairs), link: None };
    Write { op: OpId::new(op), body }
}

/// Writes one row; a failure of the row and of the call are told apart by nobody here.
pub(crate) async fn write(stripe: &Stripe, row: Write) -> Result<Receipt, Error> {
    stripe.write(&[row]).await?.remove(0)
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers()[name].to_str().unwrap()
}

/// A request of the API with the emulator's own key.
pub(crate) fn api(method: &str, target: &str, form: &str) -> Request {
    http::Request::builder()
        .method(method)
        .uri(format!("https://api.stripe.test{target}"))
        .header("authorization", "Bearer sk_test_wane")
        .body(Bytes::from(form.to_owned()))
        .unwrap()
}

/// The same with an idempotency key.
pub(crate) fn keyed(key: &str, target: &str, form: &str) -> Request {
    let mut request = api("POST", target, form);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

/// What an emulator answered: status, headers, JSON.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) json: serde_json::Value,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The ids in a list.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.json["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
    }
}

/// Puts a request to an emulator, which must answer it.
pub(crate) fn ask(fake: &mut FakeStripe, now: Timestamp, request: &Request) -> Answered {
    let response = fake.handle(now, request).response.unwrap();
    Answered {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        json: serde_json::from_slice(response.body()).unwrap(),
    }
}

/// `NOW` and some milliseconds.
pub(crate) fn later(ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + ms)
}
