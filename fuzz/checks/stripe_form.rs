//! A form as the emulated Stripe reads it: any bytes, as body and as query.

use bytes::Bytes;
use connector_stripe::fake::{FakeConfig, FakeStripe};
use http::{Method, Uri};
use sync_core::http::Request;
use sync_core::model::Timestamp;
use sync_core::testing::fake::FakeSystem;

const NOW: Timestamp = Timestamp::from_secs(1_752_613_920);

/// It is answered: done, or refused with an error of Stripe's shape.
pub(crate) fn check(input: &[u8]) {
    let mut fake = FakeStripe::new(FakeConfig::default());
    let post = ask(&mut fake, Method::POST, Uri::from_static("/v1/customers"), input);
    let query = String::from_utf8_lossy(input).replace(['#', ' '], "+");
    if let Ok(uri) = format!("/v1/customers?{query}").parse() {
        ask(&mut fake, Method::GET, uri, b"");
    }
    if post == 200 {
        assert_eq!(fake.customers().count(), 1, "a customer was made");
    }
}

fn ask(fake: &mut FakeStripe, method: Method, uri: Uri, body: &[u8]) -> u16 {
    let mut request = Request::new(Bytes::copy_from_slice(body));
    let key = format!("Bearer {}", fake.config.api_key);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    request.headers_mut().insert("authorization", key.parse().expect("a key of plain text"));
    let response = fake.handle(NOW, &request).response.expect("an answer");
    let json: serde_json::Value = serde_json::from_slice(response.body()).expect("in JSON");
    let status = response.status().as_u16();
    assert!(status == 200 || json["error"]["type"].is_string(), "{status} without an error");
    status
}
