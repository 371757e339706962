//! Rolling-window arithmetic: how many calls may be sent now. Pure; the shell brings the time.

use std::collections::VecDeque;
use std::time::Duration;

/// At most `calls` calls in any stretch of time of length `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Most calls in the window. With none, nothing may ever leave.
    pub calls: u32,
    /// Length of the window.
    pub per: Duration,
}

impl Window {
    /// `calls` in any `seconds` seconds.
    #[must_use]
    pub const fn per_seconds(calls: u32, seconds: u64) -> Self {
        Self { calls, per: Duration::from_secs(seconds) }
    }
}

/// Decides when the next call may leave, so that no window *at the far side* ever holds more than its limit.
///
/// When a call arrives there we do not know; we know it has arrived once its response is here. So a call is counted
/// from the moment it is sent until one full window after its *response*: whatever the network does, two calls that we
/// keep that far apart are at least one window apart when they arrive. The price is one round trip per window.
///
/// A call that is given up counts as answered when [`Quota::answered`] is told so; if it arrives even later than that, no
/// arithmetic here can know. Each call of a window is remembered, in 16 bytes, until it leaves the window.
///
/// Times are durations since any fixed origin and must not run backwards.
#[derive(Debug, Clone)]
pub struct Quota {
    windows: Vec<WindowState>,
    paused_until: Duration,
}

#[derive(Debug, Clone)]
struct WindowState {
    window: Window,
    /// Calls sent whose response is not here yet.
    in_flight: u32,
    /// Response times younger than one window, oldest first. Never longer than `window.calls`.
    answered: VecDeque<Duration>,
}

/// When a call may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Now.
    Now,
    /// Not before this time.
    At(Duration),
    /// Only after some response has arrived.
    AfterResponse,
}

impl Quota {
    /// All `windows` hold at once. None means no limit.
    #[must_use]
    pub fn new(windows: &[Window]) -> Self {
        let windows = windows
            .iter()
            .map(|w| WindowState { window: *w, in_flight: 0, answered: VecDeque::new() })
            .collect();
        Self { windows, paused_until: Duration::ZERO }
    }

    /// When the next call may leave.
    #[must_use]
    pub fn next(&mut self, now: Duration) -> Verdict {
        let paused = now < self.paused_until;
        let mut verdict = if paused { Verdict::At(self.paused_until) } else { Verdict::Now };
        for state in &mut self.windows {
            match (verdict, state.next(now)) {
                (_, Verdict::AfterResponse) => return Verdict::AfterResponse,
                (Verdict::At(a), Verdict::At(b)) => verdict = Verdict::At(a.max(b)),
                (Verdict::Now, other) => verdict = other,
                _ => {}
            }
        }
        verdict
    }

    /// A call leaves now.
    pub fn sent(&mut self) {
        for state in &mut self.windows {
            state.in_flight += 1;
        }
    }

    /// A call that was to leave did not: it does not count.
    pub fn unsent(&mut self) {
        for state in &mut self.windows {
            state.in_flight = state.in_flight.saturating_sub(1);
        }
    }

    /// A call's response (or the certainty that none will come) is here.
    pub fn answered(&mut self, now: Duration) {
        for state in &mut self.windows {
            state.in_flight = state.in_flight.saturating_sub(1);
            state.answered.push_back(now);
        }
    }

    /// The system asked for silence: nothing leaves before `until`.
    pub fn pause(&mut self, until: Duration) {
        self.paused_until = self.paused_until.max(until);
    }
}

impl WindowState {
    fn next(&mut self, now: Duration) -> Verdict {
        while self.answered.front().is_some_and(|t| t.saturating_add(self.window.per) <= now) {
            self.answered.pop_front();
        }
        let held = self.in_flight as usize + self.answered.len();
        if held < self.window.calls as usize {
            return Verdict::Now;
        }
        match self.answered.front() {
            Some(oldest) => Verdict::At(oldest.saturating_add(self.window.per)),
            None => Verdict::AfterResponse,
        }
    }
}
