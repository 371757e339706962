//! Are exactly the right bytes sent?

use std::collections::BTreeMap;

use connector_stripe::StripeConfig;
use proptest::prelude::*;
use sync_core::connector::{Connector, Cursor, Error, Lookup, Query, Write, WriteBody};
use sync_core::http::Request;
use sync_core::model::{Activity, OpId, RecordId, Timestamp, Value};

use crate::support::{answered, config, create, header, link, ok, response, update, write};

fn body(request: &Request) -> &str {
    std::str::from_utf8(request.body()).unwrap()
}

#[tokio::test]
async fn a_create_names_content_and_link_under_an_idempotency_key() {
    let config = StripeConfig { twin_key: "hubspot_contact_id".into(), ..config() };
    let (stripe, sent) = answered(config, ok());
    let row = create(
        "op-7",
        &[
            ("email", Some("ada+x@example.test")),
            ("name", Some("Ada & Żoë")),
            ("phone", Some("+1 555")),
            ("metadata.wane_first_name", Some("Ada &")),
            ("metadata.wane_last_name", None),
        ],
    );
    write(&stripe, row).await.unwrap();

    let request = sent.only();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://api.stripe.test/v1/customers");
    assert_eq!(
        body(&request),
        "email=ada%2Bx%40example.test&metadata%5Bwane_first_name%5D=Ada+%26&name=Ada+%26+%C5%BBo%C3%AB\
         &phone=%2B1+555&metadata%5Bwane_pair_id%5D=pair-1&metadata%5Bhubspot_contact_id%5D=101"
    );
    assert_eq!(header(&request, "idempotency-key"), "wane1:op-7");
    assert_eq!(header(&request, "stripe-version"), "2026-10-28.endive");
    assert_eq!(header(&request, "authorization"), "Bearer sk_test_abc");
    assert!(request.headers()["authorization"].is_sensitive(), "must not be printed");
    assert_eq!(header(&request, "content-type"), "application/x-www-form-urlencoded");
    assert!(request.headers().get("stripe-account").is_none());
}

#[tokio::test]
async fn an_update_clears_with_empty_text_and_names_nothing_else() {
    let (stripe, sent) = answered(config(), ok());
    let changes = [("phone", None), ("metadata.wane_last_name", None), ("name", Some("Ada"))];
    write(&stripe, update("op-8", "cus_1", &changes)).await.unwrap();

    let request = sent.only();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://api.stripe.test/v1/customers/cus_1");
    assert_eq!(body(&request), "metadata%5Bwane_last_name%5D=&name=Ada&phone=");
    assert_eq!(header(&request, "idempotency-key"), "wane1:op-8");
}

#[tokio::test]
async fn a_link_goes_along_with_an_update() {
    let config = StripeConfig { twin_key: "hubspot_contact_id".into(), ..config() };
    let (stripe, sent) = answered(config, ok());
    let mut row = update("op-8", "cus_1", &[("phone", Some("1"))]);
    if let WriteBody::Update { link, .. } = &mut row.body {
        *link = Some(RecordId::new("101"));
    }
    write(&stripe, row).await.unwrap();
    assert_eq!(body(&sent.only()), "phone=1&metadata%5Bhubspot_contact_id%5D=101");
    assert_eq!(stripe.describe().link_batch, 1, "it is never worth a call of its own");
}

#[tokio::test]
async fn calls_for_a_connected_account_name_it() {
    let (stripe, sent) = answered(StripeConfig { account: Some("acct_9".into()), ..config() }, ok());
    stripe.read(&Query::Page(None)).await.unwrap_err();
    assert_eq!(header(&sent.only(), "stripe-account"), "acct_9");
}

#[tokio::test]
async fn what_stripe_would_not_store_whole_is_not_sent() {
    let (stripe, sent) = answered(config(), ok());
    let at_limit = [("name", 256), ("phone", 20), ("email", 512), ("metadata.wane_first_name", 500)];
    for (property, most) in at_limit {
        let long = "é".repeat(most + 1);
        let error = write(&stripe, update("op", "cus_1", &[(property, Some(&long))])).await.unwrap_err();
        let Error::Refused { properties, .. } = error else { panic!("{error:?}") };
        assert_eq!(properties, [property]);
    }
    assert_eq!(sent.count(), 0);
    for (property, most) in at_limit {
        let fits = "é".repeat(most);
        write(&stripe, update("op", "cus_1", &[(property, Some(&fits))])).await.unwrap();
    }
}

