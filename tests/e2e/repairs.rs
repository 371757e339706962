//! What no webhook tells is found out all the same, within the promise.

use sync_core::model::entity::{FIRST_NAME, LAST_NAME, PHONE};

use crate::support::{Stage, stage_with};

/// An engine that asks every second, and systems that stop telling once one person is in step.
async fn deaf() -> Stage {
    let stage = stage_with(|config| config.extra[2].push_str("\ntail_seconds = 1")).await;
    stage.contact(["ann@example.com", "Ann", "Smith", "+15550100"]);
    stage.in_step(&["ann@example.com"]).await;
    stage.quiet().await;
    stage.hubspot(|h, _| h.config.webhooks.drop_percent = 100);
    stage.world.stripe.with(|s, _| s.config.webhooks.drop_percent = 100);
    stage
}

/// Events taken in that no webhook told, as the engine counts them.
async fn found(stage: &Stage) -> u64 {
    stage.world.api("status").await.unwrap()["counts"]["found"].as_u64().unwrap()
}

#[tokio::test]
async fn is_a_lost_edit_found_on_either_side() {
    let stage = deaf().await;
    stage.edit_contact("ann@example.com", &[("lastname", Some("Jones")), ("phone", None)]);
    stage.edit_customer("ann@example.com", &[("name", Some("Mary Ann Smith"))]);
    let truth = stage
        .until("both edits on both sides", |truth| {
            let ann = truth.customer("ann@example.com").unwrap();
            truth.is_in_step("ann@example.com") && ann.text(&FIRST_NAME) == "Mary Ann"
        })
        .await;
    let ann = truth.contact("ann@example.com").unwrap();
    assert_eq!([&LAST_NAME, &PHONE].map(|field| ann.text(field)), ["Jones", ""]);
    assert!(found(&stage).await >= 2, "P10: they are counted");
    stage.quiet().await;
}

#[tokio::test]
async fn is_a_lost_creation_found_on_either_side() {
    let stage = deaf().await;
    stage.contact(["bob@example.com", "Bob", "Brown", ""]);
    stage.customer(["eve@example.com", "Eve Evans", ""]);
    let truth = stage.in_step(&["bob@example.com", "eve@example.com"]).await;
    assert_eq!((truth.contacts.len(), truth.customers.len()), (3, 3), "P3");
    stage.quiet().await;
}

#[tokio::test]
async fn is_a_lost_purchase_told_once() {
    let stage = deaf().await;
    let known = stage.truth().customer("ann@example.com").unwrap().id.clone();
    let new = stage.customer(["eve@example.com", "Eve Evans", ""]);
    let payments = [stage.pays(Some(&known), None), stage.pays(Some(&new), None)];
    stage.until("both are told", |truth| truth.events.len() == 2).await;
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!(truth.purchase_discrepancies(), Vec::<String>::new());
    assert!(payments.iter().all(|id| truth.events.iter().filter(|event| event[1] == *id).count() == 1));
}

#[tokio::test]
async fn is_what_was_lost_while_the_engine_was_down_found_when_it_is_back() {
    let mut stage = deaf().await;
    stage.world.stop_engine().await.unwrap();
    stage.edit_contact("ann@example.com", &[("firstname", Some("Anna"))]);
    stage.customer(["eve@example.com", "Eve Evans", ""]);
    stage.start().await;
    stage.in_step(&["ann@example.com", "eve@example.com"]).await;
    stage.quiet().await;
}
