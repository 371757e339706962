//! Does the shell around the brain keep its word about the store: acknowledged only when durable, never asleep over work?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sync_core::clock::Clock;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write,
};
use sync_core::mapping::{Mapping, Text};
use sync_core::model::entity::EMAIL;
use sync_core::model::{Entity, News, Properties, Record, RecordId, Side, Sighting, Timestamp, Value};
use sync_core::store::{Batch, Rows, Store, StoreError, Table};
use sync_core::stores::MemoryStore;
use sync_core::{AcceptError, Engine, Settings};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// What a commit meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commits {
    Pass,
    Wait,
    Fail,
    TakeLong,
}

/// A store in memory whose commits can be held back.
#[derive(Clone)]
struct Valve {
    inner: MemoryStore,
    commits: watch::Sender<Commits>,
}

impl Valve {
    fn new() -> Self {
        Self { inner: MemoryStore::new(), commits: watch::Sender::new(Commits::Pass) }
    }

    async fn mail(&self) -> usize {
        self.inner.scan(Table::Inbox, b"", 10).await.unwrap().len()
    }
}

#[async_trait]
impl Store for Valve {
    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(table, key).await
    }

    async fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.inner.scan(table, from, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut commits = self.commits.subscribe();
        let commits = *commits.wait_for(|commits| *commits != Commits::Wait).await.unwrap();
        if commits == Commits::Fail {
            return Err(StoreError::Unavailable("no space left".to_owned()));
        }
        if commits == Commits::TakeLong {
            sleep(Duration::from_millis(200)).await;
        }
        self.inner.commit(batch).await
    }
}

/// A system that notes what is written to it. Its webhooks are news as JSON.
#[derive(Clone, Default)]
struct Toy {
    like: Description,
    written: Arc<Mutex<Vec<Write>>>,
}

impl Toy {
    fn written(&self) -> usize {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[async_trait]
impl Connector for Toy {
    fn describe(&self) -> &Description {
        &self.like
    }

    fn decode(&self, delivery: &Delivery, _: Timestamp) -> Result<Vec<News>, Rejection> {
        serde_json::from_slice(delivery.body()).map_err(|_| Rejection::Unsigned)
    }

    async fn read(&self, _: &Query) -> Result<Answer, Error> {
        Ok(Answer::default())
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(rows);
        let made = |row: &Write| Receipt { record: Some(person(row.op.as_str())), at: None };
        Ok(rows.iter().map(made).map(Ok).collect())
    }
}

fn person(name: &str) -> Record {
    let email = ("email".to_owned(), Value::new(format!("{name}@example.com")));
    Record::new(RecordId::new(name), Properties::from([email]))
}

fn webhook() -> Delivery {
    webhook_about(&["ann"])
}

fn webhook_about(names: &[&str]) -> Delivery {
    let created = |name: &&str| Sighting::created(person(name), Timestamp::from_secs(1));
    let news: Vec<News> = names.iter().map(|name| News::Seen(Box::new(created(name)))).collect();
    Delivery::new(serde_json::to_vec(&news).unwrap().into())
}

/// Shows the time of tokio, which the tests pause.
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_700_000_000).plus(self.0.elapsed())
    }
}

async fn engine(store: &Valve, create_hold: Duration) -> (Engine, Toy) {
    let mapping = || Mapping::new().lens(Text::new(EMAIL, "email"));
    let right = Toy { like: Description { concurrency: 16, ..Description::default() }, ..Toy::default() };
    let builder = Engine::builder(Entity::person())
        .left(Toy::default(), mapping())
        .right(right.clone(), mapping())
        .store(store.clone())
        .clock(Paused(Instant::now()))
        .settings(Settings { create_hold, backfill: false, ..Settings::default() });
    (builder.build().await.unwrap(), right)
}

#[tokio::test(start_paused = true)]
async fn is_a_delivery_acknowledged_only_once_it_is_durable() {
    let store = Valve::new();
    let (engine, _) = engine(&store, Duration::ZERO).await;
    store.commits.send_replace(Commits::Wait);
    let accepting = tokio::spawn(async move { engine.accept(Side::Left, &webhook()).await });
    sleep(Duration::from_secs(3600)).await;
    assert!(!accepting.is_finished(), "P1: nothing is on disk yet");
    assert_eq!(store.mail().await, 0);
    store.commits.send_replace(Commits::Pass);
    assert_eq!(accepting.await.unwrap(), Ok(1));
    assert_eq!(store.mail().await, 1, "P1: it is there when the sender hears of it");
}

#[tokio::test(start_paused = true)]
async fn is_a_delivery_that_cannot_be_stored_not_acknowledged() {
    let store = Valve::new();
    let (engine, _) = engine(&store, Duration::ZERO).await;
    store.commits.send_replace(Commits::Fail);
    let refused = engine.accept(Side::Left, &webhook()).await;
    assert!(matches!(refused, Err(AcceptError::Store(StoreError::Unavailable(_)))), "P1");
    assert!(matches!(
        engine.accept(Side::Left, &Delivery::new(Bytes::from_static(b"?"))).await,
        Err(AcceptError::Rejected(Rejection::Unsigned))
    ));
}

#[tokio::test(start_paused = true)]
async fn does_nothing_leave_before_its_intent_is_durable() {
    let store = Valve::new();
    let (engine, right) = engine(&store, Duration::from_secs(1)).await;
    engine.accept(Side::Left, &webhook()).await.unwrap();
    let running = engine.clone();
    let run = tokio::spawn(async move { running.run(std::future::pending()).await });
    sleep(Duration::from_millis(500)).await;
    store.commits.send_replace(Commits::Wait);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(right.written(), 0, "P4: the intent is not on disk");
    store.commits.send_replace(Commits::Pass);
    let written = async {
        while right.written() == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), written).await.expect("it leaves now");
    run.abort();
}

/// The time of a held step may come while the turn that filed it is being committed.
#[tokio::test(start_paused = true)]
async fn does_a_step_begin_whose_time_came_while_the_store_was_slow() {
    let store = Valve::new();
    let (engine, right) = engine(&store, Duration::from_millis(50)).await;
    let running = engine.clone();
    let run = tokio::spawn(async move { running.run(std::future::pending()).await });
    sleep(Duration::from_secs(3600)).await;
    store.commits.send_replace(Commits::TakeLong);
    engine.accept(Side::Left, &webhook()).await.unwrap();
    let written = async {
        while right.written() == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), written).await.expect("L2: it is not slept over");
    run.abort();
}

/// A commit takes longer than a call. What may leave at the same time must not wait for one commit each.
#[tokio::test(start_paused = true)]
async fn do_calls_that_may_leave_together_share_a_commit() {
    let store = Valve::new();
    let (engine, right) = engine(&store, Duration::ZERO).await;
    let running = engine.clone();
    let run = tokio::spawn(async move { running.run(std::future::pending()).await });
    let names: Vec<String> = (0..48).map(|n| format!("person{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    store.commits.send_replace(Commits::TakeLong);
    engine.accept(Side::Left, &webhook_about(&names)).await.unwrap();
    let written = async {
        while right.written() < names.len() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let ten_commits = Duration::from_secs(2);
    timeout(ten_commits, written).await.expect("48 calls, 16 at once");
    run.abort();
}
