//! Does the connector get its way with an emulated HubSpot?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use common::{World, config, create, emit, find, id, update};
use connector_hubspot::fake::FakeConfig;
use connector_hubspot::{HubSpotConfig, Provisioned};
use http::Method;
use sync_core::connector::{Connector, Error, Query, Receipt};
use sync_core::model::{Author, Record, RecordId, Value};
use sync_core::testing::fake::Fault;

const ADA: [(&str, &str); 3] = [("email", "ada@example.com"), ("firstname", "Ada"), ("phone", "+1 555")];

fn instant() -> FakeConfig {
    FakeConfig { search_lag: (Duration::ZERO, Duration::ZERO), ..FakeConfig::default() }
}

fn record(row: &Result<Receipt, Error>) -> &Record {
    row.as_ref().unwrap().record.as_ref().unwrap()
}

fn refused_email() -> Error {
    Error::Refused { reason: "INVALID_EMAIL: email".to_owned(), properties: vec!["email".to_owned()] }
}

async fn provisioned() -> World {
    let world = World::new(instant());
    assert_eq!(world.hubspot.provision().await, Ok(Provisioned::Created));
    world
}

async fn only(world: &World, query: Query) -> Record {
    let mut found = world.hubspot.read(&query).await.unwrap();
    assert_eq!(found.records.len(), 1);
    found.records.remove(0)
}

#[tokio::test(start_paused = true)]
async fn is_the_twin_property_created_once() {
    let world = provisioned().await;
    assert_eq!(world.hubspot.provision().await, Ok(Provisioned::Present));
    world.at(|fake, _| {
        let lines: Vec<_> = fake.calls().calls().iter().map(|c| (c.method.clone(), c.status)).collect();
        assert_eq!(lines, [(Method::GET, Some(404)), (Method::POST, Some(201)), (Method::GET, Some(200))]);
    });
}

#[tokio::test(start_paused = true)]
async fn is_a_property_that_appears_meanwhile_good_enough() {
    let world = World::new(instant());
    world.at(|fake, _| {
        fake.faults.plan(Some(Method::POST), "/crm/v3/properties", 1, Fault::Refuse(409, None))
    });
    assert_eq!(world.hubspot.provision().await, Ok(Provisioned::Present));
}

#[tokio::test(start_paused = true)]
async fn does_it_do_without_a_property_it_may_not_create() {
    let world = World::new(FakeConfig { schema_scopes: false, ..instant() });
    assert!(matches!(world.hubspot.provision().await, Ok(Provisioned::Without { .. })));
    let rows = world.hubspot.write(&[create("op1", &ADA, Some("cus_1"))]).await.unwrap();
    assert_eq!(record(&rows[0]).twin, None);
    assert!(world.hubspot.read(&find(None, Some("cus_1"))).await.unwrap().records.is_empty());
    world
        .at(|fake, _| fake.faults.plan(Some(Method::GET), "/crm/v3/properties", 1, Fault::Refuse(503, None)));
    assert!(matches!(world.hubspot.provision().await, Err(Error::Unavailable { .. })));
}

