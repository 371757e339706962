//! Refusals, lost answers, crashes.

use std::time::Duration;

use sync_core::model::entity::LAST_NAME;
use sync_core::testing::fake::{Actor, Fault, What};

use crate::support::{stage, stage_with, true_limits};

/// There is no such top-level domain.
const INVALID: &str = "bcooper@example.con";

#[tokio::test]
async fn does_one_invalid_contact_leave_the_rest_of_its_batch_alone() {
    let stage = stage_with(|config| {
        true_limits(config);
        config.hubspot.legacy_batches = true;
    })
    .await;
    let emails: Vec<String> = (0..20).map(|n| format!("batch{n}@example.com")).collect();
    for (n, email) in emails.iter().enumerate() {
        stage.customer([email, &format!("Batch {n}"), ""]);
        if n == 7 {
            stage.customer([INVALID, "Bad Cooper", ""]);
        }
    }
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    stage.in_step(&emails).await;
    let letters = stage.dead_letters().await;
    assert!(letters.contains("INVALID_EMAIL"), "set aside without the vendor's reason: {letters}");
    for part in ["bcooper", "Cooper", "example.con"] {
        assert!(!letters.contains(part), "P13: the reason quotes {part:?}");
    }
    stage.quiet().await;
    assert_eq!(stage.truth().discrepancies(&[INVALID]), Vec::<String>::new());
    let most = stage.hubspot(|h, _| h.calls().most_in_any(Duration::from_secs(1)));
    assert!(most <= 15, "P9: {most} calls within one second");

    // It is tried again when it changes.
    stage.edit_customer(INVALID, &[("email", Some("bcooper@example.com"))]);
    stage.in_step(&["bcooper@example.com"]).await;
    stage.quiet().await;
    assert_eq!(stage.truth().discrepancies(&[]), Vec::<String>::new());
}

#[tokio::test]
async fn is_nothing_lost_or_doubled_in_bad_weather() {
    let stage = stage_with(true_limits).await;
    for fault in [Fault::LoseAnswer, Fault::FailAfter(502), Fault::Refuse(503, None), Fault::Drop] {
        let post = || Some(http::Method::POST);
        stage.hubspot(|h, _| h.faults.plan(post(), "/crm/v3/objects/contacts", 1, fault.clone()));
        stage.world.stripe.with(|s, _| s.faults.plan(post(), "/v1/customers", 1, fault));
    }
    let emails: Vec<String> = (0..12).map(|n| format!("storm{n}@example.com")).collect();
    for (n, email) in emails.iter().enumerate() {
        match n % 2 {
            0 => drop(stage.contact([email, "Storm", &n.to_string(), ""])),
            _ => drop(stage.customer([email, &format!("Storm {n}"), ""])),
        }
    }
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    stage.in_step(&emails).await;
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!((truth.contacts.len(), truth.customers.len()), (12, 12), "P3");
    let created =
        |c: &&sync_core::testing::fake::Change| c.what == What::Created && matches!(c.actor, Actor::Api(_));
    assert_eq!(truth.stripe.iter().filter(created).count(), 6, "P3: not even for a moment");
    assert_eq!(truth.hubspot.iter().filter(created).count(), 6, "P3: not even for a moment");
}

#[tokio::test]
async fn does_a_crash_in_the_middle_of_work_lose_and_double_nothing() {
    let mut stage = stage_with(|config| {
        config.stripe.response_time = Duration::from_millis(40);
        config.hubspot.response_time = Duration::from_millis(40);
    })
    .await;
    stage.contact(["old@example.com", "Old", "Hand", ""]);
    stage.in_step(&["old@example.com"]).await;
    for n in 0..30 {
        stage.contact([&format!("crash{n}@example.com"), "Crash", &n.to_string(), ""]);
        let customer = stage.customer([&format!("buyer{n}@example.com"), &format!("Crash Buyer {n}"), ""]);
        stage.pays(Some(&customer), None);
    }
    stage.until("some of the work is done", |truth| truth.customers.len() > 40).await;
    stage.world.kill_engine().await.unwrap();
    stage.edit_contact("old@example.com", &[("lastname", Some("Edited while it was down"))]);
    stage.restart().await;
    stage
        .until("all of the work is done", |truth| {
            let old = truth.customer("old@example.com").unwrap();
            truth.discrepancies(&[]).is_empty()
                && truth.purchase_discrepancies().is_empty()
                && old.text(&LAST_NAME) == "Edited while it was down"
        })
        .await;
    stage.quiet().await;
    let truth = stage.truth();
    assert_eq!((truth.contacts.len(), truth.customers.len(), truth.events.len()), (61, 61, 30), "P3, P8");
    assert_eq!(truth.discrepancies(&[]), Vec::<String>::new());
}

#[tokio::test]
async fn does_an_orderly_restart_with_nothing_to_do_write_nothing() {
    let mut stage = stage().await;
    stage.contact(["ann@example.com", "Ann", "Smith", ""]);
    stage.in_step(&["ann@example.com"]).await;
    stage.quiet().await;
    let before = stage.writes();
    stage.world.stop_engine().await.unwrap();
    stage.start().await;
    stage.quiet().await;
    assert_eq!(stage.writes(), before);
}
