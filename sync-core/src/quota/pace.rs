//! Keeping calls apart for a while, after a system said that it was too much.

use std::time::Duration;

use super::Verdict;

/// The least part of the whole rate. Below it, coming back would take too long.
const LEAST: f64 = 1.0 / 16.0;
/// How long climbing from nothing to the whole rate takes.
const CLIMB: f64 = 20.0;
/// Calls that left before the system complained may be complained of, too: that is one complaint, not several.
const SETTLING: Duration = Duration::from_secs(1);

/// A rate below the whole, in calls a second.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    whole: f64,
    rate: f64,
    last_sent: Option<Duration>,
    /// Until then, answers tell of the time before the rate was halved.
    settled: Duration,
}

impl Pace {
    pub(super) fn half_of(whole: f64, settled: Duration) -> Self {
        Self { whole, rate: whole / 2.0, last_sent: None, settled: settled.saturating_add(SETTLING) }
    }

    /// Half as much again, unless it was halved just now.
    pub(super) fn halved(self, now: Duration, settled: Duration) -> Self {
        if now < self.settled {
            return self;
        }
        let rate = (self.rate / 2.0).max(self.whole * LEAST);
        Self { rate, settled: settled.saturating_add(SETTLING), ..self }
    }

    pub(super) fn next(&self, now: Duration) -> Verdict {
        let gap = Duration::try_from_secs_f64(1.0 / self.rate).unwrap_or(Duration::MAX);
        match self.last_sent {
            Some(last) => Verdict::not_before(last.saturating_add(gap), now),
            None => Verdict::Now,
        }
    }

    pub(super) fn sent(&mut self, now: Duration) {
        self.last_sent = Some(now);
    }

    /// One step up for each answer, so that the rate grows evenly with time; `None` once it is the whole.
    pub(super) fn answered(self, now: Duration) -> Option<Self> {
        if now < self.settled {
            return Some(self);
        }
        let rate = self.rate + self.whole / CLIMB / self.rate;
        (rate < self.whole).then_some(Self { rate, ..self })
    }
}
