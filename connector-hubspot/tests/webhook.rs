//! What does each kind of webhook event mean?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;

use common::{Canned, START, WEBHOOKS, connector, id};
use connector_hubspot::fake::{FakeConfig, FakeHubSpot};
use serde_json::{Value as Json, json};
use sync_core::connector::Connector;
use sync_core::model::{Author, Class, News, RecordId, Timestamp, Value};

const AT: Timestamp = Timestamp::from_millis(1_752_613_920_733);

fn decode(body: impl Into<bytes::Bytes>) -> Vec<News> {
    let mut signer = FakeHubSpot::new(FakeConfig::default());
    signer.config.webhooks.url = Some(WEBHOOKS.to_owned());
    let delivery = signer.signed(START, body).unwrap();
    connector(Arc::new(Canned::default())).decode(&delivery, START).unwrap()
}

/// The news of one event: the members every event has, changed and completed by `members`.
fn news(members: Json) -> News {
    let mut event = json!({
        "eventId": 531_833_541, "subscriptionId": 3_923_621, "portalId": 48_807_704, "appId": 16_111_050,
        "occurredAt": AT.as_millis(), "attemptNumber": 0, "objectId": 138_017_612_137_i64,
        "changeSource": "CRM_UI", "sourceId": "userId:76023669", "a new member": [1, { "of": "any" }, "shape"],
    });
    for (name, value) in members.as_object().unwrap() {
        match value {
            Json::Null => drop(event.as_object_mut().unwrap().remove(name)),
            value => event[name] = value.clone(),
        }
    }
    let mut all = decode(Json::Array(vec![event]).to_string());
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn changed(author: Author, class: Class, property: Option<(&str, &str)>) -> News {
    let property = property.map(|(name, value)| (name.to_owned(), Value::new(value)));
    News::Changed { id: id("138017612137"), at: AT, author, class, property }
}

fn ignored(reason: &'static str) -> News {
    News::Ignored { reason: reason.into() }
}

fn is_malformed(news: &News) -> bool {
    matches!(news, News::Malformed { .. })
}

#[test]
fn what_a_creation_means() {
    let creation =
        |source: &str| news(json!({ "subscriptionType": "contact.creation", "changeSource": source }));
    assert_eq!(creation("CRM_UI"), changed(Author::Other, Class::New, None));
    assert_eq!(creation("IMPORT"), changed(Author::Other, Class::Import, None));
}

#[test]
fn what_a_property_change_means() {
    let change = |members: Json| {
        let mut event = json!({ "subscriptionType": "contact.propertyChange", "propertyName": "phone" });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        news(event)
    };
    let edit = |value| changed(Author::Other, Class::Edit, Some(("phone", value)));
    assert_eq!(change(json!({ "propertyValue": "+1 555" })), edit("+1 555"));
    assert_eq!(change(json!({ "propertyValue": "" })), edit(""));
    assert_eq!(change(json!({ "propertyValue": 1555 })), edit("1555"));
    assert_eq!(change(json!({})), changed(Author::Other, Class::Edit, None));
    let import = change(json!({ "propertyValue": "1", "changeSource": "IMPORT", "sourceId": null }));
    assert_eq!(import, changed(Author::Other, Class::Import, Some(("phone", "1"))));
    assert_eq!(change(json!({ "propertyName": "company" })), ignored("unmapped_property"));
    assert!(is_malformed(&change(json!({ "propertyName": null }))));
}

#[test]
fn is_our_own_write_recognised() {
    let author = |source: Json, id: Json| {
        let event = json!({ "subscriptionType": "contact.creation", "changeSource": source, "sourceId": id });
        match news(event) {
            News::Changed { author, .. } => author,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(author(json!("INTEGRATION"), json!("16111050")), Author::Us(None));
    assert_eq!(author(json!("INTEGRATION"), json!(16_111_050)), Author::Us(None));
    assert_eq!(author(json!("INTEGRATION"), json!("2931120")), Author::Other);
    assert_eq!(author(json!("CRM_UI"), json!("16111050")), Author::Other);
    assert_eq!(author(Json::Null, Json::Null), Author::Unknown);
}

#[test]
fn what_deletion_and_restoration_mean() {
    let gone = News::Gone { id: id("138017612137"), at: AT, author: Author::Other };
    assert_eq!(news(json!({ "subscriptionType": "contact.deletion" })), gone);
    assert_eq!(news(json!({ "subscriptionType": "contact.privacyDeletion" })), gone);
    let restored = changed(Author::Other, Class::Edit, None);
    assert_eq!(news(json!({ "subscriptionType": "contact.restore" })), restored);
}

#[test]
fn what_a_merge_means() {
    let merge = |members: Json| {
        let mut event =
            json!({ "subscriptionType": "contact.merge", "objectId": null, "primaryObjectId": 11 });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        news(event)
    };
    let merged = |into: &str, from: &[&str]| {
        let from: Vec<RecordId> = from.iter().map(|former| id(former)).collect();
        News::Merged { into: id(into), from, at: AT }
    };
    let minted = merge(json!({ "mergedObjectIds": [12, "13", 12], "newObjectId": 5_000_000_000_i64 }));
    assert_eq!(minted, merged("5000000000", &["11", "12", "13"]));
    assert_eq!(merge(json!({ "mergedObjectIds": [12, 11] })), merged("11", &["12"]));
    assert!(is_malformed(&merge(json!({ "primaryObjectId": null }))));
}

#[test]
fn are_both_styles_of_subscription_understood() {
    let generic =
        |kind: &str, object: &str| news(json!({ "subscriptionType": kind, "objectTypeId": object }));
    assert_eq!(generic("object.creation", "0-1"), changed(Author::Other, Class::New, None));
    assert_eq!(generic("object.creation", "0-2"), ignored("unknown_type"));
    assert_eq!(generic("object.deletion", ""), ignored("unknown_type"));
    let renamed =
        news(json!({ "eventType": "contact.creation", "contactId": "138017612137", "objectId": null }));
    assert_eq!(renamed, changed(Author::Other, Class::New, None));
    let quoted = json!({
        "subscriptionType": "contact.creation", "portalId": "48807704", "objectId": "138017612137",
        "occurredAt": AT.as_millis().to_string(),
    });
    assert_eq!(news(quoted), changed(Author::Other, Class::New, None));
}

#[test]
fn is_what_does_not_concern_us_ignored() {
    for kind in ["contact.associationChange", "company.creation", "contact.somethingNew", "creation", ""] {
        assert_eq!(news(json!({ "subscriptionType": kind })), ignored("unknown_type"), "{kind}");
    }
    let foreign = news(json!({ "subscriptionType": "contact.creation", "portalId": 1 }));
    assert_eq!(foreign, ignored("other_portal"));
}

#[test]
fn is_the_test_button_recognised() {
    let press = |members: Json| {
        let mut event = json!({ "subscriptionType": "contact.creation", "objectId": 123 });
        event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        news(event)
    };
    assert_eq!(press(json!({ "eventId": 100 })), ignored("test"));
    assert_eq!(press(json!({ "eventId": 1, "changeSource": "CRM", "changeFlag": "NEW" })), ignored("test"));
    assert!(matches!(press(json!({})), News::Changed { .. }));
    assert!(matches!(
        news(json!({ "subscriptionType": "contact.creation", "eventId": 100 })),
        News::Changed { .. }
    ));
}

#[test]
fn does_a_bad_event_spoil_only_itself() {
    let good = r#"{"portalId":48807704,"occurredAt":1,"subscriptionType":"contact.deletion","objectId":7}"#;
    let all = decode(format!(r#"[{good}, 17 , null, {{"portalId":48807704,"objectId":true}}, {good}]"#));
    assert_eq!(all.len(), 5);
    assert!(matches!((&all[0], &all[4]), (News::Gone { .. }, News::Gone { .. })));
    assert!(all[1..4].iter().all(is_malformed));
    let News::Malformed { raw, .. } = &all[3] else { unreachable!() };
    assert_eq!(raw.as_str(), r#"{"portalId":48807704,"objectId":true}"#);
}

#[test]
fn is_an_event_without_its_essentials_malformed() {
    for missing in ["portalId", "occurredAt", "objectId", "subscriptionType"] {
        let mut event = json!({ "subscriptionType": "contact.deletion" });
        event[missing] = Json::Null;
        assert!(is_malformed(&news(event)), "{missing}");
    }
    for nonsense in ["7; DROP", "-1", "", "1.5"] {
        assert!(is_malformed(&news(json!({ "subscriptionType": "contact.deletion", "objectId": nonsense }))));
    }
}

#[test]
fn is_a_single_event_understood_without_an_array() {
    let single = r#"{"portalId":48807704,"occurredAt":1,"subscriptionType":"contact.deletion","objectId":7}"#;
    assert!(matches!(decode(single)[..], [News::Gone { .. }]));
}

#[test]
fn is_any_other_body_malformed_as_a_whole() {
    for body in ["", "x", "[", "{}", "null", "\"text\"", "[{}", "{\"a\":1}{}"] {
        let all = decode(body);
        assert!(all.len() == 1 && is_malformed(&all[0]), "{body}: {all:?}");
    }
    assert!(is_malformed(&decode(&b"[\"\xff\"]"[..])[0]));
    assert_eq!(decode("[]"), []);
    let deep = "[".repeat(100_000);
    assert!(is_malformed(&decode(deep)[0]));
}

#[test]
fn do_reasons_quote_nothing_that_was_received() {
    let all = decode(r#"[{"objectId":["ada@example.com"]}, {"ada@example.com":1}, "ada@example.com"]"#);
    for news in all {
        let News::Malformed { reason, .. } = news else { panic!("{news:?}") };
        assert!(!reason.contains("ada"), "{reason}");
    }
}
