//! Is every answer taken for what it means?

use std::time::Duration;

use sync_core::connector::{Connector, Error, Lookup, Query};
use sync_core::http::{Response, TransportError};
use sync_core::model::{PairId, RecordId, Timestamp};

use crate::support::{answered, config, create, link, properties, response, update, write};

type Header = (&'static str, &'static str);

const DATE: Header = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");

fn error_body(kind: &str, code: &str, param: &str) -> String {
    format!(
        r#"{{"error":{{"type":"{kind}","code":"{code}","param":"{param}","message":"about ada@example.test"}}}}"#
    )
}

async fn on_update(answer: Response) -> Error {
    let (stripe, _) = answered(config(), Ok(answer));
    write(&stripe, update("op", "cus_1", &[("email", Some("ada@example.test"))])).await.unwrap_err()
}

async fn on_read(answer: Response) -> Error {
    let (stripe, _) = answered(config(), Ok(answer));
    stripe.read(&Query::Page(None)).await.unwrap_err()
}

fn throttled(reason: &str, seconds: Option<u64>) -> Error {
    Error::Throttled { reason: reason.into(), retry_after: seconds.map(Duration::from_secs) }
}

fn unavailable(reason: &str, seconds: Option<u64>) -> Error {
    Error::Unavailable { reason: reason.into(), retry_after: seconds.map(Duration::from_secs) }
}

fn ambiguous(reason: &str) -> Error {
    Error::Ambiguous { reason: reason.into() }
}

fn refused(reason: &str, properties: &[&str]) -> Error {
    Error::Refused { reason: reason.into(), properties: properties.iter().map(|p| (*p).to_owned()).collect() }
}

#[tokio::test]
async fn refused_content_names_the_property() {
    for (param, property) in
        [("email", "email"), ("metadata[wane_first_name]", "metadata.wane_first_name"), ("name", "name")]
    {
        let body = error_body("invalid_request_error", "email_invalid", param);
        assert_eq!(on_update(response(400, &[], &body)).await, refused("400 email_invalid", &[property]));
    }
    let plain = r#"{"error":{"type":"invalid_request_error"}}"#;
    assert_eq!(on_update(response(400, &[], plain)).await, refused("400 invalid_request_error", &[]));
    assert_eq!(on_update(response(402, &[], plain)).await, refused("402 invalid_request_error", &[]));
    assert_eq!(on_update(response(413, &[], "<html>")).await, refused("413", &[]));
}

#[tokio::test]
async fn a_refusal_is_the_rows_and_a_throttle_is_the_calls() {
    let body = error_body("invalid_request_error", "email_invalid", "email");
    let (stripe, _) = answered(config(), Ok(response(400, &[], &body)));
    assert!(matches!(stripe.write(&[create("op", &[])]).await, Ok(rows) if rows[0].is_err()));
    let (stripe, _) = answered(config(), Ok(response(429, &[], "")));
    assert!(matches!(stripe.write(&[create("op", &[])]).await, Err(Error::Throttled { .. })));
}

#[tokio::test]
async fn no_value_of_a_person_reaches_an_error() {
    let hostile = error_body("invalid ada@example.test", "ada@example.test", "ada@example.test");
    for status in [400, 401, 404, 409, 429, 500] {
        let error = on_update(response(status, &[], &hostile)).await;
        assert!(!format!("{error} {error:?}").contains("ada@"), "{error:?}");
    }
}

#[tokio::test]
async fn a_reused_key_leaves_the_outcome_open() {
    let mismatch = error_body("idempotency_error", "", "");
    assert_eq!(on_update(response(400, &[], &mismatch)).await, ambiguous("400 idempotency_error"));
    let in_use = error_body("idempotency_error", "idempotency_key_in_use", "");
    assert_eq!(on_update(response(409, &[], &in_use)).await, ambiguous("409 idempotency_key_in_use"));
}

