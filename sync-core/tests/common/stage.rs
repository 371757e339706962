//! Two systems in memory that can be asked what changed, and engines between them.

#![allow(dead_code, reason = "every test binary that shares this uses another part of it")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use sync_core::clock::{Clock, TokioClock};
use sync_core::connector::{
    Answer, Connector, Cursor, Delivery, Description, Error, Query, Receipt, Rejection, Write, WriteBody,
};
use sync_core::mapping::{Mapping, Text};
use sync_core::model::entity::{EMAIL, PHONE};
use sync_core::model::{Entity, News, Properties, Record, RecordId, Sighting, Timestamp, Value};
use sync_core::stores::MemoryStore;
use sync_core::{Engine, Settings};
use tokio::time::timeout;

/// Most records or news in one answer.
const PAGE: usize = 3;

/// A system that can be asked what changed. Its webhooks are news as JSON.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) like: Description,
    pub(crate) clock: TokioClock,
    pub(crate) state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) records: Vec<Record>,
    pub(crate) journal: Vec<News>,
    pub(crate) refuses: bool,
    /// So many writes more are turned away for now.
    pub(crate) busy: usize,
    /// How long answers are on their way.
    pub(crate) slow: Duration,
    /// What is created is there, but the answer is lost; the record is created at the second the call arrives.
    pub(crate) loses_answers: bool,
    /// How long those are asked to wait, if they are.
    pub(crate) retry_after: Option<Duration>,
    /// Since when what changed was asked for, when, and from which place on.
    pub(crate) asked: Vec<(Timestamp, Timestamp, Option<Cursor>)>,
    pub(crate) reads: usize,
    /// Pages of the list that were asked for.
    pub(crate) pages: usize,
    pub(crate) written: Vec<Write>,
    /// Calls that wrote it.
    pub(crate) writes: usize,
    /// Records with these emails, and activities with these ids, fail whatever call they are in.
    pub(crate) unfit: BTreeSet<String>,
    /// Calls that they failed.
    pub(crate) spoilt: usize,
    /// So many writes more arrive, but their answers do not.
    pub(crate) silent: usize,
}