#[tokio::test(start_paused = true)]
async fn does_it_do_without_a_property_that_hubspot_refuses_for_good() {
    for (method, status) in [(Method::GET, 405), (Method::POST, 400), (Method::POST, 404)] {
        let world = World::new(instant());
        world.at(|fake, _| {
            fake.faults.plan(Some(method), "/crm/v3/properties", 1, Fault::Refuse(status, None))
        });
        assert!(matches!(world.hubspot.provision().await, Ok(Provisioned::Without { .. })), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn does_it_do_without_a_property_whose_values_are_not_unique() {
    let world =
        World::with(instant(), HubSpotConfig { twin_property: Some("jobtitle".to_owned()), ..config() });
    assert!(matches!(world.hubspot.provision().await, Ok(Provisioned::Without { .. })));
    let none = World::with(instant(), HubSpotConfig { twin_property: None, ..config() });
    assert!(matches!(none.hubspot.provision().await, Ok(Provisioned::Without { .. })));
}

#[tokio::test(start_paused = true)]
async fn is_a_created_record_the_one_that_is_read_and_found() {
    let world = provisioned().await;
    let rows = world.hubspot.write(&[create("op1", &ADA, Some("cus_1"))]).await.unwrap();
    let made = record(&rows[0]).clone();
    assert_eq!(rows[0].as_ref().unwrap().at, Some(world.now()));
    for query in [
        Query::Ids(vec![made.id.clone()]),
        find(Some("ADA@example.com"), None),
        find(None, Some("cus_1")),
        Query::Page(None),
        Query::ChangedSince(world.now(), None),
    ] {
        let seen = only(&world, query).await;
        assert_eq!((&seen.id, &seen.twin), (&made.id, &Some(id("cus_1"))));
        assert_eq!(seen.properties["email"], Value::new("ada@example.com"));
        assert_eq!(seen.properties["lastname"], None);
        assert_eq!(seen.created_at, Some(world.now()));
    }
    let seen = only(&world, Query::Ids(vec![made.id])).await;
    let history = &seen.history["firstname"];
    assert_eq!((history.len(), &history[0].author, history[0].at), (1, &Author::Us(None), world.now()));
    assert!(world.hubspot.read(&find(Some("bo@example.com"), None)).await.unwrap().records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn is_a_second_create_told_who_is_there() {
    let world = provisioned().await;
    let there = world.at(|fake, now| fake.person_creates(now, &ADA).unwrap());
    let rows = world.hubspot.write(&[create("op1", &ADA, None)]).await.unwrap();
    assert_eq!(rows, [Err(Error::Exists { id: Some(there.clone()) })]);
    let batch = [create("op2", &ADA, None), create("op3", &[("email", "bo@example.com")], None)];
    let rows = world.hubspot.write(&batch).await.unwrap();
    assert_eq!(rows[0], Err(Error::Exists { id: Some(there) }));
    assert_eq!(record(&rows[1]).properties["email"], Value::new("bo@example.com"));
}

#[tokio::test(start_paused = true)]
async fn is_a_twin_that_somebody_has_already_a_conflict() {
    let world = provisioned().await;
    let rows = world.hubspot.write(&[create("op1", &[("firstname", "Ada")], Some("cus_1"))]).await.unwrap();
    let made = record(&rows[0]).id.clone();
    let again = world.hubspot.write(&[create("op2", &[("firstname", "Ada")], Some("cus_1"))]).await.unwrap();
    assert_eq!(again, [Err(Error::Exists { id: Some(made) })]);
}

fn batch_with_one_bad_row() -> [sync_core::connector::Write; 3] {
    let bad = create("op2", &[("email", "bcooper@example.con")], None);
    [create("op1", &ADA, None), bad, create("op3", &[("email", "cy@example.com")], None)]
}

#[tokio::test(start_paused = true)]
async fn does_one_bad_row_fail_alone_when_rows_are_answered() {
    let world = provisioned().await;
    let rows = world.hubspot.write(&batch_with_one_bad_row()).await.unwrap();
    assert_eq!(record(&rows[0]).properties["email"], Value::new("ada@example.com"));
    assert_eq!(rows[1], Err(refused_email()));
    assert_eq!(record(&rows[2]).properties["email"], Value::new("cy@example.com"));
}

#[tokio::test(start_paused = true)]
async fn does_one_bad_row_fail_the_whole_batch_otherwise() {
    let plain = World::with(instant(), HubSpotConfig { row_level: false, twin_property: None, ..config() });
    assert_eq!(plain.hubspot.write(&batch_with_one_bad_row()).await, Err(refused_email()));
    let legacy = World::with(
        FakeConfig { legacy_batches: true, ..instant() },
        HubSpotConfig { twin_property: None, ..config() },
    );
    let outcome = legacy.hubspot.write(&batch_with_one_bad_row()).await;
    assert!(matches!(outcome, Err(Error::Refused { properties, .. }) if properties.is_empty()));
    for world in [plain, legacy] {
        world.at(|fake, _| assert_eq!(fake.contacts().count(), 0));
        let good = [create("op1", &ADA, None), create("op3", &[("email", "cy@example.com")], None)];
        let rows = world.hubspot.write(&good).await.unwrap();
        assert_eq!(record(&rows[1]).properties["email"], Value::new("cy@example.com"));
    }
}

#[tokio::test(start_paused = true)]
async fn are_a_hundred_rows_aligned() {
    let world = provisioned().await;
    let emails: Vec<String> = (0..100).map(|n| format!("person{n}@example.com")).collect();
    let rows: Vec<_> = emails.iter().map(|email| create(email, &[("email", email.as_str())], None)).collect();
    let made = world.hubspot.write(&rows).await.unwrap();
    let updates: Vec<_> = made
        .iter()
        .zip(&emails)
        .map(|(row, email)| {
            assert_eq!(record(row).properties["email"], Value::new(email.as_str()));
            update(email, record(row).id.as_str(), &[("firstname", email.as_str())])
        })
        .collect();
    let updated = world.hubspot.write(&updates).await.unwrap();
    for (row, email) in updated.iter().zip(&emails) {
        assert_eq!(record(row).properties["firstname"], Value::new(email.as_str()));
    }
    let ids: Vec<RecordId> = made.iter().take(50).map(|row| record(row).id.clone()).collect();
    assert_eq!(world.hubspot.read(&Query::Ids(ids)).await.unwrap().records.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn does_an_update_change_and_clear() {
    let world = provisioned().await;
    let ada = world.at(|fake, now| fake.person_creates(now, &ADA).unwrap());
    let change = update("op1", ada.as_str(), &[("firstname", "Augusta"), ("phone", "")]);
    let rows = world.hubspot.write(std::slice::from_ref(&change)).await.unwrap();
    assert_eq!(record(&rows[0]).properties["phone"], None);
    let seen = only(&world, Query::Ids(vec![ada])).await;
    assert_eq!(seen.properties["firstname"], Value::new("Augusta"));
    assert_eq!(seen.properties["phone"], None);
    assert_eq!(
        (&seen.history["phone"][0].value, &seen.history["phone"][1].value),
        (&None, &Value::new("+1 555"))
    );
    assert_eq!(seen.history["firstname"][1].author, Author::Other);
    let nobody = world.hubspot.write(&[update("op2", "7", &[("phone", "1")])]).await.unwrap();
    assert_eq!(nobody, [Err(Error::Missing)]);
    let rows = world.hubspot.write(&[change, update("op2", "7", &[("phone", "1")])]).await.unwrap();
    assert!(rows[0].is_ok());
    assert_eq!(rows[1], Err(Error::Missing));
}

#[tokio::test(start_paused = true)]
async fn is_a_record_found_by_a_former_id_and_a_secondary_address_after_a_merge() {
    let world = provisioned().await;
    let (ada, bo) = world.at(|fake, now| {
        let ada = fake.person_creates(now, &ADA).unwrap();
        (ada, fake.person_creates(now, &[("email", "bo@example.com"), ("lastname", "B")]).unwrap())
    });
    let into = world.at(|fake, now| fake.person_merges(now, &ada, &bo).unwrap());
    assert!(into != ada && into != bo);
    for query in [
        Query::Ids(vec![ada.clone()]),
        Query::Ids(vec![bo.clone(), ada.clone()]),
        find(Some("bo@example.com"), None),
        Query::Page(None),
    ] {
        let seen = only(&world, query).await;
        assert_eq!(seen.id, into);
        assert_eq!(seen.aliases, [ada.clone(), bo.clone()]);
        assert_eq!(seen.also_known_as, [Value::new("bo@example.com").unwrap()]);
        assert_eq!(seen.properties["email"], Value::new("ada@example.com"));
        assert_eq!(seen.properties["lastname"], Value::new("B"));
    }
    let rows = world.hubspot.write(&[update("op1", ada.as_str(), &[("phone", "2")])]).await.unwrap();
    assert_eq!(record(&rows[0]).id, into);
}

#[tokio::test(start_paused = true)]
async fn are_all_pages_read() {
    let world = provisioned().await;
    world.at(|fake, now| {
        for n in 0..250 {
            fake.person_creates(now, &[("email", &format!("person{n}@example.com"))]).unwrap();
        }
    });
    for first in [Query::Page(None), Query::ChangedSince(world.now(), None)] {
        let (mut query, mut sizes) = (first, Vec::new());
        loop {
            let page = world.hubspot.read(&query).await.unwrap();
            sizes.push(page.records.len());
            let Some(next) = page.next else { break };
            query = match query {
                Query::Page(_) => Query::Page(Some(next)),
                Query::ChangedSince(since, _) => Query::ChangedSince(since, Some(next)),
                other => other,
            };
        }
        assert_eq!(sizes, [100, 100, 50]);
    }
}

#[tokio::test(start_paused = true)]
async fn does_changed_since_see_changes_once_they_are_indexed() {
    let lag = Duration::from_secs(5);
    let world = World::new(FakeConfig { search_lag: (lag, lag), ..FakeConfig::default() });
    world.hubspot.provision().await.unwrap();
    let ada = world.at(|fake, now| fake.person_creates(now, &ADA).unwrap());
    let created = world.now();
    assert!(world.hubspot.read(&Query::ChangedSince(created, None)).await.unwrap().records.is_empty());
    tokio::time::sleep(lag).await;
    assert_eq!(only(&world, Query::ChangedSince(created, None)).await.id, ada);
    let later = created.plus(Duration::from_millis(1));
    assert!(world.hubspot.read(&Query::ChangedSince(later, None)).await.unwrap().records.is_empty());
    world.at(|fake, now| fake.person_edits(now, &ada, &[("phone", None)]).unwrap());
    tokio::time::sleep(lag).await;
    assert_eq!(only(&world, Query::ChangedSince(later, None)).await.properties["phone"], None);
}

#[tokio::test(start_paused = true)]
async fn is_a_repeated_activity_told_once() {
    for reject_repeated_events in [false, true] {
        let world = World::new(FakeConfig { reject_repeated_events, ..instant() });
        let ada = world.at(|fake, now| fake.person_creates(now, &ADA).unwrap());
        for _ in 0..2 {
            let rows = world.hubspot.write(&[emit("op1", ada.as_str(), "pi_1")]).await.unwrap();
            assert!(rows[0].is_ok());
        }
        world.at(|fake, _| {
            let [event] = fake.custom_events() else { panic!("{:?}", fake.custom_events()) };
            assert_eq!((&event.contact, event.occurred_at.as_millis()), (&ada, 1_752_613_922_216));
            assert_eq!(event.properties["amount"], "12.50");
            assert_eq!(fake.repeated_events(), 1);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn is_a_lost_answer_ambiguous_and_the_effect_there_to_be_found() {
    let world = provisioned().await;
    world
        .at(|fake, _| fake.faults.plan(Some(Method::POST), "/crm/v3/objects/contacts", 1, Fault::LoseAnswer));
    let row = create("op1", &ADA, Some("cus_1"));
    assert!(matches!(world.hubspot.write(std::slice::from_ref(&row)).await, Err(Error::Ambiguous { .. })));
    let found = only(&world, find(Some("ada@example.com"), None)).await;
    assert_eq!(found.twin, Some(id("cus_1")));
    assert_eq!(world.hubspot.write(&[row]).await.unwrap(), [Err(Error::Exists { id: Some(found.id) })]);
    world.at(|fake, _| fake.faults.plan(None, "/crm", 1, Fault::FailAfter(504)));
    let bo = create("op2", &[("email", "bo@example.com")], None);
    assert!(matches!(world.hubspot.write(&[bo]).await, Err(Error::Ambiguous { .. })));
    assert_eq!(world.at(|fake, _| fake.contacts().count()), 2);
}

#[tokio::test(start_paused = true)]
async fn is_the_limit_met_after_fifteen_calls_in_a_second() {
    let world = World::new(instant());
    for _ in 0..15 {
        world.hubspot.read(&Query::Page(None)).await.unwrap();
    }
    let limited = world.hubspot.read(&Query::Page(None)).await.unwrap_err();
    let expected =
        Error::Throttled { reason: "SECONDLY".to_owned(), retry_after: Some(Duration::from_secs(1)) };
    assert_eq!(limited, expected);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(world.hubspot.read(&Query::Page(None)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn are_planned_refusals_understood() {
    let world = World::new(instant());
    for (status, wait) in [(423, Some(2)), (477, Some(60)), (429, Some(60))] {
        let fault = Fault::Refuse(status, (status != 423).then_some(60));
        world.at(|fake, _| fake.faults.plan(None, "/", 1, fault));
        let error = world.hubspot.write(&[create("op1", &ADA, None)]).await.unwrap_err();
        let wait = wait.map(Duration::from_secs);
        assert_eq!(error.remedy(), sync_core::connector::Remedy::Retry(wait), "{status}");
    }
    let stranger = HubSpotConfig::new("https://api.hubapi.com", "wrong".to_owned(), 1, 1);
    let world = World::with(instant(), stranger);
    assert!(matches!(world.hubspot.read(&Query::Page(None)).await, Err(Error::Unauthorized { .. })));
    world.at(|fake, _| assert_eq!(fake.contacts().count(), 0));
}
