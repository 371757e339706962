//! What do HubSpot's answers mean?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Canned, answer, connector, create, emit, find, id, update, with_header};
use serde_json::json;
use sync_core::connector::{Answer, Connector, Error, Query, Receipt, Write};
use sync_core::http::{Response, TransportError};
use sync_core::model::{Author, Record, Timestamp, Value};

type Rows = Result<Vec<Result<Receipt, Error>>, Error>;

async fn read(query: Query, response: Response) -> Result<Answer, Error> {
    connector(Canned::with([Ok(response)])).read(&query).await
}

async fn write(rows: &[Write], response: Response) -> Rows {
    connector(Canned::with([Ok(response)])).write(rows).await
}

fn one_create() -> Vec<Write> {
    vec![create("op1", &[("email", "ada@example.com")], None)]
}

fn two_creates() -> Vec<Write> {
    vec![
        create("op1", &[("email", "ada@example.com")], None),
        create("op2", &[("email", "bo@example.com")], None),
    ]
}

fn throttled(reason: &str, seconds: u64) -> Error {
    Error::Throttled { reason: reason.to_owned(), retry_after: Some(Duration::from_secs(seconds)) }
}

fn refused(reason: &str, properties: &[&str]) -> Error {
    let properties = properties.iter().map(|p| (*p).to_owned()).collect();
    Error::Refused { reason: reason.to_owned(), properties }
}

fn exists(existing: &str) -> Error {
    Error::Exists { id: Some(id(existing)) }
}

