//! An emulator of Stripe: customers, events, webhooks, payments; its rules, its limits and its bad days.
//!
//! [`FakeStripe`] is a state machine without sockets or time of its own; drive it with
//! [`FakeServer`](sync_core::testing::fake::FakeServer) or [`InMemory`](sync_core::testing::fake::InMemory).
//!
//! | module | what |
//! |---|---|
//! | `api` | endpoints: credentials, limits, routing, and the changes they make |
//! | `people` | what people do without the API: create, edit, delete, pay |
//! | `customers`, `list`, `search` | the records, and the two ways to find them |
//! | `events`, `webhooks` | what is told of a change, and how it is delivered |
//! | `idempotency`, `limiter` | repeated and too many requests |
//! | `params`, `answer`, `chance` | forms, errors, repeatable chance |

mod answer;
mod api;
mod chance;
mod config;
mod customers;
mod events;
mod idempotency;
mod limiter;
mod list;
mod params;
mod people;
mod search;
mod webhooks;

use std::time::Duration;

use http::Method;
use sync_core::http::Request;
use sync_core::model::Timestamp;
use sync_core::testing::fake::{Actor, Call, CallLog, FakeSystem, Fault, Faults, OracleLog, Posting, Reply};

use answer::{Answer, Problem};
use api::Caller;
pub use config::{FakeConfig, WebhookConfig};
pub use customers::FakeCustomer;
use events::Event;
use idempotency::Used;
pub use webhooks::sign;

/// An emulated Stripe account.
#[derive(Debug, Default)]
pub struct FakeStripe {
    /// How it behaves; may be changed at any time.
    pub config: FakeConfig,
    /// Misbehaviours to come.
    pub faults: Faults,
    customers: customers::Customers,
    events: events::Events,
    webhooks: webhooks::Webhooks,
    keys: idempotency::Keys,
    limiter: limiter::Limiter,
    chance: chance::Chance,
    oracle: OracleLog,
    calls: CallLog,
}

impl FakeStripe {
    /// An empty account.
    #[must_use]
    pub fn new(config: FakeConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// A customer by id; deleted ones are there too, empty.
    #[must_use]
    pub fn customer(&self, id: &str) -> Option<&FakeCustomer> {
        self.customers.get(id)
    }

    /// The customers that are not deleted, oldest first.
    pub fn customers(&self) -> impl Iterator<Item = &FakeCustomer> {
        self.customers.all().iter().filter(|customer| !customer.deleted)
    }

    /// Every accepted change.
    #[must_use]
    pub fn oracle(&self) -> &OracleLog {
        &self.oracle
    }

    /// Every request.
    #[must_use]
    pub fn calls(&self) -> &CallLog {
        &self.calls
    }

    /// What its own clock shows.
    fn system_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add(self.config.clock_skew))
    }

    fn new_id(&mut self, prefix: &str) -> String {
        self.chance.id(self.config.seed, prefix)
    }

    /// Keeps an event and sends it on its way; now and then twice, as [`WebhookConfig::duplicate_percent`] says.
    fn publish(&mut self, now: Timestamp, event: Event) {
        let seed = self.config.seed;
        let doubled =
            chance::draw(seed, &event.id, 0, 100) < u64::from(self.config.webhooks.duplicate_percent);
        let second = (doubled && chance::draw(seed, &event.id, 1, 2) == 0).then(|| self.new_id("evt_1"));
        let second = second.map(|id| event.again(id));
        let again = if doubled && second.is_none() { Some(event.id.clone()) } else { None };
        let mut queued = vec![event.id.clone()];
        self.events.add(event);
        if let Some(second) = second {
            queued.push(second.id.clone());
            self.events.add(second);
        }
        queued.extend(again);
        if self.config.webhooks.url.is_some() {
            for id in queued {
                self.webhooks.queue(now, seed, &self.config.webhooks, &id);
                self.events.set_pending(&id, true);
            }
        }
    }

    fn reply(&mut self, now: Timestamp, request: &Request) -> Reply {
        let fault = self.faults.take(request);
        if fault == Some(Fault::Drop) {
            return Reply { response: None, delay: Duration::ZERO };
        }
        let delay = if let Some(Fault::Slow(time)) = fault { time } else { self.config.response_time };
        let caller = self.caller(now, request);
        let answer = match (&fault, self.admit(now, request)) {
            (_, Err(refusal)) => refusal,
            (Some(Fault::Refuse(status, wait)), Ok(())) => refusal(*status, *wait),
            (fault, Ok(())) => self.perform(&caller, request, fault.as_ref(), now.plus(delay)),
        };
        let response = self.finish(&caller, request, answer).into_response();
        Reply { response: (fault != Some(Fault::LoseAnswer)).then_some(response), delay }
    }

    fn caller(&mut self, now: Timestamp, request: &Request) -> Caller {
        let key = header(request, "idempotency-key").filter(|_| request.method() == Method::POST);
        let actor = Actor::Api(self.config.api_key_name.clone());
        Caller { now, actor, request: self.new_id("req_"), key: key.map(str::to_owned) }
    }

    /// Executes a request, or repeats its answer when its key was used before. The answer is ready at `ready`.
    fn perform(
        &mut self,
        caller: &Caller,
        request: &Request,
        fault: Option<&Fault>,
        ready: Timestamp,
    ) -> Answer {
        let params = api::request_params(request);
        let fingerprint = idempotency::fingerprint(request.uri().path(), &params);
        if let Some(key) = &caller.key
            && let Some(repeated) = self.keys.repeated(caller.now, key, &fingerprint)
        {
            return repeated;
        }
        let mut answer = Answer::from(self.route(caller, request, &params));
        if let Some(Fault::FailAfter(status)) = fault {
            answer = Problem::planned(*status).into();
        }
        if let Some(key) = &caller.key {
            let (answer, request) = (answer.clone(), caller.request.clone());
            self.keys.remember(key, Used { fingerprint, first: caller.now, ready, answer, request });
        }
        answer
    }

    /// Adds the headers that every answer has.
    fn finish(&self, caller: &Caller, request: &Request, answer: Answer) -> Answer {
        let version = header(request, "stripe-version").unwrap_or(&self.config.api_version);
        let answer = answer
            .with("content-type", "application/json")
            .with("date", http_date(self.system_time(caller.now)))
            .with("request-id", caller.request.clone())
            .with("stripe-version", version);
        match &caller.key {
            Some(key) => answer.with("idempotency-key", key.clone()),
            None => answer,
        }
    }
}

impl FakeSystem for FakeStripe {
    fn handle(&mut self, now: Timestamp, request: &Request) -> Reply {
        let reply = self.reply(now, request);
        let status = reply.response.as_ref().map(|response| response.status().as_u16());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        self.calls.push(Call { at: now, method, path, status });
        reply
    }

    fn due(&mut self, now: Timestamp) -> Vec<Posting> {
        let signed_at = self.system_time(now);
        self.webhooks.due(now, signed_at, &self.config.webhooks, &self.events)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.webhooks.next_due()
    }

    fn delivered(&mut self, now: Timestamp, posting: u64, status: Option<u16>) {
        let done = self.webhooks.delivered(now, &self.config.webhooks, posting, status);
        if let Some(event) = done {
            self.events.set_pending(&event, false);
        }
    }
}

fn refusal(status: u16, wait: Option<u64>) -> Answer {
    let mut answer = Answer::from(Problem::planned(status));
    if status == 429 {
        answer = answer.with("stripe-rate-limited-reason", "global-rate");
    }
    match wait {
        Some(seconds) => answer.with("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// To the second, as HTTP writes it.
fn http_date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.as_secs()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}
