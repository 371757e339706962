//! Does the emulated HubSpot keep the rules of the real one's API?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use common::{START, id};
use connector_hubspot::fake::{FakeConfig, FakeHubSpot};
use http::Method;
use serde_json::{Value as Json, json};
use sync_core::http::{Request, Response};
use sync_core::model::Timestamp;
use sync_core::quota::Window;
use sync_core::testing::fake::{Actor, FakeSystem, Fault, What};

const CONTACTS: &str = "/crm/v3/objects/contacts";
const SECOND: Duration = Duration::from_secs(1);

fn fake() -> FakeHubSpot {
    let search_limit = Window::per_seconds(100, 1);
    FakeHubSpot::new(FakeConfig { limits: Vec::new(), search_limit, ..FakeConfig::default() })
}

fn request(method: Method, path: &str, body: &Json) -> Request {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let builder = http::Request::builder().method(method).uri(path);
    builder.header("authorization", "Bearer pat-na1-fake").body(text.into()).unwrap()
}

fn response(fake: &mut FakeHubSpot, now: Timestamp, request: &Request) -> Response {
    fake.handle(now, request).response.unwrap()
}

/// The status and body of a call made at the start.
fn call(fake: &mut FakeHubSpot, method: Method, path: &str, body: &Json) -> (u16, Json) {
    let response = response(fake, START, &request(method, path, body));
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
}

fn post(fake: &mut FakeHubSpot, path: &str, body: &Json) -> (u16, Json) {
    call(fake, Method::POST, &format!("{CONTACTS}{path}"), body)
}

fn create(fake: &mut FakeHubSpot, properties: &Json) -> (u16, Json) {
    post(fake, "", &json!({ "properties": properties }))
}

fn code(answer: &(u16, Json)) -> &str {
    answer.1["errors"][0]["code"].as_str().unwrap_or_default()
}

#[test]
fn what_a_new_contact_must_have_and_must_not() {
    let mut fake = fake();
    for (properties, expected) in [
        (json!({ "email": "not an address" }), "INVALID_EMAIL"),
        (json!({ "email": "ada@example" }), "INVALID_EMAIL"),
        (json!({ "email": "ada@example.con" }), "INVALID_EMAIL"),
        (json!({ "email": "@example.com" }), "INVALID_EMAIL"),
        (json!({ "firstname": "A", "fax": "1" }), "PROPERTY_DOESNT_EXIST"),
        (json!({ "firstname": "A", "hs_object_id": "1" }), "READ_ONLY_VALUE"),
    ] {
        let answer = create(&mut fake, &properties);
        assert_eq!((answer.0, code(&answer)), (400, expected), "{properties}");
    }
    assert_eq!(create(&mut fake, &json!({ "phone": "1" })).0, 400);
    assert_eq!(create(&mut fake, &json!({ "lastname": "A" })).0, 201);
    assert_eq!(create(&mut fake, &json!({ "lastname": "A", "phone": "ask Bo" })).0, 201);
    fake.config.strict_phone = true;
    assert_eq!(
        code(&create(&mut fake, &json!({ "lastname": "A", "phone": "ask Bo" }))),
        "INVALID_PHONE_NUMBER"
    );
    assert_eq!(create(&mut fake, &json!({ "lastname": "A", "phone": "+1 (555)" })).0, 201);
}

#[test]
fn is_an_address_taken_by_a_further_address_too() {
    let mut fake = fake();
    let ada = fake.person_creates(START, &[("email", "ada@example.com")]).unwrap();
    let bo = fake.person_creates(START, &[("email", "bo@example.com")]).unwrap();
    let into = fake.person_merges(START, &ada, &bo).unwrap();
    let (status, body) = create(&mut fake, &json!({ "email": "BO@example.com" }));
    assert_eq!(
        (status, &body["message"]),
        (409, &json!(format!("Contact already exists. Existing ID: {into}")))
    );
    let cy = fake.person_creates(START, &[("email", "cy@example.com")]).unwrap();
    let into_again = fake.person_merges(START, &into, &cy).unwrap();
    let by_name = format!("{CONTACTS}/Ada?idProperty=firstname");
    assert_eq!(call(&mut fake, Method::GET, &by_name, &Json::Null).0, 400, "only unique values identify");
    for former in [&ada, &bo, &cy, &into] {
        let (_, body) = call(&mut fake, Method::GET, &format!("{CONTACTS}/{former}"), &Json::Null);
        assert_eq!(body["id"], into_again.as_str(), "every former id leads to the last one");
    }
}

