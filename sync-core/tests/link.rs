//! Do records that we did not create come to name their twins: once, many in a call, and at nobody's expense?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/stage.rs"]
mod stage;

use std::sync::atomic::Ordering;
use std::time::Duration;

use stage::{Stage, created, live, person, webhook};
use sync_core::connector::{Write, WriteBody};
use sync_core::model::{News, Record, RecordId, Side, Sighting};

/// On the left links have calls of their own, on the right they have not.
fn stage() -> Stage {
    let mut stage = Stage::new();
    (stage.left.like.write_batch, stage.left.like.link_batch) = (100, 100);
    stage.right.like.link_batch = 1;
    stage
}

/// A record of the left side that names its twin.
fn naming(id: &str, phone: &str, twin: &str) -> Record {
    Record { twin: Some(RecordId::new(twin)), ..person(id, phone) }
}

/// Which record was told of which, if nothing else was written.
fn links(written: &[Write]) -> Vec<(&str, &str)> {
    let links = written.iter().map(|write| match &write.body {
        WriteBody::Update { id, properties, link: Some(twin) } if properties.is_empty() => (id, twin),
        other => panic!("not a link: {other:?}"),
    });
    links.map(|(id, twin)| (id.as_str(), twin.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn are_records_told_of_the_twins_we_made_a_hundred_in_a_call() {
    let stage = stage();
    let engine = stage.engine().await;
    for number in 0..250 {
        let news = created(&format!("a{number}"), "1", stage.left.now());
        engine.accept(Side::Left, &webhook(&news)).await.unwrap();
    }
    live(&engine, 120).await;
    let (left, right) = (stage.left.state(), stage.right.state());
    assert_eq!(right.written.len(), 250);
    let mut told = links(&left.written);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 250, "each is told once");
    assert_eq!((left.writes, left.written.len()), (3, 250));
}

#[tokio::test(start_paused = true)]
async fn does_a_clock_that_was_put_right_not_keep_links_waiting() {
    let stage = Stage { tail: Duration::ZERO, ..stage() };
    stage.ahead.store(3600, Ordering::Relaxed);
    let engine = stage.engine().await;
    engine.accept(Side::Left, &webhook(&created("a", "1", stage.left.now()))).await.unwrap();
    live(&engine, 2).await;
    assert_eq!(
        (stage.right.state().writes, stage.left.state().writes),
        (1, 0),
        "the link still waits for others"
    );
    stage.ahead.store(0, Ordering::Relaxed);
    stage.live(5).await;
    assert_eq!(links(&stage.left.state().written).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn are_records_told_of_the_twins_that_they_met() {
    let mut stage = stage();
    // Nothing else wakes the engine.
    stage.tail = Duration::ZERO;
    let engine = stage.engine().await;
    engine.accept(Side::Left, &webhook(&created("a", "1", stage.left.now()))).await.unwrap();
    engine.accept(Side::Right, &webhook(&created("a", "1", stage.left.now()))).await.unwrap();
    live(&engine, 30).await;
    assert_eq!(links(&stage.left.state().written), [("a", "a")]);
    assert!(stage.right.state().written.is_empty(), "there a link is not worth a call");
}

#[tokio::test(start_paused = true)]
async fn is_a_link_written_once_whatever_a_person_makes_of_it() {
    let stage = stage();
    let engine = stage.engine().await;
    for side in Side::BOTH {
        engine.accept(side, &webhook(&created("a", "1", stage.left.now()))).await.unwrap();
    }
    live(&engine, 60).await;
    stage.left.changes("a", "2");
    stage.live(60).await;
    stage.left.state().records = vec![Record { changed_at: Some(stage.left.now()), ..naming("a", "3", "z") }];
    stage.live(60).await;
    assert!(stage.left.state().reads >= 2, "the engine has seen what became of it");
    assert_eq!(links(&stage.left.state().written), [("a", "a")]);
    let right = stage.right.state();
    let carried: Vec<_> = right
        .written
        .iter()
        .map(|w| matches!(&w.body, WriteBody::Update { link: Some(l), .. } if l.as_str() == "a"))
        .collect();
    assert_eq!(carried, [true, false], "on the right it went along with the first edit");
}

#[tokio::test(start_paused = true)]
async fn does_a_record_that_names_its_twin_cost_no_call() {
    let stage = stage();
    let engine = stage.engine().await;
    engine.accept(Side::Right, &webhook(&created("b", "1", stage.left.now()))).await.unwrap();
    let record = Record { properties: person("b", "1").properties, ..naming("a", "1", "b") };
    let news = News::Seen(Box::new(Sighting::created(record, stage.left.now())));
    engine.accept(Side::Left, &webhook(&news)).await.unwrap();
    live(&engine, 60).await;
    assert_eq!((stage.left.state().writes, stage.right.state().writes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn is_a_link_without_an_answer_looked_for_before_it_is_written_again() {
    for arrived in [true, false] {
        let stage = stage();
        stage.left.state().silent = 1;
        let engine = stage.engine().await;
        for side in Side::BOTH {
            engine.accept(side, &webhook(&created("a", "1", stage.left.now()))).await.unwrap();
        }
        let record = if arrived { naming("a", "1", "a") } else { person("a", "1") };
        stage.left.state().records.push(record);
        live(&engine, 60).await;
        let left = stage.left.state();
        assert_eq!((left.reads, left.writes), (1, if arrived { 1 } else { 2 }), "arrived: {arrived}");
    }
}

#[tokio::test(start_paused = true)]
async fn are_no_links_written_where_nobody_wants_them() {
    for (wanted, room) in [(false, 100), (true, 0)] {
        let mut stage = stage();
        (stage.link_back, stage.left.like.link_batch) = (wanted, room);
        let engine = stage.engine().await;
        engine.accept(Side::Left, &webhook(&created("a", "1", stage.left.now()))).await.unwrap();
        live(&engine, 60).await;
        assert_eq!((stage.left.state().writes, stage.right.state().writes), (0, 1));
    }
}
