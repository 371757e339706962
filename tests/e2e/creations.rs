//! A new record on one side becomes one record on the other.

use std::time::Duration;

use sync_core::model::entity::{FIRST_NAME, LAST_NAME, PHONE};

use crate::support::{stage, stage_with};

#[tokio::test]
async fn does_a_new_contact_become_a_customer() {
    let stage = stage().await;
    let before = stage.writes();
    let contact = stage.contact(["ada@example.com", "Ada", "Lovelace", "+441234"]);
    let truth = stage.in_step(&["ada@example.com"]).await;
    let customer = truth.customer("ada@example.com").unwrap();
    assert_eq!([&FIRST_NAME, &LAST_NAME, &PHONE].map(|f| customer.text(f)), ["Ada", "Lovelace", "+441234"]);
    stage.quiet().await;
    assert_eq!(
        stage.writes() - before,
        2,
        "P6: one call, one that names the twin, and their echoes cost none"
    );
    let named = stage.hubspot(|h, _| h.contact(&contact).unwrap().properties()["stripe_customer_id"].clone());
    assert_eq!(named, customer.id);
}

#[tokio::test]
async fn does_a_new_customer_become_a_contact() {
    let stage = stage().await;
    let before = stage.writes();
    stage.customer(["grace@example.com", "Grace Hopper", "+15550100"]);
    let truth = stage.in_step(&["grace@example.com"]).await;
    let contact = truth.contact("grace@example.com").unwrap();
    assert_eq!([&FIRST_NAME, &LAST_NAME, &PHONE].map(|f| contact.text(f)), ["Grace", "Hopper", "+15550100"]);
    stage.quiet().await;
    assert_eq!(stage.writes() - before, 1, "P6: one call, and its echo costs none");
}

#[tokio::test]
async fn do_records_that_were_there_before_us_find_one_another() {
    let mut stage = crate::support::empty_stage(|_| {}).await;
    stage.contact(["Both@Example.com", "Bo", "Th", ""]);
    stage.customer(["both@example.com", "Bo Th", "+15550123"]);
    stage.contact(["left@example.com", "Lef", "T", ""]);
    stage.customer(["right@example.com", "Righ T", ""]);
    stage.start().await;
    let truth = stage.in_step(&["both@example.com", "left@example.com", "right@example.com"]).await;
    assert_eq!((truth.contacts.len(), truth.customers.len()), (3, 3));
    assert_eq!(truth.contact("both@example.com").unwrap().text(&PHONE), "+15550123");
    stage.quiet().await;
}

#[tokio::test]
async fn does_a_person_created_on_both_sides_at_once_get_one_record_on_each() {
    let stage = stage_with(|config| config.extra[2] = "create_hold_ms = 200".to_owned()).await;
    let emails: Vec<String> = (0..4).map(|n| format!("both{n}@example.com")).collect();
    for email in &emails {
        stage.customer([email, "Both Sides", "+15550123"]);
        stage.contact([email, "Both", "Sides", ""]);
    }
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    let truth = stage.in_step(&emails).await;
    assert_eq!((truth.contacts.len(), truth.customers.len()), (4, 4), "P3");
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!((truth.contacts.len(), truth.customers.len()), (4, 4), "P3");
}

#[tokio::test]
async fn does_a_creation_that_meets_another_adopt_it() {
    let stage = stage_with(|config| {
        config.extra[2] = "create_hold_ms = 0".to_owned();
        // What happens in HubSpot is heard of late.
        config.hubspot.webhooks.latency = (Duration::from_millis(700), Duration::from_millis(800));
    })
    .await;
    let emails = ["race0@example.com", "race1@example.com", "race2@example.com"];
    for email in emails {
        stage.contact([email, "Ra", "Ce", "+15550100"]);
        stage.customer([email, "Ra Ce", ""]);
    }
    let truth = stage.in_step(&emails).await;
    assert!(emails.iter().all(|email| truth.customer(email).unwrap().text(&PHONE) == "+15550100"));
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!((truth.contacts.len(), truth.customers.len()), (3, 3), "P3");
}
