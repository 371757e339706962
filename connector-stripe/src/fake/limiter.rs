//! Rate limits as true rolling windows, counted at arrival.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sync_core::model::Timestamp;
use sync_core::quota::Window;

/// The arrivals that were let in.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    total: VecDeque<Timestamp>,
    endpoints: HashMap<String, VecDeque<Timestamp>>,
}

impl Limiter {
    /// Counts an arrival in, if no window is full.
    ///
    /// # Errors
    /// Stripe's word for the limit that is reached.
    pub(super) fn admit(
        &mut self,
        now: Timestamp,
        endpoint: &str,
        total: &[Window],
        each: &[Window],
    ) -> Result<(), &'static str> {
        if is_full(&self.total, now, total) {
            return Err("global-rate");
        }
        if !each.is_empty() {
            let arrivals = self.endpoints.entry(endpoint.to_owned()).or_default();
            if is_full(arrivals, now, each) {
                return Err("endpoint-rate");
            }
            count(arrivals, now, each);
        }
        count(&mut self.total, now, total);
        Ok(())
    }
}

/// Whether some window `(now - per, now]` already holds as many as it may.
fn is_full(arrivals: &VecDeque<Timestamp>, now: Timestamp, windows: &[Window]) -> bool {
    windows.iter().any(|window| {
        let calls = usize::try_from(window.calls).unwrap_or(usize::MAX);
        let first_of_full = arrivals.len().checked_sub(calls).and_then(|place| arrivals.get(place));
        calls == 0 || first_of_full.is_some_and(|first| now.since(*first) < window.per)
    })
}

fn count(arrivals: &mut VecDeque<Timestamp>, now: Timestamp, windows: &[Window]) {
    let longest = windows.iter().map(|window| window.per).max().unwrap_or(Duration::ZERO);
    while arrivals.front().is_some_and(|first| now.since(*first) >= longest) {
        arrivals.pop_front();
    }
    arrivals.push_back(now);
}
