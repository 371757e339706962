//! Does the rolling window hold at the far side, whatever the network does, and is no call later than it must be?

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sync_core::quota::{Call as Kind, Quota, Verdict, Window};

/// One call: what it is for, how long until it arrives, how long from there until its response, and how long we are
/// asked to pause then.
#[derive(Debug, Clone)]
struct Call {
    kind: Option<Kind>,
    out: Duration,
    back: Duration,
    pause: Option<Duration>,
}

/// When a call was sent, arrived and was answered.
#[derive(Debug, Clone, Copy)]
struct Times {
    kind: Option<Kind>,
    sent: Duration,
    arrived: Duration,
    answered: Duration,
}

const MS: fn(u64) -> Duration = Duration::from_millis;

fn ms(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Create, Kind::Find])
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    // Mostly quick, sometimes so slow that a whole window fits into one call.
    let trip = || prop_oneof![4 => ms(0..50), 1 => ms(0..5_000)];
    let pause = prop::option::weighted(0.05, ms(0..3_000));
    let kind = prop::option::of(kind());
    let call =
        (kind, trip(), trip(), pause).prop_map(|(kind, out, back, pause)| Call { kind, out, back, pause });
    vec(call, 1..120)
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let only = prop::option::weighted(0.3, kind());
    let window = (1..20_u32, ms(1..2_000), only).prop_map(|(calls, per, only)| Window { calls, per, only });
    vec(window, 0..4)
}

/// Sends all calls, each as soon as the quota lets it. Also gives the time of the latest pause known at each sending.
fn send_all(windows: &[Window], calls: &[Call]) -> Vec<(Times, Duration)> {
    let mut quota = Quota::new(windows);
    let mut now = Duration::ZERO;
    let mut paused_until = Duration::ZERO;
    let mut done: Vec<(Times, Duration)> = Vec::new();
    // Responses on their way: when they come, to what, and the pause they ask for.
    let mut under_way: Vec<(Duration, Option<Kind>, Option<Duration>)> = Vec::new();
    for call in calls {
        loop {
            under_way.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
            while let Some((_, kind, pause)) = under_way.pop_if(|(at, ..)| *at <= now) {
                quota.answered(kind, now);
                if let Some(pause) = pause {
                    paused_until = paused_until.max(now + pause);
                    quota.pause(now + pause);
                }
            }
            let next_response = under_way.last().map(|(at, ..)| *at);
            if let Verdict::At(time) = quota.next(call.kind, now) {
                assert_eq!(
                    quota.clone().next(call.kind, time),
                    Verdict::Now,
                    "the time given is the time it is"
                );
            }
            now = match (quota.next(call.kind, now), next_response) {
                (Verdict::Now, _) => break,
                (Verdict::At(time), Some(response)) => time.min(response),
                (Verdict::At(time), None) => time,
                (Verdict::AfterResponse, Some(response)) => response,
                (Verdict::AfterResponse, None) => panic!("waits for a response that nothing will bring"),
            };
        }
        quota.sent(call.kind, now);
        let arrived = now + call.out;
        let times = Times { kind: call.kind, sent: now, arrived, answered: arrived + call.back };
        under_way.push((times.answered, call.kind, call.pause));
        done.push((times, paused_until));
    }
    done
}

/// Whether a window counts calls of this kind.
fn counts(window: &Window, kind: Option<Kind>) -> bool {
    window.only.is_none() || window.only == kind
}

/// The most arrivals that a window ever holds.
fn most_in_any(calls: &[Times], window: &Window) -> usize {
    let mut arrivals: Vec<_> = calls.iter().filter(|c| counts(window, c.kind)).map(|c| c.arrived).collect();
    arrivals.sort_unstable();
    let in_window_from = |(i, first): (usize, &Duration)| {
        arrivals.partition_point(|arrived| *arrived < *first + window.per) - i
    };
    arrivals.iter().enumerate().map(in_window_from).max().unwrap_or(0)
}

/// When the rule lets the next call go: one window after the response that makes room, in every window that counts it.
fn earliest(before: &[Times], kind: Option<Kind>, windows: &[Window]) -> Duration {
    let last = before.last().map_or(Duration::ZERO, |c| c.sent);
    let in_window = |window: &Window| {
        let counted = before.iter().filter(|c| counts(window, c.kind));
        let mut ends: Vec<_> = counted.map(|c| c.answered + window.per).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        ends.get(window.calls as usize - 1).copied().unwrap_or_default()
    };
    windows.iter().filter(|w| counts(w, kind)).map(in_window).max().unwrap_or_default().max(last)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_no_window_at_the_far_side_ever_too_full(windows in windows(), calls in calls()) {
        let times: Vec<_> = send_all(&windows, &calls).into_iter().map(|(times, _)| times).collect();
        for window in &windows {
            prop_assert!(most_in_any(&times, window) <= window.calls as usize);
        }
    }

    #[test]
    fn does_each_call_leave_exactly_when_the_rule_allows(windows in windows(), calls in calls()) {
        let done = send_all(&windows, &calls);
        let times: Vec<_> = done.iter().map(|(times, _)| *times).collect();
        for (i, (call, paused_until)) in done.iter().enumerate() {
            prop_assert_eq!(call.sent, earliest(&times[..i], call.kind, &windows).max(*paused_until), "call {}", i);
        }
    }
}