#[tokio::test]
async fn limits_say_how_long_to_wait() {
    let reason = ("Stripe-Rate-Limited-Reason", "global-rate");
    let table: [(&[Header], Option<u64>); 12] = [
        (&[reason], None),
        (&[reason, ("Retry-After", "7")], Some(7)),
        (&[reason, ("Retry-After", "0")], Some(0)),
        (&[reason, ("Retry-After", "soon")], None),
        (&[reason, ("Retry-After", "-3")], None),
        (&[reason, ("Retry-After", "")], None),
        (&[reason, ("Retry-After", "99999999")], Some(3600)),
        (&[reason, ("Retry-After", "99999999999999999999999")], Some(3600)),
        (&[reason, DATE, ("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT")], Some(30)),
        (&[reason, DATE, ("Retry-After", "Sun, 06 Nov 1994 08:00:00 GMT")], Some(0)),
        (&[reason, ("Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT")], None),
        (&[reason, ("Stripe-Should-Retry", "false")], Some(10)),
    ];
    for (headers, seconds) in table {
        let answer = response(429, headers, &error_body("invalid_request_error", "rate_limit", ""));
        assert_eq!(on_update(answer.clone()).await, throttled("429 global-rate", seconds), "{headers:?}");
        assert_eq!(on_read(answer).await, throttled("429 global-rate", seconds), "{headers:?}");
    }
    let locked = error_body("invalid_request_error", "lock_timeout", "");
    assert_eq!(on_update(response(429, &[], &locked)).await, throttled("429 lock_timeout", None));
    let old = error_body("invalid_request_error", "rate_limit", "");
    assert_eq!(on_update(response(400, &[], &old)).await, throttled("400 rate_limit", None));
}

