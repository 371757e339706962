//! A system in which nothing happens: it holds so many people and lists them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use connector_stripe::{FIRST_NAME, LAST_NAME, NAME};
use sync_core::connector::{
    Answer, Connector, Cursor, Delivery, Description, Error, Query, Receipt, Rejection, Write,
};
use sync_core::model::{News, Properties, Record, RecordId, Side, Timestamp, Value};

/// When everybody came to be.
const LONG_AGO: Timestamp = Timestamp::from_secs(1_700_000_000);

#[derive(Clone)]
pub(crate) struct Still {
    side: Side,
    people: usize,
    /// Records on a page.
    page: usize,
    description: Description,
    calls: Arc<AtomicU64>,
}

impl Still {
    pub(crate) fn new(side: Side, people: usize, page: usize) -> Self {
        let description = Description { name: "still", concurrency: 4, ..Description::default() };
        Self { side, people, page, description, calls: Arc::default() }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn pages(&self) -> u64 {
        self.people.div_ceil(self.page) as u64
    }

    /// Makes each record once, as a listing does, and lets it go.
    pub(crate) fn make_all(&self) {
        (0..self.people).for_each(|n| drop(std::hint::black_box(self.record(n))));
    }

    /// What one record holds, in bytes.
    pub(crate) fn bytes(&self) -> f64 {
        let record = self.record(self.people / 2);
        let values = record.properties.values().flatten();
        values.map(|value| value.as_str().len() as f64).sum()
    }

    fn record(&self, n: usize) -> Record {
        // Scattered, as ids that others give out are.
        let scattered = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let last = format!("Number{n}");
        let (id, names) = match self.side {
            Side::Left => {
                (scattered.to_string(), vec![("firstname", "Somebody".to_owned()), ("lastname", last)])
            }
            Side::Right => {
                let halves = [(FIRST_NAME, "Somebody".to_owned()), (LAST_NAME, last.clone())];
                let whole = (NAME, format!("Somebody {last}"));
                (format!("cus_{scattered:014x}"), halves.into_iter().chain([whole]).collect())
            }
        };
        let common = [("email", format!("person{n}@example.com")), ("phone", format!("+1555{n:07}"))];
        let native = common.into_iter().chain(names);
        let properties: Properties =
            native.map(|(name, value)| (name.to_owned(), Value::new(value))).collect();
        Record { created_at: Some(LONG_AGO), ..Record::new(RecordId::new(id), properties) }
    }
}

#[async_trait]
impl Connector for Still {
    fn describe(&self) -> &Description {
        &self.description
    }

    fn decode(&self, _: &Delivery, _: Timestamp) -> Result<Vec<News>, Rejection> {
        Err(Rejection::Unsigned)
    }

    async fn read(&self, query: &Query) -> Result<Answer, Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let Query::Page(from) = query else {
            return Err(Error::Refused { reason: "only listed".to_owned(), properties: Vec::new() });
        };
        let from = from.as_ref().map_or(0, |cursor| cursor.0.parse().unwrap());
        let to = (from + self.page).min(self.people);
        let records = (from..to).map(|n| self.record(n)).collect();
        let next = (to < self.people).then(|| Cursor(to.to_string()));
        Ok(Answer { records, next, ..Answer::default() })
    }

    async fn write(&self, _: &[Write]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        Err(Error::Unavailable { reason: "nothing is written here".to_owned(), retry_after: None })
    }
}
