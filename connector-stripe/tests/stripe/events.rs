//! Does each event become the right news?

use connector_stripe::StripeConfig;
use serde_json::{Value as Json, json};
use sync_core::connector::Connector;
use sync_core::model::{Author, Class, News, OpId, RecordId, Timestamp, Value};

use crate::support::{NOW, SECRET, answered, config, ok, properties};

fn news_of(config: StripeConfig, body: &str) -> News {
    news_of_bytes(config, body.as_bytes())
}

fn news_of_bytes(config: StripeConfig, body: &[u8]) -> News {
    let header = connector_stripe::fake::sign(&[SECRET.to_owned()], NOW, body);
    let delivery = http::Request::builder()
        .method("POST")
        .uri("/webhooks/stripe")
        .header("stripe-signature", header)
        .body(bytes::Bytes::copy_from_slice(body))
        .unwrap();
    let (stripe, _) = answered(config, ok());
    let mut news = stripe.decode(&delivery, NOW).unwrap();
    assert_eq!(news.len(), 1);
    news.remove(0)
}

fn decode(event: &Json) -> News {
    news_of(config(), &event.to_string())
}

fn event(kind: &str, object: Json) -> Json {
    json!({
        "id": "evt_1", "object": "event", "type": kind, "created": 1_700_000_000, "livemode": false,
        "api_version": "2026-10-28.endive", "pending_webhooks": 1,
        "request": { "id": "req_1", "idempotency_key": "2c1f-uuid" }, "data": { "object": object }
    })
}

fn updated(previous: Json) -> Json {
    let mut event = event("customer.updated", ada());
    event["data"]["previous_attributes"] = previous;
    event
}

fn ada() -> Json {
    json!({
        "id": "cus_1", "object": "customer", "created": 1_600_000_000, "email": "ada@example.test",
        "name": "Ada Lovelace", "phone": null, "livemode": false, "metadata": { "wane_pair_id": "p1" }
    })
}

fn ignored(reason: &'static str) -> News {
    News::Ignored { reason: reason.into() }
}

const AT: Timestamp = Timestamp::from_secs(1_700_000_000);

#[test]
fn a_creation_is_seen_whole() {
    let News::Seen(seen) = decode(&event("customer.created", ada())) else { panic!() };
    assert_eq!(seen.previous, None);
    assert_eq!((seen.at, seen.class, seen.author), (AT, Class::New, Author::Other));
    assert_eq!(seen.record.id, RecordId::new("cus_1"));
    assert_eq!(seen.record.properties["email"], Value::new("ada@example.test"));
}

#[test]
fn an_edit_tells_the_old_values_of_what_changed() {
    let previous =
        json!({ "email": null, "name": "Ada B", "balance": 5, "metadata": { "wane_first_name": null } });
    let News::Seen(seen) = decode(&updated(previous)) else { panic!() };
    let wanted = properties(&[("email", None), ("name", Some("Ada B")), ("metadata.wane_first_name", None)]);
    assert_eq!(seen.previous, Some(wanted));
    assert_eq!(seen.class, Class::Edit);
    assert_eq!(seen.record.mark.unwrap().as_str(), "p1");
}

#[test]
fn an_edit_of_nothing_we_map_is_none_of_our_business() {
    let foreign =
        json!({ "invoice_settings": { "default_payment_method": null }, "metadata": { "twin_id": null } });
    assert_eq!(decode(&updated(foreign)), ignored("unmapped_change"));
    assert_eq!(decode(&updated(json!({}))), ignored("unmapped_change"));
}

#[test]
fn an_edit_that_does_not_say_what_changed_must_be_read() {
    let news = decode(&event("customer.updated", ada()));
    let id = RecordId::new("cus_1");
    assert_eq!(news, News::Changed { id, at: AT, author: Author::Other, class: Class::Edit, property: None });
}

