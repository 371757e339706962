//! Does the rolling window hold at the far side, whatever the network does, and is no call later than it must be?

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sync_core::quota::{Quota, Verdict, Window};

/// One call: how long until it arrives, how long from there until its response, and how long we are asked to pause then.
#[derive(Debug, Clone)]
struct Call {
    out: Duration,
    back: Duration,
    pause: Option<Duration>,
}

/// When a call was sent, arrived and was answered.
#[derive(Debug, Clone, Copy)]
struct Times {
    sent: Duration,
    arrived: Duration,
    answered: Duration,
}

fn ms(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    // Mostly quick, sometimes so slow that a whole window fits into one call.
    let trip = || prop_oneof![4 => ms(0..50), 1 => ms(0..5_000)];
    let pause = prop::option::weighted(0.05, ms(0..3_000));
    let call = (trip(), trip(), pause).prop_map(|(out, back, pause)| Call { out, back, pause });
    vec(call, 1..120)
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let window = (1..20_u32, ms(1..2_000)).prop_map(|(calls, per)| Window { calls, per });
    vec(window, 0..4)
}

/// Sends all calls, each as soon as the quota lets it. Also gives the time of the latest pause known at each sending.
fn send_all(windows: &[Window], calls: &[Call]) -> Vec<(Times, Duration)> {
    let mut quota = Quota::new(windows);
    let mut now = Duration::ZERO;
    let mut paused_until = Duration::ZERO;
    let mut done: Vec<(Times, Duration)> = Vec::new();
    // Responses on their way: when they come, and the pause they ask for.
    let mut under_way: Vec<(Duration, Option<Duration>)> = Vec::new();
    for call in calls {
        loop {
            under_way.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            while let Some((_, pause)) = under_way.pop_if(|(at, _)| *at <= now) {
                quota.answered(now);
                if let Some(pause) = pause {
                    paused_until = paused_until.max(now + pause);
                    quota.pause(now + pause);
                }
            }
            let next_response = under_way.last().map(|(at, _)| *at);
            if let Verdict::At(time) = quota.next(now) {
                assert_eq!(quota.clone().next(time), Verdict::Now, "the time given is the time it is");
            }
            now = match (quota.next(now), next_response) {
                (Verdict::Now, _) => break,
                (Verdict::At(time), Some(response)) => time.min(response),
                (Verdict::At(time), None) => time,
                (Verdict::AfterResponse, Some(response)) => response,
                (Verdict::AfterResponse, None) => panic!("waits for a response that nothing will bring"),
            };
        }
        quota.sent();
        let arrived = now + call.out;
        let times = Times { sent: now, arrived, answered: arrived + call.back };
        under_way.push((times.answered, call.pause));
        done.push((times, paused_until));
    }
    done
}

/// The most arrivals in any window `(t, t + per]`.
fn most_in_any(calls: &[Times], per: Duration) -> usize {
    let arrivals: Vec<_> = calls.iter().map(|c| c.arrived).collect();
    let in_window_from =
        |first: &Duration| arrivals.iter().filter(|a| *a >= first && **a < *first + per).count();
    arrivals.iter().map(in_window_from).max().unwrap_or(0)
}

/// When the rule lets the next call go: one window after the response that makes room, in every window.
fn earliest(before: &[Times], windows: &[Window]) -> Duration {
    let last = before.last().map_or(Duration::ZERO, |c| c.sent);
    let in_window = |window: &Window| {
        let mut ends: Vec<_> = before.iter().map(|c| c.answered + window.per).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        ends.get(window.calls as usize - 1).copied().unwrap_or_default()
    };
    windows.iter().map(in_window).max().unwrap_or_default().max(last)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_no_window_at_the_far_side_ever_too_full(windows in windows(), calls in calls()) {
        let times: Vec<_> = send_all(&windows, &calls).into_iter().map(|(times, _)| times).collect();
        for window in &windows {
            prop_assert!(most_in_any(&times, window.per) <= window.calls as usize);
        }
    }

    #[test]
    fn does_each_call_leave_exactly_when_the_rule_allows(windows in windows(), calls in calls()) {
        let done = send_all(&windows, &calls);
        let times: Vec<_> = done.iter().map(|(times, _)| *times).collect();
        for (i, (call, paused_until)) in done.iter().enumerate() {
            prop_assert_eq!(call.sent, earliest(&times[..i], &windows).max(*paused_until), "call {}", i);
        }
    }
}

#[test]
fn is_the_limit_reached_by_calls_that_take_no_time() {
    let window = Window::per_seconds(100, 1);
    let calls = vec![Call { out: Duration::ZERO, back: Duration::ZERO, pause: None }; 1_000];
    let times: Vec<_> = send_all(&[window], &calls).into_iter().map(|(times, _)| times).collect();
    assert_eq!(times[999].sent, Duration::from_secs(9));
    assert_eq!(most_in_any(&times, window.per), 100);
}

#[test]
fn does_an_earlier_end_of_a_pause_not_shorten_it() {
    let mut quota = Quota::new(&[]);
    quota.pause(Duration::from_secs(5));
    quota.pause(Duration::from_secs(2));
    assert_eq!(quota.next(Duration::from_secs(4)), Verdict::At(Duration::from_secs(5)));
    assert_eq!(quota.next(Duration::from_secs(5)), Verdict::Now);
}

#[test]
fn does_a_window_of_no_calls_let_nothing_leave() {
    let mut quota = Quota::new(&[Window::per_seconds(0, 1)]);
    assert_eq!(quota.next(Duration::from_secs(1000)), Verdict::AfterResponse);
}
