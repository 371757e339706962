//! Is what no webhook told found by asking, once, and without asking too much?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/stage.rs"]
mod stage;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sync_core::clock::{Clock, TokioClock};
use sync_core::connector::WriteBody;
use sync_core::model::{Author, Class, Edit, News, Properties, Record, RecordId, Side, Sighting, Value};

use stage::{Stage, created, live, person, webhook};

#[tokio::test(start_paused = true)]
async fn does_a_quiet_minute_cost_one_question_a_side_and_interval() {
    let stage = Stage::new();
    let engine = stage.live(65).await;
    for side in [&stage.left, &stage.right] {
        let state = side.state();
        assert_eq!(state.asked.len(), 7);
        assert_eq!((state.reads, state.written.len()), (0, 0));
        let apart = state.asked.windows(2).all(|two| two[1].1.since(two[0].1) >= stage.tail);
        assert!(apart, "{:?}", state.asked);
    }
    assert_eq!(engine.status().counts, sync_core::journal::Counts::default(), "P10");
}

#[tokio::test(start_paused = true)]
async fn is_nothing_asked_when_that_is_switched_off() {
    let stage = Stage { tail: Duration::ZERO, ..Stage::new() };
    stage.live(3600).await;
    assert_eq!((stage.left.asked(), stage.right.asked()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn is_a_change_found_and_counted_as_an_event() {
    let stage = Stage::new();
    stage.left.changes("ann", "1");
    let counts = stage.live(60).await.status().counts;
    assert_eq!(stage.right.state().written.len(), 1, "L4");
    assert_eq!((counts.found, counts.taken, counts.applied, counts.pending), (1, 1, 1, 0), "P10");
    assert_eq!(stage.left.state().reads, 1, "asked for once, whatever the next questions show");
}

#[tokio::test(start_paused = true)]
async fn does_a_question_after_a_restart_reach_back_to_the_one_before() {
    let stage = Stage::new();
    stage.live(15).await;
    let before = stage.left.state().asked.last().cloned().unwrap();
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    stage.left.changes("ann", "1");
    tokio::time::sleep(Duration::from_secs(1_000)).await;
    stage.live(30).await;
    let (since, ..) = stage.left.state().asked[2];
    assert!(since < before.1, "it overlaps");
    assert_eq!(stage.right.state().written.len(), 1, "L4");
}

#[tokio::test(start_paused = true)]
async fn does_what_a_webhook_told_cost_nothing_more() {
    for journal in [true, false] {
        let stage = Stage::new();
        let engine = stage.engine().await;
        let now = stage.left.clock.now();
        let news = created("ann", "1", now);
        match journal {
            true => stage.left.state().journal.push(news.clone()),
            false => stage.left.changes("ann", "1"),
        }
        engine.accept(Side::Left, &webhook(&news)).await.unwrap();
        live(&engine, 60).await;
        assert!(stage.left.asked() > 3);
        assert_eq!(stage.left.state().reads, 0);
        assert_eq!(stage.right.state().written.len(), 1, "P6");
        assert_eq!((engine.status().counts.taken, engine.status().counts.found), (1, 0), "P10");
    }
}

#[tokio::test(start_paused = true)]
async fn is_what_is_so_young_that_its_webhook_may_still_come_left_for_the_next_question() {
    let stage = Stage::new();
    let engine = stage.engine().await;
    let left = stage.left.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(8)).await;
        left.changes("ann", "1");
        let at = left.clock.now();
        left.state().journal.push(created("bob", "2", at));
    });
    live(&engine, 12).await;
    assert_eq!(stage.left.asked(), 2);
    assert_eq!(engine.status().counts.found, 0);
    assert_eq!(stage.live(15).await.status().counts.found, 2, "L4");
}

