//! The queue of webhooks: latency, signing, retries, and planned disorder.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue, Method, Uri};
use sha2::Sha256;
use sync_core::http::Request;
use sync_core::model::Timestamp;
use sync_core::testing::fake::Posting;

use super::chance::draw;
use super::config::WebhookConfig;
use super::events::{Event, Events};

/// Events on their way to one endpoint.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    /// By due time, then by the order they were queued in.
    waiting: BTreeMap<(Timestamp, u64), Attempt>,
    under_way: HashMap<u64, Attempt>,
    count: u64,
    /// The latest due time given out, below which nothing is queued while order is kept.
    latest: Timestamp,
}

#[derive(Debug, Clone)]
struct Attempt {
    event: String,
    /// Attempts that failed before this one.
    failed: u32,
}

impl Webhooks {
    /// Queues the first attempt at an event. Gives false when the event is planned never to arrive.
    pub(super) fn queue(&mut self, now: Timestamp, seed: u64, config: &WebhookConfig, event: &str) -> bool {
        let draw = |purpose: &str, bound| draw(seed, purpose, self.count, bound);
        if draw("drop", 100) < u64::from(config.drop_percent) {
            self.count += 1;
            return false;
        }
        let (shortest, longest) = config.latency;
        let spread = u64::try_from(longest.saturating_sub(shortest).as_millis()).unwrap_or(0);
        let mut due =
            now.plus(shortest).plus(Duration::from_millis(draw("latency", spread.saturating_add(1))));
        if !config.reorder {
            due = due.max(self.latest);
        }
        self.latest = self.latest.max(due);
        self.wait(due, Attempt { event: event.to_owned(), failed: 0 });
        true
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// The attempts whose time has come, signed with the system's own time.
    pub(super) fn due(
        &mut self,
        now: Timestamp,
        signed_at: Timestamp,
        config: &WebhookConfig,
        events: &Events,
    ) -> Vec<Posting> {
        let later = self.waiting.split_off(&(now.plus(Duration::from_millis(1)), 0));
        let due = std::mem::replace(&mut self.waiting, later);
        let mut postings = Vec::new();
        for ((_, id), attempt) in due {
            let request = events.get(&attempt.event).and_then(|event| request(config, signed_at, event));
            if let Some(request) = request {
                self.under_way.insert(id, attempt);
                postings.push(Posting { id, request });
            }
        }
        postings
    }

    /// Takes note of an attempt's outcome. Gives the event when it needs no further attempt.
    pub(super) fn delivered(
        &mut self,
        now: Timestamp,
        config: &WebhookConfig,
        posting: u64,
        status: Option<u16>,
    ) -> Option<String> {
        let attempt = self.under_way.remove(&posting)?;
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return Some(attempt.event);
        }
        let failed = attempt.failed + 1;
        if failed < config.attempts {
            let factor = 2_u32.saturating_pow(attempt.failed);
            let due = now.plus(config.retry_base.saturating_mul(factor));
            self.wait(due, Attempt { failed, ..attempt });
        }
        None
    }

    fn wait(&mut self, due: Timestamp, attempt: Attempt) {
        self.count += 1;
        self.waiting.insert((due, self.count), attempt);
    }
}

/// Signs a body as Stripe does: one `v1` for each secret.
#[must_use]
pub fn sign(secrets: &[String], at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_secs().to_string();
    let mut header = format!("t={seconds}");
    for secret in secrets {
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
            for part in [seconds.as_bytes(), b".", body] {
                mac.update(part);
            }
            header.push_str(",v1=");
            for byte in mac.finalize().into_bytes() {
                header.push_str(&format!("{byte:02x}"));
            }
        }
    }
    header
}

fn request(config: &WebhookConfig, at: Timestamp, event: &Event) -> Option<Request> {
    let uri: Uri = config.url.as_ref()?.parse().ok()?;
    let body = format!("{:#}", event.json());
    let signature = HeaderValue::from_str(&sign(&config.secrets, at, body.as_bytes())).ok()?;
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(HeaderName::from_static("stripe-signature"), signature);
    Some(request)
}