#[test]
fn our_own_write_names_its_operation() {
    let mut own = updated(json!({ "name": "x" }));
    let mut author_of = |key: Json| {
        own["request"]["idempotency_key"] = key;
        let News::Seen(seen) = decode(&own) else { panic!() };
        seen.author
    };
    assert_eq!(author_of(json!("wane1:op-7:x")), Author::Us(Some(OpId::new("op-7:x"))));
    assert_eq!(author_of(json!("wane1:")), Author::Us(None));
    assert_eq!(author_of(json!("wane10:op-7")), Author::Other);
    assert_eq!(author_of(Json::Null), Author::Other);
    own["request"] = Json::Null;
    let News::Seen(seen) = decode(&own) else { panic!() };
    assert_eq!(seen.author, Author::Other);
}

#[test]
fn a_deletion_is_gone_however_it_is_told() {
    let gone = News::Gone { id: RecordId::new("cus_1"), at: AT, author: Author::Other };
    assert_eq!(decode(&event("customer.deleted", ada())), gone);
    let deleted = json!({ "id": "cus_1", "object": "customer", "deleted": true });
    assert_eq!(decode(&event("customer.updated", deleted)), gone);
}

fn intent() -> Json {
    json!({
        "id": "pi_1", "object": "payment_intent", "amount": 2000, "amount_received": 1050, "currency": "usd",
        "customer": "cus_1", "receipt_email": "ada@example.test", "created": 1_600_000_000, "livemode": false
    })
}

#[test]
fn a_payment_is_told_with_its_exact_amount_and_the_time_it_succeeded() {
    let paid = decode(&event("payment_intent.succeeded", intent()));
    let mut expanded = intent();
    expanded["customer"] = json!({ "id": "cus_1", "object": "customer" });
    assert_eq!(decode(&event("payment_intent.succeeded", expanded)), paid);
    let News::Happened { id, match_value, activity } = paid else { panic!() };
    assert_eq!((id, match_value), (Some(RecordId::new("cus_1")), None));
    assert_eq!((activity.id.as_str(), activity.at), ("stripe:-:test:pi_1", AT));
    let details: Vec<_> = activity.details.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let wanted = [("amount", "10.50"), ("amount_minor", "1050"), ("currency", "usd"), ("payment_id", "pi_1")];
    assert_eq!(details, wanted);
}

#[test]
fn a_guest_is_recognised_by_the_receipts_address() {
    let mut guest = intent();
    guest["customer"] = Json::Null;
    let News::Happened { id, match_value, .. } = decode(&event("payment_intent.succeeded", guest)) else {
        panic!()
    };
    assert_eq!((id, match_value), (None, Value::new("ada@example.test")));
}

fn charge() -> Json {
    json!({
        "id": "ch_1", "object": "charge", "amount": 500, "currency": "jpy", "customer": null, "paid": true,
        "captured": true, "payment_intent": null, "billing_details": { "email": "bill@example.test" }
    })
}

#[test]
fn a_charge_counts_only_when_no_intent_does() {
    let News::Happened { match_value, activity, .. } = decode(&event("charge.succeeded", charge())) else {
        panic!()
    };
    assert_eq!(match_value, Value::new("bill@example.test"));
    assert_eq!((activity.id.as_str(), activity.details["amount"].as_str()), ("stripe:-:test:ch_1", "500"));

    let with = |key: &str, value: Json| {
        let mut charge = charge();
        charge[key] = value;
        decode(&event("charge.succeeded", charge))
    };
    assert_eq!(with("payment_intent", json!("pi_1")), ignored("charge_of_intent"));
    assert_eq!(with("captured", json!(false)), ignored("charge_not_captured"));
    assert_eq!(with("paid", json!(false)), ignored("charge_not_captured"));
}