/// What search shows may be older than what a webhook told.
#[tokio::test(start_paused = true)]
async fn does_a_search_that_lags_start_no_read() {
    let stage = Stage::new();
    let engine = stage.engine().await;
    let was = stage.left.clock.now();
    stage.left.changes("ann", "1");
    engine.accept(Side::Left, &webhook(&created("ann", "1", was))).await.unwrap();
    let mut sighting = Sighting::created(person("ann", "2"), was.plus(Duration::from_secs(1)));
    sighting.previous = Some(Properties::from([("phone".to_owned(), Value::new("1"))]));
    engine.accept(Side::Left, &webhook(&News::Seen(Box::new(sighting)))).await.unwrap();
    live(&engine, 60).await;
    assert_eq!((stage.left.state().reads, engine.status().counts.found), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn is_a_long_answer_taken_page_by_page() {
    let stage = Stage::new();
    for n in 0..8 {
        stage.left.changes(&format!("p{n}"), "1");
    }
    let counts = stage.live(60).await.status().counts;
    assert_eq!((counts.found, counts.applied), (8, 8), "L4");
    let state = stage.left.state();
    let places: Vec<_> = state.asked.iter().take(4).map(|(.., cursor)| cursor.clone().map(|c| c.0)).collect();
    assert_eq!(places, [None, Some("3".to_owned()), Some("6".to_owned()), None]);
    assert!(
        state.asked[..3].iter().all(|(since, ..)| *since == state.asked[0].0),
        "one question, three pages"
    );
}

#[tokio::test(start_paused = true)]
async fn does_a_system_that_does_not_say_what_changed_go_on_otherwise() {
    let stage = Stage::new();
    stage.left.state().refuses = true;
    let engine = stage.engine().await;
    let right = stage.right.clone();
    let accepting = engine.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let news = created("ann", "1", right.clock.now());
        accepting.accept(Side::Right, &webhook(&news)).await.unwrap();
    });
    live(&engine, 65).await;
    assert_eq!(stage.left.asked(), 3, "it is left alone for half a minute");
    assert_eq!(stage.left.state().written.len(), 1, "it is well otherwise");
    let status = engine.status();
    assert_eq!((&status.sides.left.halted, &status.sides.right.repair_trouble), (&None, &None));
    assert!(status.sides.left.repair_trouble.unwrap().contains("no such question"));
}

/// A merge whose webhook was lost shows as a record nobody knows that answers to the id of one we do.
#[tokio::test(start_paused = true)]
async fn is_the_survivor_of_a_lost_merge_found() {
    let stage = Stage::new();
    let engine = stage.engine().await;
    let news = created("ann", "1", stage.left.clock.now());
    engine.accept(Side::Left, &webhook(&news)).await.unwrap();
    let survivor = Record {
        aliases: vec![RecordId::new("ann")],
        changed_at: Some(stage.left.clock.now()),
        ..person("both", "2")
    };
    stage.left.state().records.push(survivor);
    live(&engine, 60).await;
    let written = stage.right.state().written.clone();
    assert_eq!(written.iter().filter(|row| row.body.is_create()).count(), 1, "P3");
    let update = written.iter().find_map(|row| match &row.body {
        WriteBody::Update { properties, .. } => properties["phone"].clone(),
        _ => None,
    });
    assert_eq!(update, Value::new("2"), "L4");
}

#[tokio::test(start_paused = true)]
async fn is_news_the_same_whoever_tells_it() {
    let stage = Stage::new();
    let engine = stage.engine().await;
    let at = stage.left.clock.now();
    let id = RecordId::new("ann");
    let news = News::Changed { id, at, author: Author::Other, class: Class::Edit, property: None };
    stage.left.state().journal.push(news.clone());
    stage.left.state().records.push(person("ann", "1"));
    for _ in 0..3 {
        engine.accept(Side::Left, &webhook(&news)).await.unwrap();
    }
    live(&engine, 60).await;
    assert_eq!((engine.status().counts.taken, engine.status().counts.found), (3, 0), "P10");
    assert_eq!(stage.right.state().written.len(), 1, "P2");
}

