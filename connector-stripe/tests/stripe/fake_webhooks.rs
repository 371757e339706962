//! Does the emulator tell of changes as Stripe does?

use std::collections::BTreeSet;
use std::time::Duration;

use connector_stripe::fake::{FakeConfig, FakeStripe, WebhookConfig};
use serde_json::Value as Json;
use sync_core::connector::Connector;
use sync_core::model::{News, Timestamp};
use sync_core::testing::fake::{FakeSystem, Posting};

use crate::support::{Answered, NOW, answered, api, ask, config, keyed, later, ok, secret};

fn fake_with(change: impl FnOnce(&mut WebhookConfig)) -> FakeStripe {
    let mut config = FakeConfig::default();
    config.webhooks.url = Some("http://127.0.0.1:9/hook".to_owned());
    change(&mut config.webhooks);
    FakeStripe::new(config)
}

fn body(posting: &Posting) -> Json {
    serde_json::from_slice(posting.request.body()).unwrap()
}

/// All postings within a minute of now.
fn minute(fake: &mut FakeStripe) -> Vec<Posting> {
    fake.due(later(60_000))
}

fn events(fake: &mut FakeStripe, query: &str) -> Answered {
    ask(fake, NOW, &api("GET", &format!("/v1/events?{query}"), ""))
}

#[test]
fn a_webhook_is_signed_when_it_is_sent_and_told_to_the_connector() {
    let mut fake = fake_with(|_| {});
    fake.person_creates(NOW, Some("ada@example.test"), Some("Ada"), None);
    let sent_at = later(60_000);
    let posting = fake.due(sent_at).remove(0);
    assert_eq!(posting.request.uri(), "http://127.0.0.1:9/hook");
    let mut config = config();
    config.webhook_secrets = vec![secret("whsec_test_wane")];
    let (stripe, _) = answered(config, ok());
    let news =
        stripe.decode(&posting.request, Timestamp::from_millis(sent_at.as_millis() + 300_000)).unwrap();
    assert!(matches!(news.as_slice(), [News::Seen(seen)] if seen.at == NOW), "{news:?}");
}

#[test]
fn an_event_carries_its_cause_and_the_old_values_of_what_changed() {
    let mut fake = fake_with(|_| {});
    let form = "name=Ada&email=a%40b.test&metadata[k]=v";
    let created = ask(&mut fake, NOW, &keyed("wane1:op", "/v1/customers", form));
    let path = format!("/v1/customers/{}", created.json["id"].as_str().unwrap());
    ask(&mut fake, NOW, &keyed("wane1:op2", &path, "name=Bea&email=a%40b.test&metadata[k]=&metadata[n]=1"));
    let postings: Vec<Json> = minute(&mut fake).iter().map(body).collect();
    let told = |kind: &str| postings.iter().find(|event| event["type"] == kind).unwrap();
    let (creation, edit) = (told("customer.created"), told("customer.updated"));
    assert_eq!(creation["request"]["idempotency_key"], "wane1:op");
    assert_eq!(creation["request"]["id"], created.header("request-id").unwrap());
    assert!(creation["data"].get("previous_attributes").is_none());
    let previous = serde_json::json!({ "name": "Ada", "metadata": { "k": "v", "n": null } });
    assert_eq!(edit["data"]["previous_attributes"], previous);
    assert_eq!(creation["data"]["object"]["name"], "Ada", "a snapshot does not change later");
}

#[test]
fn a_write_that_changes_nothing_makes_no_event() {
    let mut fake = fake_with(|_| {});
    let id = fake.person_creates(NOW, None, Some("Ada"), None);
    ask(&mut fake, NOW, &api("POST", &format!("/v1/customers/{id}"), "name=Ada&phone="));
    assert_eq!(minute(&mut fake).len(), 1);
}

#[test]
fn a_payment_is_told_by_its_charge_and_by_its_intent() {
    let mut fake = fake_with(|_| {});
    let intent = fake.pays(NOW, Some("cus_1"), Some("a@b.test"), (1050, "usd"));
    let postings: Vec<Json> = minute(&mut fake).iter().map(body).collect();
    let kinds: BTreeSet<_> = postings.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["charge.succeeded", "payment_intent.succeeded"]));
    for event in &postings {
        let object = &event["data"]["object"];
        let named = if object["object"] == "charge" { &object["payment_intent"] } else { &object["id"] };
        assert_eq!(named, intent.as_str());
    }
}

