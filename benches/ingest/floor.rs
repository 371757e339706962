//! The physical floor: nothing but what cannot be left out.
//!
//! axum on one route; one HMAC over the body; an append to a file, which all requests that wait share, and `fdatasync`
//! before they are answered. End to end, also: the body is parsed for the values that the call needs, and one request
//! leaves through `reqwest`. It forgets, repeats and mistakes whatever there is to forget, repeat and mistake.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::load::SECRET;

#[derive(Clone)]
struct Floor {
    journal: mpsc::Sender<Entry>,
    call: Option<Call>,
}

type Entry = (Bytes, oneshot::Sender<()>);

/// Whom to call, and about which contact.
#[derive(Clone)]
struct Call {
    client: reqwest::Client,
    url: String,
    token: String,
    contact: String,
}

/// Runs until it is killed. `call`: where to send what a payment becomes, the token, and the contact.
pub(crate) fn main(directory: &str, call: &[&str]) {
    runner_http::install_tls();
    let call = match call {
        [url, token, contact] => Some(Call {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: (*url).to_owned(),
            token: format!("Bearer {token}"),
            contact: (*contact).to_owned(),
        }),
        _ => None,
    };
    let file = File::create(Path::new(directory).join("journal")).unwrap();
    let (journal, entries) = mpsc::channel(1024);
    std::thread::spawn(move || keep(file, entries));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let routes = Router::new().route("/webhooks/stripe", post(take)).with_state(Floor { journal, call });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        crate::program::announce(listener.local_addr().unwrap());
        axum::serve(listener, routes).await.unwrap();
    });
}

/// Group commit: whatever waits is written at once, and shares one sync.
fn keep(mut file: File, mut entries: mpsc::Receiver<Entry>) {
    while let Some(first) = entries.blocking_recv() {
        let mut group = vec![first];
        while let Ok(next) = entries.try_recv() {
            group.push(next);
        }
        let mut rows = Vec::new();
        for (body, _) in &group {
            rows.extend_from_slice(&(body.len() as u64).to_le_bytes());
            rows.extend_from_slice(body);
        }
        file.write_all(&rows).unwrap();
        file.sync_data().unwrap();
        for (_, durable) in group {
            // A sender that has gone needs no answer.
            let _ = durable.send(());
        }
    }
}

async fn take(State(floor): State<Floor>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_authentic(&headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let (durable, written) = oneshot::channel();
    floor.journal.send((body.clone(), durable)).await.unwrap();
    written.await.unwrap();
    if let Some(call) = floor.call {
        tokio::spawn(call.make(body));
    }
    StatusCode::OK
}

/// `t=<seconds>,v1=<hex of the HMAC of "<seconds>.<body>">` (Stripe docs, webhook signatures).
fn is_authentic(headers: &HeaderMap, body: &[u8]) -> bool {
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let parts = header.and_then(|text| text.strip_prefix("t=")?.split_once(",v1="));
    let Some((stamp, signature)) = parts else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    for part in [stamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    let digit = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
    let pair = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    let given: Option<Vec<u8>> = signature.as_bytes().chunks_exact(2).map(pair).collect();
    given.is_some_and(|given| mac.verify_slice(&given).is_ok())
}

#[derive(serde::Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(serde::Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: Payment<'a>,
}

#[derive(serde::Deserialize)]
struct Payment<'a> {
    id: &'a str,
    amount_received: i64,
    currency: &'a str,
}

impl Call {
    async fn make(self, body: Bytes) {
        let event: Event<'_> = serde_json::from_slice(&body).unwrap();
        let payment = event.data.object;
        let told = serde_json::json!({
            "eventName": "pe48807704_purchase", "objectId": self.contact, "uuid": payment.id,
            "properties": { "payment_id": payment.id,
                "amount": payment.amount_received.to_string(), "currency": payment.currency },
        });
        let request = self.client.post(&self.url).header("authorization", &self.token);
        let request = request.header("content-type", "application/json").body(told.to_string());
        assert!(request.send().await.unwrap().status().is_success());
    }
}
