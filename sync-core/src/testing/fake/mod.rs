//! What every emulated system has in common.
//!
//! An emulator is a state machine that knows nothing of sockets or time: [`FakeSystem`]. [`FakeServer`] puts one on a
//! loopback address and posts its webhooks; [`InMemory`] speaks to one without a socket.

mod log;
mod memory;
mod server;

use std::time::Duration;

pub use log::{Actor, Call, CallLog, Change, OracleLog, What};
pub use memory::InMemory;
pub use server::FakeServer;

use crate::http::{Request, Response};
use crate::model::Timestamp;

/// An emulated system: pure state, driven with explicit time.
pub trait FakeSystem: Send + 'static {
    /// Answers one request.
    fn handle(&mut self, now: Timestamp, request: &Request) -> Reply;

    /// Takes the webhooks whose time has come. Each must later be reported with [`FakeSystem::delivered`].
    fn due(&mut self, now: Timestamp) -> Vec<Posting>;

    /// When [`FakeSystem::due`] next has something, if anything is waiting.
    fn next_due(&self) -> Option<Timestamp>;

    /// Reports how a posting went: the status, or `None` when there was no answer.
    fn delivered(&mut self, now: Timestamp, posting: u64, status: Option<u16>);
}

/// How a request is answered.
#[derive(Debug)]
pub struct Reply {
    /// The response; `None` closes the connection without one (after whatever effect the request had).
    pub response: Option<Response>,
    /// How long the far side takes to answer.
    pub delay: Duration,
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self { response: Some(response), delay: Duration::ZERO }
    }
}

/// A webhook to be posted: a signed request whose URI is absolute.
#[derive(Debug, Clone)]
pub struct Posting {
    /// Names it in [`FakeSystem::delivered`].
    pub id: u64,
    /// The request.
    pub request: Request,
}

/// A planned misbehaviour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answer with this status before anything happens, and `Retry-After` in seconds if given.
    Refuse(u16, Option<u64>),
    /// Apply the request, then answer with this status instead of the true answer.
    FailAfter(u16),
    /// Apply the request, then close the connection without an answer.
    LoseAnswer,
    /// Close the connection before anything happens.
    Drop,
    /// Apply the request and answer after this long.
    Slow(Duration),
}

/// A queue of planned misbehaviours, each for requests whose method and path match.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Vec<FaultRule>,
}

#[derive(Debug, Clone)]
struct FaultRule {
    method: Option<http::Method>,
    path_prefix: String,
    times: u32,
    fault: Fault,
}

impl Faults {
    /// The next `times` requests with this method (`None`: any) and path prefix, after letting `skip` of them pass,
    /// meet `fault`.
    pub fn plan(&mut self, method: Option<http::Method>, path_prefix: &str, times: u32, fault: Fault) {
        self.rules.push(FaultRule { method, path_prefix: path_prefix.to_owned(), times, fault });
    }

    /// Forgets all plans.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The misbehaviour this request meets, if any.
    pub fn take(&mut self, request: &Request) -> Option<Fault> {
        let path = request.uri().path();
        let position = self.rules.iter().position(|r| {
            r.method.as_ref().is_none_or(|m| m == request.method()) && path.starts_with(&r.path_prefix)
        })?;
        let rule = &mut self.rules[position];
        let fault = rule.fault.clone();
        rule.times = rule.times.saturating_sub(1);
        if rule.times == 0 {
            self.rules.remove(position);
        }
        Some(fault)
    }
}
