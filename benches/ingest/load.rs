//! Signed webhooks, and posting them over a number of connections at once.

use std::sync::Arc;
use std::sync::Mutex;

use connector_stripe::fake::sign;
use serde_json::{Value, json};
use sync_core::clock::{Clock, SystemClock};

/// Connections that post, each one webhook after the other.
pub(crate) const CONNECTIONS: usize = 32;
/// The emulated Stripe's own.
pub(crate) const SECRET: &str = "whsec_test_wane";

/// A webhook's body and its signature.
pub(crate) type Webhook = (String, String);

/// The `n`-th customer is created by somebody: about 1 KB, as Stripe tells it.
pub(crate) fn created(n: usize) -> Value {
    let customer = json!({
        "id": format!("cus_bench{n:07}"), "object": "customer", "address": null, "balance": 0, "currency": null,
        "created": now(), "default_source": null, "delinquent": false, "description": null, "discount": null,
        "email": format!("person{n}@example.com"), "invoice_prefix": "ABCDEF", "livemode": false,
        "invoice_settings": { "custom_fields": null, "default_payment_method": null, "footer": null,
            "rendering_options": null },
        "metadata": {}, "name": format!("Person Number{n}"), "next_invoice_sequence": 1, "phone": "+15550100",
        "preferred_locales": [], "shipping": null, "tax_exempt": "none", "test_clock": null
    });
    event(format!("evt_created{n}"), "customer.created", customer)
}

/// The `n`-th payment, made by this customer.
pub(crate) fn paid(n: usize, customer: &str) -> Value {
    let payment = json!({
        "id": format!("pi_bench{n:07}"), "object": "payment_intent", "amount": 1999, "amount_capturable": 0,
        "amount_received": 1999, "application": null, "automatic_payment_methods": null, "canceled_at": null,
        "capture_method": "automatic", "confirmation_method": "automatic", "created": now(), "currency": "eur",
        "customer": customer, "description": null, "invoice": null, "last_payment_error": null,
        "latest_charge": format!("ch_bench{n:07}"), "livemode": false, "metadata": {}, "next_action": null,
        "on_behalf_of": null, "payment_method": "pm_bench", "payment_method_types": ["card"],
        "processing": null, "receipt_email": null, "review": null, "setup_future_usage": null,
        "shipping": null, "statement_descriptor": null, "status": "succeeded", "transfer_data": null
    });
    event(format!("evt_paid{n}"), "payment_intent.succeeded", payment)
}

fn event(id: String, kind: &str, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": "2026-10-28.endive", "created": now(),
        "data": { "object": object }, "livemode": false, "pending_webhooks": 1,
        "request": { "id": "req_bench", "idempotency_key": "5e0c" }, "type": kind
    })
}

fn now() -> i64 {
    SystemClock.now().as_secs()
}

/// Signs an event as of now.
pub(crate) fn signed(event: &Value) -> Webhook {
    let body = event.to_string();
    let signature = sign(&[SECRET.to_owned()], SystemClock.now(), body.as_bytes());
    (body, signature)
}

/// Posts all of them and returns when all are answered, each with 200.
pub(crate) async fn post(url: &str, webhooks: Vec<Webhook>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let waiting = Arc::new(Mutex::new(webhooks.into_iter()));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (client, url, waiting) = (client.clone(), url.to_owned(), Arc::clone(&waiting));
        senders.spawn(async move {
            loop {
                let Some((body, signature)) = waiting.lock().unwrap().next() else { break };
                let request = client.post(&url).header("stripe-signature", signature).body(body);
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.bytes().await.unwrap();
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
}
