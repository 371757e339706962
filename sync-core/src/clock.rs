//! The port to the clock. This module alone asks the operating system what time it is.

use std::time::{Duration, UNIX_EPOCH};

use crate::model::Timestamp;

/// Tells wall-clock time. Waiting is always done with `tokio::time`, which tests can pause.
pub trait Clock: Send + Sync + 'static {
    /// The time now. It may jump, in either direction, as real clocks do.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::EPOCH.plus(since)
    }
}

/// A clock that follows tokio's timer from a fixed start: with a paused runtime it is virtual time.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    start: Timestamp,
    zero: tokio::time::Instant,
}

impl TokioClock {
    /// Reads `start` now, and goes on from there as tokio's time does.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, zero: tokio::time::Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.zero.elapsed())
    }
}
