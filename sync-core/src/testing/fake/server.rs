//! An emulated system on a loopback address.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::FakeSystem;
use crate::clock::Clock;
use crate::http::{Request, Transport};

/// Largest request body an emulator accepts, in bytes.
const MAX_REQUEST: usize = 8 * 1024 * 1024;

/// A running emulator. Dropping it stops it and closes its port.
pub struct FakeServer<F> {
    shared: Arc<Shared<F>>,
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

struct Shared<F> {
    system: Mutex<F>,
    clock: Arc<dyn Clock>,
    /// Wakes the postman: something new may be due.
    changed: Notify,
}

impl<F> Shared<F> {
    fn lock(&self) -> MutexGuard<'_, F> {
        self.system.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: FakeSystem> FakeServer<F> {
    /// Serves `system` on a free loopback port and posts its webhooks through `transport`.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(
        system: F,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { system: Mutex::new(system), clock, changed: Notify::new() });
        let mut tasks = JoinSet::new();
        let router = axum::Router::new().fallback(answer::<F>).with_state(Arc::clone(&shared));
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "emulator stopped serving");
            }
        });
        tasks.spawn(post(Arc::clone(&shared), transport));
        Ok(Self { shared, address, _tasks: tasks })
    }

    /// Where it listens, as a base URL without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the system or acts on it, as a scripted person does; the closure gets the system and its time.
    pub fn with<R>(&self, act: impl FnOnce(&mut F, crate::model::Timestamp) -> R) -> R {
        let now = self.shared.clock.now();
        let result = act(&mut self.shared.lock(), now);
        self.shared.changed.notify_one();
        result
    }
}

async fn answer<F: FakeSystem>(
    State(shared): State<Arc<Shared<F>>>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST).await else {
        return http::StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = Request::from_parts(parts, body);
    let reply = shared.lock().handle(shared.clock.now(), &request);
    shared.changed.notify_one();
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    match reply.response {
        Some(response) => response.map(Body::from),
        None => broken(),
    }
}

/// A response whose promised body never comes: the client sees the connection break.
fn broken() -> axum::response::Response {
    let mut response = axum::response::Response::new(Body::empty());
    response.headers_mut().insert(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("1"));
    response
}

async fn post<F: FakeSystem>(shared: Arc<Shared<F>>, transport: Arc<dyn Transport>) {
    let mut under_way = JoinSet::new();
    loop {
        let (postings, next) = {
            let mut system = shared.lock();
            (system.due(shared.clock.now()), system.next_due())
        };
        for posting in postings {
            let (shared, transport) = (Arc::clone(&shared), Arc::clone(&transport));
            under_way.spawn(async move {
                let answer = transport.send(posting.request.map(Bytes::from)).await;
                let status = answer.ok().map(|r| r.status().as_u16());
                shared.lock().delivered(shared.clock.now(), posting.id, status);
                shared.changed.notify_one();
            });
        }
        let wait = next.map_or(Duration::from_secs(3600), |at| at.since(shared.clock.now()));
        tokio::select! {
            () = shared.changed.notified() => {}
            () = tokio::time::sleep(wait) => {}
            Some(_) = under_way.join_next() => {}
        }
    }
}
