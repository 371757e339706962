//! The far side's own count of calls.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;
use sync_core::http::Response;
use sync_core::model::Timestamp;
use sync_core::quota::Window;

use super::config::FakeConfig;
use super::refusal::{header, respond};

/// Which limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limited {
    Secondly,
    Rolling,
    Daily,
    Search,
}

/// Remembers when calls were let in.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    calls: VecDeque<Timestamp>,
    searches: VecDeque<Timestamp>,
    day: i64,
    today: usize,
}

impl Limiter {
    /// Lets a call in and counts it, or says which limit is met. Calls turned away do not count.
    pub(super) fn admit(&mut self, config: &FakeConfig, now: Timestamp, search: bool) -> Result<(), Limited> {
        self.forget(config, now);
        if config.daily_limit.is_some_and(|most| self.today >= most) {
            return Err(Limited::Daily);
        }
        if let Some(full) = config.limits.iter().find(|window| is_full(&self.calls, **window, now)) {
            return Err(if full.per < Duration::from_secs(10) {
                Limited::Secondly
            } else {
                Limited::Rolling
            });
        }
        if search && is_full(&self.searches, config.search_limit, now) {
            return Err(Limited::Search);
        }
        self.today += 1;
        self.calls.push_back(now);
        if search {
            self.searches.push_back(now);
        }
        Ok(())
    }

    /// The headers that tell how much is left. Search answers carry only the daily ones.
    pub(super) fn describe(
        &self,
        config: &FakeConfig,
        now: Timestamp,
        search: bool,
        response: &mut Response,
    ) {
        if let Some(window) = config.limits.first().filter(|_| !search) {
            let left = (window.calls as usize).saturating_sub(held(&self.calls, *window, now));
            header(response, "x-hubspot-ratelimit-max", &window.calls.to_string());
            header(response, "x-hubspot-ratelimit-remaining", &left.to_string());
            header(
                response,
                "x-hubspot-ratelimit-interval-milliseconds",
                &window.per.as_millis().to_string(),
            );
        }
        if let Some(most) = config.daily_limit {
            header(response, "x-hubspot-ratelimit-daily", &most.to_string());
            header(
                response,
                "x-hubspot-ratelimit-daily-remaining",
                &most.saturating_sub(self.today).to_string(),
            );
        }
    }

    fn forget(&mut self, config: &FakeConfig, now: Timestamp) {
        let longest = config.limits.iter().map(|window| window.per).max().unwrap_or_default();
        for (times, per) in [(&mut self.calls, longest), (&mut self.searches, config.search_limit.per)] {
            while times.front().is_some_and(|at| now.since(*at) >= per) {
                times.pop_front();
            }
        }
        let day = now.as_secs().div_euclid(24 * 3600);
        if self.day != day {
            (self.day, self.today) = (day, 0);
        }
    }
}

impl Limited {
    pub(super) fn response(self) -> Response {
        let (message, policy) = match self {
            Self::Secondly => ("You have reached your secondly limit.", "SECONDLY"),
            Self::Rolling => ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
            Self::Daily => ("You have reached your daily limit.", "DAILY"),
            Self::Search => {
                let body = json!({
                    "status": "error",
                    "message": "You have reached your secondly limit.",
                    "category": "RATE_LIMITS",
                });
                return respond(429, &body);
            }
        };
        let body =
            json!({ "status": "error", "message": message, "errorType": "RATE_LIMIT", "policyName": policy });
        respond(429, &body)
    }
}

fn is_full(times: &VecDeque<Timestamp>, window: Window, now: Timestamp) -> bool {
    held(times, window, now) >= window.calls as usize
}

fn held(times: &VecDeque<Timestamp>, window: Window, now: Timestamp) -> usize {
    times.iter().rev().take_while(|at| now.since(**at) < window.per).count()
}
