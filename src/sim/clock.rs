//! The clock of the engine's machine, which somebody sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sync_core::clock::{Clock, TokioClock};
use sync_core::model::Timestamp;

/// How far a signed time may be from the engine's, less the time a webhook may take.
const TOLERANCE_MS: i64 = 200_000;

/// Virtual time, and how far this clock is ahead of it.
#[derive(Clone)]
pub(super) struct JumpyClock {
    time: TokioClock,
    ahead_ms: Arc<AtomicI64>,
}

impl JumpyClock {
    pub(super) fn new(time: TokioClock) -> Self {
        Self { time, ahead_ms: Arc::default() }
    }

    pub(super) fn jump(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// So far off that no signature is valid.
    pub(super) fn is_wrong(&self) -> bool {
        self.ahead_ms.load(Ordering::Relaxed).abs() > TOLERANCE_MS
    }
}

impl Clock for JumpyClock {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead_ms.load(Ordering::Relaxed);
        let by = Duration::from_millis(ahead.unsigned_abs());
        if ahead < 0 { self.time.now().minus(by) } else { self.time.now().plus(by) }
    }
}