#[test]
fn another_mode_or_account_has_no_effect() {
    let mut live = event("customer.created", ada());
    live["livemode"] = json!(true);
    assert_eq!(decode(&live), ignored("other_mode"));
    let any = StripeConfig { livemode: None, ..config() };
    assert!(matches!(news_of(any, &live.to_string()), News::Seen(_)));

    let mut connected = event("payment_intent.succeeded", intent());
    connected["account"] = json!("acct_2");
    assert_eq!(decode(&connected), ignored("other_account"));
    let theirs = |account: &str| StripeConfig { account: Some(account.to_owned()), ..config() };
    assert_eq!(news_of(theirs("acct_1"), &connected.to_string()), ignored("other_account"));
    let News::Happened { activity, .. } = news_of(theirs("acct_2"), &connected.to_string()) else { panic!() };
    assert_eq!(activity.id, "stripe:acct_2:test:pi_1");
}

#[test]
fn a_payment_has_one_name_whether_pushed_or_polled() {
    // Polled as the connected account, an event does not repeat the account's name.
    let config = StripeConfig { account: Some("acct_2".into()), ..config() };
    let polled = event("payment_intent.succeeded", intent());
    let News::Happened { activity, .. } = news_of(config, &polled.to_string()) else { panic!() };
    assert_eq!(activity.id, "stripe:acct_2:test:pi_1");
}

#[test]
fn an_event_without_a_snapshot_names_the_record_to_read() {
    let thin = |kind: &str| {
        json!({
            "id": "evt_2", "object": "v2.core.event", "type": kind, "created": "2023-11-14T22:13:20.000Z",
            "livemode": false, "related_object": { "id": "cus_1", "type": "customer", "url": "/v1/customers/cus_1" }
        })
    };
    let id = RecordId::new("cus_1");
    let changed =
        |class| News::Changed { id: id.clone(), at: AT, author: Author::Other, class, property: None };
    assert_eq!(decode(&thin("v1.customer.created")), changed(Class::New));
    assert_eq!(decode(&thin("v1.customer.updated")), changed(Class::Edit));
    let gone = News::Gone { id: id.clone(), at: AT, author: Author::Other };
    assert_eq!(decode(&thin("v1.customer.deleted")), gone);
    assert_eq!(decode(&thin("v1.billing.meter.no_meter_found")), ignored("unknown_type"));

    let mut own = thin("v1.customer.updated");
    own["reason"] =
        json!({ "type": "request", "request": { "id": "req_1", "idempotency_key": "wane1:op-7" } });
    let author = Author::Us(Some(OpId::new("op-7")));
    assert_eq!(decode(&own), News::Changed { id, at: AT, author, class: Class::Edit, property: None });
    own["context"] = json!("acct_2");
    assert_eq!(decode(&own), ignored("other_account"));
}

#[test]
fn unknown_types_are_acknowledged_without_effect() {
    for kind in ["customer.subscription.created", "invoice.paid", "checkout.session.completed"] {
        assert_eq!(decode(&event(kind, json!({ "anything": 1 }))), ignored("unknown_type"));
    }
}

#[test]
fn what_cannot_be_understood_is_kept_as_it_came() {
    let no_id = event("customer.created", json!({ "object": "customer" }));
    let mut no_time = event("customer.created", ada());
    no_time["created"] = Json::Null;
    let wrong_shape = event("customer.created", json!({ "id": "cus_1", "email": 5 }));
    let no_amount = event("payment_intent.succeeded", json!({ "id": "pi_1", "currency": "usd" }));
    let no_type = json!({ "object": "event" });
    for body in [no_id, no_time, wrong_shape, no_amount, no_type].map(|event| event.to_string()) {
        let News::Malformed { reason, raw } = news_of(config(), &body) else { panic!("{body}") };
        assert_eq!(raw.as_str(), body);
        assert!(!reason.contains("ada@"), "{reason}");
    }
    assert!(matches!(news_of_bytes(config(), b"\xff"), News::Malformed { .. }));
    for body in ["", "[]", "{", "null"] {
        assert!(matches!(news_of(config(), body), News::Malformed { .. }), "{body}");
    }
}