#[tokio::test]
async fn what_each_limit_asks_for() {
    let at = "Tue, 15 Jul 2025 21:12:00 GMT";
    let rolling = r#"{"errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}"#;
    let daily = r#"{"errorType":"RATE_LIMIT","policyName":"DAILY"}"#;
    let search =
        r#"{"status":"error","message":"You have reached your secondly limit.","category":"RATE_LIMITS"}"#;
    let table = [
        (answer(429, rolling), throttled("TEN_SECONDLY_ROLLING", 10)),
        (with_header(answer(429, rolling), "retry-after", "3"), throttled("TEN_SECONDLY_ROLLING", 3)),
        (answer(429, r#"{"policyName":"SECONDLY"}"#), throttled("SECONDLY", 1)),
        (answer(429, search), throttled("RATE_LIMITS", 1)),
        (answer(429, "<html>"), throttled("RATE_LIMIT", 1)),
        (answer(429, daily), throttled("DAILY", 15 * 60 + 5)),
        (with_header(answer(429, daily), "date", at), throttled("DAILY", 3 * 60 + 5)),
    ];
    for (response, expected) in table {
        assert_eq!(read(Query::Page(None), response.clone()).await, Err(expected.clone()));
        assert_eq!(write(&one_create(), response).await, Err(expected));
    }
}

#[tokio::test]
async fn is_what_hubspot_says_is_left_told_once() {
    let said = [
        ("x-hubspot-ratelimit-max", "100"),
        ("x-hubspot-ratelimit-remaining", "7"),
        ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
        ("x-hubspot-ratelimit-daily-remaining", "249000"),
    ];
    let response = said.into_iter().fold(answer(200, r#"{"results":[]}"#), |r, (n, v)| with_header(r, n, v));
    let hubspot = connector(Canned::with([Ok(response), Ok(answer(200, r#"{"results":[]}"#))]));
    for expected in [vec![(7, 10), (249_000, 86_400)], vec![]] {
        hubspot.read(&Query::Page(None)).await.unwrap();
        let left = hubspot.remaining().into_iter().map(|left| (left.calls, left.per.as_secs()));
        assert_eq!(left.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn is_retry_after_understood_and_nonsense_ignored() {
    let longest = Some(sync_core::retry::MAX_RETRY_AFTER);
    let table = [
        ("30", Some(Duration::from_secs(30))),
        ("1.5", Some(Duration::from_millis(1500))),
        ("Tue, 15 Jul 2025 21:12:30 GMT", Some(Duration::from_secs(30))),
        ("Tue, 15 Jul 2025 21:11:00 GMT", Some(Duration::ZERO)),
        ("1e300", longest),
        ("99999999", longest),
        ("-5", None),
        ("NaN", None),
        ("soon", None),
    ];
    for (header, expected) in table {
        let response = with_header(answer(477, "{}"), "retry-after", header);
        let response = with_header(response, "date", "Tue, 15 Jul 2025 21:12:00 GMT");
        match read(Query::Page(None), response).await {
            Err(Error::Unavailable { retry_after, .. }) => assert_eq!(retry_after, expected, "{header}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn is_a_lock_waited_for() {
    let expected =
        Error::Unavailable { reason: "HTTP 423".to_owned(), retry_after: Some(Duration::from_secs(2)) };
    assert_eq!(write(&one_create(), answer(423, "{}")).await, Err(expected));
}

#[tokio::test]
async fn is_a_write_ambiguous_where_a_read_is_merely_unavailable() {
    for status in [408, 500, 502, 503, 504, 521, 523, 524] {
        let body = "<html>";
        assert!(matches!(
            read(Query::Page(None), answer(status, body)).await,
            Err(Error::Unavailable { .. })
        ));
        assert!(matches!(write(&one_create(), answer(status, body)).await, Err(Error::Ambiguous { .. })));
        assert!(matches!(write(&two_creates(), answer(status, body)).await, Err(Error::Ambiguous { .. })));
        assert!(matches!(
            write(&[emit("op", "7", "pi")], answer(status, body)).await,
            Err(Error::Ambiguous { .. })
        ));
    }
    for (ok, garbage) in [(200, "<html>"), (201, ""), (200, "{}")] {
        assert!(matches!(read(Query::Page(None), answer(ok, garbage)).await, Err(Error::Unavailable { .. })));
        assert!(matches!(write(&one_create(), answer(ok, garbage)).await, Err(Error::Ambiguous { .. })));
    }
}

#[tokio::test]
async fn what_no_answer_means() {
    let not_sent = || Err(TransportError::NotSent("refused".to_owned()));
    let no_answer = || Err(TransportError::NoAnswer("reset".to_owned()));
    let hubspot = connector(Canned::with([not_sent(), not_sent(), no_answer(), no_answer()]));
    let page = Query::Page(None);
    assert!(matches!(hubspot.read(&page).await, Err(Error::Unavailable { .. })));
    assert!(matches!(hubspot.write(&one_create()).await, Err(Error::Unavailable { .. })));
    assert!(matches!(hubspot.read(&page).await, Err(Error::Unavailable { .. })));
    assert!(matches!(hubspot.write(&one_create()).await, Err(Error::Ambiguous { .. })));
}

#[tokio::test]
async fn is_a_bad_credential_told_apart() {
    let reason = "HTTP 401 INVALID_AUTHENTICATION".to_owned();
    let response = answer(401, r#"{"status":"error","category":"INVALID_AUTHENTICATION"}"#);
    assert_eq!(write(&one_create(), response).await, Err(Error::Unauthorized { reason }));
    assert!(matches!(read(Query::Page(None), answer(403, "")).await, Err(Error::Unauthorized { .. })));
}

#[tokio::test]
async fn does_only_hubspot_itself_say_that_a_record_is_missing() {
    let missing = r#"{"status":"error","message":"resource not found"}"#;
    let update = [update("op1", "7", &[("phone", "1")])];
    assert_eq!(write(&update, answer(404, missing)).await, Ok(vec![Err(Error::Missing)]));
    assert_eq!(read(find(Some("a@b.com"), None), answer(404, missing)).await.unwrap().records, []);
    let marked = with_header(answer(404, ""), "x-hubspot-notfound", "true");
    assert_eq!(read(find(Some("a@b.com"), None), marked).await.unwrap().records, []);
    let page = "<html>Not Found</html>";
    assert!(matches!(write(&update, answer(404, page)).await, Err(Error::Unavailable { .. })));
    assert!(matches!(
        read(find(Some("a@b.com"), None), answer(404, page)).await,
        Err(Error::Unavailable { .. })
    ));
    assert!(matches!(read(Query::Page(None), answer(404, missing)).await, Err(Error::Unavailable { .. })));
    let unknown_event = write(&[emit("op", "7", "pi")], answer(404, missing)).await;
    assert!(matches!(unknown_event.unwrap()[0], Err(Error::Refused { .. })));
}

#[tokio::test]
async fn is_a_conflict_an_answer() {
    let named = r#"{"status":"error","message":"Contact already exists. Existing ID: 37765128953","category":"CONFLICT"}"#;
    let bare = r#"{"status":"error","message":"Contact already exists","category":"CONFLICT"}"#;
    assert_eq!(write(&one_create(), answer(409, named)).await, Ok(vec![Err(exists("37765128953"))]));
    assert_eq!(write(&one_create(), answer(409, bare)).await, Ok(vec![Err(Error::Exists { id: None })]));
    // Which row it is about is not said, so the id helps nobody.
    assert_eq!(write(&two_creates(), answer(409, named)).await, Err(Error::Exists { id: None }));
}

#[tokio::test]
async fn is_the_reason_of_a_refusal_found_in_every_shape_and_no_value_quoted() {
    let in_message = json!({
        "status": "error", "category": "VALIDATION_ERROR",
        "message": r#"Property values were not valid: [{"isValid":false,"message":"Email address ada@x.con is invalid","error":"INVALID_EMAIL","name":"email"}]"#,
    });
    let in_errors = json!({
        "category": "VALIDATION_ERROR", "message": "Email address ada@x.con is invalid",
        "errors": [
            { "message": "ada@x.con", "code": "INVALID_EMAIL", "context": { "propertyName": ["email"] } },
            { "message": "no", "code": "PROPERTY_DOESNT_EXIST", "context": { "propertyName": ["fax"] } },
        ],
    });
    let trailing = json!({
        "category": "VALIDATION_ERROR",
        "message": r#"Property values were not valid: [{"error":"INVALID_EMAIL","name":"email"}] for ada@x.con"#,
    });
    let values_as_codes = json!({ "category": "ada@x.con", "errors": [{ "code": "ada@x.con" }] });
    let table = [
        (in_message.to_string(), refused("INVALID_EMAIL: email", &["email"])),
        (
            in_errors.to_string(),
            refused("INVALID_EMAIL: email, PROPERTY_DOESNT_EXIST: fax", &["email", "fax"]),
        ),
        (trailing.to_string(), refused("INVALID_EMAIL: email", &["email"])),
        (json!({ "category": "VALIDATION_ERROR" }).to_string(), refused("HTTP 400 VALIDATION_ERROR", &[])),
        (values_as_codes.to_string(), refused("HTTP 400", &[])),
        ("Email address [ada@x.con".to_owned(), refused("HTTP 400", &[])),
        (r#"{"message":"[[[","errors":null,"context":null}"#.to_owned(), refused("HTTP 400", &[])),
    ];
    for (body, expected) in table {
        assert_eq!(write(&one_create(), answer(400, &body)).await, Ok(vec![Err(expected.clone())]), "{body}");
        assert_eq!(write(&two_creates(), answer(400, &body)).await, Err(expected), "{body}");
    }
}

#[tokio::test]
async fn is_a_taken_unique_value_a_conflict() {
    let message = "Cannot set PropertyValueCoordinates{propertyName=stripe_customer_id} on 10. 11 already has that value.";
    let list =
        json!([{ "error": "CONFLICTING_UNIQUE_VALUE", "name": "stripe_customer_id", "message": message }]);
    let text = format!("Property values were not valid: {list}");
    let body = json!({ "category": "VALIDATION_ERROR", "message": text }).to_string();
    assert_eq!(write(&one_create(), answer(400, &body)).await, Ok(vec![Err(exists("11"))]));
    assert_eq!(write(&two_creates(), answer(400, &body)).await, Err(Error::Exists { id: None }));
}

#[tokio::test]
async fn is_an_accepted_or_repeated_activity_a_success() {
    let row = [emit("op1", "7", "pi_1")];
    for response in [
        answer(204, ""),
        answer(202, ""),
        answer(409, r#"{"category":"CONFLICT"}"#),
        answer(400, r#"{"category":"VALIDATION_ERROR","errors":[{"code":"DUPLICATE_EVENT_UUID"}]}"#),
    ] {
        let dated = with_header(response, "date", "Tue, 15 Jul 2025 21:12:00 GMT");
        let at = Some(Timestamp::from_secs(1_752_613_920));
        assert_eq!(write(&row, dated).await, Ok(vec![Ok(Receipt { record: None, at })]));
    }
    let invalid = r#"{"category":"VALIDATION_ERROR"}"#;
    let outcome = write(&row, answer(400, invalid)).await;
    assert_eq!(outcome, Ok(vec![Err(refused("HTTP 400 VALIDATION_ERROR", &[]))]));
}

fn history_of(record: &Record, property: &str) -> Vec<(Option<Value>, i64, Author)> {
    record.history[property].iter().map(|e| (e.value.clone(), e.at.as_millis(), e.author.clone())).collect()
}

#[tokio::test]
async fn what_a_record_holds() {
    let version = |value: &str, at: &str, source: &str, id: &str| json!({ "value": value, "timestamp": at, "sourceType": source, "sourceId": id });
    let body = json!({ "results": [{
        "id": 5_000_000_000_i64, "createdAt": "2025-07-15T21:12:00.733Z", "updatedAt": "2025-07-15T21:12:01.000Z",
        "properties": {
            "email": "ada@example.com", "firstname": null, "phone": "", "stripe_customer_id": "cus_1", "company": "x",
            "hs_additional_emails": "a@b.com; c@d.com;", "hs_merged_object_ids": "11;12",
        },
        "propertiesWithHistory": { "firstname": [
            version("Ada", "2025-07-15T21:12:00.002Z", "INTEGRATION", "16111050"),
            version("", "2025-07-15T21:12:00.003Z", "CRM_UI", "userId:1"),
            version("Ad", "2025-07-15T21:12:00.001Z", "INTEGRATION", "2"),
        ], "lastname": [version("B", "2025-07-15T21:12:00.001Z", "API", "16111050")], "phone": [] },
    }] });
    let response = with_header(answer(200, &body.to_string()), "date", "Tue, 15 Jul 2025 21:12:02 GMT");
    let found = read(Query::Ids(vec![id("11"), id("404")]), response).await.unwrap();
    assert_eq!(found.as_of, Some(Timestamp::from_secs(1_752_613_922)));
    let [record] = &found.records[..] else { panic!("{found:?}") };
    assert_eq!(record.id, id("5000000000"));
    assert_eq!(record.aliases, [id("11"), id("12")]);
    let email = Value::new("ada@example.com");
    // The last name came with its history alone.
    let expected = [("email", email), ("firstname", None), ("lastname", Value::new("B")), ("phone", None)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(record.properties, expected.into_iter().collect());
    assert_eq!(record.twin, Some(id("cus_1")));
    assert_eq!(record.also_known_as, [Value::new("a@b.com").unwrap(), Value::new("c@d.com").unwrap()]);
    assert_eq!(record.created_at, Some(Timestamp::from_millis(1_752_613_920_733)));
    let expected = [
        (None, 1_752_613_920_003, Author::Other),
        (Value::new("Ada"), 1_752_613_920_002, Author::Us(None)),
        (Value::new("Ad"), 1_752_613_920_001, Author::Other),
    ];
    assert_eq!(history_of(record, "firstname"), expected);
    assert_eq!(history_of(record, "lastname"), [(Value::new("B"), 1_752_613_920_001, Author::Us(None))]);
    assert!(!record.history.contains_key("phone"));
}

#[tokio::test]
async fn does_a_merged_record_answer_to_the_asked_id_even_if_it_does_not_list_it() {
    let body = json!({ "results": [{ "id": "99", "properties": {} }] }).to_string();
    let found = read(Query::Ids(vec![id("11")]), answer(200, &body)).await.unwrap();
    assert_eq!(found.records[0].aliases, [id("11")]);
    let twice = json!({ "results": [{ "id": "99" }, { "id": "99" }] }).to_string();
    let found = read(Query::Ids(vec![id("11"), id("12")]), answer(200, &twice)).await.unwrap();
    assert_eq!(found.records.len(), 1);
    assert_eq!(found.records[0].aliases, []);
}

#[tokio::test]
async fn does_a_partly_failed_read_not_pass_for_missing_records() {
    let missing = json!({ "category": "OBJECT_NOT_FOUND", "context": { "ids": ["2"] } });
    let body = json!({ "results": [{ "id": "1" }], "errors": [missing] }).to_string();
    let ids = || Query::Ids(vec![id("1"), id("2")]);
    assert_eq!(read(ids(), answer(207, &body)).await.unwrap().records.len(), 1);
    let broken =
        json!({ "results": [{ "id": "1" }], "errors": [{ "category": "INTERNAL_ERROR" }] }).to_string();
    assert!(matches!(read(ids(), answer(207, &broken)).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn does_a_long_search_start_anew_before_it_is_cut_off() {
    let since = Timestamp::from_millis(1000);
    let body = |after: &str, last: &str| {
        let records = json!([{ "id": "1", "properties": { "lastmodifieddate": last } }]);
        json!({ "results": records, "paging": { "next": { "after": after } } }).to_string()
    };
    let next = async |after: &str, last: &str| {
        let found = read(Query::ChangedSince(since, None), answer(200, &body(after, last))).await.unwrap();
        found.next.unwrap().0
    };
    assert_eq!(next("9900", "1970-01-01T00:00:05.000Z").await, "1000:9900");
    assert_eq!(next("10000", "1970-01-01T00:00:05.000Z").await, "5000:0");
    assert_eq!(next("10000", "5000").await, "5000:0");
    assert_eq!(next("10000", "1970-01-01T00:00:01.000Z").await, "1001:0", "never the same search twice");
    let end = read(Query::ChangedSince(since, None), answer(200, r#"{"results":[]}"#)).await.unwrap();
    assert_eq!(end.next, None);
}

#[tokio::test]
async fn what_the_connector_says_of_hubspot() {
    let hubspot = connector(Arc::new(Canned::default()));
    let description = hubspot.describe();
    assert_eq!((description.name, description.read_batch, description.write_batch), ("hubspot", 50, 100));
    assert_eq!((description.emit_batch, description.resolution), (1, Duration::from_millis(1)));
}
