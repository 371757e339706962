//! Does the emulated HubSpot send webhooks as the real one does?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Canned, START, WEBHOOKS, connector, id, json_body};
use connector_hubspot::fake::{FakeConfig, FakeHubSpot};
use serde_json::Value as Json;
use sync_core::connector::Connector;
use sync_core::model::{Author, Class, News, Timestamp};
use sync_core::testing::fake::{FakeSystem, Posting, What};

const ADA: [(&str, &str); 2] = [("email", "ada@example.com"), ("firstname", "Ada")];
const LATER: Duration = Duration::from_secs(60);

fn fake() -> FakeHubSpot {
    let mut fake = FakeHubSpot::new(FakeConfig::default());
    fake.config.webhooks.url = Some(WEBHOOKS.to_owned());
    fake
}

/// Everything that is due a minute from the start, taken by the receiver.
fn events(fake: &mut FakeHubSpot) -> Vec<Json> {
    let postings = fake.due(START.plus(LATER));
    let mut all = Vec::new();
    for posting in postings {
        all.extend(json_body(&posting.request).as_array().unwrap().clone());
        fake.delivered(START.plus(LATER), posting.id, Some(200));
    }
    all
}

fn kinds(events: &[Json]) -> Vec<String> {
    let text = |event: &Json, name: &str| event[name].as_str().unwrap_or_default().to_owned();
    events.iter().map(|e| format!("{} {}", text(e, "subscriptionType"), text(e, "propertyName"))).collect()
}

fn attempt(posting: &Posting) -> i64 {
    json_body(&posting.request)[0]["attemptNumber"].as_i64().unwrap()
}

#[test]
fn does_a_creation_fan_out() {
    let mut fake = fake();
    fake.person_creates(START, &ADA).unwrap();
    assert_eq!(
        kinds(&events(&mut fake)),
        ["contact.creation ", "contact.propertyChange email", "contact.propertyChange firstname"]
    );
    fake.config.webhooks.fan_out = false;
    fake.person_creates(START, &[("lastname", "B")]).unwrap();
    assert_eq!(kinds(&events(&mut fake)), ["contact.creation "]);
}

#[test]
fn is_a_delivery_accepted_and_understood_by_the_connector() {
    let mut fake = fake();
    let ada = fake.imports(START, &[ADA.to_vec()]).remove(0);
    fake.other_app_edits(START, &ada, &[("firstname", Some("A"))]).unwrap();
    fake.person_deletes(START, &ada);
    fake.test_button(START);
    let posting = fake.due(START.plus(LATER)).remove(0);
    let hubspot = connector(Arc::new(Canned::default()));
    let news = hubspot.decode(&posting.request, START.plus(LATER)).unwrap();
    let class = |news: &News| match news {
        News::Changed { class, author: Author::Other, .. } => Some(*class),
        _ => None,
    };
    let classes: Vec<_> = news.iter().filter_map(class).collect();
    assert_eq!(classes, [Class::Import, Class::Import, Class::Import, Class::Edit]);
    assert_eq!(news[4], News::Gone { id: ada, at: START, author: Author::Other });
    assert_eq!(news[5], News::Ignored { reason: "test".into() });
}

#[test]
fn are_up_to_a_hundred_events_posted_together_unless_told_otherwise() {
    let mut fake = fake();
    let rows: Vec<Vec<(&str, &str)>> = vec![vec![("firstname", "N")]; 120];
    fake.imports(START, &rows);
    let sizes: Vec<usize> =
        fake.due(START.plus(LATER)).iter().map(|p| json_body(&p.request).as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 40]);
    let mut fake = self::fake();
    fake.config.webhooks.single = true;
    fake.imports(START, &rows);
    let postings = fake.due(START.plus(LATER));
    assert_eq!(postings.len(), 10, "no more than ten posts at once");
    assert!(postings.iter().all(|p| json_body(&p.request).as_array().unwrap().len() == 1));
    assert_eq!(fake.next_due(), None, "nothing can leave before an answer");
    fake.delivered(START.plus(LATER), postings[0].id, Some(200));
    assert_eq!(fake.due(START.plus(LATER)).len(), 1);
}

#[test]
fn is_a_failed_post_repeated_as_a_whole_until_it_is_given_up() {
    let mut fake = fake();
    fake.config.webhooks.max_attempts = 3;
    fake.person_creates(START, &ADA).unwrap();
    let mut now = START.plus(LATER);
    for (number, answer) in [(0, Some(500)), (1, None), (2, Some(404))] {
        let postings = fake.due(now);
        assert_eq!(postings.iter().map(attempt).collect::<Vec<_>>(), [number]);
        assert_eq!(json_body(&postings[0].request).as_array().unwrap().len(), 3);
        fake.delivered(now, postings[0].id, answer);
        assert!(fake.due(now).is_empty(), "not at once");
        now = fake.next_due().unwrap_or(now);
    }
    assert_eq!((fake.next_due(), fake.waiting_events()), (None, 0));
}

