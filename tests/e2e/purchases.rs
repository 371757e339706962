//! Each payment becomes one custom event on the right contact.

use serde_json::json;
use stage::Truth;

use crate::support::{Stage, stage, stage_with};

/// Waits for the event of a payment, and for a second one that must not come.
async fn told_once(stage: &Stage, payment: &str, email: &str) {
    let told = |truth: &Truth| truth.events.iter().any(|event| event[1] == payment);
    stage.until("the purchase is told", told).await;
    stage.quiet().await;
    let truth = stage.truth();
    let contact = truth.contact(email).unwrap().id.clone();
    let event = [contact, payment.to_owned(), "12.34".to_owned(), "usd".to_owned()];
    assert_eq!(truth.events, [event], "P8: one purchase, one event, on the right contact");
}

#[tokio::test]
async fn is_a_purchase_told_once_however_often_it_is_announced() {
    let stage = stage_with(|config| config.stripe.webhooks.duplicate_percent = 100).await;
    let customer = stage.customer(["buyer@example.com", "Bo Buyer", ""]);
    stage.in_step(&["buyer@example.com"]).await;
    // Besides the payment's own event, the charge's succeeds, too; both come twice.
    let payment = stage.pays(Some(&customer), None);
    told_once(&stage, &payment, "buyer@example.com").await;
}

#[tokio::test]
async fn is_a_charge_told_that_no_payment_intent_stands_behind() {
    let stage = stage().await;
    let customer = stage.customer(["buyer@example.com", "Bo Buyer", ""]);
    stage.in_step(&["buyer@example.com"]).await;
    let charge = |id: &str, paid: bool, captured: bool| {
        json!({
            "id": format!("evt_{id}"), "object": "event", "type": "charge.succeeded", "created": 1_700_000_000,
            "livemode": false, "request": { "id": null, "idempotency_key": null },
            "data": { "object": {
                "id": id, "object": "charge", "amount": 1234, "amount_captured": 1234, "currency": "usd",
                "customer": customer, "payment_intent": null, "paid": paid, "captured": captured,
            } },
        })
    };
    stage.post_as_stripe(&charge("ch_reserved", true, false)).await;
    stage.post_as_stripe(&charge("ch_legacy", true, true)).await;
    stage.post_as_stripe(&charge("ch_legacy", true, true)).await;
    told_once(&stage, "ch_legacy", "buyer@example.com").await;
}

#[tokio::test]
async fn does_a_purchase_that_comes_before_its_customer_wait_for_it() {
    let stage = stage().await;
    // Nothing tells of the customer but the payment.
    let (customer, payment) = stage.world.stripe.with(|s, now| {
        let url = s.config.webhooks.url.take();
        let customer = s.person_creates(now, Some("eager@example.com"), Some("Eager Buyer"), None);
        s.config.webhooks.url = url;
        let payment = s.pays(now, Some(&customer), None, (1234, "usd"));
        (customer, payment)
    });
    told_once(&stage, &payment, "eager@example.com").await;
    assert_eq!(stage.truth().customer("eager@example.com").unwrap().id, customer);
    assert!(stage.truth().is_in_step("eager@example.com"));
}

#[tokio::test]
async fn are_purchases_told_that_are_made_at_once_with_their_customer() {
    let stage = stage().await;
    for n in 0..5 {
        let customer = stage.customer([&format!("eager{n}@example.com"), "Eager Buyer", ""]);
        stage.pays(Some(&customer), None);
        stage.pays(Some(&customer), None);
    }
    let told = |truth: &Truth| truth.events.len() == 10;
    stage.until("ten purchases are told", told).await;
    stage.quiet().await;
    assert_eq!(stage.truth().purchase_discrepancies(), Vec::<String>::new());
}

#[tokio::test]
async fn does_a_guests_purchase_reach_the_contact_with_the_email_of_the_receipt() {
    let stage = stage().await;
    stage.contact(["guest@example.com", "Gus", "Guest", ""]);
    stage.in_step(&["guest@example.com"]).await;
    let payment = stage.pays(None, Some("Guest@Example.com"));
    told_once(&stage, &payment, "guest@example.com").await;
}

#[tokio::test]
async fn does_a_guests_purchase_wait_for_a_contact_with_the_email_of_the_receipt() {
    let stage = stage().await;
    let payment = stage.pays(None, Some("guest@example.com"));
    stage.contact(["somebody@example.com", "Some", "Body", ""]);
    stage.in_step(&["somebody@example.com"]).await;
    assert_eq!(stage.truth().events, Vec::<[String; 4]>::new());
    stage.contact(["guest@example.com", "Gus", "Guest", ""]);
    told_once(&stage, &payment, "guest@example.com").await;
}
