//! Idempotency keys: what was asked under each, and how it was answered.

use std::collections::HashMap;
use std::time::Duration;

use sync_core::model::Timestamp;

use super::answer::{Answer, Problem};
use super::params::Params;

/// How long a key is remembered (Stripe docs, idempotent requests: "at least 24 hours").
const MEMORY: Duration = Duration::from_secs(24 * 3600);

/// The keys of the last 24 hours.
#[derive(Debug, Default)]
pub(super) struct Keys {
    used: HashMap<String, Used>,
    pruned_at: Timestamp,
}

/// The first use of a key.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) fingerprint: String,
    pub(super) first: Timestamp,
    /// When the first request's answer is ready; until then a repetition is told that the key is in use.
    pub(super) ready: Timestamp,
    pub(super) answer: Answer,
    /// `req_...`
    pub(super) request: String,
}

impl Keys {
    /// The answer to a repetition; `None` when the key is new.
    pub(super) fn repeated(&mut self, now: Timestamp, key: &str, fingerprint: &str) -> Option<Answer> {
        self.prune(now);
        let used = self.used.get(key)?;
        if used.fingerprint != fingerprint {
            let message = format!(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. \
                 Try using a key other than '{key}' if you meant to execute a different request."
            );
            return Some(Problem::idempotency(400, message).into());
        }
        if now < used.ready {
            let message = format!("There is currently another in-progress request using this key: {key}");
            let problem = Problem::idempotency(409, message).code("idempotency_key_in_use");
            return Some(Answer::from(problem).with("stripe-should-retry", "true"));
        }
        let replay = used.answer.clone().with("idempotent-replayed", "true");
        Some(replay.with("original-request", used.request.clone()))
    }

    /// Remembers a first use, if it was executed: validation failures and refusals are not.
    pub(super) fn remember(&mut self, key: &str, used: Used) {
        if used.answer.status == 200 || used.answer.status >= 500 {
            self.used.insert(key.to_owned(), used);
        }
    }

    /// Looks through all keys at most once a minute.
    fn prune(&mut self, now: Timestamp) {
        if now.since(self.pruned_at) >= Duration::from_secs(60) {
            self.pruned_at = now;
            self.used.retain(|_, used| now.since(used.first) < MEMORY);
        }
    }
}

/// What makes two requests the same: path and parameters, in any order.
pub(super) fn fingerprint(path: &str, params: &Params) -> String {
    let mut sorted = params.clone();
    sorted.sort_unstable();
    format!("{path}\n{sorted:?}")
}
