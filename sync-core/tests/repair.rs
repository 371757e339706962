//! Is what no webhook told found by asking, once, and without asking too much?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use sync_core::clock::{Clock, TokioClock};
use sync_core::connector::{
    Answer, Connector, Cursor, Delivery, Description, Error, Query, Receipt, Rejection, Write, WriteBody,
};
use sync_core::mapping::{Mapping, Text};
use sync_core::model::entity::{EMAIL, PHONE};
use sync_core::model::{
    Author, Class, Edit, Entity, News, Properties, Record, RecordId, Side, Sighting, Timestamp, Value,
};
use sync_core::stores::MemoryStore;
use sync_core::{Engine, Settings};
use tokio::time::timeout;

/// Most records or news in one answer.
const PAGE: usize = 3;

/// A system that can be asked what changed. Its webhooks are news as JSON.
#[derive(Clone)]
struct System {
    like: Description,
    clock: TokioClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    records: Vec<Record>,
    journal: Vec<News>,
    refuses: bool,
    /// Since when what changed was asked for, when, and from which place on.
    asked: Vec<(Timestamp, Timestamp, Option<Cursor>)>,
    reads: usize,
    written: Vec<Write>,
}

impl System {
    fn new(clock: TokioClock) -> Self {
        Self { like: Description::default(), clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Somebody changes the phone number of a person, or enters the person, and no webhook tells.
    fn changes(&self, id: &str, phone: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        state.records.retain(|record| record.id.as_str() != id);
        state.records.push(Record { changed_at: Some(now), ..person(id, phone) });
    }

    fn asked(&self) -> usize {
        self.state().asked.len()
    }
}

fn person(id: &str, phone: &str) -> Record {
    let email = Value::new(format!("{id}@example.com"));
    let content = [("email".to_owned(), email), ("phone".to_owned(), Value::new(phone))];
    Record::new(RecordId::new(id), Properties::from(content))
}

fn created(id: &str, phone: &str, at: Timestamp) -> News {
    News::Seen(Box::new(Sighting::created(person(id, phone), at)))
}

fn webhook(news: &News) -> Delivery {
    Delivery::new(serde_json::to_vec(&[news]).unwrap().into())
}

#[async_trait]
impl Connector for System {
    fn describe(&self) -> &Description {
        &self.like
    }

    fn decode(&self, delivery: &Delivery, _: Timestamp) -> Result<Vec<News>, Rejection> {
        serde_json::from_slice(delivery.body()).map_err(|_| Rejection::Unsigned)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        let Query::ChangedSince(since, cursor) = query else {
            state.reads += 1;
            let Query::Ids(ids) = query else { return Ok(Answer::default()) };
            let records = state.records.iter().filter(|record| ids.contains(&record.id)).cloned().collect();
            return Ok(Answer { records, as_of: Some(now), ..Answer::default() });
        };
        state.asked.push((*since, now, cursor.clone()));
        if state.refuses {
            return Err(Error::Refused { reason: "no such question".to_owned(), properties: Vec::new() });
        }
        let from: usize = cursor.as_ref().map_or(0, |cursor| cursor.0.parse().unwrap());
        let changed = state.records.iter().filter(|r| r.changed_at.is_some_and(|at| at >= *since));
        let records: Vec<Record> = changed.skip(from).take(PAGE).cloned().collect();
        let happened = state.journal.iter().filter(|news| news.at().is_some_and(|at| at >= *since));
        let news: Vec<News> = happened.skip(from).take(PAGE).cloned().collect();
        let next = (records.len() == PAGE || news.len() == PAGE).then(|| Cursor((from + PAGE).to_string()));
        Ok(Answer { records, news, next, as_of: Some(now) })
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        self.state().written.extend_from_slice(rows);
        let made = |row: &Write| match &row.body {
            WriteBody::Create { properties, link } => {
                Record::new(RecordId::new(link.pair.as_str()), properties.clone())
            }
            WriteBody::Update { id, properties } => Record::new(id.clone(), properties.clone()),
            WriteBody::Emit { id, .. } => Record::new(id.clone(), Properties::new()),
        };
        let at = Some(self.clock.now());
        Ok(rows.iter().map(|row| Ok(Receipt { record: Some(made(row)), at })).collect())
    }
}

/// Two systems and the memory of engines between them.
struct Stage {
    left: System,
    right: System,
    store: MemoryStore,
    tail: Duration,
}

impl Stage {
    fn new() -> Self {
        let clock = TokioClock::starting_at(Timestamp::from_secs(1_700_000_000));
        let (left, right) = (System::new(clock), System::new(clock));
        Self { left, right, store: MemoryStore::new(), tail: Duration::from_secs(10) }
    }

    async fn engine(&self) -> Engine {
        let mapping = || Mapping::new().lens(Text::new(EMAIL, "email")).lens(Text::new(PHONE, "phone"));
        let settings = Settings { backfill: false, tail: self.tail, ..Settings::default() };
        let builder = Engine::builder(Entity::person())
            .left(self.left.clone(), mapping())
            .right(self.right.clone(), mapping())
            .store(self.store.clone())
            .clock(self.left.clock)
            .settings(settings);
        builder.build().await.unwrap()
    }

    /// One life of an engine, of so many seconds.
    async fn live(&self, seconds: u64) -> Engine {
        let engine = self.engine().await;
        live(&engine, seconds).await;
        engine
    }
}

async fn live(engine: &Engine, seconds: u64) {
    let life = timeout(Duration::from_secs(seconds), engine.run(std::future::pending()));
    life.await.expect_err("it runs until it is stopped");
}

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