#[test]
fn a_refused_webhook_is_sent_again_later_and_later_until_it_is_given_up() {
    let mut fake = fake_with(|c| {
        c.latency = (Duration::ZERO, Duration::ZERO);
        c.retry_base = Duration::from_secs(1);
        c.attempts = 3;
    });
    fake.person_creates(NOW, None, Some("Ada"), None);
    for (at, status) in [(0, Some(500)), (1000, None), (3000, Some(302))] {
        assert_eq!(fake.next_due(), Some(later(at)));
        let posting = fake.due(later(at)).remove(0);
        let signature = posting.request.headers()["stripe-signature"].to_str().unwrap();
        assert!(signature.starts_with(&format!("t={}", later(at).as_secs())));
        fake.delivered(later(at), posting.id, status);
    }
    assert_eq!(fake.next_due(), None);
    assert_eq!(events(&mut fake, "delivery_success=false").ids().len(), 1);
}

#[test]
fn an_accepted_webhook_is_done() {
    let mut fake = fake_with(|_| {});
    fake.person_creates(NOW, None, Some("Ada"), None);
    assert_eq!(events(&mut fake, "delivery_success=false").ids().len(), 1);
    let posting = minute(&mut fake).remove(0);
    fake.delivered(later(60_000), posting.id, Some(204));
    assert_eq!(fake.next_due(), None);
    assert_eq!(events(&mut fake, "delivery_success=true").ids().len(), 1);
}

#[test]
fn disorder_comes_as_configured_and_the_same_each_time() {
    let run = |change: fn(&mut WebhookConfig)| {
        let mut fake = fake_with(change);
        for n in 0..50 {
            fake.person_creates(NOW, None, Some(&format!("{n}")), None);
        }
        let names = minute(&mut fake);
        let name = |p: &Posting| body(p)["data"]["object"]["name"].as_str().unwrap().parse::<u32>().unwrap();
        names.iter().map(name).collect::<Vec<_>>()
    };
    let in_order: Vec<u32> = (0..50).collect();
    assert_eq!(run(|c| c.reorder = false), in_order);
    let reordered = run(|_| {});
    assert_ne!(reordered, in_order);
    assert_eq!(reordered, run(|_| {}), "chance is repeatable");
    assert!(run(|c| c.drop_percent = 100).is_empty());
    let dropped = run(|c| c.drop_percent = 50).len();
    assert!((10..40).contains(&dropped), "{dropped}");
    assert_eq!(run(|c| c.duplicate_percent = 100).len(), 100);
}

#[test]
fn a_duplicate_may_be_a_second_event_of_the_same_change() {
    let mut fake = fake_with(|c| c.duplicate_percent = 100);
    for n in 0..20 {
        fake.person_creates(NOW, None, Some(&format!("{n}")), None);
    }
    let ids: Vec<_> = minute(&mut fake).iter().map(|p| body(p)["id"].as_str().unwrap().to_owned()).collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), 40);
    assert!(distinct.len() > 20 && distinct.len() < 40, "{}", distinct.len());
}

#[test]
fn events_can_be_listed_by_type_and_time() {
    let mut fake = FakeStripe::default();
    let id = fake.person_creates(NOW, None, Some("Ada"), None);
    fake.person_edits(later(5000), &id, &[("name", Some("Bea"))]);
    fake.person_deletes(later(9000), &id);
    let mut kinds = |query: &str| -> Vec<String> {
        let page = ask(&mut fake, later(9000), &api("GET", &format!("/v1/events?{query}"), ""));
        let events = page.json["data"].as_array().unwrap().clone();
        events.iter().map(|e| e["type"].as_str().unwrap().replace("customer.", "")).collect()
    };
    assert_eq!(kinds(""), ["deleted", "updated", "created"]);
    assert_eq!(kinds("types[]=customer.created&types%5B1%5D=customer.deleted"), ["deleted", "created"]);
    assert_eq!(kinds("type=customer.*&created[gte]=1800000005"), ["deleted", "updated"]);
    assert_eq!(kinds("created[gt]=1800000005"), ["deleted"]);
    assert_eq!(kinds("created[lt]=1800000005"), ["created"]);
    let month = later(30 * 24 * 3600 * 1000 + 1000);
    assert_eq!(ask(&mut fake, month, &api("GET", "/v1/events", "")).ids().len(), 2, "30 days are kept");
    assert_eq!(ask(&mut fake, NOW, &api("GET", "/v1/events?fruit=1", "")).status, 400);
}
