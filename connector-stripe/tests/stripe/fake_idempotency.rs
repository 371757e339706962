//! Does the emulator treat repeated, failing and too many requests as Stripe does?

use std::time::Duration;

use connector_stripe::fake::{FakeConfig, FakeStripe};
use sync_core::quota::Window;
use sync_core::testing::fake::{FakeSystem, Fault};

use crate::support::{NOW, api, ask, keyed, later};

const CUSTOMERS: &str = "/v1/customers";

#[test]
fn a_repeated_request_is_answered_again_without_effect() {
    let mut fake = FakeStripe::default();
    let first = ask(&mut fake, NOW, &keyed("k", CUSTOMERS, "name=Ada&email=a%40b.test"));
    let again = ask(&mut fake, later(1), &keyed("k", CUSTOMERS, "email=a%40b.test&name=Ada"));
    assert_eq!((again.status, &again.json), (200, &first.json));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_eq!(again.header("idempotency-key"), Some("k"));
    assert_eq!(fake.customers().count(), 1);
}

#[test]
fn a_key_used_for_something_else_is_refused() {
    let mut fake = FakeStripe::default();
    ask(&mut fake, NOW, &keyed("k", CUSTOMERS, "name=Ada"));
    for other in [keyed("k", CUSTOMERS, "name=Bea"), keyed("k", "/v1/customers/cus_1", "name=Ada")] {
        let answer = ask(&mut fake, NOW, &other);
        assert_eq!((answer.status, &answer.json["error"]["type"]), (400, &"idempotency_error".into()));
    }
    assert_eq!(fake.customers().count(), 1);
}

#[test]
fn a_key_still_in_flight_is_a_conflict_until_the_answer_is_ready() {
    let mut fake = FakeStripe::default();
    fake.faults.plan(None, CUSTOMERS, 1, Fault::Slow(Duration::from_secs(20)));
    let request = keyed("k", CUSTOMERS, "name=Ada");
    assert_eq!(fake.handle(NOW, &request).delay, Duration::from_secs(20));
    let early = ask(&mut fake, later(19_999), &request);
    assert_eq!((early.status, &early.json["error"]["code"]), (409, &"idempotency_key_in_use".into()));
    assert_eq!(ask(&mut fake, later(20_000), &request).header("idempotent-replayed"), Some("true"));
    assert_eq!(fake.customers().count(), 1);
}

#[test]
fn a_key_is_forgotten_after_a_day() {
    const DAY: i64 = 24 * 3600 * 1000;
    let mut fake = FakeStripe::default();
    let request = keyed("k", CUSTOMERS, "name=Ada");
    for (at, customers) in [(0, 1), (DAY - 1000, 1), (DAY + 60_000, 2)] {
        ask(&mut fake, later(at), &request);
        assert_eq!(fake.customers().count(), customers, "after {at} ms");
    }
}

#[test]
fn what_was_never_executed_may_be_repeated_under_the_same_key() {
    let mut fake = FakeStripe::default();
    let invalid = keyed("k", CUSTOMERS, "pineapple=1");
    assert_eq!(ask(&mut fake, NOW, &invalid).status, 400);
    fake.faults.plan(None, CUSTOMERS, 1, Fault::Refuse(429, Some(3)));
    let valid = keyed("k", CUSTOMERS, "name=Ada");
    let limited = ask(&mut fake, NOW, &valid);
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("3")));
    assert_eq!(limited.header("stripe-rate-limited-reason"), Some("global-rate"));
    assert_eq!(ask(&mut fake, NOW, &valid).status, 200);
}

#[test]
fn a_failure_after_the_effect_is_repeated_too() {
    let mut fake = FakeStripe::default();
    fake.faults.plan(None, CUSTOMERS, 1, Fault::FailAfter(500));
    let request = keyed("k", CUSTOMERS, "name=Ada");
    assert_eq!(ask(&mut fake, NOW, &request).status, 500);
    let again = ask(&mut fake, NOW, &request);
    assert_eq!((again.status, again.header("idempotent-replayed")), (500, Some("true")));
    assert_eq!(fake.customers().count(), 1);
}

#[test]
fn a_lost_answer_has_its_effect_and_a_dropped_request_none() {
    let mut fake = FakeStripe::default();
    let request = keyed("k", CUSTOMERS, "name=Ada");
    fake.faults.plan(None, CUSTOMERS, 1, Fault::Drop);
    assert!(fake.handle(NOW, &request).response.is_none());
    assert_eq!(fake.customers().count(), 0);
    fake.faults.plan(None, CUSTOMERS, 1, Fault::LoseAnswer);
    assert!(fake.handle(NOW, &request).response.is_none());
    assert_eq!(fake.customers().count(), 1);
    assert_eq!(ask(&mut fake, NOW, &request).header("idempotent-replayed"), Some("true"));
    let statuses: Vec<_> = fake.calls().calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [None, None, Some(200)]);
}

#[test]
fn the_limit_holds_in_every_window_not_only_in_whole_seconds() {
    let config = FakeConfig { limits: vec![Window::per_seconds(2, 1)], ..FakeConfig::default() };
    let mut fake = FakeStripe::new(config);
    let mut status = |ms| ask(&mut fake, later(ms), &api("GET", CUSTOMERS, "")).status;
    let arrivals = [(0, 200), (900, 200), (999, 429), (1000, 200), (1899, 429), (1900, 200), (1901, 429)];
    for (at, wanted) in arrivals {
        assert_eq!(status(at), wanted, "{at} ms");
    }
    assert_eq!(fake.calls().most_in_any(Duration::from_secs(1)), 5, "refused calls are logged too");
}

#[test]
fn an_endpoint_may_have_a_limit_of_its_own() {
    let config = FakeConfig { endpoint_limits: vec![Window::per_seconds(1, 1)], ..FakeConfig::default() };
    let mut fake = FakeStripe::new(config);
    assert_eq!(ask(&mut fake, NOW, &api("GET", CUSTOMERS, "")).status, 200);
    assert_eq!(ask(&mut fake, NOW, &api("GET", "/v1/events", "")).status, 200);
    let full = ask(&mut fake, NOW, &api("GET", CUSTOMERS, ""));
    assert_eq!((full.status, full.header("stripe-rate-limited-reason")), (429, Some("endpoint-rate")));
    // All single customers are one endpoint.
    assert_eq!(ask(&mut fake, NOW, &api("GET", "/v1/customers/a", "")).status, 404);
    assert_eq!(ask(&mut fake, NOW, &api("GET", "/v1/customers/b", "")).status, 429);
}

#[test]
fn only_the_key_lets_in() {
    let mut fake = FakeStripe::default();
    let mut request = api("GET", CUSTOMERS, "");
    request.headers_mut().insert("authorization", "Bearer sk_test_other".parse().unwrap());
    assert_eq!(ask(&mut fake, NOW, &request).status, 401);
    request.headers_mut().remove("authorization");
    assert_eq!(ask(&mut fake, NOW, &request).status, 401);
    // sk_test_wane: as a user without a password
    request.headers_mut().insert("authorization", "Basic c2tfdGVzdF93YW5lOg==".parse().unwrap());
    assert_eq!(ask(&mut fake, NOW, &request).status, 200);
}