/// A call that takes no time.
fn instant() -> Call {
    Call { kind: None, out: Duration::ZERO, back: Duration::ZERO, pause: None }
}

#[test]
fn is_the_limit_reached_by_calls_that_take_no_time() {
    let window = Window::per_seconds(100, 1);
    let calls = vec![instant(); 1_000];
    let times: Vec<_> = send_all(&[window], &calls).into_iter().map(|(times, _)| times).collect();
    assert_eq!(times[999].sent, Duration::from_secs(9));
    assert_eq!(most_in_any(&times, &window), 100);
}

#[test]
fn does_an_earlier_end_of_a_pause_not_shorten_it() {
    let mut quota = Quota::new(&[]);
    quota.pause(Duration::from_secs(5));
    quota.pause(Duration::from_secs(2));
    assert_eq!(quota.next(None, Duration::from_secs(4)), Verdict::At(Duration::from_secs(5)));
    assert_eq!(quota.next(None, Duration::from_secs(5)), Verdict::Now);
}

#[test]
fn does_a_window_of_no_calls_let_nothing_leave() {
    let mut quota = Quota::new(&[Window::per_seconds(0, 1)]);
    assert_eq!(quota.next(None, Duration::from_secs(1000)), Verdict::AfterResponse);
}

#[test]
fn does_a_full_window_of_one_kind_hold_back_only_that_kind() {
    let mut quota = Quota::new(&[Window::per_seconds(15, 1), Window::per_seconds(5, 1).only(Kind::Find)]);
    for _ in 0..5 {
        assert_eq!(quota.next(Some(Kind::Find), MS(0)), Verdict::Now);
        quota.sent(None, MS(0));
        quota.named(Kind::Find);
    }
    assert_eq!(quota.next_of_kind(Kind::Find, MS(0)), Verdict::AfterResponse);
    quota.answered(Some(Kind::Find), MS(20));
    assert_eq!(quota.next(Some(Kind::Find), MS(20)), Verdict::At(MS(1_020)));
    assert_eq!(quota.next_of_kind(Kind::Find, MS(20)), Verdict::At(MS(1_020)));
    for _ in 0..10 {
        assert_eq!(quota.next(Some(Kind::Create), MS(20)), Verdict::Now, "it shares the window for all");
        quota.sent(Some(Kind::Create), MS(20));
    }
    assert_eq!(quota.next(Some(Kind::Create), MS(20)), Verdict::At(MS(1_020)));
    quota.unsent(Some(Kind::Create));
    assert_eq!(quota.next(None, MS(20)), Verdict::Now);
}

#[test]
fn does_a_window_of_many_calls_hold_with_little_memory_and_little_delay() {
    let window = Window { calls: 5_000, per: MS(60_000), only: None };
    let jittered = |i: u64| Call { out: MS(i * 7_919 % 90), back: MS(i * 104_729 % 70), ..instant() };
    let calls: Vec<Call> = (0..12_000).map(jittered).collect();
    let times: Vec<_> = send_all(&[window], &calls).into_iter().map(|(times, _)| times).collect();
    assert!(most_in_any(&times, &window) <= 5_000);
    for (i, call) in times.iter().enumerate().skip(5_000).step_by(211) {
        let exactly = earliest(&times[..i], None, &[window]);
        let late = call.sent - exactly;
        assert!(late <= window.per / 1_024, "call {i} left {late:?} late");
    }
}

#[test]
fn is_what_others_used_up_counted_in_until_the_system_says_otherwise() {
    let mut quota = Quota::new(&[Window::per_seconds(100, 10)]);
    quota.sent(None, MS(0));
    quota.told(MS(10_000), 2, MS(50));
    quota.answered(None, MS(50));
    for _ in 0..2 {
        assert_eq!(quota.next(None, MS(50)), Verdict::Now);
        quota.sent(None, MS(50));
        quota.answered(None, MS(50));
    }
    assert_eq!(quota.next(None, MS(60)), Verdict::At(MS(10_050)), "97 calls of others, three of ours");
    quota.told(MS(86_400_000), 0, MS(60));
    quota.told(MS(10_000), 90, MS(60));
    assert_eq!(quota.next(None, MS(60)), Verdict::Now, "the others had done with it earlier");
    quota.told(MS(10_000), 0, MS(70));
    assert_eq!(
        quota.next(None, MS(10_070)),
        Verdict::Now,
        "nothing said is not believed for longer than a window"
    );
}

