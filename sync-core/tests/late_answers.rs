//! What if an answer comes late, or never, and much happens meanwhile?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/stage.rs"]
mod stage;

use std::time::Duration;

use sync_core::Engine;
use sync_core::clock::Clock;
use sync_core::connector::WriteBody;
use sync_core::model::{
    Activity, Author, Class, News, Properties, Record, RecordId, Side, Sighting, Timestamp, Value,
};

use stage::{Stage, created, live, person, webhook};

fn changed(id: &str, at: Timestamp) -> News {
    let (id, author, class) = (RecordId::new(id), Author::Other, Class::Edit);
    News::Changed { id, at, author, class, property: None }
}

/// A person replaced one phone number by another; the webhook shows the record.
fn rung(record: Record, before: &str, at: Timestamp) -> News {
    let mut sighting = Sighting::created(record, at);
    sighting.previous = Some(Properties::from([("phone".to_owned(), Value::new(before))]));
    News::Seen(Box::new(sighting))
}

/// What became of Ann.
fn merged(phone: &str, at: Timestamp) -> Record {
    let aliases = vec![RecordId::new("ann")];
    Record { id: RecordId::new("anna"), aliases, changed_at: Some(at), ..person("ann", phone) }
}

async fn hear(engine: &Engine, side: Side, news: News) {
    engine.accept(side, &webhook(&news)).await.unwrap();
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// The phone numbers that were written to a side, in order.
fn phones(stage: &Stage, side: Side) -> Vec<String> {
    let system = if side == Side::Left { &stage.left } else { &stage.right };
    let state = system.state();
    let phone = |row: &sync_core::connector::Write| match &row.body {
        WriteBody::Create { properties, .. } | WriteBody::Update { properties, .. } => {
            properties.get("phone").cloned().flatten().map(|phone| phone.as_str().to_owned())
        }
        WriteBody::Emit { .. } => None,
    };
    state.written.iter().filter_map(phone).collect()
}

#[tokio::test(start_paused = true)]
async fn is_a_merged_record_listened_to_although_a_read_of_its_past_comes_later() {
    let stage = Stage { tail: Duration::ZERO, ..Stage::new() };
    let engine = stage.engine().await;
    let (left, theirs) = (stage.left.clone(), engine.clone());
    tokio::spawn(async move {
        hear(&theirs, Side::Left, created("ann", "1", left.clock.now())).await;
        pass(5).await;
        left.changes("ann", "2");
        left.state().slow = Duration::from_secs(4);
        hear(&theirs, Side::Left, changed("ann", left.clock.now())).await;
        pass(2).await;
        let (into, at) = (RecordId::new("anna"), left.clock.now());
        left.state().records = vec![merged("2", at)];
        hear(&theirs, Side::Left, News::Merged { into, from: vec![RecordId::new("ann")], at }).await;
        pass(20).await;
        left.state().records = vec![merged("3", left.clock.now())];
        hear(&theirs, Side::Left, changed("anna", left.clock.now())).await;
    });
    live(&engine, 60).await;
    assert_eq!(phones(&stage, Side::Right).last().map(String::as_str), Some("3"));
}

#[tokio::test(start_paused = true)]
async fn does_the_later_edit_stand_where_a_creation_was_found_long_after_it() {
    let stage = Stage { tail: Duration::ZERO, ..Stage::new() };
    (stage.right.state().slow, stage.right.state().loses_answers) = (Duration::from_secs(12), true);
    let engine = stage.engine().await;
    let (left, right, theirs) = (stage.left.clone(), stage.right.clone(), engine.clone());
    tokio::spawn(async move {
        hear(&theirs, Side::Left, created("ann", "1", left.clock.now())).await;
        pass(4).await;
        let ours = {
            let mut state = right.state();
            state.loses_answers = false;
            let ours = state.records.first_mut().expect("it was created");
            ours.properties.insert("phone".to_owned(), Value::new("2"));
            ours.clone()
        };
        hear(&theirs, Side::Right, rung(ours, "1", right.clock.now())).await;
        pass(3).await;
        hear(&theirs, Side::Left, rung(person("ann", "3"), "1", left.clock.now())).await;
    });
    live(&engine, 120).await;
    assert_eq!(phones(&stage, Side::Left), [""; 0], "2 was typed before 3");
    assert_eq!(phones(&stage, Side::Right).last().map(String::as_str), Some("3"));
}

#[tokio::test(start_paused = true)]
async fn is_a_record_found_that_was_told_of_while_it_was_looked_for_read_once_more() {
    let stage = Stage { tail: Duration::ZERO, ..Stage::new() };
    let theirs = |phone| Record { id: RecordId::new("theirs"), ..person("ann", phone) };
    (stage.right.state().slow, stage.right.state().silent) = (Duration::from_secs(8), 1);
    stage.right.state().records = vec![theirs("")];
    let engine = stage.engine().await;
    let (left, right, listener) = (stage.left.clone(), stage.right.clone(), engine.clone());
    tokio::spawn(async move {
        hear(&listener, Side::Left, created("ann", "1", left.clock.now())).await;
        // Our creation came to nothing, nobody knows, and the record of the same person is on its way to us as it was.
        pass(12).await;
        let entered = Sighting::created(theirs(""), right.clock.now());
        hear(&listener, Side::Right, News::Seen(Box::new(entered))).await;
        pass(1).await;
        right.state().records = vec![theirs("2")];
        hear(&listener, Side::Right, rung(theirs("2"), "", right.clock.now())).await;
    });
    live(&engine, 120).await;
    assert_eq!(phones(&stage, Side::Left), ["2"], "2 was typed after 1");
}

#[tokio::test(start_paused = true)]
async fn are_pairs_one_whose_records_a_read_shows_to_be_one() {
    let mut stage = Stage { tail: Duration::ZERO, ..Stage::new() };
    stage.left.like.emit_batch = 1;
    let engine = stage.engine().await;
    let (left, theirs) = (stage.left.clone(), engine.clone());
    tokio::spawn(async move {
        let began = left.clock.now();
        for id in ["ann", "bob"] {
            hear(&theirs, Side::Left, created(id, "1", began)).await;
        }
        pass(5).await;
        let aliases = ["ann", "bob"].map(RecordId::new).to_vec();
        let also_known_as = Value::new("bob@example.com").into_iter().collect();
        left.state().records = vec![Record { aliases, also_known_as, ..merged("2", left.clock.now()) }];
        hear(&theirs, Side::Left, changed("bob", left.clock.now())).await;
        pass(5).await;
        // Told once more, and late.
        for id in ["ann", "bob"] {
            hear(&theirs, Side::Left, created(id, "1", began)).await;
        }
        let gone = Sighting::created(person("bob", "1"), began);
        let purchase = News::Happened {
            id: None,
            match_value: gone.record.properties["email"].clone(),
            activity: Activity { id: "p1".to_owned(), at: began, details: Default::default() },
        };
        hear(&theirs, Side::Right, purchase).await;
    });
    live(&engine, 60).await;
    let creations = stage.right.state().written.iter().filter(|row| row.body.is_create()).count();
    assert_eq!(creations, 2, "nobody is new");
    assert_eq!(engine.journal().pairs_after(None, 9).await.unwrap().len(), 1);
    let told =
        stage.left.state().written.iter().filter(|row| matches!(row.body, WriteBody::Emit { .. })).count();
    assert_eq!((told, engine.status().counts.pending), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn is_a_creation_that_came_to_something_and_went_again_left_alone() {
    let stage = Stage { tail: Duration::ZERO, ..Stage::new() };
    stage.right.state().silent = u32::MAX as usize;
    let engine = stage.engine().await;
    let (left, right, theirs) = (stage.left.clone(), stage.right.clone(), engine.clone());
    tokio::spawn(async move {
        hear(&theirs, Side::Left, created("ann", "1", left.clock.now())).await;
        pass(3).await;
        // It was there, somebody deleted it, and the news come the wrong way round.
        let op = right.state().written[0].op.clone();
        let (record, at) = (Record { id: RecordId::new("made"), ..person("ann", "1") }, right.clock.now());
        hear(&theirs, Side::Right, News::Gone { id: record.id.clone(), at, author: Author::Other }).await;
        let made = Sighting { author: Author::Us(Some(op)), ..Sighting::created(record, at) };
        hear(&theirs, Side::Right, News::Seen(Box::new(made))).await;
    });
    live(&engine, 10).await;
    let writes = stage.right.state().writes;
    let status = engine.status();
    assert_eq!((status.counts.pending, status.sides.right.waiting), (0, 0));
    stage.live(600).await;
    assert_eq!(stage.right.state().writes, writes, "it is not made once more");
}

#[tokio::test(start_paused = true)]
async fn is_what_happened_while_a_long_answer_was_read_asked_for_again() {
    let mut stage = Stage::new();
    stage.right.like.lag = Duration::ZERO;
    let engine = stage.engine().await;
    let right = stage.right.clone();
    tokio::spawn(async move {
        pass(15).await;
        let began = right.clock.now();
        right.state().journal = (0..10).map(|n| created(&format!("p{n}"), "1", began)).collect();
        right.state().slow = Duration::from_secs(18);
        // While the first page is on its way. The newest is listed first, so no later page has it.
        pass(12).await;
        let late = created("late", "1", right.clock.now());
        right.state().journal.insert(0, late);
    });
    live(&engine, 250).await;
    let late = Value::new("late@example.com");
    let made = |row: &sync_core::connector::Write| match &row.body {
        WriteBody::Create { properties, .. } => properties["email"] == late,
        _ => false,
    };
    assert!(stage.left.state().written.iter().any(made));
}

#[tokio::test(start_paused = true)]
async fn is_a_purchase_that_is_refused_set_aside_once_although_its_pair_has_left_memory() {
    let mut stage = Stage { tail: Duration::ZERO, ..Stage::new() };
    stage.left.like.emit_batch = 1;
    let engine = stage.engine().await;
    let (left, theirs) = (stage.left.clone(), engine.clone());
    tokio::spawn(async move {
        let now = left.clock.now();
        hear(&theirs, Side::Left, created("ann", "1", now)).await;
        pass(5).await;
        left.state().unfit.insert("p1".to_owned());
        left.state().slow = Duration::from_secs(10);
        let email = Value::new("ann@example.com");
        let activity = Activity { id: "p1".to_owned(), at: now, details: Default::default() };
        hear(&theirs, Side::Right, News::Happened { id: None, match_value: email, activity }).await;
        pass(1).await;
        // While the call is under way, more people come than are kept in memory.
        for n in 0..5_000 {
            hear(&theirs, Side::Left, created(&format!("other{n}"), "1", now)).await;
        }
    });
    live(&engine, 3_600).await;
    let counts = engine.status().counts;
    assert_eq!((counts.pending, counts.quarantined, counts.taken), (0, 1, 5_002));
    assert_eq!(stage.left.state().spoilt, 1, "it is tried once");
}
