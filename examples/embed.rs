//! The smallest honest embedding: two systems of your own, kept in step. Run it with `cargo run --example embed`.
//!
//! A system needs one type that implements `Connector`: what it is like, how its webhooks are read, how records are read
//! and written. Everything else (order, retries, echoes, crashes, conflicts) is the engine's business.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example prints, and stops when something is wrong"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write, WriteBody,
};
use sync_core::mapping::{Mapping, Text};
use sync_core::model::entity::{EMAIL, PHONE};
use sync_core::model::{Entity, News, Properties, Record, RecordId, Side, Sighting, Timestamp, Value};
use sync_core::stores::MemoryStore;
use sync_core::{Engine, EngineError};

/// An address book in memory. Its "webhooks" are the engine's own words for news, as JSON.
#[derive(Clone, Default)]
struct Book {
    entries: Arc<Mutex<BTreeMap<RecordId, Properties>>>,
    like: Description,
}

impl Book {
    fn record(&self, id: &RecordId) -> Option<Record> {
        Some(Record::new(id.clone(), self.entries.lock().unwrap().get(id)?.clone()))
    }
}

#[async_trait]
impl Connector for Book {
    fn describe(&self) -> &Description {
        &self.like
    }

    fn decode(&self, delivery: &Delivery, _now: Timestamp) -> Result<Vec<News>, Rejection> {
        serde_json::from_slice(delivery.body()).map_err(|_| Rejection::Unsigned)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        let ids = match query {
            Query::Ids(ids) => ids.clone(),
            Query::Page(None) => self.entries.lock().unwrap().keys().cloned().collect(),
            _ => Vec::new(),
        };
        Ok(Answer { records: ids.iter().filter_map(|id| self.record(id)).collect(), ..Answer::default() })
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let apply = |row: &Write| {
            let (id, properties) = match &row.body {
                WriteBody::Create { properties, link } => (RecordId::new(link.pair.as_str()), properties),
                WriteBody::Update { id, properties, .. } => (id.clone(), properties),
                WriteBody::Emit { .. } => return Err(Error::Missing),
            };
            self.entries.lock().unwrap().entry(id.clone()).or_default().extend(properties.clone());
            Ok(Receipt { record: self.record(&id), at: None })
        };
        Ok(rows.iter().map(apply).collect())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), EngineError> {
    let (office, shop) = (Book::default(), Book::default());
    let engine = Engine::builder(Entity::person())
        .left(office.clone(), Mapping::new().lens(Text::new(EMAIL, "mail")).lens(Text::new(PHONE, "tel")))
        .right(shop.clone(), Mapping::new().lens(Text::new(EMAIL, "e_mail")).lens(Text::new(PHONE, "mobile")))
        .store(MemoryStore::new())
        .build()
        .await?;

    // Somebody adds a person at the office, and the office tells us so.
    let ada = Properties::from([
        ("mail".to_owned(), Value::new("ada@example.com")),
        ("tel".to_owned(), Value::new("+44 20 7946 0000")),
    ]);
    office.entries.lock().unwrap().insert(RecordId::new("ada"), ada.clone());
    let news = Sighting::created(Record::new(RecordId::new("ada"), ada), Timestamp::from_secs(1));
    let webhook = serde_json::to_vec(&[News::Seen(Box::new(news))]).unwrap();
    engine.accept(Side::Left, &Delivery::new(webhook.into())).await.unwrap();

    // Run until the shop has her, too.
    let mut progress = engine.watch();
    engine.run(async { drop(progress.wait_for(|status| status.counts.applied == 1).await) }).await?;
    for entry in shop.entries.lock().unwrap().values() {
        println!("the shop has {} now", entry["e_mail"].as_ref().map_or("nobody", Value::as_str));
    }
    Ok(())
}