/// Our own words cover those of somebody whose webhook was lost; only the record's past shows them.
#[tokio::test(start_paused = true)]
async fn is_an_edit_found_that_we_wrote_over_unknowingly() {
    let stage = Stage::new();
    let engine = stage.engine().await;
    let start = stage.left.clock.now();
    engine.accept(Side::Left, &webhook(&created("ann", "1", start))).await.unwrap();
    let (left, right, accepting) = (stage.left.clone(), stage.right.clone(), engine.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let mut record = person("ann", "right");
        let edit = |value, at, author| Edit { value: Value::new(value), at, author };
        let lost = edit("left", left.clock.now(), Author::Other);
        let made = right.state().written[0].body.clone();
        let WriteBody::Create { link, .. } = made else { panic!("it is created first") };
        let mut sighting = Sighting::created(person("ann", "right"), start.plus(Duration::from_secs(2)));
        sighting.record.id = RecordId::new(link.pair.as_str());
        sighting.previous = Some(Properties::from([("phone".to_owned(), Value::new("1"))]));
        accepting.accept(Side::Right, &webhook(&News::Seen(Box::new(sighting)))).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let ours = edit("right", left.clock.now(), Author::Us(None));
        record.changed_at = Some(ours.at);
        record.history.insert("phone".to_owned(), vec![ours, lost]);
        left.state().records.push(record);
    });
    live(&engine, 60).await;
    assert_eq!(stage.left.state().reads, 1, "once for what we wrote");
    let last = stage.right.state().written.last().unwrap().body.clone();
    let WriteBody::Update { properties, .. } = last else { panic!("{last:?}") };
    assert_eq!(properties["phone"], Value::new("left"), "P5: it was the later one");
    assert_eq!(engine.status().counts.found, 0, "P10: it is no event");
}

/// A journal tells the newest first, and a webhook is faster than a journal.
#[tokio::test(start_paused = true)]
async fn does_what_came_before_a_record_went_bring_it_to_life() {
    let gone = |stage: &Stage| News::Gone {
        id: RecordId::new("ann"),
        at: stage.left.clock.now().plus(Duration::from_secs(1)),
        author: Author::Other,
    };
    let told_by_webhook = Stage::new();
    let engine = told_by_webhook.engine().await;
    engine.accept(Side::Left, &webhook(&gone(&told_by_webhook))).await.unwrap();
    let made = created("ann", "1", told_by_webhook.left.clock.now());
    told_by_webhook.left.state().journal.extend([gone(&told_by_webhook), made]);
    live(&engine, 60).await;

    let told_a_page_before = Stage::new();
    let (now, went) = (told_a_page_before.left.clock.now(), gone(&told_a_page_before));
    let others = ["bob", "cyd"].map(|id| created(id, "2", now));
    let journal = [others.to_vec(), vec![went, created("ann", "1", now)]].concat();
    told_a_page_before.left.state().journal = journal;
    told_a_page_before.live(60).await;

    for (stage, others) in [(told_by_webhook, 0), (told_a_page_before, 2)] {
        assert_eq!(stage.right.state().written.len(), others, "nothing is made of what is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn is_what_was_told_while_the_first_question_went_unanswered_asked_for() {
    for behind in [0, 100].map(Duration::from_secs) {
        is_the_time_without_an_answer_asked_for(behind).await;
    }
}

async fn is_the_time_without_an_answer_asked_for(behind: Duration) {
    let mut stage = Stage::new();
    stage.left.clock = TokioClock::starting_at(stage.right.clock.now().minus(behind));
    stage.left.state().refuses = true;
    let engine = stage.engine().await;
    let left = stage.left.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        left.changes("ann", "1");
        tokio::time::sleep(Duration::from_secs(60)).await;
        left.state().refuses = false;
    });
    live(&engine, 180).await;
    assert_eq!(stage.right.state().written.len(), 1, "L4");
}

/// What waits must not wait for hours because somebody sets the clock, while the engine runs or between two lives.
#[tokio::test(start_paused = true)]
async fn does_time_pass_whatever_the_clock_says() {
    for jump in [-3_600, 7_200] {
        let stage = Stage::new();
        let engine = stage.engine().await;
        let ahead = Arc::clone(&stage.ahead);
        tokio::spawn(async move {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                ahead.fetch_add(jump, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(20)).await;
                ahead.store(0, Ordering::Relaxed);
            }
        });
        live(&engine, 125).await;
        assert_eq!(stage.left.asked(), 13, "once in ten seconds");

        stage.ahead.store(jump, Ordering::Relaxed);
        stage.left.changes("ann", "1");
        stage.right.state().busy = usize::MAX;
        stage.live(20).await;
        stage.ahead.store(0, Ordering::Relaxed);
        stage.right.state().busy = 0;
        stage.live(60).await;
        assert_eq!(stage.right.state().written.len(), 1, "its next attempt was due soon");
    }
}