#[test]
fn do_chance_switches_duplicate_drop_and_reorder() {
    let ids = |change: fn(&mut FakeConfig)| {
        let mut fake = fake();
        change(&mut fake.config);
        fake.imports(START, &vec![vec![("company", "C"), ("firstname", "N")]; 40]);
        let ids: Vec<i64> = events(&mut fake).iter().map(|e| e["eventId"].as_i64().unwrap()).collect();
        ids
    };
    let plain = ids(|_| {});
    assert!(plain.is_sorted() && plain.len() == 80);
    assert_eq!(ids(|c| c.webhooks.duplicate_percent = 100).len(), 160);
    assert_eq!(ids(|c| c.webhooks.drop_percent = 100).len(), 0);
    let some = ids(|c| c.webhooks.drop_percent = 30);
    assert!((1..80).contains(&some.len()));
    let mixed = ids(|c| c.webhooks.reorder = true);
    assert!(mixed.len() == 80 && !mixed.is_sorted());
    assert_eq!(mixed, ids(|c| c.webhooks.reorder = true), "the same seed gives the same order");
    assert_ne!(mixed, ids(|c| (c.webhooks.reorder, c.seed) = (true, 2)));
}

#[test]
fn does_a_merge_tell_of_all_three_ids() {
    let mut fake = fake();
    fake.config.webhooks.fan_out = false;
    let ada = fake.person_creates(START, &ADA).unwrap();
    let bo = fake.person_creates(START, &[("email", "bo@example.com")]).unwrap();
    let into = fake.person_merges(START, &ada, &bo).unwrap();
    let merge = events(&mut fake).pop().unwrap();
    let text = |name: &str| merge[name].to_string();
    assert_eq!((text("primaryObjectId"), text("newObjectId")), (ada.to_string(), into.to_string()));
    assert_eq!(text("mergedObjectIds"), format!("[{bo}]"));
    fake.config.preserve_primary = true;
    let cy = fake.person_creates(START, &[("email", "cy@example.com")]).unwrap();
    assert_eq!(fake.person_merges(START, &into, &cy), Ok(into.clone()));
    assert_eq!(fake.contact(&ada).unwrap().id(), into, "old ids lead on");
}

#[test]
fn does_writing_what_is_there_already_tell_nothing() {
    let mut fake = fake();
    let ada = fake.person_creates(START, &ADA).unwrap();
    events(&mut fake);
    fake.person_edits(START, &ada, &[("firstname", Some("Ada")), ("email", Some(" ADA@example.com"))])
        .unwrap();
    assert!(events(&mut fake).is_empty());
    assert!(fake.oracle().changes().iter().all(|change| change.what == What::Created));
    fake.person_edits(START, &ada, &[("firstname", None)]).unwrap();
    assert_eq!(events(&mut fake)[0]["propertyValue"], "");
}

#[test]
fn is_a_deleted_contact_restored_unless_its_address_is_taken() {
    let mut fake = fake();
    let ada = fake.person_creates(START, &ADA).unwrap();
    assert!(fake.person_deletes(START, &ada) && !fake.person_deletes(START, &ada));
    assert!(fake.contact(&ada).unwrap().is_archived());
    assert!(fake.person_restores(START, &ada) && !fake.person_restores(START, &ada));
    assert!(fake.person_deletes(START, &ada));
    let other = fake.person_creates(START, &ADA).unwrap();
    assert!(other != ada && !fake.person_restores(START, &ada));
    events(&mut fake);
    assert!(fake.person_forgets(START, &other));
    assert!(fake.contact(&other).is_none());
    assert_eq!(kinds(&events(&mut fake)), ["contact.privacyDeletion ", "contact.deletion "]);
    assert!(!fake.person_forgets(START, &id("7")));
}

#[test]
fn do_its_times_follow_its_own_clock() {
    let mut fake = fake();
    fake.config.clock_skew_ms = -90_000;
    fake.person_creates(START, &ADA).unwrap();
    assert_eq!(fake.oracle().changes()[0].at, START);
    let slow = START.minus(Duration::from_secs(90));
    assert_eq!(events(&mut fake)[0]["occurredAt"], slow.as_millis());
}

#[test]
fn is_nothing_sent_without_a_subscription() {
    let mut fake = fake();
    fake.config.webhooks.url = None;
    fake.person_creates(START, &ADA).unwrap();
    assert_eq!((fake.next_due(), fake.waiting_events()), (None::<Timestamp>, 0));
}