#[tokio::test]
async fn an_id_cannot_lead_to_another_endpoint() {
    let (stripe, sent) = answered(config(), ok());
    for id in ["", ".", ".."] {
        assert_eq!(write(&stripe, update("op", id, &[])).await, Err(Error::Missing));
        let nothing = stripe.read(&Query::Ids(vec![RecordId::new(id)])).await.unwrap();
        assert!(nothing.records.is_empty());
    }
    assert_eq!(sent.count(), 0);
    write(&stripe, update("op", "../events?a=b#c", &[])).await.unwrap();
    assert_eq!(sent.only().uri().path(), "/v1/customers/%2E%2E%2Fevents%3Fa%3Db%23c");
}

async fn target(query: Query) -> String {
    let (stripe, sent) = answered(config(), Ok(response(500, &[], "")));
    stripe.read(&query).await.unwrap_err();
    let request = sent.only();
    assert_eq!(request.method(), "GET");
    assert_eq!(header(&request, "stripe-version"), "2026-10-28.endive");
    assert!(request.headers().get("idempotency-key").is_none());
    request.uri().path_and_query().unwrap().to_string()
}

#[tokio::test]
async fn each_question_is_one_get() {
    let find = |email: Option<&str>| {
        Query::Find(Lookup { link: link("p'1", None), match_value: email.and_then(Value::new) })
    };
    let since = Timestamp::from_millis(1_700_000_000_999);
    assert_eq!(target(Query::Ids(vec![RecordId::new("cus_1")])).await, "/v1/customers/cus_1");
    assert_eq!(target(find(Some("a+b@c.test"))).await, "/v1/customers?limit=100&email=a%2Bb%40c.test");
    assert_eq!(
        target(find(None)).await,
        "/v1/customers/search?limit=100&query=metadata%5B%27wane_pair_id%27%5D%3A%27p%5C%271%27"
    );
    assert_eq!(target(Query::Page(None)).await, "/v1/customers?limit=100");
    let cursor = Some(Cursor("cus_9".into()));
    assert_eq!(target(Query::Page(cursor)).await, "/v1/customers?limit=100&starting_after=cus_9");
    assert_eq!(
        target(Query::ChangedSince(since, Some(Cursor("evt_1".into())))).await,
        "/v1/events?types%5B%5D=customer.created&types%5B%5D=customer.updated&types%5B%5D=customer.deleted\
         &types%5B%5D=payment_intent.succeeded&types%5B%5D=charge.succeeded&created%5Bgte%5D=1700000000\
         &limit=100&starting_after=evt_1"
    );
}

#[tokio::test]
async fn more_than_one_row_or_id_is_not_half_done() {
    let (stripe, sent) = answered(config(), ok());
    let rows = [update("a", "cus_1", &[]), update("b", "cus_2", &[])];
    assert!(matches!(stripe.write(&rows).await, Err(Error::Refused { .. })));
    let ids = Query::Ids(vec![RecordId::new("cus_1"), RecordId::new("cus_2")]);
    assert!(matches!(stripe.read(&ids).await, Err(Error::Refused { .. })));
    assert_eq!(sent.count(), 0);
}

#[tokio::test]
async fn activities_are_not_for_stripe() {
    let (stripe, sent) = answered(config(), ok());
    let activity = Activity { id: "x".into(), at: Timestamp::EPOCH, details: BTreeMap::new() };
    let emit = Write {
        op: OpId::new("op"),
        body: WriteBody::Emit { id: RecordId::new("cus_1"), activity: activity.into() },
    };
    assert!(matches!(write(&stripe, emit).await, Err(Error::Refused { .. })));
    assert_eq!(sent.count(), 0);
}

proptest! {
    #[test]
    fn any_text_arrives_as_it_was(text in "\\PC{1,20}|[+&=%; \\[\\]]{1,20}") {
        let (stripe, sent) = answered(config(), ok());
        let row = update("op", "cus_1", &[("phone", Some(&text)), ("metadata.k", Some(&text))]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(write(&stripe, row)).unwrap();
        let request = sent.only();
        let form: BTreeMap<_, _> = form_urlencoded::parse(request.body()).into_owned().collect();
        let wanted = ["metadata[k]", "phone"].map(|name| (name.to_owned(), text.clone()));
        prop_assert_eq!(form, BTreeMap::from(wanted));
    }
}