#[test]
fn does_a_batch_hold_at_most_a_hundred_and_fifty_with_histories() {
    let mut fake = fake();
    let inputs = |count: usize| (0..count).map(|n| json!({ "id": n.to_string() })).collect::<Vec<_>>();
    let plain = |count| json!({ "inputs": inputs(count) });
    let deep = |count| json!({ "inputs": inputs(count), "propertiesWithHistory": ["email"] });
    assert_eq!(post(&mut fake, "/batch/read", &plain(100)).0, 207);
    assert_eq!(post(&mut fake, "/batch/read", &plain(101)).0, 400);
    assert_eq!(post(&mut fake, "/batch/read", &deep(50)).0, 207);
    assert_eq!(post(&mut fake, "/batch/read", &deep(51)).0, 400);
    assert_eq!(post(&mut fake, "/batch/read", &plain(0)).0, 400);
}

#[test]
fn does_an_unknown_property_spoil_a_whole_update_and_a_bad_value_its_row_only() {
    let mut fake = fake();
    let ada = fake.person_creates(START, &[("email", "ada@example.com")]).unwrap();
    let bo = fake.person_creates(START, &[("email", "bo@example.com")]).unwrap();
    let update = |fake: &mut FakeHubSpot, name: &str, value: &str| {
        let good = json!({ "id": ada.as_str(), "properties": { "phone": value }, "objectWriteTraceId": "a" });
        let bad = json!({ "id": bo.as_str(), "properties": { name: value }, "objectWriteTraceId": "b" });
        post(fake, "/batch/update", &json!({ "inputs": [good, bad] }))
    };
    assert_eq!(code(&update(&mut fake, "fax", "1")), "PROPERTY_DOESNT_EXIST");
    assert_eq!(fake.contact(&ada).unwrap().property("phone"), None);
    let (status, body) = update(&mut fake, "email", "2");
    assert_eq!((status, &body["errors"][0]["context"]["objectWriteTraceId"]), (207, &json!(["b"])));
    assert_eq!(fake.contact(&ada).unwrap().property("phone"), Some("2"));
}

#[test]
fn does_search_show_an_old_state_until_the_index_has_caught_up_in_order() {
    let mut fake = fake();
    fake.config.search_lag = (10 * SECOND, 10 * SECOND);
    let ada = fake.person_creates(START, &[("email", "ada@example.com"), ("lastname", "Old")]).unwrap();
    fake.config.search_lag = (Duration::ZERO, Duration::ZERO);
    fake.person_edits(START.plus(SECOND), &ada, &[("lastname", Some("New"))]).unwrap();
    let seen = |fake: &mut FakeHubSpot, seconds: u32| {
        let query =
            request(Method::POST, &format!("{CONTACTS}/search"), &json!({ "properties": ["lastname"] }));
        let response = response(fake, START.plus(seconds * SECOND), &query);
        let body: Json = serde_json::from_slice(response.body()).unwrap();
        body["results"][0]["properties"]["lastname"].as_str().map(str::to_owned)
    };
    assert_eq!(seen(&mut fake, 9), None, "a later change is not known before an earlier one");
    assert_eq!(seen(&mut fake, 10), Some("New".to_owned()));
    fake.config.search_lag = (10 * SECOND, 10 * SECOND);
    fake.person_edits(START.plus(20 * SECOND), &ada, &[("lastname", None)]).unwrap();
    assert_eq!(seen(&mut fake, 29), Some("New".to_owned()));
    assert_eq!(seen(&mut fake, 30), None);
}

