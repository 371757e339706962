//! The smallest honest embedding: two systems of your own, kept in step. Run it with `cargo run --example embed`.
//!
//! A *system* needs one type that implements `Connector`: what it is like, how its webhooks are read, how records are
//! read and written. Everything else (order, retries, echoes, crashes, conflicts) is the engine's business.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sync_core::connector::{
    Answer, Connector, Delivery, Description, Error, Query, Receipt, Rejection, Write, WriteBody,
};
use sync_core::mapping::{Mapping, Text};
use sync_core::model::entity::{EMAIL, PHONE};
use sync_core::model::{
    Author, Class, Compare, Entity, News, Properties, Record, RecordId, Side, Sighting, Timestamp, Value,
};
use sync_core::stores::MemoryStore;
use sync_core::{Engine, EngineError};

/// An address book in memory. Its "webhooks" are the engine's own words for news, as JSON.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<BTreeMap<RecordId, Properties>>>);

impl Book {
    fn record(&self, id: &RecordId) -> Option<Record> {
        let properties = self.0.lock().unwrap().get(id)?.clone();
        let (aliases, history, also_known_as) = Default::default();
        Some(Record {
            id: id.clone(),
            properties,
            aliases,
            history,
            mark: None,
            twin: None,
            also_known_as,
            created_at: None,
        })
    }
}

/// What every address book is like: one call at a time is enough, and there are no limits.
static BOOK: Description = Description {
    name: "book",
    limits: Vec::new(),
    concurrency: 1,
    read_batch: 10,
    write_batch: 1,
    emit_batch: 0,
    resolution: std::time::Duration::from_millis(1),
};

#[async_trait]
impl Connector for Book {
    fn describe(&self) -> &Description {
        &BOOK
    }

    fn decode(&self, delivery: &Delivery, _now: Timestamp) -> Result<Vec<News>, Rejection> {
        serde_json::from_slice(delivery.body()).map_err(|_| Rejection::Unsigned)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        let ids = match query {
            Query::Ids(ids) => ids.clone(),
            Query::Page(None) => self.0.lock().unwrap().keys().cloned().collect(),
            _ => Vec::new(),
        };
        Ok(Answer { records: ids.iter().filter_map(|id| self.record(id)).collect(), ..Answer::default() })
    }

    async fn write(&self, rows: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let apply = |row: &Write| {
            let (id, properties) = match &row.body {
                WriteBody::Create { properties, link } => {
                    (RecordId::new(format!("copy-of-{}", link.pair)), properties)
                }
                WriteBody::Update { id, properties } => (id.clone(), properties),
                WriteBody::Emit { .. } => return Err(Error::Missing),
            };
            self.0.lock().unwrap().entry(id.clone()).or_default().extend(properties.clone());
            Ok(Receipt { record: self.record(&id), at: None })
        };
        Ok(rows.iter().map(apply).collect())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), EngineError> {
    let (office, shop) = (Book::default(), Book::default());
    let person =
        Entity::new("person").field(EMAIL, Compare::CaseFolded).field(PHONE, Compare::Phone).match_by(EMAIL);
    let engine = Engine::builder(person)
        .left(office.clone(), Mapping::new().lens(Text::new(EMAIL, "mail")).lens(Text::new(PHONE, "tel")))
        .right(shop.clone(), Mapping::new().lens(Text::new(EMAIL, "e_mail")).lens(Text::new(PHONE, "mobile")))
        .store(MemoryStore::new())
        .build()
        .await?;

    // Somebody adds a person at the office, and the office tells us so.
    let id = RecordId::new("ada");
    let ada = Properties::from([
        ("mail".into(), Value::new("ada@example.com")),
        ("tel".into(), Value::new("+44 20 7946")),
    ]);
    office.0.lock().unwrap().insert(id.clone(), ada);
    let record = office.record(&id).expect("just added");
    let sighting = Sighting {
        record,
        previous: None,
        at: Timestamp::from_secs(1),
        author: Author::Other,
        class: Class::New,
    };
    let body = serde_json::to_vec(&[News::Seen(Box::new(sighting))]).expect("plain data");
    engine.accept(Side::Left, &Delivery::new(body.into())).await.expect("stored");

    // Run until the shop has her, too.
    let arrived = async {
        while shop.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await
        }
    };
    engine.run(arrived).await?;
    for (id, properties) in shop.0.lock().unwrap().iter() {
        println!("the shop has {id}: {}", properties["e_mail"].as_ref().map_or("nobody", Value::as_str));
    }
    Ok(())
}
