//! Does comparing everything now and then find what nobody told and no question about changes finds?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/stage.rs"]
mod stage;

use std::time::Duration;

use sync_core::Engine;
use sync_core::clock::Clock;
use sync_core::connector::WriteBody;
use sync_core::model::{News, Properties, Record, RecordId, Side, Sighting, Timestamp, Value};
use sync_core::store::{Batch, Store, Table};

use stage::{Stage, created, live, person, webhook};

/// Nothing but the sweep asks, every hundred seconds.
fn stage() -> Stage {
    Stage { tail: Duration::ZERO, sweep: Duration::from_secs(100), ..Stage::new() }
}

/// People on the left who have not changed for a long time.
fn people(stage: &Stage, count: usize) {
    for n in 0..count {
        let record = Record { changed_at: Some(Timestamp::from_secs(1)), ..person(&format!("p{n}"), "1") };
        stage.left.state().records.push(record);
    }
}

/// An engine that was told of them.
async fn with_people(stage: &Stage, count: usize) -> Engine {
    people(stage, count);
    let engine = stage.engine().await;
    for n in 0..count {
        let news = created(&format!("p{n}"), "1", Timestamp::from_secs(1));
        engine.accept(Side::Left, &webhook(&news)).await.unwrap();
    }
    engine
}

#[tokio::test(start_paused = true)]
async fn does_a_sweep_that_finds_nothing_cost_as_many_calls_as_there_are_pages() {
    let stage = stage();
    let engine = with_people(&stage, 7).await;
    live(&engine, 150).await;
    let state = stage.left.state();
    assert_eq!((state.pages, state.reads, state.asked.len()), (3, 0, 0));
    assert_eq!(stage.right.state().pages, 1);
    assert_eq!(stage.right.state().written.len(), 7, "P6: they were created, and no more");
    assert_eq!(engine.status().counts.found, 0, "P10");
}

#[tokio::test(start_paused = true)]
async fn is_what_changed_too_long_ago_found() {
    let stage = stage();
    let engine = stage.engine().await;
    let news = created("p0", "0", Timestamp::from_secs(0));
    engine.accept(Side::Left, &webhook(&news)).await.unwrap();
    people(&stage, 5);
    live(&engine, 150).await;
    let written = stage.right.state().written.clone();
    assert_eq!(written.iter().filter(|row| row.body.is_create()).count(), 5, "P3, L4");
    let edit = written.iter().find_map(|row| match &row.body {
        WriteBody::Update { properties, .. } => properties["phone"].clone(),
        _ => None,
    });
    assert_eq!(edit, Value::new("1"), "L4");
    assert_eq!(engine.status().counts.found, 5, "P10");
}

#[tokio::test(start_paused = true)]
async fn is_a_record_that_is_not_listed_still_there() {
    let stage = stage();
    let engine = stage.engine().await;
    let at = stage.left.clock.now();
    engine.accept(Side::Left, &webhook(&created("ann", "1", at))).await.unwrap();
    live(&engine, 150).await;
    assert_eq!(stage.left.state().pages, 1);
    let WriteBody::Create { link, .. } = stage.right.state().written[0].body.clone() else { panic!() };
    let mut sighting = Sighting::created(person("ann", "2"), stage.right.clock.now());
    sighting.record.id = RecordId::new(link.pair.as_str());
    sighting.previous = Some(Properties::from([("phone".to_owned(), Value::new("1"))]));
    let engine = stage.engine().await;
    engine.accept(Side::Right, &webhook(&News::Seen(Box::new(sighting)))).await.unwrap();
    live(&engine, 5).await;
    assert_eq!(stage.left.state().written.len(), 1, "P12: it is written to as before");
}

#[tokio::test(start_paused = true)]
async fn is_a_sweep_due_whatever_restarts_come_between() {
    let stage = stage();
    for _ in 0..3 {
        stage.live(60).await;
    }
    assert_eq!(stage.left.state().pages, 1, "one in three minutes");
}

#[tokio::test(start_paused = true)]
async fn does_a_sweep_read_no_pair_that_is_as_it_should_be() {
    let stage = with_three_pairs().await;
    garble_pairs(&stage).await;
    stage.live(150).await;
    assert_eq!(stage.left.state().pages, 1, "they were swept");
}

#[tokio::test(start_paused = true)]
async fn is_a_store_without_prints_given_them_by_its_first_sweep() {
    let stage = with_three_pairs().await;
    let mut batch = Batch::default();
    for (key, row) in stage.store.scan(Table::Index, b"i/", 9).await.unwrap() {
        if row.starts_with(b"[") {
            batch.put(Table::Index, key, row.split(|byte| *byte == b',').next().unwrap()[1..].to_vec());
        }
    }
    assert_eq!(batch.changes.len(), 6, "as formats 1 and 2 had them");
    stage.store.commit(batch).await.unwrap();
    stage.live(150).await;
    let swept = stage.left.state().pages;
    assert!(swept > 0);
    garble_pairs(&stage).await;
    stage.live(150).await;
    assert!(stage.left.state().pages > swept, "they were swept once more");
}

#[tokio::test(start_paused = true)]
async fn is_found_what_became_as_it_was_when_the_sweep_began_though_we_know_of_a_change_since() {
    let stage = stage();
    let engine = with_people(&stage, 7).await;
    let edits = async {
        tokio::time::sleep(Duration::from_secs(90)).await;
        stage.left.state().slow = Duration::from_secs(12);
        // One page of three has been heard.
        tokio::time::sleep(Duration::from_secs(23)).await;
        assert_eq!(stage.left.state().pages, 2);
        stage.left.changes("p6", "2");
        let mut told = Sighting::created(person("p6", "2"), stage.left.now());
        told.previous = Some(Properties::from([("phone".to_owned(), Value::new("1"))]));
        engine.accept(Side::Left, &webhook(&News::Seen(Box::new(told)))).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(stage.left.state().pages, 2);
        stage.left.changes("p6", "1");
    };
    tokio::join!(live(&engine, 190), edits);
    assert_eq!(engine.status().counts.found, 1);
    let written = stage.right.state().written.clone();
    let phones = written.iter().filter_map(|row| match &row.body {
        WriteBody::Update { properties, .. } => properties["phone"].clone(),
        _ => None,
    });
    assert_eq!(phones.collect::<Vec<_>>(), ["2", "1"].map(|phone| Value::new(phone).unwrap()), "L4");
}

/// Three people on the left, who were all created on the right.
async fn with_three_pairs() -> Stage {
    let stage = stage();
    let engine = with_people(&stage, 3).await;
    live(&engine, 50).await;
    stage
}

/// Of the pairs nothing is left: whoever reads one finds the store damaged, and stops.
async fn garble_pairs(stage: &Stage) {
    let mut batch = Batch::default();
    for (id, _) in stage.store.scan(Table::Pairs, b"", 9).await.unwrap() {
        batch.put(Table::Pairs, id, "");
    }
    assert_eq!(batch.changes.len(), 3);
    stage.store.commit(batch).await.unwrap();
}
