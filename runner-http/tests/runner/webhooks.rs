//! How are webhooks answered?

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use runner_http::webhooks::routes;
use sync_core::http::Transport;
use sync_core::model::Timestamp;
use sync_core::store::{Batch, Rows, Store, StoreError, Table};
use sync_core::stores::MemoryStore;

use crate::support::*;

const HUBSPOT: &str = "/webhooks/hubspot";
const LIMIT: usize = 1024 * 1024;

#[tokio::test]
async fn is_a_webhook_stored_when_it_is_answered_with_200() {
    let store = MemoryStore::new();
    let to = serve_routes(routes(engine(store.clone()).await)).await;
    for (stored, webhook) in [
        (1, from_hubspot(now(), HUBSPOT, contact_created(1))),
        (2, from_stripe(now(), r#"{"id":"evt_1","object":"event","type":"customer.created"}"#)),
    ] {
        assert_eq!(deliver(to, webhook).await.status(), 200);
        assert_eq!(store.scan(Table::Inbox, b"", 10).await.unwrap().len(), stored);
    }
}

#[tokio::test]
async fn is_hubspots_signature_checked_for_the_public_address_and_the_query() {
    let to = serve_routes(routes(engine(MemoryStore::new()).await)).await;
    let path = "/webhooks/hubspot?tenant=a%40b";
    assert_eq!(deliver(to, from_hubspot(now(), path, contact_created(1))).await.status(), 200);
    let mut elsewhere = from_hubspot(now(), path, contact_created(1));
    *elsewhere.uri_mut() = HUBSPOT.parse().unwrap();
    assert_eq!(deliver(to, elsewhere).await.status(), 401);
}

#[tokio::test]
async fn is_a_webhook_that_proves_nothing_refused_and_not_stored() {
    let store = MemoryStore::new();
    let to = serve_routes(routes(engine(store.clone()).await)).await;
    let body = contact_created(1);
    let (past, future) = (
        Timestamp::from_millis(now().as_millis() - 301_000),
        Timestamp::from_millis(now().as_millis() + 600_000),
    );
    let forged = |mut webhook: sync_core::http::Request| {
        *webhook.body_mut() = Bytes::from(contact_created(2));
        webhook
    };
    let webhooks = [
        ("hubspot unsigned", request("POST", &format!("{PUBLIC_URL}{HUBSPOT}"), body.clone())),
        ("hubspot forged", forged(from_hubspot(now(), HUBSPOT, body.clone()))),
        ("hubspot old", from_hubspot(past, HUBSPOT, body.clone())),
        ("hubspot from the future", from_hubspot(future, HUBSPOT, body.clone())),
        ("stripe unsigned", request("POST", &format!("{PUBLIC_URL}/webhooks/stripe"), body.clone())),
        ("stripe forged", forged(from_stripe(now(), &body))),
        ("stripe old", from_stripe(past, &body)),
        ("stripe from the future", from_stripe(future, &body)),
    ];
    for (name, webhook) in webhooks {
        assert_eq!(deliver(to, webhook).await.status(), 401, "{name}");
    }
    assert!(store.scan(Table::Inbox, b"", 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn is_a_body_of_one_mebibyte_taken_and_one_byte_more_refused() {
    let to = serve_routes(routes(engine(MemoryStore::new()).await)).await;
    let full = from_hubspot(now(), HUBSPOT, vec![b' '; LIMIT]);
    assert_eq!(deliver(to, full).await.status(), 200);
    let over = from_hubspot(now(), HUBSPOT, vec![b' '; LIMIT + 1]);
    assert_eq!(deliver(to, over).await.status(), 413);
}

#[tokio::test]
async fn are_other_paths_and_methods_refused() {
    let to = serve_routes(routes(engine(MemoryStore::new()).await)).await;
    let ask = async |method, path| {
        let request = request(method, &format!("http://{to}{path}"), "");
        client().send(request).await.unwrap().status()
    };
    for path in ["/", "/webhooks", "/webhooks/other", "/webhooks/hubspot/", "/healthz", "/api/status"] {
        assert_eq!(ask("POST", path).await, 404, "{path}");
    }
    for path in [HUBSPOT, "/webhooks/stripe"] {
        assert_eq!(ask("GET", path).await, 405, "{path}");
        assert_eq!(ask("PUT", path).await, 405, "{path}");
    }
}

#[tokio::test]
async fn is_the_sender_asked_to_come_back_while_the_store_fails() {
    let store = Failing::default();
    let to = serve_routes(routes(engine(store.clone()).await)).await;
    store.failing.store(true, Ordering::Relaxed);
    let answer = deliver(to, from_hubspot(now(), HUBSPOT, contact_created(1))).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "5");
    store.failing.store(false, Ordering::Relaxed);
    assert_eq!(deliver(to, from_hubspot(now(), HUBSPOT, contact_created(1))).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn is_a_body_that_never_ends_given_up() {
    let service = TowerToHyperService::new(routes(engine(MemoryStore::new()).await));
    let request = http::Request::post(HUBSPOT).body(Body::new(Endless)).unwrap();
    let started = tokio::time::Instant::now();
    assert_eq!(service.call(request).await.unwrap().status(), 408);
    assert_eq!(started.elapsed().as_secs(), 10);
}

/// A store whose commits fail while `failing`.
#[derive(Clone, Default)]
pub(crate) struct Failing {
    inner: MemoryStore,
    pub(crate) failing: Arc<AtomicBool>,
}

impl Failing {
    fn check(&self) -> Result<(), StoreError> {
        match self.failing.load(Ordering::Relaxed) {
            true => Err(StoreError::Unavailable("disk full".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.check()?;
        self.inner.get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.check()?;
        self.inner.scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.check()?;
        self.inner.commit(batch).await
    }
}

/// A body that has begun and never goes on.
struct Endless;

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}
