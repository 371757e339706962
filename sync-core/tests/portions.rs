//! Does a call carry as many rows as pays, where one bad row fails them all?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/stage.rs"]
mod stage;

use stage::{Stage, created, live, webhook};
use sync_core::clock::Clock;
use sync_core::model::Side;

/// The calls it takes to create 1,000 records, of which so many in ten are unfit.
async fn calls(unfit: usize, row_level: bool) -> usize {
    let mut stage = Stage::new();
    (stage.right.like.write_batch, stage.right.like.row_level) = (100, row_level);
    let engine = stage.engine().await;
    for number in 0..1_000 {
        let id = format!("{number}");
        if number % 10 < unfit {
            stage.right.state().unfit.insert(format!("{id}@example.com"));
        }
        engine.accept(Side::Left, &webhook(&created(&id, "1", stage.left.clock.now()))).await.unwrap();
    }
    live(&engine, 300).await;
    let right = stage.right.state();
    assert_eq!(right.written.len(), 1_000 - 100 * unfit, "all that are fit are there");
    assert_eq!(engine.status().counts.quarantined as usize, 100 * unfit);
    right.writes + right.spoilt
}

#[tokio::test(start_paused = true)]
async fn do_rows_go_alone_while_every_other_is_bad() {
    assert!(calls(0, false).await < 15);
    let calls_now = calls(5, false).await;
    assert!(calls_now < 1_200, "{calls_now}: hardly more than one a row");
    let in_full = calls(5, true).await;
    assert!(in_full > 1_400, "{in_full}: where rows have answers of their own, that was not to be expected");
}
