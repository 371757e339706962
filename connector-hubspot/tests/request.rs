//! What is sent, for every kind of read and write?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;

use common::{Canned, TWIN, answer, config, connector, create, emit, find, id, json_body, name_twin, update};
use connector_hubspot::{EVENT_NAMESPACE, HubSpot, HubSpotConfig};
use http::Method;
use serde_json::json;
use sync_core::connector::{Connector, Cursor, Error, Query, Write};
use sync_core::http::Request;
use sync_core::model::Timestamp;
use uuid::Uuid;

const PAST: &str = "email,firstname,lastname,phone";
const ASKED: &str = "email,firstname,lastname,phone,createdate,lastmodifieddate,hs_additional_emails,\
                     hs_merged_object_ids,stripe_customer_id";

async fn sent_by_read(query: Query) -> Request {
    let transport = Canned::with([Ok(answer(200, r#"{"results":[]}"#))]);
    let _ = connector(Arc::clone(&transport) as _).read(&query).await;
    transport.request()
}

async fn sent_by_write(config: HubSpotConfig, rows: &[Write]) -> Request {
    let transport = Canned::with([Ok(answer(200, r#"{"results":[]}"#))]);
    let _ = HubSpot::new(config, Arc::clone(&transport) as _).unwrap().write(rows).await;
    transport.request()
}

fn line(request: &Request) -> (Method, String) {
    (request.method().clone(), request.uri().to_string())
}

#[tokio::test]
async fn what_goes_with_every_call() {
    let request = sent_by_read(Query::Page(None)).await;
    assert_eq!(request.headers()["authorization"], "Bearer pat-na1-fake");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["accept"], "application/json");
    let request = sent_by_read(Query::Ids(vec![id("1")])).await;
    assert_eq!(request.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn how_records_are_read_by_id() {
    let request = sent_by_read(Query::Ids(vec![id("138017612137"), id("7"), id("7")])).await;
    assert_eq!(
        line(&request),
        (Method::POST, "https://api.hubapi.com/crm/v3/objects/contacts/batch/read".to_owned())
    );
    let body = json_body(&request);
    assert_eq!(body["inputs"], json!([{ "id": "138017612137" }, { "id": "7" }]));
    assert_eq!(body["properties"], json!(ASKED.split(',').collect::<Vec<_>>()));
    assert_eq!(body["propertiesWithHistory"], json!(["email", "firstname", "lastname", "phone"]));
}

#[tokio::test]
async fn how_a_record_is_found() {
    let by_email = sent_by_read(find(Some("ada+x@example.com"), Some("cus_1"))).await;
    let path = "https://api.hubapi.com/crm/v3/objects/contacts/ada%2Bx%40example.com";
    assert_eq!(
        line(&by_email),
        (Method::GET, format!("{path}?idProperty=email&properties={ASKED}&propertiesWithHistory={PAST}"))
    );
    let by_twin = sent_by_read(find(None, Some("cus_1"))).await;
    let path = "https://api.hubapi.com/crm/v3/objects/contacts/cus_1";
    assert_eq!(
        line(&by_twin),
        (Method::GET, format!("{path}?idProperty={TWIN}&properties={ASKED}&propertiesWithHistory={PAST}"))
    );
}

#[tokio::test]
async fn is_nothing_asked_when_there_is_nothing_to_look_for() {
    let transport = Canned::with([]);
    let found = connector(Arc::clone(&transport) as _).read(&find(None, None)).await.unwrap();
    assert!(found.records.is_empty());
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn how_pages_are_read() {
    let first = sent_by_read(Query::Page(None)).await;
    let path = format!("https://api.hubapi.com/crm/v3/objects/contacts?limit=100&properties={ASKED}");
    assert_eq!(line(&first), (Method::GET, path.clone()));
    let next = sent_by_read(Query::Page(Some(Cursor("a&b".to_owned())))).await;
    assert_eq!(line(&next), (Method::GET, format!("{path}&after=a%26b")));
}

#[tokio::test]
async fn how_changes_are_searched() {
    let since = Timestamp::from_millis(1_752_613_920_733);
    let first = sent_by_read(Query::ChangedSince(since, None)).await;
    assert_eq!(
        line(&first),
        (Method::POST, "https://api.hubapi.com/crm/v3/objects/contacts/search".to_owned())
    );
    let body = json_body(&first);
    let filter = json!({ "propertyName": "lastmodifieddate", "operator": "GTE", "value": "1752613920733" });
    assert_eq!(body["filterGroups"], json!([{ "filters": [filter] }]));
    assert_eq!(body["sorts"], json!([{ "propertyName": "lastmodifieddate", "direction": "ASCENDING" }]));
    assert_eq!((&body["limit"], body.get("after")), (&json!(100), None));
    let next = sent_by_read(Query::ChangedSince(since, Some(Cursor("1752613929999:300".to_owned())))).await;
    let body = json_body(&next);
    assert_eq!(body["filterGroups"][0]["filters"][0]["value"], json!("1752613929999"));
    assert_eq!(body["after"], json!("300"));
}

#[tokio::test]
async fn how_one_record_is_created() {
    let row = create("op1", &[("email", "ada@example.com"), ("phone", "")], Some("cus_1"));
    let request = sent_by_write(config(), &[row]).await;
    assert_eq!(line(&request), (Method::POST, "https://api.hubapi.com/crm/v3/objects/contacts".to_owned()));
    assert_eq!(json_body(&request), json!({ "properties": { "email": "ada@example.com", TWIN: "cus_1" } }));
}

#[tokio::test]
async fn how_several_records_are_created() {
    let rows =
        [create("op1", &[("email", "a@b.com")], None), create("op2", &[("firstname", "Bo")], Some("cus_2"))];
    let request = sent_by_write(config(), &rows).await;
    assert!(request.uri().path().ends_with("/contacts/batch/create"));
    let inputs = json!([
        { "properties": { "email": "a@b.com" }, "objectWriteTraceId": "op1" },
        { "properties": { "firstname": "Bo", TWIN: "cus_2" }, "objectWriteTraceId": "op2" },
    ]);
    assert_eq!(json_body(&request), json!({ "inputs": inputs }));
    let plain = HubSpotConfig { row_level: false, twin_property: None, ..config() };
    let body = json_body(&sent_by_write(plain, &rows).await);
    assert_eq!(body["inputs"][1], json!({ "properties": { "firstname": "Bo" } }));
}

#[tokio::test]
async fn how_records_are_changed() {
    let row = update("op1", "138017612137", &[("firstname", "Ada"), ("phone", "")]);
    let request = sent_by_write(config(), &[row]).await;
    let path = "https://api.hubapi.com/crm/v3/objects/contacts/138017612137";
    assert_eq!(line(&request), (Method::PATCH, path.to_owned()));
    assert_eq!(json_body(&request), json!({ "properties": { "firstname": "Ada", "phone": "" } }));
    let rows = [update("op1", "7", &[("phone", "1")]), update("op2", "8", &[("phone", "")])];
    let request = sent_by_write(config(), &rows).await;
    assert!(request.uri().path().ends_with("/contacts/batch/update"));
    let first = json!({ "id": "7", "properties": { "phone": "1" }, "objectWriteTraceId": "op1" });
    let second = json!({ "id": "8", "properties": { "phone": "" }, "objectWriteTraceId": "op2" });
    assert_eq!(json_body(&request), json!({ "inputs": [first, second] }));
}

#[tokio::test]
async fn how_records_are_told_of_their_twins() {
    let rows = [name_twin("op1", "7", "cus_1"), name_twin("op2", "8", "cus_2")];
    let one = sent_by_write(config(), &rows[..1]).await;
    assert_eq!(one.method(), Method::PATCH);
    assert_eq!(json_body(&one), json!({ "properties": { TWIN: "cus_1" } }));
    let both = sent_by_write(config(), &rows).await;
    assert!(both.uri().path().ends_with("/contacts/batch/update"));
    let first = json!({ "id": "7", "properties": { TWIN: "cus_1" }, "objectWriteTraceId": "op1" });
    let second = json!({ "id": "8", "properties": { TWIN: "cus_2" }, "objectWriteTraceId": "op2" });
    assert_eq!(json_body(&both), json!({ "inputs": [first, second] }));
}

#[tokio::test]
async fn is_nothing_sent_when_there_is_no_property_for_the_twin() {
    let transport = Canned::with([]);
    let without = HubSpotConfig { twin_property: None, ..config() };
    let hubspot = HubSpot::new(without, Arc::clone(&transport) as _).unwrap();
    assert_eq!(hubspot.describe().link_batch, 0);
    let rows = [name_twin("op1", "7", "cus_1"), name_twin("op2", "8", "cus_2")];
    assert_eq!(hubspot.write(&rows).await.unwrap().len(), 2);
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn how_an_activity_is_told() {
    let request = sent_by_write(config(), &[emit("op1", "138017612137", "pi_1")]).await;
    assert_eq!(line(&request), (Method::POST, "https://api.hubapi.com/events/v3/send".to_owned()));
    let expected = json!({
        "eventName": "pe48807704_purchase",
        "objectId": "138017612137",
        "uuid": Uuid::new_v5(&EVENT_NAMESPACE, b"pi_1").to_string(),
        "occurredAt": "2025-07-15T21:12:02.216Z",
        "properties": { "amount": "12.50" },
    });
    assert_eq!(json_body(&request), expected);
}

#[tokio::test]
async fn is_what_cannot_be_sent_refused_without_a_call() {
    let transport = Canned::with([]);
    let hubspot = connector(Arc::clone(&transport) as _);
    let mixed = [create("op1", &[("email", "a@b.com")], None), update("op2", "7", &[])];
    assert!(matches!(hubspot.write(&mixed).await, Err(Error::Refused { .. })));
    let two_events = [emit("op1", "7", "pi_1"), emit("op2", "7", "pi_2")];
    assert!(matches!(hubspot.write(&two_events).await, Err(Error::Refused { .. })));
    assert_eq!(hubspot.write(&[]).await, Ok(Vec::new()));
    let no_event = HubSpotConfig { purchase_event: None, ..config() };
    let hubspot = HubSpot::new(no_event, Arc::clone(&transport) as _).unwrap();
    assert!(matches!(hubspot.write(&[emit("op1", "7", "pi_1")]).await, Err(Error::Refused { .. })));
    assert!(transport.requests().is_empty());
}
