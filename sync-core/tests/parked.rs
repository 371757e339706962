//! Is a side that asked for patience left alone, also by an engine that was started anew?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/stage.rs"]
mod stage;

use std::sync::atomic::Ordering;
use std::time::Duration;

use stage::{Stage, created, live, webhook};
use sync_core::clock::Clock;
use sync_core::model::Side;

const MINUTES: u64 = 60;

/// Somebody is to be created on the right, which asks for so many minutes of patience. Then the engine ends.
async fn parked(stage: &Stage, minutes: u64) {
    stage.right.state().busy = 1;
    stage.right.state().retry_after = Some(Duration::from_secs(minutes * MINUTES));
    let engine = stage.engine().await;
    engine.accept(Side::Left, &webhook(&created("a", "1", stage.left.clock.now()))).await.unwrap();
    live(&engine, 10).await;
    assert_eq!(stage.right.state().busy, 0, "it has asked for patience");
}

/// Calls to the right of every kind.
fn calls(stage: &Stage) -> usize {
    let right = stage.right.state();
    right.asked.len() + right.reads + right.pages + right.writes
}

#[tokio::test(start_paused = true)]
async fn does_a_restart_not_cut_a_long_wait_short() {
    let stage = Stage::new();
    parked(&stage, 20).await;
    let before = calls(&stage);
    for _ in 0..3 {
        stage.live(5 * MINUTES).await;
    }
    assert_eq!(calls(&stage), before, "three restarts in a quarter of an hour, and not a call");
    assert!(!stage.left.state().asked.is_empty(), "the other side goes on");
    stage.live(6 * MINUTES).await;
    assert_eq!(stage.right.state().writes, 1, "and then it is done");
    let before = calls(&stage);
    stage.live(10).await;
    assert!(calls(&stage) > before, "what is over is not waited out again");
}

#[tokio::test(start_paused = true)]
async fn does_a_clock_that_was_put_right_not_prolong_the_wait() {
    let stage = Stage::new();
    stage.ahead.store(10 * 3600, Ordering::Relaxed);
    parked(&stage, 20).await;
    stage.ahead.store(0, Ordering::Relaxed);
    stage.live(21 * MINUTES).await;
    assert_eq!(stage.right.state().writes, 1, "no wait is longer than what was asked for");
}

#[tokio::test(start_paused = true)]
async fn is_a_system_that_answered_again_called_at_once_after_a_restart() {
    let stage = Stage::new();
    parked(&stage, 1).await;
    stage.live(MINUTES).await;
    let meta = stage.engine().await.journal().meta().await.unwrap().unwrap();
    assert_eq!(meta.parked.right, None);
}
