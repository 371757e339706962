//! The way webhooks go, with a counter in it.

use std::sync::Arc;

use async_trait::async_trait;
use sync_core::http::{Request, Response, Transport, TransportError};
use tokio::sync::watch;

/// What the systems have posted to the engine so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Posted {
    /// Deliveries, repeated ones included.
    pub deliveries: usize,
    /// Deliveries answered with success.
    pub acknowledged: usize,
    /// Events in the acknowledged deliveries.
    pub events: usize,
}

/// Counts what passes.
pub(crate) struct PostOffice {
    onward: Arc<dyn Transport>,
    posted: watch::Sender<Posted>,
}

impl PostOffice {
    pub(crate) fn new(onward: Arc<dyn Transport>) -> (Arc<Self>, watch::Receiver<Posted>) {
        let (sender, posted) = watch::channel(Posted::default());
        (Arc::new(Self { onward, posted: sender }), posted)
    }
}

#[async_trait]
impl Transport for PostOffice {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let events = events_in(request.body());
        let answer = self.onward.send(request).await;
        let taken = answer.as_ref().is_ok_and(|response| response.status().is_success());
        self.posted.send_modify(|posted| {
            posted.deliveries += 1;
            posted.acknowledged += usize::from(taken);
            posted.events += if taken { events } else { 0 };
        });
        answer
    }
}

/// HubSpot posts lists of events, Stripe one event.
fn events_in(body: &[u8]) -> usize {
    match serde_json::from_slice(body) {
        Ok(serde_json::Value::Array(events)) => events.len(),
        _ => 1,
    }
}