impl System {
    pub(crate) fn new(clock: TokioClock) -> Self {
        Self { like: Description::default(), clock, state: Arc::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Somebody changes the phone number of a person, or enters the person, and no webhook tells.
    pub(crate) fn changes(&self, id: &str, phone: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        state.records.retain(|record| record.id.as_str() != id);
        state.records.push(Record { changed_at: Some(now), ..person(id, phone) });
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn asked(&self) -> usize {
        self.state().asked.len()
    }
}

pub(crate) fn person(id: &str, phone: &str) -> Record {
    let email = Value::new(format!("{id}@example.com"));
    let content = [("email".to_owned(), email), ("phone".to_owned(), Value::new(phone))];
    Record::new(RecordId::new(id), Properties::from(content))
}

pub(crate) fn created(id: &str, phone: &str, at: Timestamp) -> News {
    News::Seen(Box::new(Sighting::created(person(id, phone), at)))
}

pub(crate) fn webhook(news: &News) -> Delivery {
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
        let (answer, slow) = (self.answer(query), self.state().slow);
        tokio::time::sleep(slow).await;
        answer
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let (done, slow) = (self.apply(rows), self.state().slow);
        tokio::time::sleep(slow).await;
        done
    }
}

impl System {
    /// As of now.
    fn answer(&self, query: &Query) -> Result<Answer, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Query::Page(cursor) = query {
            state.pages += 1;
            let from: usize = cursor.as_ref().map_or(0, |cursor| cursor.0.parse().unwrap());
            let records: Vec<Record> = state.records.iter().skip(from).take(PAGE).cloned().collect();
            let next = (from + PAGE < state.records.len()).then(|| Cursor((from + PAGE).to_string()));
            return Ok(Answer { records, next, as_of: Some(now), ..Answer::default() });
        }
        let Query::ChangedSince(since, cursor) = query else {
            state.reads += 1;
            let is_asked_for = |record: &&Record| match query {
                Query::Ids(ids) => {
                    ids.contains(&record.id) || record.aliases.iter().any(|alias| ids.contains(alias))
                }
                Query::Find(lookup) => {
                    let matches = record.properties.get("email").is_some_and(|it| *it == lookup.match_value);
                    record.mark.as_ref() == Some(&lookup.link.pair) || matches
                }
                _ => false,
            };
            let records = state.records.iter().filter(is_asked_for).cloned().collect();
            return Ok(Answer { records, as_of: Some(now), ..Answer::default() });
        };
        state.asked.push((*since, now, cursor.clone()));
        if state.refuses {
            return Err(Error::Unauthorized { reason: "no such question".to_owned() });
        }
        let from: usize = cursor.as_ref().map_or(0, |cursor| cursor.0.parse().unwrap());
        let changed = state.records.iter().filter(|r| r.changed_at.is_some_and(|at| at >= *since));
        let records: Vec<Record> = changed.skip(from).take(PAGE).cloned().collect();
        let happened = state.journal.iter().filter(|news| news.at().is_some_and(|at| at >= *since));
        let news: Vec<News> = happened.skip(from).take(PAGE).cloned().collect();
        let next = (records.len() == PAGE || news.len() == PAGE).then(|| Cursor((from + PAGE).to_string()));
        Ok(Answer { records, news, next, as_of: Some(now) })
    }

    fn apply(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let mut state = self.state();
        if state.busy > 0 {
            state.busy -= 1;
            let retry_after = state.retry_after;
            return Err(Error::Unavailable { reason: "busy".to_owned(), retry_after });
        }
        let unfit = |row: &Write| match &row.body {
            WriteBody::Create { properties, .. } => {
                properties["email"].as_ref().is_some_and(|email| state.unfit.contains(email.as_str()))
            }
            WriteBody::Emit { activity, .. } => state.unfit.contains(&activity.id),
            WriteBody::Update { .. } => false,
        };
        if rows.iter().any(unfit) {
            state.spoilt += 1;
            return Err(Error::Refused { reason: "unfit".to_owned(), properties: Vec::new() });
        }
        state.written.extend_from_slice(rows);
        let at = Some(self.clock.now());
        state.writes += 1;
        if state.silent > 0 {
            state.silent -= 1;
            return Err(Error::Ambiguous { reason: "lost".to_owned() });
        }
        let made = |row: &Write| match &row.body {
            WriteBody::Create { properties, link } => {
                Record::new(RecordId::new(link.pair.as_str()), properties.clone())
            }
            WriteBody::Update { id, properties, .. } => Record::new(id.clone(), properties.clone()),
            WriteBody::Emit { id, .. } => Record::new(id.clone(), Properties::new()),
        };
        if state.loses_answers {
            let mark = |row: &Write| match &row.body {
                WriteBody::Create { link, .. } => Some(link.pair.clone()),
                _ => None,
            };
            let there = rows.iter().map(|row| Record { mark: mark(row), created_at: at, ..made(row) });
            state.records.extend(there);
            return Err(Error::Ambiguous { reason: "the answer was lost".to_owned() });
        }
        Ok(rows.iter().map(|row| Ok(Receipt { record: Some(made(row)), at })).collect())
    }
}

/// Two systems and the memory of engines between them.
pub(crate) struct Stage {
    pub(crate) left: System,
    pub(crate) right: System,
    pub(crate) store: MemoryStore,
    pub(crate) tail: Duration,
    pub(crate) sweep: Duration,
    pub(crate) link_back: bool,
    /// By how many seconds the clock of the engines' machine is ahead.
    pub(crate) ahead: Arc<AtomicI64>,
}

/// A clock that somebody sets.
struct SetClock {
    time: TokioClock,
    ahead: Arc<AtomicI64>,
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let ahead = 1_000 * self.ahead.load(Ordering::Relaxed);
        Timestamp::from_millis(self.time.now().as_millis() + ahead)
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = TokioClock::starting_at(Timestamp::from_secs(1_700_000_000));
        let (left, right) = (System::new(clock), System::new(clock));
        Self {
            left,
            right,
            store: MemoryStore::new(),
            tail: Duration::from_secs(10),
            sweep: Duration::ZERO,
            link_back: true,
            ahead: Arc::default(),
        }
    }

    pub(crate) async fn engine(&self) -> Engine {
        let mapping = || Mapping::new().lens(Text::new(EMAIL, "email")).lens(Text::new(PHONE, "phone"));
        let settings = Settings {
            backfill: false,
            tail: self.tail,
            sweep: self.sweep,
            link_back: self.link_back,
            ..Settings::default()
        };
        let builder = Engine::builder(Entity::person())
            .left(self.left.clone(), mapping())
            .right(self.right.clone(), mapping())
            .store(self.store.clone())
            .clock(SetClock { time: self.left.clock, ahead: Arc::clone(&self.ahead) })
            .settings(settings);
        builder.build().await.unwrap()
    }

    /// One life of an engine, of so many seconds.
    pub(crate) async fn live(&self, seconds: u64) -> Engine {
        let engine = self.engine().await;
        live(&engine, seconds).await;
        engine
    }
}

pub(crate) async fn live(engine: &Engine, seconds: u64) {
    let life = timeout(Duration::from_secs(seconds), engine.run(std::future::pending()));
    life.await.expect_err("it runs until it is stopped");
}
