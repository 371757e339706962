//! What happened, in order. Its hash tells whether two runs were the same run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sync_core::clock::{Clock, TokioClock};
use sync_core::model::Timestamp;

use super::chance::mix;

/// When every simulation starts: 2026-01-01, in the virtual world.
pub(super) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// Collects lines with their virtual times.
pub(super) struct Trace {
    clock: TokioClock,
    keep: bool,
    lines: Mutex<(u64, Vec<String>)>,
}

impl Trace {
    /// Hashes all lines; keeps them, too, if told so.
    pub(super) fn new(clock: TokioClock, keep: bool) -> Self {
        Self { clock, keep, lines: Mutex::new((0, Vec::new())) }
    }

    pub(super) fn note(&self, text: impl Into<String>) {
        let since = self.clock.now().since(START).as_millis();
        let line = format!("{:>4}.{:03}  {}", since / 1000, since % 1000, text.into());
        let mut lines = self.lock();
        lines.0 = line.bytes().fold(lines.0, |hash, byte| mix(hash ^ u64::from(byte)));
        if self.keep {
            lines.1.push(line);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.lock().0
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lock().1.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Vec<String>)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
