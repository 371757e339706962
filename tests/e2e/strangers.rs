//! News that is old, or none of our business.

use serde_json::{Value, json};
use sync_core::http::Request;
use sync_core::model::entity::PHONE;
use sync_core::testing::fake::{Actor, What};

use crate::support::{Stage, stage, transport};

/// Everything anybody can see, to be compared.
fn everything(stage: &Stage) -> (usize, usize, usize, usize) {
    let truth = stage.truth();
    (stage.writes(), truth.hubspot.len(), truth.stripe.len(), truth.events.len())
}

#[tokio::test]
async fn do_events_of_another_portal_or_mode_change_nothing() {
    let stage = stage().await;
    let contact = stage.contact(["ann@example.com", "Ann", "Smith", "+15550100"]);
    stage.in_step(&["ann@example.com"]).await;
    stage.quiet().await;
    let before = everything(&stage);
    let (portal, app) = stage.hubspot(|h, _| (h.config.portal_id, h.config.app_id));
    let id: i64 = contact.as_str().parse().unwrap();
    let event = |kind: &str| {
        json!({
            "eventId": 1, "subscriptionId": 1, "portalId": portal + 1, "appId": app, "attemptNumber": 0,
            "occurredAt": 4_000_000_000_000_i64, "subscriptionType": kind, "objectId": id, "changeSource": "CRM_UI",
            "propertyName": "phone", "propertyValue": "+666",
        })
    };
    stage.post_as_hubspot(json!([event("contact.propertyChange"), event("contact.deletion")])).await;
    let customer = stage.truth().customer("ann@example.com").unwrap().id.clone();
    for (kind, livemode) in [("customer.updated", true), ("customer.deleted", true), ("invoice.paid", false)]
    {
        let event = json!({
            "id": format!("evt_{kind}"), "object": "event", "type": kind, "created": 1_900_000_000,
            "livemode": livemode, "request": { "id": null, "idempotency_key": null },
            "data": {
                "object": { "id": customer, "object": "customer", "phone": "+666", "metadata": {} },
                "previous_attributes": { "phone": "+15550100" },
            },
        });
        stage.post_as_stripe(&event).await;
    }
    stage.hubspot(|h, now| h.test_button(now));
    stage.quiet().await;
    assert_eq!(everything(&stage), before);
    // And it did not lead the engine to believe anything, either.
    stage.edit_contact("ann@example.com", &[("phone", Some("+15550101"))]);
    let truth = stage.in_step(&["ann@example.com"]).await;
    assert_eq!(truth.customer("ann@example.com").unwrap().text(&PHONE), "+15550101");
}

#[tokio::test]
async fn does_a_replay_of_every_webhook_change_nothing() {
    let stage = stage().await;
    stage.contact(["ann@example.com", "Ann", "Smith", "+15550100"]);
    let customer = stage.customer(["bob@example.com", "Bob Jones", ""]);
    stage.in_step(&["ann@example.com", "bob@example.com"]).await;
    stage.edit_contact("ann@example.com", &[("phone", Some("+15550101"))]);
    stage.edit_contact("bob@example.com", &[("lastname", None)]);
    stage.in_step(&["ann@example.com", "bob@example.com"]).await;
    stage.edit_contact("ann@example.com", &[("phone", Some("+15550102"))]);
    stage.edit_customer("bob@example.com", &[("phone", Some("+15550103"))]);
    stage.pays(Some(&customer), None);
    stage.in_step(&["ann@example.com", "bob@example.com"]).await;
    stage.until("the purchase", |truth| truth.events.len() == 1).await;
    stage.quiet().await;
    let before = everything(&stage);
    let (contacts, events) = (told_by_hubspot(&stage), told_by_stripe(&stage).await);
    assert!(contacts.len() > 8 && events.len() > 6, "{} and {}", contacts.len(), events.len());
    // Backwards, and then in the order in which it was.
    for round in 0..2 {
        for n in 0..contacts.len() {
            let n = if round == 0 { contacts.len() - 1 - n } else { n };
            stage.post_as_hubspot(json!([contacts[n]])).await;
        }
        // Stripe lists its newest event first.
        for n in 0..events.len() {
            let n = if round == 0 { n } else { events.len() - 1 - n };
            stage.post_as_stripe(&events[n]).await;
        }
        stage.quiet().await;
        assert_eq!(everything(&stage), before, "P2");
    }
}

/// Every event HubSpot has told of, made again from what happened there.
fn told_by_hubspot(stage: &Stage) -> Vec<Value> {
    let (portal, app) = stage.hubspot(|h, _| (h.config.portal_id, h.config.app_id));
    let mut events = Vec::new();
    for change in stage.truth().hubspot.iter().filter(|c| c.what != What::Happened) {
        let source = match &change.actor {
            Actor::Api(id) => json!({ "changeSource": "INTEGRATION", "sourceId": id }),
            _ => json!({ "changeSource": "CRM_UI", "sourceId": "userId:1" }),
        };
        let mut tell = |kind: &str, more: Value| {
            let mut event = json!({
                "eventId": events.len(), "subscriptionId": 1, "portalId": portal, "appId": app, "attemptNumber": 0,
                "occurredAt": change.at.as_millis(), "subscriptionType": kind,
                "objectId": change.record.parse::<i64>().unwrap(),
            });
            for part in [&source, &more] {
                event.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            }
            events.push(event);
        };
        if change.what == What::Created {
            tell("contact.creation", json!({ "changeFlag": "CREATED" }));
        }
        for (name, value) in &change.properties {
            let value = value.as_deref().unwrap_or("");
            tell("contact.propertyChange", json!({ "propertyName": name, "propertyValue": value }));
        }
    }
    events
}

/// Every event Stripe has told of, newest first.
async fn told_by_stripe(stage: &Stage) -> Vec<Value> {
    let key = stage.world.stripe.with(|s, _| s.config.api_key.clone());
    let mut request = Request::default();
    *request.uri_mut() = format!("{}/v1/events?limit=100", stage.world.stripe.base_url()).parse().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    let response = transport().send(request).await.unwrap();
    let list: Value = serde_json::from_slice(response.body()).unwrap();
    list["data"].as_array().unwrap().clone()
}
