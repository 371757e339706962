//! Rolling-window arithmetic: how many calls may be sent now. Pure; the shell brings the time.

mod pace;
mod window;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use pace::Pace;
use window::WindowState;

/// What a call is for, as far as systems limit kinds of calls apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// To read records by id.
    Read,
    /// To look for a record.
    Find,
    /// To list all records.
    List,
    /// To ask what has changed.
    Changes,
    /// To create records.
    Create,
    /// To update records.
    Update,
    /// To tell an activity.
    Emit,
}

/// At most `calls` calls in any stretch of time of length `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Most calls in the window. With none, nothing may ever leave.
    pub calls: u32,
    /// Length of the window.
    pub per: Duration,
    /// The only kind of call that it limits; `None`: it limits all.
    pub only: Option<Call>,
}

impl Window {
    /// `calls` of all kinds in any `seconds` seconds.
    #[must_use]
    pub const fn per_seconds(calls: u32, seconds: u64) -> Self {
        Self { calls, per: Duration::from_secs(seconds), only: None }
    }

    /// The same, for one kind of call.
    #[must_use]
    pub const fn only(self, call: Call) -> Self {
        Self { only: Some(call), ..self }
    }
}

/// Decides when the next call may leave, so that no window *at the far side* ever holds more than its limit.
///
/// When a call arrives there we do not know; we know it has arrived once its response is here. So a call is counted
/// from the moment it is sent until one full window after its *response*: whatever the network does, two calls that we
/// keep that far apart are at least one window apart when they arrive. The price is one round trip per window.
///
/// A call that is given up counts as answered when [`Quota::answered`] is told so; if it arrives even later than that, no
/// arithmetic here can know.
///
/// Memory is bounded: a window of up to 1,024 calls remembers each call, in 40 bytes, until it leaves the window. A
/// larger one remembers them in batches of at most a 1,024th of its length, and lets go of a batch when its last call
/// leaves: it errs on the safe side, and a call may leave that much later than it could (84 s, for a day).
///
/// What a quota has counted is gone when it is: after a restart, long windows begin anew unless the system tells how
/// much is left ([`Quota::told`]).
///
/// Times are durations since any fixed origin and must not run backwards.
#[derive(Debug, Clone)]
pub struct Quota {
    windows: Vec<WindowState>,
    paused_until: Duration,
    /// While calls are kept apart, because the system said that it was too much.
    pace: Option<Pace>,
}

/// What one window lets leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Supply {
    /// Calls at once.
    pub(crate) room: f64,
    /// After that, calls a second.
    pub(crate) rate: f64,
    /// What for, if it is for one kind of call only.
    pub(crate) only: Option<Call>,
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

impl Verdict {
    /// When both allow it.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::AfterResponse, _) | (_, Self::AfterResponse) => Self::AfterResponse,
            (Self::At(a), Self::At(b)) => Self::At(a.max(b)),
            (Self::Now, verdict) | (verdict, Self::Now) => verdict,
        }
    }

    fn not_before(time: Duration, now: Duration) -> Self {
        if now < time { Self::At(time) } else { Self::Now }
    }
}

impl Quota {
    /// All `windows` hold at once. None means no limit.
    #[must_use]
    pub fn new(windows: &[Window]) -> Self {
        let windows = windows.iter().copied().map(WindowState::new).collect();
        Self { windows, paused_until: Duration::ZERO, pace: None }
    }

    /// When the next call may leave, if it is a `call`. `None`: as far as it does not matter what it is for.
    #[must_use]
    pub fn next(&mut self, call: Option<Call>, now: Duration) -> Verdict {
        let paced = self.pace.as_ref().map_or(Verdict::Now, |pace| pace.next(now));
        let free = Verdict::not_before(self.paused_until, now).and(paced);
        self.limiting(call).fold(free, |verdict, window| verdict.and(window.next(now)))
    }

    /// When the windows of this kind of call alone let one leave.
    #[must_use]
    pub fn next_of_kind(&mut self, call: Call, now: Duration) -> Verdict {
        let own = self.windows.iter_mut().filter(|w| w.window.only == Some(call));
        own.fold(Verdict::Now, |verdict, window| verdict.and(window.next(now)))
    }

