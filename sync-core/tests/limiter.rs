//! Does everyone get a turn, in the right order and never too soon, whoever gives up?

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sync_core::connector::{Error, Remaining};
use sync_core::layers::Limiter;
use sync_core::quota::{Call, Window};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn throttled(wait: Duration) -> Error {
    Error::Throttled { reason: "slow down".to_owned(), retry_after: Some(wait) }
}

/// Who was called up, in order.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<Vec<String>>>);

impl Turns {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Queues a caller that holds its permit for 10 ms once it has one.
async fn queue(callers: &mut JoinSet<()>, limiter: &Limiter, turns: &Turns, name: String) {
    let (limiter, turns) = (limiter.clone(), turns.clone());
    callers.spawn(async move {
        let _permit = limiter.acquire(None).await;
        turns.0.lock().unwrap().push(name);
        sleep(MS(10)).await;
    });
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn are_callers_served_in_order_of_arrival() {
    let (limiter, turns, mut callers) = (Limiter::new(&[], 1), Turns::default(), JoinSet::new());
    for i in 0..5 {
        queue(&mut callers, &limiter, &turns, i.to_string()).await;
    }
    callers.join_all().await;
    assert_eq!(turns.take(), ["0", "1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn are_no_more_calls_under_way_than_allowed() {
    let (limiter, turns, mut callers) = (Limiter::new(&[], 3), Turns::default(), JoinSet::new());
    for i in 0..7 {
        queue(&mut callers, &limiter, &turns, i.to_string()).await;
    }
    let mut called = Vec::new();
    for _ in 0..3 {
        called.push(turns.take().len());
        sleep(MS(11)).await;
    }
    assert_eq!(called, [3, 3, 1]);
    callers.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn does_the_window_hold_at_the_far_side_and_cost_one_round_trip() {
    let (limit, calls, trip) = (20, 200, 50);
    let start = Instant::now();
    let limiter = Limiter::new(&[Window::per_seconds(limit, 1)], 1000);
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let mut callers = JoinSet::new();
    for i in 0..calls {
        let (limiter, arrivals) = (limiter.clone(), Arc::clone(&arrivals));
        callers.spawn(async move {
            let _permit = limiter.acquire(None).await;
            let out = i * 7919 % trip;
            sleep(MS(out)).await;
            arrivals.lock().unwrap().push(start.elapsed());
            sleep(MS(trip - out)).await;
        });
    }
    callers.join_all().await;
    let arrivals = arrivals.lock().unwrap();
    for first in arrivals.iter() {
        let within = arrivals.iter().filter(|a| *a >= first && **a < *first + MS(1000)).count();
        assert!(within <= limit as usize, "{within} calls within a second");
    }
    let rounds = calls / u64::from(limit);
    assert_eq!(start.elapsed(), MS((rounds - 1) * (1000 + trip) + trip));
}

#[tokio::test(start_paused = true)]
async fn does_a_cancelled_call_count_from_when_it_was_cancelled() {
    let limiter = Limiter::new(&[Window::per_seconds(1, 1)], 1);
    let start = Instant::now();
    let call = async {
        let _permit = limiter.acquire(None).await;
        sleep(MS(10_000)).await;
    };
    assert!(timeout(MS(300), call).await.is_err());
    let _permit = limiter.acquire(None).await;
    assert_eq!(start.elapsed(), MS(1300));
}

#[tokio::test(start_paused = true)]
async fn does_a_caller_that_gives_up_leave_the_queue_to_the_others() {
    // The first to wait also watches the time for the others: whoever gives up, somebody must take over.
    for victim in 0..4 {
        let limiter = Limiter::new(&[Window::per_seconds(1, 1)], 10);
        let start = Instant::now();
        drop(limiter.acquire(None).await);
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move {
                    drop(limiter.acquire(None).await);
                    start.elapsed()
                })
            })
            .collect();
        sleep(MS(500)).await;
        callers[victim].abort();
        let mut times = Vec::new();
        for caller in callers {
            times.extend(caller.await.ok());
        }
        assert_eq!(times, [MS(1000), MS(2000), MS(3000)], "victim {victim}");
    }
}

#[tokio::test(start_paused = true)]
async fn does_a_complaint_hold_back_those_who_wait_and_those_who_come_and_slow_them_down() {
    let limiter = Limiter::new(&[Window::per_seconds(1, 1)], 10);
    let start = Instant::now();
    drop(limiter.acquire(None).await);
    let waiting = async {
        drop(limiter.acquire(None).await);
        start.elapsed()
    };
    let coming = async {
        sleep(MS(100)).await;
        limiter.clone().failed(&throttled(MS(3000)));
        drop(limiter.acquire(None).await);
        start.elapsed()
    };
    assert_eq!(tokio::join!(waiting, coming), (MS(3100), MS(5100)));
}

#[tokio::test(start_paused = true)]
async fn is_no_pause_longer_than_an_hour() {
    let limiter = Limiter::new(&[], 1);
    let start = Instant::now();
    limiter.failed(&throttled(Duration::MAX));
    drop(limiter.acquire(None).await);
    assert_eq!(start.elapsed(), Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn does_a_permit_that_is_named_count_for_its_kind_until_its_window_has_passed() {
    let limiter = Limiter::new(&[Window::per_seconds(1, 1).only(Call::Find)], 10);
    let permit = limiter.acquire(None).await.named(Call::Find);
    assert_eq!(limiter.opens_in(Call::Find), None, "it is not answered yet");
    assert_eq!(limiter.opens_in(Call::Create), Some(Duration::ZERO));
    sleep(MS(30)).await;
    drop(permit);
    assert_eq!(limiter.opens_in(Call::Find), Some(MS(1000)));
    limiter.acquire(None).await.named(Call::Find).unused();
    drop(limiter.acquire(Some(Call::Create)).await);
    let start = Instant::now();
    drop(limiter.acquire(Some(Call::Find)).await);
    assert_eq!(start.elapsed(), MS(1000));
}

#[tokio::test(start_paused = true)]
async fn does_nothing_leave_while_the_system_says_that_nothing_is_left() {
    let limiter = Limiter::new(&[Window::per_seconds(100, 10)], 10);
    let permit = limiter.acquire(None).await;
    limiter.told(&[Remaining { calls: 0, per: Duration::from_secs(10) }]);
    drop(permit);
    let start = Instant::now();
    drop(limiter.acquire(None).await);
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn do_threads_that_give_up_at_random_neither_lose_nor_invent_permits() {
    let limiter = Limiter::new(&[], 5);
    let under_way = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for i in 0..3_000_u32 {
        let (limiter, under_way) = (limiter.clone(), Arc::clone(&under_way));
        callers.spawn(async move {
            let call = async {
                let permit = limiter.acquire(None).await;
                let now = under_way.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                under_way.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                drop(permit);
                now
            };
            let give_up = async {
                for _ in 0..i % 5 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! { now = call => Some(now), () = give_up, if i % 2 == 0 => None }
        });
    }
    let most = callers.join_all().await.into_iter().flatten().max();
    assert!(most <= Some(5));
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(limiter.acquire(None).await);
    }
    assert!(futures_are_pending(limiter.acquire(None)).await, "a permit too many");
}

/// Whether a future has nothing to give yet.
async fn futures_are_pending<F: Future>(future: F) -> bool {
    tokio::select! { biased; _ = future => false, () = tokio::task::yield_now() => true }
}
