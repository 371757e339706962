//! The network between the engine and one system.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sync_core::clock::{Clock, TokioClock};
use sync_core::http::{Request, Response, Transport, TransportError};
use sync_core::model::Timestamp;
use sync_core::testing::fake::{Actor, Change, FakeSystem, OracleLog, Reply, What};
use tokio::sync::{Notify, oneshot};

use super::chance::millis;
use super::trace::Trace;

/// A record, and the properties that a request wants to set.
pub(super) type Update = (String, Vec<String>);

/// What the simulator needs to know of an emulated system.
pub(super) trait Emulator: FakeSystem {
    /// Its name.
    const NAME: &'static str;
    /// What really happened.
    fn oracle(&self) -> &OracleLog;
    /// What a request wants to change of records that exist.
    fn updated(request: &Request) -> Vec<Update>;
}

/// An outage, and the calls that ran into it.
struct Dark {
    until: Timestamp,
    calls: Vec<Timestamp>,
}

/// An emulated system, and the way to it.
pub(super) struct Wire<F> {
    system: Mutex<F>,
    pub(super) clock: TokioClock,
    /// Something may be due.
    pub(super) changed: Notify,
    trace: Arc<Trace>,
    seed: u64,
    longest_ms: u64,
    calls: AtomicU64,
    dark: Mutex<Dark>,
    /// When calls arrived whose answers nobody waited for.
    unheard: Mutex<Vec<Timestamp>>,
    /// Writes that changed nothing although only we had written what they found (P7).
    idle: Mutex<Vec<String>>,
}

impl<F: Emulator> Wire<F> {
    pub(super) fn new(
        system: F,
        clock: TokioClock,
        trace: Arc<Trace>,
        (seed, longest_ms): (u64, u64),
    ) -> Self {
        let dark = Mutex::new(Dark { until: clock.now(), calls: Vec::new() });
        let (changed, calls) = (Notify::new(), AtomicU64::new(0));
        let (unheard, idle) = (Mutex::default(), Mutex::default());
        Self {
            system: Mutex::new(system),
            clock,
            changed,
            trace,
            seed,
            longest_ms,
            calls,
            dark,
            unheard,
            idle,
        }
    }

    /// Looks at the system or acts on it.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut F, Timestamp) -> R) -> R {
        let result = act(&mut lock(&self.system), self.clock.now());
        self.changed.notify_one();
        result
    }

    /// From now on nothing is done and every call is answered with 503, for so long.
    pub(super) fn go_dark(&self, outage: Duration) {
        let mut dark = lock(&self.dark);
        dark.until = dark.until.max(self.clock.now().plus(outage));
    }

    /// How long the outage lasts still.
    pub(super) fn dark_for(&self) -> Duration {
        lock(&self.dark).until.since(self.clock.now())
    }

    /// When calls ran into an outage.
    pub(super) fn dark_calls(&self) -> Vec<Timestamp> {
        lock(&self.dark).calls.clone()
    }

    /// When calls arrived whose answers nobody waited for.
    pub(super) fn unheard(&self) -> Vec<Timestamp> {
        lock(&self.unheard).clone()
    }

    /// Half the network's time, different for each call and each way.
    pub(super) fn delay(&self, purpose: &str, number: u64) -> Duration {
        millis(self.seed, &format!("{} {purpose}", F::NAME), number, self.longest_ms)
    }

    /// Updates that found their values in place already, where nobody else could have put them.
    pub(super) fn idle_writes(&self) -> Vec<String> {
        lock(&self.idle).clone()
    }

    fn arrive(&self, request: &Request) -> Reply {
        let dark = self.is_dark();
        let reply = dark.map_or_else(|| self.handle(request), Reply::from);
        let answer =
            reply.response.as_ref().map_or("nothing".to_owned(), |r| r.status().as_u16().to_string());
        let body = String::from_utf8_lossy(request.body());
        let (method, uri) = (request.method(), request.uri());
        self.trace.note(format!("{:7} {method} {uri} {body} -> {answer}", F::NAME));
        reply
    }

    fn is_dark(&self) -> Option<Response> {
        let (mut dark, now) = (lock(&self.dark), self.clock.now());
        if now >= dark.until {
            return None;
        }
        dark.calls.push(now);
        let mut response = Response::new(bytes::Bytes::new());
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        Some(response)
    }

    fn handle(&self, request: &Request) -> Reply {
        let wanted = F::updated(request);
        self.with(|system, now| {
            let before = system.oracle().changes().len();
            let reply = system.handle(now, request);
            let status = reply.response.as_ref().map(|r| r.status().as_u16());
            let applied = status.is_some_and(|s| s < 300);
            for update in wanted.iter().filter(|_| applied) {
                self.check_idle(system, before, update);
            }
            reply
        })
    }

    fn check_idle(&self, system: &F, before: usize, (record, names): &Update) {
        let changes = system.oracle().changes();
        // Not only those of this record: what is asked of a merged one happens to another, and so did what was done to it.
        if changes.len() > before || changes.iter().any(|c| c.what == What::Merged) {
            return;
        }
        let by_us = |name: &String| {
            let sets = |c: &&Change| c.record == *record && c.properties.contains_key(name);
            changes.iter().rev().find(sets).is_some_and(|c| matches!(c.actor, Actor::Api(_)))
        };
        if names.iter().all(by_us) {
            self.trace.note(format!("{:7} !! this write changed nothing", F::NAME));
            lock(&self.idle).push(format!("{} {record}", F::NAME));
        }
    }
}

/// The engine's end of a [`Wire`].
pub(super) struct Line<F>(pub(super) Arc<Wire<F>>);

#[async_trait]
impl<F: Emulator> Transport for Line<F> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let number = self.0.calls.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let wire = Arc::clone(&self.0);
        // What has left arrives, whatever becomes of the caller.
        tokio::spawn(async move {
            tokio::time::sleep(wire.delay("there", number)).await;
            let (arrived, reply) = (wire.clock.now(), wire.arrive(&request));
            tokio::time::sleep(reply.delay + wire.delay("back", number)).await;
            if answer.send(reply.response).is_err() {
                lock(&wire.unheard).push(arrived);
            }
        });
        let lost = || TransportError::NoAnswer("connection closed".to_owned());
        answered.await.ok().flatten().ok_or_else(lost)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