#[test]
fn which_searches_find_a_contact() {
    let mut fake = fake();
    fake.config.search_lag = (Duration::ZERO, Duration::ZERO);
    fake.person_creates(START, &[("email", "ada@example.com"), ("firstname", "Ada"), ("company", "10")])
        .unwrap();
    let found = |fake: &mut FakeHubSpot, filter: Json| {
        let (status, body) = post(fake, "/search", &json!({ "filterGroups": [{ "filters": [filter] }] }));
        (status, body["total"].as_i64())
    };
    let at = START.as_millis();
    for (property, operator, value, hit) in [
        ("email", "EQ", "ADA@example.com", true),
        ("email", "NEQ", "ada@example.com", false),
        ("email", "CONTAINS_TOKEN", "*example.com", true),
        ("email", "NOT_CONTAINS_TOKEN", "bo", true),
        ("lastname", "HAS_PROPERTY", "", false),
        ("lastname", "NOT_HAS_PROPERTY", "", true),
        ("company", "GT", "9", true),
        ("company", "LT", "9", false),
        ("lastmodifieddate", "GTE", &at.to_string(), true),
        ("lastmodifieddate", "GT", &at.to_string(), false),
        ("createdate", "LTE", &at.to_string(), true),
    ] {
        let filter = json!({ "propertyName": property, "operator": operator, "value": value });
        assert_eq!(found(&mut fake, filter), (200, Some(i64::from(hit))), "{property} {operator} {value}");
    }
    let any = json!({ "propertyName": "firstname", "operator": "IN", "values": ["bo", "ada"] });
    assert_eq!(found(&mut fake, any), (200, Some(1)));
    let none = json!({ "propertyName": "firstname", "operator": "NOT_IN", "values": ["bo", "ada"] });
    assert_eq!(found(&mut fake, none), (200, Some(0)));
    let between =
        json!({ "propertyName": "company", "operator": "BETWEEN", "value": "9", "highValue": "11" });
    assert_eq!(found(&mut fake, between), (200, Some(1)));
    let unknown = json!({ "propertyName": "company", "operator": "LIKE", "value": "1" });
    assert_eq!(found(&mut fake, unknown).0, 400);
    assert_eq!(post(&mut fake, "/search", &json!({ "limit": 200, "after": "9900" })).0, 400);
    assert_eq!(post(&mut fake, "/search", &json!({ "limit": 100, "after": "9900" })).0, 200);
}

#[test]
fn what_each_limit_answers() {
    let mut fake = FakeHubSpot::new(FakeConfig { daily_limit: Some(20), ..FakeConfig::default() });
    let search = request(Method::POST, &format!("{CONTACTS}/search"), &json!({}));
    let list = request(Method::GET, CONTACTS, &Json::Null);
    let policy = |fake: &mut FakeHubSpot, at: Timestamp, request: &Request| {
        let response = response(fake, at, request);
        let body: Json = serde_json::from_slice(response.body()).unwrap();
        let policy = body["policyName"].as_str().or(body["category"].as_str()).unwrap_or_default().to_owned();
        (response.status().as_u16(), policy, response.headers().contains_key("x-hubspot-ratelimit-remaining"))
    };
    for _ in 0..5 {
        assert_eq!(policy(&mut fake, START, &search), (200, String::new(), false));
    }
    assert_eq!(policy(&mut fake, START, &search), (429, "RATE_LIMITS".to_owned(), false));
    for _ in 0..10 {
        assert_eq!(policy(&mut fake, START, &list).0, 200);
    }
    assert_eq!(policy(&mut fake, START, &list), (429, "SECONDLY".to_owned(), true));
    for _ in 0..5 {
        assert_eq!(policy(&mut fake, START.plus(SECOND), &list).0, 200);
    }
    assert_eq!(policy(&mut fake, START.plus(SECOND), &list), (429, "DAILY".to_owned(), true));
    assert_eq!(policy(&mut fake, START.plus(86_400 * SECOND), &list).0, 200);
    assert_eq!(fake.calls().most_in_any(SECOND), 17);
}

#[test]
fn what_becomes_of_custom_events() {
    let mut fake = fake();
    let ada = fake.person_creates(START, &[("email", "ada@example.com")]).unwrap();
    let send = |fake: &mut FakeHubSpot, members: Json| {
        let mut event =
            json!({ "eventName": "pe48807704_purchase", "properties": { "amount": "1" }, "uuid": "u" });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        call(fake, Method::POST, "/events/v3/send", &event).0
    };
    assert_eq!(send(&mut fake, json!({ "objectId": "7" })), 204, "acceptance proves nothing");
    assert!(fake.custom_events().is_empty());
    assert_eq!(send(&mut fake, json!({ "objectId": ada.as_str() })), 204);
    assert_eq!(send(&mut fake, json!({ "objectId": ada.as_str(), "properties": { "amount": "2" } })), 204);
    assert_eq!(send(&mut fake, json!({ "objectId": ada.as_str(), "eventName": "pe1_purchase" })), 400);
    assert_eq!(send(&mut fake, json!({ "objectId": ada.as_str(), "occurredAt": "soon" })), 400);
    assert_eq!((fake.custom_events().len(), fake.repeated_events()), (1, 1));
    assert_eq!(fake.custom_events()[0].properties["amount"], "1");
    let happened = fake.oracle().changes().last().unwrap();
    assert_eq!((happened.what, &happened.actor), (What::Happened, &Actor::Api("16111050".to_owned())));
}

