//! Does each row of a batch get its own answer, whatever order HubSpot gives?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use common::{Canned, answer, connector, create, id, update};
use serde_json::json;
use sync_core::connector::{Connector, Error, Receipt, Write};
use sync_core::http::Response;

type Rows = Result<Vec<Result<Receipt, Error>>, Error>;

async fn write(rows: &[Write], response: Response) -> Rows {
    connector(Canned::with([Ok(response)])).write(rows).await
}

fn two_creates() -> Vec<Write> {
    vec![
        create("op1", &[("email", "ada@example.com")], None),
        create("op2", &[("email", "bo@example.com")], None),
    ]
}

fn exists(existing: &str) -> Error {
    Error::Exists { id: Some(id(existing)) }
}

fn refused(reason: &str, properties: &[&str]) -> Error {
    let properties = properties.iter().map(|p| (*p).to_owned()).collect();
    Error::Refused { reason: reason.to_owned(), properties }
}

fn contact(contact_id: &str, email: &str, trace: Option<&str>) -> serde_json::Value {
    json!({ "id": contact_id, "properties": { "email": email }, "objectWriteTraceId": trace })
}

fn ids(rows: Rows) -> Vec<Result<String, Error>> {
    let id = |receipt: Receipt| receipt.record.unwrap().id.as_str().to_owned();
    rows.unwrap().into_iter().map(|row| row.map(id)).collect()
}

#[tokio::test]
async fn are_shuffled_results_matched_to_their_rows() {
    let ok = |id: &str| Ok(id.to_owned());
    let by_trace =
        json!({ "results": [contact("2", "x@y.com", Some("op2")), contact("1", "x@y.com", Some("op1"))] });
    assert_eq!(ids(write(&two_creates(), answer(201, &by_trace.to_string())).await), [ok("1"), ok("2")]);
    let by_email =
        json!({ "results": [contact("2", "bo@example.com", None), contact("1", "ADA@example.com", None)] });
    assert_eq!(ids(write(&two_creates(), answer(201, &by_email.to_string())).await), [ok("1"), ok("2")]);
    let rows = [
        create("a", &[("firstname", "A")], Some("cus_1")),
        create("b", &[("firstname", "B")], Some("cus_2")),
    ];
    let twin = |id: &str, twin: &str| json!({ "id": id, "properties": { "stripe_customer_id": twin } });
    let by_twin = json!({ "results": [twin("2", "cus_2"), twin("1", "cus_1")] });
    assert_eq!(ids(write(&rows, answer(201, &by_twin.to_string())).await), [ok("1"), ok("2")]);
    let rows = [update("a", "1", &[("phone", "1")]), update("b", "2", &[("phone", "2")])];
    let by_id = json!({ "results": [contact("2", "", None), contact("1", "", None)] });
    assert_eq!(ids(write(&rows, answer(200, &by_id.to_string())).await), [ok("1"), ok("2")]);
}

#[tokio::test]
async fn is_nothing_matched_by_position() {
    let rows = [create("a", &[("firstname", "A")], None), create("b", &[("firstname", "B")], None)];
    let nameless = json!({ "results": [contact("1", "", None), contact("2", "", None)] });
    let outcomes = write(&rows, answer(201, &nameless.to_string())).await.unwrap();
    assert!(outcomes.iter().all(|row| matches!(row, Err(Error::Ambiguous { .. }))));
    let same_email = [create("a", &[("email", "a@b.com")], None), create("b", &[("email", "a@b.com")], None)];
    let results = json!({ "results": [contact("1", "a@b.com", None), contact("2", "a@b.com", None)] });
    let outcomes = write(&same_email, answer(201, &results.to_string())).await.unwrap();
    assert!(outcomes.iter().all(|row| matches!(row, Err(Error::Ambiguous { .. }))));
}

#[tokio::test]
async fn is_each_row_of_a_partial_success_answered() {
    let rows = [
        create("op1", &[("email", "ada@example.com")], None),
        create("op2", &[("email", "bo@example.con")], None),
        create("op3", &[("email", "cy@example.com")], None),
        create("op4", &[("email", "di@example.com")], None),
        create("op5", &[("email", "ed@example.com")], None),
    ];
    let invalid = r#"Property values were not valid: [{"error":"INVALID_EMAIL","name":"email"}]"#;
    let body = json!({
        "status": "COMPLETE", "numErrors": 3,
        "results": [contact("4", "di@example.com", Some("op4"))],
        "errors": [
            { "category": "CONFLICT", "message": "Contact already exists. Existing ID: 9",
              "context": { "objectWriteTraceId": ["op3"], "existingId": ["9"] } },
            { "category": "VALIDATION_ERROR", "message": invalid, "context": { "objectWriteTraceId": ["op2"] } },
            { "category": "RATE_LIMITS", "context": { "objectWriteTraceId": "op5" } },
        ],
    });
    let outcomes = ids(write(&rows, answer(207, &body.to_string())).await);
    assert!(matches!(outcomes[0], Err(Error::Ambiguous { .. })), "no word about a row proves nothing");
    assert_eq!(outcomes[1], Err(refused("INVALID_EMAIL: email", &["email"])));
    assert_eq!(outcomes[2], Err(exists("9")));
    assert_eq!(outcomes[3], Ok("4".to_owned()));
    assert!(matches!(outcomes[4], Err(Error::Throttled { .. })));
}

#[tokio::test]
async fn is_a_missing_row_of_an_update_named_by_its_id() {
    let rows = [update("a", "1", &[]), update("b", "2", &[]), update("c", "3", &[])];
    let error = json!({ "category": "OBJECT_NOT_FOUND", "context": { "ids": ["3", "1"] } });
    let body = json!({ "results": [contact("2", "", None)], "errors": [error] });
    let outcomes = ids(write(&rows, answer(207, &body.to_string())).await);
    assert_eq!(outcomes, [Err(Error::Missing), Ok("2".to_owned()), Err(Error::Missing)]);
}

#[tokio::test]
async fn does_the_last_one_left_over_find_its_row() {
    let rows = [create("a", &[("email", "ada@example.com")], None), create("b", &[("firstname", "B")], None)];
    let body = json!({ "results": [contact("2", "", None), contact("1", "ada@example.com", None)] });
    assert_eq!(
        ids(write(&rows, answer(201, &body.to_string())).await),
        [Ok("1".to_owned()), Ok("2".to_owned())]
    );
    let error = json!({ "category": "CONFLICT", "message": "Contact already exists. Existing ID: 5" });
    let body = json!({ "results": [contact("1", "ada@example.com", None)], "errors": [error] });
    assert_eq!(
        ids(write(&rows, answer(207, &body.to_string())).await),
        [Ok("1".to_owned()), Err(exists("5"))]
    );
}
