//! The way of a webhook into the store, and nothing behind it: nobody takes in what arrives.

use std::path::Path;
use std::sync::Arc;

use connector_hubspot::{HubSpot, HubSpotConfig};
use connector_stripe::{Stripe, StripeConfig};
use sync_core::Engine;
use sync_core::http::ReqwestTransport;
use sync_core::model::Entity;
use sync_core::stores::RedbStore;
use tokio::net::TcpListener;

use crate::PATIENCE;
use crate::load::SECRET;

/// Runs until it is killed.
pub(crate) fn main(directory: &str) {
    runner_http::install_tls();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        // Nobody is called.
        let transport = Arc::new(ReqwestTransport::new(PATIENCE).unwrap());
        let hubspot = HubSpotConfig::new("http://127.0.0.1:1", "nobody", 1, 1);
        let stripe = StripeConfig::new("http://127.0.0.1:1", "sk_test_nobody".into(), vec![SECRET.into()]);
        let engine = Engine::builder(Entity::person())
            .left(HubSpot::new(hubspot, transport.clone()).unwrap(), connector_hubspot::mapping())
            .right(Stripe::new(stripe, transport).unwrap(), connector_stripe::mapping())
            .store(RedbStore::open(Path::new(directory)).unwrap())
            .build()
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        crate::program::announce(listener.local_addr().unwrap());
        axum::serve(listener, runner_http::webhooks::routes(engine)).await.unwrap();
    });
}