#[tokio::test]
async fn a_wrong_key_halts() {
    for status in [401, 403] {
        let wanted = Error::Unauthorized { reason: format!("{status} invalid_request_error") };
        let answer = response(status, &[], r#"{"error":{"type":"invalid_request_error"}}"#);
        assert_eq!(on_update(answer.clone()).await, wanted);
        assert_eq!(on_read(answer).await, wanted);
    }
}

#[tokio::test]
async fn a_failing_server_is_ambiguous_for_writes_only() {
    for status in [408, 500, 502, 503, 504, 599] {
        let answer = response(status, &[("Retry-After", "2")], "<html>");
        assert_eq!(on_update(answer.clone()).await, ambiguous(&status.to_string()));
        assert_eq!(on_read(answer).await, unavailable(&status.to_string(), Some(2)));
    }
    let insisting = response(500, &[("Stripe-Should-Retry", "true")], "");
    assert_eq!(on_update(insisting).await, ambiguous("500"));
    let discouraging = response(500, &[("Stripe-Should-Retry", "false")], "");
    assert_eq!(on_read(discouraging).await, unavailable("500", Some(10)));
}

#[tokio::test]
async fn stripe_may_ask_to_retry_what_would_be_a_refusal() {
    let answer = response(424, &[("Stripe-Should-Retry", "true")], "");
    assert_eq!(on_update(answer).await, unavailable("424", None));
}

#[tokio::test]
async fn a_lost_connection_is_ambiguous_for_writes_only() {
    let lost = || Err(TransportError::NoAnswer("timed out".into()));
    let (stripe, _) = answered(config(), lost());
    let error = write(&stripe, update("op", "cus_1", &[])).await.unwrap_err();
    assert_eq!(error, ambiguous("no answer: timed out"));
    let error = stripe.read(&Query::Page(None)).await.unwrap_err();
    assert_eq!(error, unavailable("no answer: timed out", None));
    let (stripe, _) = answered(config(), Err(TransportError::NotSent("refused".into())));
    let error = write(&stripe, create("op", &[])).await.unwrap_err();
    assert_eq!(error, unavailable("could not connect: refused", None));
}

#[tokio::test]
async fn a_record_that_is_not_there_is_missing() {
    let gone = error_body("invalid_request_error", "resource_missing", "id");
    assert_eq!(on_update(response(404, &[], &gone)).await, Error::Missing);
    assert_eq!(on_update(response(200, &[], r#"{"id":"cus_1","deleted":true}"#)).await, Error::Missing);
    // A dead cursor: the walk cannot go on.
    assert_eq!(on_read(response(404, &[], &gone)).await, Error::Missing);
    // A create names no record, so something else is wrong.
    let (stripe, _) = answered(config(), Ok(response(404, &[], &gone)));
    let error = write(&stripe, create("op", &[])).await.unwrap_err();
    assert_eq!(error, refused("404 resource_missing", &["id"]));

    for (status, body) in [(404, gone.as_str()), (200, r#"{"id":"cus_1","deleted":true}"#)] {
        let (stripe, _) = answered(config(), Ok(response(status, &[DATE], body)));
        let answer = stripe.read(&Query::Ids(vec![RecordId::new("cus_1")])).await.unwrap();
        assert!(answer.records.is_empty());
        assert_eq!(answer.as_of, Some(Timestamp::from_secs(784_111_777)));
    }
}

#[tokio::test]
async fn a_strangers_404_does_not_look_like_a_deletion() {
    assert_eq!(on_update(response(404, &[], "<html>")).await, unavailable("404", None));
    let (stripe, _) = answered(config(), Ok(response(404, &[], "<html>")));
    let ids = Query::Ids(vec![RecordId::new("cus_1")]);
    assert_eq!(stripe.read(&ids).await, Err(unavailable("404", None)));
    assert_eq!(on_update(response(302, &[], "")).await, unavailable("302", None));
}

#[tokio::test]
async fn a_success_that_cannot_be_read_may_have_been_one() {
    let reason = "answer cannot be read";
    assert_eq!(on_update(response(200, &[], "{")).await, ambiguous(reason));
    assert_eq!(on_update(response(200, &[], "{}")).await, ambiguous(reason));
    assert_eq!(on_read(response(200, &[], "{")).await, unavailable(reason, None));
}

#[tokio::test]
async fn a_customer_becomes_a_record_with_mark_and_twin() {
    let body = r#"{"id":"cus_1","object":"customer","created":1700000000,"email":"Ada@Example.test",
        "name":"Ada L","phone":null,"unheard_of":{"x":[1]},
        "metadata":{"wane_pair_id":"p1","twin_id":"101","wane_first_name":"Ada","theirs":"x"}}"#;
    let (stripe, _) = answered(config(), Ok(response(200, &[DATE], body)));
    let receipt = write(&stripe, create("op", &[])).await.unwrap();
    assert_eq!(receipt.at, Some(Timestamp::from_secs(1_700_000_000)), "as of its creation");
    let record = receipt.record.unwrap();
    assert_eq!(record.id, RecordId::new("cus_1"));
    assert_eq!(record.mark, Some(PairId::new("p1")));
    assert_eq!(record.twin, Some(RecordId::new("101")));
    assert_eq!(record.created_at, Some(Timestamp::from_secs(1_700_000_000)));
    let wanted = properties(&[
        ("email", Some("Ada@Example.test")),
        ("name", Some("Ada L")),
        ("phone", None),
        ("metadata.wane_first_name", Some("Ada")),
        ("metadata.wane_last_name", None),
    ]);
    assert_eq!(record.properties, wanted);
}

#[tokio::test]
async fn what_an_answer_does_not_mention_stays_unknown() {
    let (stripe, _) = answered(config(), Ok(response(200, &[], r#"{"id":"cus_1","email":null}"#)));
    let record = write(&stripe, create("op", &[])).await.unwrap().record.unwrap();
    assert_eq!(record.properties, properties(&[("email", None)]));
}

#[tokio::test]
async fn a_page_says_where_to_go_on() {
    let page = |more| format!(r#"{{"data":[{{"id":"cus_2"}},{{"id":"cus_1"}}],"has_more":{more}}}"#);
    let (stripe, _) = answered(config(), Ok(response(200, &[], &page(true))));
    let answer = stripe.read(&Query::Page(None)).await.unwrap();
    assert_eq!(answer.records.len(), 2);
    assert_eq!(answer.next.unwrap().0, "cus_1");
    let (stripe, _) = answered(config(), Ok(response(200, &[], &page(false))));
    assert_eq!(stripe.read(&Query::Page(None)).await.unwrap().next, None);
    // A lookup is one call and has no further pages.
    let (stripe, _) = answered(config(), Ok(response(200, &[], &page(true))));
    let find = Query::Find(Lookup { link: link("p", None), match_value: None });
    assert_eq!(stripe.read(&find).await.unwrap().next, None);
}
