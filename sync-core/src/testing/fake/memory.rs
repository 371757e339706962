//! Speaking to an emulated system without a socket.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::FakeSystem;
use crate::clock::Clock;
use crate::http::{Request, Response, Transport, TransportError};

/// A [`Transport`] straight into a [`FakeSystem`]. Delays pass in tokio's time, so they are free when it is paused.
pub struct InMemory<F> {
    system: Arc<Mutex<F>>,
    clock: Arc<dyn Clock>,
}

impl<F: FakeSystem> InMemory<F> {
    /// Speaks to `system`, whose clock is `clock`.
    pub fn new(system: Arc<Mutex<F>>, clock: Arc<dyn Clock>) -> Self {
        Self { system, clock }
    }
}

#[async_trait]
impl<F: FakeSystem> Transport for InMemory<F> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let reply = {
            let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
            system.handle(self.clock.now(), &request)
        };
        tokio::time::sleep(reply.delay).await;
        reply.response.ok_or_else(|| TransportError::NoAnswer("connection closed".to_owned()))
    }
}