    /// A call leaves now.
    pub fn sent(&mut self, call: Option<Call>, now: Duration) {
        self.limiting(call).for_each(WindowState::sent);
        if let Some(pace) = &mut self.pace {
            pace.sent(now);
        }
    }

    /// A call that left as `None` turns out to be a `call`.
    pub fn named(&mut self, call: Call) {
        self.windows.iter_mut().filter(|w| w.window.only == Some(call)).for_each(WindowState::sent);
    }

    /// A call that was to leave did not: it does not count.
    pub fn unsent(&mut self, call: Option<Call>) {
        self.limiting(call).for_each(WindowState::unsent);
    }

    /// A call's response (or the certainty that none will come) is here.
    pub fn answered(&mut self, call: Option<Call>, now: Duration) {
        self.limiting(call).for_each(|window| window.answered(now));
        self.pace = self.pace.take().and_then(|pace| pace.answered(now));
    }

    /// The system asked for silence: nothing leaves before `until`.
    pub fn pause(&mut self, until: Duration) {
        self.paused_until = self.paused_until.max(until);
    }

    /// The system said that it was too much: from now on calls keep a distance, at half the rate of before. The rate
    /// climbs back as calls are answered, from a half to the whole in ten seconds.
    ///
    /// The whole is the rate of the shortest window for all calls; without one, there is nothing to halve.
    pub fn slow_down(&mut self, now: Duration) {
        let whole = self.windows.iter().map(|w| w.window).filter(|w| w.only.is_none());
        let Some(shortest) = whole.min_by_key(|w| w.per) else { return };
        let settled = self.paused_until.max(now);
        self.pace = Some(match self.pace.take() {
            None => Pace::half_of(f64::from(shortest.calls) / shortest.per.as_secs_f64(), settled),
            Some(pace) => pace.halved(now, settled),
        });
    }

    /// The system says that `left` more calls fit into its window of length `per`. What it has counted and we have not
    /// are the calls of others, or our own of before a restart: they are counted in until it says otherwise, or the
    /// window has passed.
    pub fn told(&mut self, per: Duration, left: u32, now: Duration) {
        let same = self.windows.iter_mut().filter(|w| w.window.only.is_none() && w.window.per == per);
        same.for_each(|window| window.told(left, now));
    }

    /// What each window lets leave, when an answer takes as long as `trip`. A slow-down is not counted: it is over in
    /// ten seconds.
    pub(crate) fn supplies(&mut self, trip: Duration, now: Duration) -> Vec<Supply> {
        self.windows.iter_mut().map(|window| window.supply(trip, now)).collect()
    }

    /// The windows that count a call.
    fn limiting(&mut self, call: Option<Call>) -> impl Iterator<Item = &mut WindowState> {
        self.windows.iter_mut().filter(move |w| w.window.only.is_none() || w.window.only == call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    /// Room and rate of each window.
    fn supplies(quota: &mut Quota, now: Duration) -> Vec<(f64, f64, Option<Call>)> {
        quota.supplies(S(1), now).into_iter().map(|supply| (supply.room, supply.rate, supply.only)).collect()
    }

    #[test]
    fn how_much_may_leave_now_and_from_then_on() {
        let find = Window::per_seconds(40, 1).only(Call::Find);
        let mut quota = Quota::new(&[Window::per_seconds(90, 9), find]);
        assert_eq!(supplies(&mut quota, S(0)), [(90.0, 9.0, None), (40.0, 20.0, Some(Call::Find))]);
        (0..5).for_each(|_| quota.sent(None, S(0)));
        (0..3).for_each(|_| quota.answered(None, S(1)));
        assert_eq!(supplies(&mut quota, S(1))[0].0, 85.0, "two in flight, three within the window");
        quota.told(S(9), 80, S(1));
        assert_eq!(supplies(&mut quota, S(1))[0].0, 80.0, "others use it, too");
        assert_eq!(supplies(&mut quota, S(10))[0].0, 88.0, "the window has passed");
        assert_eq!(supplies(&mut quota, S(10))[1].0, 40.0);
    }
}
