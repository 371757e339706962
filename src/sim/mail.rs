//! Carrying webhooks from the systems to the engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sync_core::AcceptError;
use sync_core::clock::Clock;
use sync_core::connector::Connector;
use sync_core::http::Request;
use sync_core::model::Side;
use sync_core::testing::fake::Posting;

use super::wire::{Emulator, Wire, lock};
use super::world::World;

/// Carries the webhooks of one system, until the world ends.
pub(super) async fn carry<F: Emulator>(world: Arc<World>, side: Side, wire: Arc<Wire<F>>) {
    loop {
        let now = wire.clock.now();
        let (postings, next) = wire.with(|system, now| (system.due(now), system.next_due()));
        // Looking is no change.
        wire.changed.notified().await;
        for posting in postings {
            world.posting.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(deliver(Arc::clone(&world), side, Arc::clone(&wire), posting));
        }
        let wait = next.map_or(Duration::from_secs(3600), |at| at.since(now));
        tokio::select! {
            biased;
            () = wire.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn deliver<F: Emulator>(world: Arc<World>, side: Side, wire: Arc<Wire<F>>, posting: Posting) {
    tokio::time::sleep(wire.delay("webhook there", posting.id)).await;
    let status = world.hand_over(side, posting.request).await;
    tokio::time::sleep(wire.delay("webhook back", posting.id)).await;
    wire.with(|system, now| system.delivered(now, posting.id, status));
    world.posting.fetch_sub(1, Ordering::Relaxed);
}

impl World {
    /// Gives a webhook to the engine, if there is one. Gives the status it answers.
    pub(super) async fn hand_over(&self, side: Side, request: Request) -> Option<u16> {
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let engine = lock(&self.engine).clone();
        let Some(engine) = engine else {
            self.trace.note(format!("webhook {side} finds nobody"));
            return None;
        };
        lock(&self.deliveries).all.push((side, request.clone()));
        let events = self.events(side, &request);
        let mut lives = self.lives.subscribe();
        lives.mark_unchanged();
        let accepted = tokio::select! {
            biased;
            _ = lives.changed() => None,
            accepted = engine.accept(side, &request) => Some(accepted),
        };
        let status = {
            let mut deliveries = lock(&self.deliveries);
            match accepted {
                Some(Ok(count)) => {
                    deliveries.acknowledged += count as u64;
                    Some(200)
                }
                Some(Err(AcceptError::Rejected(rejection))) => {
                    if !self.engine_clock.is_wrong() {
                        deliveries.rejected.push(rejection.to_string());
                    }
                    Some(401)
                }
                Some(Err(AcceptError::Store(_))) => {
                    deliveries.interrupted += events;
                    Some(503)
                }
                None => {
                    deliveries.interrupted += events;
                    None
                }
            }
        };
        self.trace.note(format!("webhook {side} {body} -> {status:?}"));
        status
    }

    fn events(&self, side: Side, request: &Request) -> u64 {
        let now = self.engine_clock.now();
        let decoded = match side {
            Side::Left => self.connectors.0.decode(request, now),
            Side::Right => self.connectors.1.decode(request, now),
        };
        decoded.map_or(0, |news| news.len() as u64)
    }
}