#[test]
fn is_only_the_window_counted_down_of_which_the_system_speaks() {
    let day = Window::per_seconds(1_000, 86_400);
    let mut quota = Quota::new(&[Window::per_seconds(10, 10), day, day.only(Kind::Find)]);
    quota.told(MS(60_000), 0, MS(0));
    assert_eq!(quota.next(None, MS(0)), Verdict::Now, "there is no window of a minute");
    quota.told(MS(86_400_000), 0, MS(0));
    assert_eq!(quota.next(None, MS(0)), Verdict::At(MS(86_400_000)));
    assert_eq!(quota.next_of_kind(Kind::Find, MS(0)), Verdict::Now, "that of one kind is another");
}

/// How many calls leave in each of the next `seconds` when as many are made as may be, each taking no time.
fn rates(quota: &mut Quota, from: u64, seconds: u64) -> Vec<u32> {
    let mut now = MS(from * 1_000);
    (from..from + seconds)
        .map(|second| {
            let mut left = 0;
            while now < MS((second + 1) * 1_000) {
                match quota.next(None, now) {
                    Verdict::Now => {
                        quota.sent(None, now);
                        quota.answered(None, now);
                        left += 1;
                    }
                    Verdict::At(time) => now = time,
                    Verdict::AfterResponse => panic!("all were answered"),
                }
            }
            left
        })
        .collect()
}

#[test]
fn is_the_rate_halved_when_it_was_too_much_and_back_in_ten_seconds() {
    let mut quota = Quota::new(&[Window::per_seconds(100, 1)]);
    assert_eq!(rates(&mut quota, 0, 2), [100, 100]);
    quota.slow_down(MS(2_000));
    let rates = rates(&mut quota, 2, 12);
    assert!((49..=51).contains(&rates[0]), "{rates:?}");
    assert!(rates.windows(2).all(|pair| pair[0] <= pair[1] && pair[1] - pair[0] <= 7), "{rates:?}");
    assert!(rates[8] < 100 && rates[11] == 100, "{rates:?}");
}

#[test]
fn of_what_rate_is_the_half() {
    let find = Window::per_seconds(2, 1).only(Kind::Find);
    let mut quota = Quota::new(&[Window::per_seconds(900, 60), Window::per_seconds(100, 10), find]);
    quota.slow_down(MS(0));
    quota.sent(None, MS(0));
    assert_eq!(
        quota.next(None, MS(0)),
        Verdict::At(MS(200)),
        "of the shortest window for all calls: ten a second"
    );
    let mut unlimited = Quota::new(&[find]);
    unlimited.slow_down(MS(0));
    unlimited.sent(None, MS(0));
    assert_eq!(unlimited.next(None, MS(0)), Verdict::Now, "there is nothing to halve");
}

#[test]
fn from_when_on_does_an_answer_raise_the_rate() {
    for (answered, raises) in [(999, false), (1_000, true)] {
        let mut quota = Quota::new(&[Window::per_seconds(100, 1)]);
        quota.slow_down(MS(0));
        quota.sent(None, MS(answered));
        quota.answered(None, MS(answered));
        let Verdict::At(next) = quota.next(None, MS(answered)) else { panic!("calls keep a distance") };
        assert_eq!(next < MS(answered + 20), raises, "answered after {answered} ms");
    }
}

#[test]
fn do_calls_keep_no_distance_once_the_rate_is_the_whole() {
    // At two calls in ten seconds a single answer makes up for the half.
    let mut quota = Quota::new(&[Window::per_seconds(2, 10)]);
    quota.slow_down(MS(0));
    quota.sent(None, MS(0));
    assert_eq!(quota.next(None, MS(1_000)), Verdict::At(MS(10_000)));
    quota.answered(None, MS(1_000));
    assert_eq!(quota.next(None, MS(1_000)), Verdict::Now);
}

#[test]
fn is_one_complaint_about_many_calls_one_complaint_and_the_next_another() {
    let mut quota = Quota::new(&[Window::per_seconds(100, 1)]);
    quota.pause(MS(3_000));
    for i in 0..50 {
        quota.slow_down(MS(i));
    }
    assert_eq!(rates(&mut quota, 3, 1), [50]);
    quota.slow_down(MS(4_000));
    assert_eq!(rates(&mut quota, 4, 1), [25]);
    for i in 1..100 {
        quota.slow_down(MS(4_000 + 1_001 * i));
    }
    let slowest = rates(&mut quota, 120, 1);
    assert!((6..=10).contains(&slowest[0]), "it never comes to a standstill: {slowest:?}");
}
