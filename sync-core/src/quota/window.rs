//! What one window holds.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Supply, Verdict, Window};

/// Most batches that a window remembers, or nearly so.
const BATCHES: u32 = 1_024;

#[derive(Debug, Clone)]
pub(super) struct WindowState {
    pub(super) window: Window,
    /// Calls sent whose response is not here yet.
    in_flight: u32,
    /// Responses younger than one window, oldest first.
    answered: VecDeque<Batch>,
    /// Calls in `answered`.
    held: u32,
    /// Calls that the system has counted and we have not, and until when they may be in the window.
    foreign: u32,
    foreign_until: Duration,
}

/// Calls whose responses came at nearly the same time.
#[derive(Debug, Clone, Copy)]
struct Batch {
    first: Duration,
    last: Duration,
    calls: u32,
}

impl WindowState {
    pub(super) fn new(window: Window) -> Self {
        Self {
            window,
            in_flight: 0,
            answered: VecDeque::new(),
            held: 0,
            foreign: 0,
            foreign_until: Duration::ZERO,
        }
    }

    pub(super) fn sent(&mut self) {
        self.in_flight += 1;
    }

    pub(super) fn unsent(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn answered(&mut self, now: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.held += 1;
        let grain = self.grain();
        match self.answered.back_mut() {
            Some(batch) if now.saturating_sub(batch.first) < grain => {
                batch.last = now;
                batch.calls += 1;
            }
            _ => self.answered.push_back(Batch { first: now, last: now, calls: 1 }),
        }
    }

    pub(super) fn told(&mut self, left: u32, now: Duration) {
        self.forget(now);
        let ours = self.in_flight + self.held;
        self.foreign = self.window.calls.saturating_sub(ours).saturating_sub(left);
        self.foreign_until = now.saturating_add(self.window.per);
    }

    pub(super) fn next(&mut self, now: Duration) -> Verdict {
        self.forget(now);
        if self.in_flight + self.held + self.foreign < self.window.calls {
            return Verdict::Now;
        }
        let oldest = self.answered.front().map(|batch| batch.last.saturating_add(self.window.per));
        let foreign = (self.foreign > 0).then_some(self.foreign_until);
        match oldest.into_iter().chain(foreign).min() {
            Some(time) => Verdict::At(time),
            None => Verdict::AfterResponse,
        }
    }

    pub(super) fn supply(&mut self, trip: Duration, now: Duration) -> Supply {
        self.forget(now);
        let Window { calls, per, only } = self.window;
        let room = calls.saturating_sub(self.in_flight + self.held + self.foreign);
        // A place is free again one window after the answer.
        let rate = f64::from(calls) / per.saturating_add(trip).as_secs_f64();
        Supply { room: room.into(), rate, only }
    }

    /// Lets go of what is older than one window.
    fn forget(&mut self, now: Duration) {
        let per = self.window.per;
        while let Some(batch) = self.answered.front().filter(|batch| batch.last.saturating_add(per) <= now) {
            self.held -= batch.calls;
            self.answered.pop_front();
        }
        if self.foreign_until <= now {
            self.foreign = 0;
        }
    }

    /// How much time a batch may span. None, if every call can be remembered by itself.
    fn grain(&self) -> Duration {
        if self.window.calls <= BATCHES { Duration::ZERO } else { self.window.per / BATCHES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_little_remembered_of_many_calls_and_each_of_few() {
        // A batch may span a second.
        for (calls, batches) in [(1_024, 5_000), (1_025, 500)] {
            let mut state = WindowState::new(Window::per_seconds(calls, 1_024));
            for tenth in 0..5_000 {
                state.answered(Duration::from_millis(100 * tenth));
            }
            assert_eq!(state.answered.len(), batches, "{calls}");
        }
    }
}