#[test]
fn are_events_exempt_from_the_limit_when_told_so() {
    let mut fake = FakeHubSpot::new(FakeConfig { events_exempt: true, ..FakeConfig::default() });
    let event = json!({ "eventName": "pe48807704_purchase", "properties": {}, "objectId": "7" });
    for _ in 0..20 {
        assert_eq!(call(&mut fake, Method::POST, "/events/v3/send", &event).0, 204);
    }
    assert_eq!(call(&mut fake, Method::GET, CONTACTS, &Json::Null).0, 200);
}

#[test]
fn do_delay_date_and_wrong_paths_come_as_configured() {
    let mut fake = fake();
    fake.config.response_time = SECOND;
    fake.config.clock_skew_ms = 60_000;
    let reply = fake.handle(START, &request(Method::GET, "/crm/v3/objects/nothing", &Json::Null));
    let answer = reply.response.unwrap();
    assert_eq!((reply.delay, answer.status().as_u16()), (SECOND, 404));
    assert_eq!(answer.headers()["date"], "Tue, 15 Jul 2025 21:13:00 GMT");
    assert_eq!(answer.headers()["content-type"], "text/html;charset=utf-8");
    fake.faults.plan(None, "/", 1, Fault::Slow(2 * SECOND));
    assert_eq!(fake.handle(START, &request(Method::GET, CONTACTS, &Json::Null)).delay, 3 * SECOND);
    fake.faults.plan(None, "/", 1, Fault::Drop);
    let new = json!({ "properties": { "lastname": "A" } });
    assert!(fake.handle(START, &request(Method::POST, CONTACTS, &new)).response.is_none());
    assert_eq!((fake.contacts().count(), fake.calls().calls()[2].status), (0, None));
}

#[test]
fn are_deleted_contacts_listed_apart_and_forgotten_ones_nowhere() {
    let mut fake = fake();
    let ada = fake.person_creates(START, &[("email", "ada@example.com")]).unwrap();
    let bo = fake.person_creates(START, &[("email", "bo@example.com")]).unwrap();
    let path = format!("{CONTACTS}/{ada}");
    assert_eq!(call(&mut fake, Method::DELETE, &path, &Json::Null).0, 204);
    assert_eq!(call(&mut fake, Method::DELETE, &path, &Json::Null).0, 204);
    assert_eq!(call(&mut fake, Method::GET, &path, &Json::Null).0, 404);
    let forget = json!({ "objectId": "bo@example.com", "idProperty": "email" });
    assert_eq!(post(&mut fake, "/gdpr-delete", &forget).0, 204);
    let listed = |fake: &mut FakeHubSpot, query: &str| {
        let (_, body) = call(fake, Method::GET, &format!("{CONTACTS}{query}"), &Json::Null);
        body["results"].as_array().unwrap().iter().map(|c| id(c["id"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(listed(&mut fake, ""), []);
    assert_eq!(listed(&mut fake, "?archived=true"), [ada]);
    assert!(fake.contact(&bo).is_none());
    assert_eq!(call(&mut fake, Method::GET, &format!("{CONTACTS}?limit=101"), &Json::Null).0, 400);
    let deep = format!("{CONTACTS}?limit=51&propertiesWithHistory=email");
    assert_eq!(call(&mut fake, Method::GET, &deep, &Json::Null).0, 400);
}

#[test]
fn can_the_api_merge_and_archive_in_batches() {
    let mut fake = fake();
    let ada = fake.person_creates(START, &[("email", "ada@example.com")]).unwrap();
    let bo = fake.person_creates(START, &[("email", "bo@example.com")]).unwrap();
    let merge = json!({ "primaryObjectId": ada.as_str(), "objectIdToMerge": bo.as_str() });
    let (status, body) = post(&mut fake, "/merge", &merge);
    assert_eq!(status, 200);
    assert_eq!(post(&mut fake, "/merge", &merge).0, 400, "both ids lead to one contact now");
    let inputs = json!({ "inputs": [{ "id": body["id"] }] });
    assert_eq!(post(&mut fake, "/batch/archive", &inputs).0, 204);
    assert_eq!(fake.contacts().count(), 0);
}
