//! What the engine remembers, typed, over the [`Store`]'s tables of bytes.
//!
//! | table | key | row |
//! |---|---|---|
//! | meta | `ledger` | [`Meta`] |
//! | inbox | sequence number | [`Arrival`] |
//! | pairs | pair id | [`Belief`](crate::model::Belief): what is believed of it |
//! | work | pair id | [`Pair`]: the work for it, if there is any |
//! | index | `i/<side>/<record id>`, `m/<match key>` | [`Lead`]: pair id; that of a record also has a print of what the pair believes of it |
//! | index | `g/<side>/<record id>`: it is gone | since when |
//! | index | `s/<pair id>`: it was absorbed | the pair that survives |
//! | due | side, class, since, pair id | nothing |
//! | activities | `a/<activity id>`: it was taken in | pair id |
//! | activities | `p/<pair id>\0<activity id>`: it is still to be told | [`Pending`] |
//! | activities | `w/<match key>/<activity id>`: it waits for its record | [`Waiting`] |
//! | dead letters | `<kind>/<what>` | [`DeadLetter`] |

mod draft;
mod keys;
mod lead;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::brake::Brake;
use crate::connector::Cursor;
use crate::model::{
    Activity, Class, Due, News, Pair, PairId, Pending, PerSide, RecordId, Side, Timestamp, Value,
};
use crate::store::{Batch, Rows, Store, StoreError, Table};
use crate::stores::check_format;
use keys::{due_key, parse_due, pending_key, sequence, sequence_key, side_byte, survivor_key, tombstone_key};

pub use draft::Draft;
pub use keys::IndexKey;
pub use lead::Lead;

const LEDGER: &[u8] = b"ledger";

/// The engine's own state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Random text, chosen once, that starts every pair id: marks of two ledgers can never be confused.
    pub namespace: String,
    /// Pairs ever made.
    pub pairs: u64,
    /// Pairs that were taken in by others.
    #[serde(default)]
    pub absorbed: u64,
    /// Where every event went.
    pub counts: Counts,
    /// How far each side has been listed.
    pub backfill: PerSide<Backfill>,
    /// Pairs with work to be done, by the side of the next call and by urgency: the rows of the `due` table, counted.
    #[serde(default)]
    pub due: PerSide<BTreeMap<Class, u64>>,
    /// Under way once both sides were listed: planning for every pair that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planning: Option<Planning>,
    /// When an engine first ran on this store, by its clock: what changed since is asked for.
    #[serde(default)]
    pub started: Option<Timestamp>,
    /// Up to when each side was asked what changed, by its clock.
    #[serde(default)]
    pub asked: PerSide<Option<Timestamp>>,
    /// When each side was last listed and compared, by the engine's clock.
    #[serde(default)]
    pub swept: PerSide<Option<Timestamp>>,
    /// Until when each side has asked not to be called, by the engine's clock; it may have passed.
    #[serde(default)]
    pub parked: PerSide<Option<Parked>>,
    /// What keeps too much from being blanked at once.
    #[serde(default)]
    pub brakes: PerSide<Brake>,
    /// Of how many pairs something is held back by that.
    #[serde(default)]
    pub held: PerSide<u64>,
}

impl Meta {
    /// Keeps `due` true when a pair's place moves.
    pub(crate) fn count_due(&mut self, before: Option<Due>, after: Option<Due>) {
        if let Some(due) = before
            && let Some(count) = self.due[due.side].get_mut(&due.class)
        {
            *count = count.saturating_sub(1);
        }
        if let Some(due) = after {
            *self.due[due.side].entry(due.class).or_default() += 1;
        }
    }
}

/// A wait that a side asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Until when.
    pub until: Timestamp,
    /// How long it was when it began: whatever the clock says later, it is no longer.
    pub wait: Duration,
}

/// Planning for every pair, in order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planning {
    /// The last pair that was planned for, if any.
    pub after: Option<PairId>,
}

/// How far a side has been listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "cursor", rename_all = "snake_case")]
pub enum Backfill {
    /// Not begun.
    #[default]
    Pending,
    /// Up to here.
    Listed(Cursor),
    /// In full.
    Complete,
}

/// Where every event taken in from the inbox went. `taken` is the sum of `applied`, `superseded`, `noop`, `quarantined` and
/// `pending`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Taken in.
    pub taken: u64,
    /// Led to a write, or to a change in what we believe.
    pub applied: u64,
    /// Overtaken by newer news.
    pub superseded: u64,
    /// Told nothing new: echoes, repetitions, none of our business.
    pub noop: u64,
    /// Set aside with a reason.
    pub quarantined: u64,
    /// Waiting for a call to be made or answered.
    pub pending: u64,
    /// How many of those taken in were found by asking: no webhook had told of them.
    #[serde(default)]
    pub found: u64,
}

/// One piece of news, acknowledged and waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The system it came from.
    pub side: Side,
    /// When it arrived, by the engine's clock.
    pub at: Timestamp,
    /// What it says.
    pub news: News,
}

/// An activity whose record is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The side it happened on.
    pub side: Side,
    /// What happened.
    pub activity: Activity,
}

/// Something set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// When, by the engine's clock.
    pub at: Timestamp,
    /// The side that would not take it, or from which it came.
    pub side: Side,
    /// The pair it belongs to, if known.
    pub pair: Option<PairId>,
    /// The record it came from, if known.
    pub record: Option<RecordId>,
    /// What is at fault: a field, `record`, `activity` or `webhook`.
    pub what: String,
    /// Why, without personal data.
    pub reason: String,
    /// What arrived, for webhooks. Personal data: never listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
}

/// Typed access to the store.
#[derive(Clone)]
pub struct Journal {
    store: Arc<dyn Store>,
}

impl Journal {
    /// Checks the format of the store and wraps it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the format is not ours or newer than this version.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        check_format(&*store).await?;
        Ok(Self { store })
    }

    /// What stores arrivals under numbers from `first` on.
    #[must_use]
    pub fn arrivals(first: u64, arrivals: &[Arrival]) -> Batch {
        let mut batch = Batch::default();
        for (number, arrival) in (first..).zip(arrivals) {
            batch.put(Table::Inbox, sequence_key(number), encode(arrival));
        }
        batch
    }

    /// Commits a batch; durable when this returns.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch).await
    }

    /// The engine's own state; `None` in a new store.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn meta(&self) -> Result<Option<Meta>, StoreError> {
        decode_option(self.store.get(Table::Meta, LEDGER).await?)
    }

    /// The next number free in the inbox.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn inbox_end(&self) -> Result<u64, StoreError> {
        let mut end = 0_u64;
        loop {
            let rows = self.store.scan(Table::Inbox, &sequence_key(end), 1000).await?;
            let Some((key, _)) = rows.last() else { return Ok(end) };
            end = sequence(key)? + 1;
        }
    }

    /// Up to `limit` arrivals from number `from` on.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn inbox(&self, from: u64, limit: usize) -> Result<Vec<(u64, Arrival)>, StoreError> {
        let rows = self.store.scan(Table::Inbox, &sequence_key(from), limit).await?;
        rows.iter().map(|(key, row)| Ok((sequence(key)?, decode(row)?))).collect()
    }

    /// A pair by id.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn pair(&self, id: &PairId) -> Result<Option<Pair>, StoreError> {
        let key = id.as_str().as_bytes();
        let Some(belief) = self.store.get(Table::Pairs, key).await? else { return Ok(None) };
        let work = self.store.get(Table::Work, key).await?;
        let prefix = pending_key(id, "");
        let pending =
            self.rows_while(Table::Activities, &prefix, |key| key.starts_with(prefix.as_bytes())).await?;
        decode_pair(id.clone(), &belief, work.as_ref(), &pending).map(Some)
    }

    /// The pair a key of the index leads to, by way of those that were absorbed.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn find(&self, key: &IndexKey) -> Result<Option<PairId>, StoreError> {
        let (mut found, mut key) = (None, key.0.clone());
        while let Some(row) = self.store.get(Table::Index, key.as_bytes()).await? {
            let id = Lead::read(&row)?.pair;
            key = survivor_key(&id);
            found = Some(id);
        }
        Ok(found)
    }

    /// Up to `limit` pairs whose id comes after `after`.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn pairs_after(&self, after: Option<&PairId>, limit: usize) -> Result<Vec<Pair>, StoreError> {
        let from = after.map_or(Vec::new(), |id| [id.as_str().as_bytes(), b"\0"].concat());
        let beliefs = self.store.scan(Table::Pairs, &from, limit).await?;
        let unreadable = |_| StoreError::Damaged("unreadable key of a pair".to_owned());
        let id = |key: &Bytes| std::str::from_utf8(key).map(PairId::new).map_err(unreadable);
        let (Some((first, _)), Some((last, _))) = (beliefs.first(), beliefs.last()) else {
            return Ok(Vec::new());
        };
        let work = self.rows_while(Table::Work, first, |key| key <= last).await?;
        let work: BTreeMap<Bytes, Bytes> = work.into_iter().collect();
        let (first, last) =
            (pending_key(&id(first)?, ""), [pending_key(&id(last)?, "").as_bytes(), b"\xff"].concat());
        let pending = self.rows_while(Table::Activities, &first, |key| key < &last[..]).await?;
        let mut pending = &pending[..];
        let mut pairs = Vec::with_capacity(beliefs.len());
        for (key, belief) in &beliefs {
            let id = id(key)?;
            let prefix = pending_key(&id, "");
            // What comes before is of a pair that was not there yet when the pairs were read.
            pending = &pending[pending.partition_point(|(key, _)| **key < *prefix.as_bytes())..];
            let (mine, others) =
                pending.split_at(pending.partition_point(|(key, _)| key.starts_with(prefix.as_bytes())));
            pairs.push(decode_pair(id, belief, work.get(key), mine)?);
            pending = others;
        }
        Ok(pairs)
    }

    /// The rows from a key on, in order, as long as their keys are `wanted`.
    async fn rows_while(
        &self,
        table: Table,
        from: impl AsRef<[u8]>,
        wanted: impl Fn(&Bytes) -> bool,
    ) -> Result<Rows, StoreError> {
        // Most often there is none, or one: many rows at once are for those who turn out to have many.
        let (mut found, mut from, mut limit) = (Rows::new(), from.as_ref().to_vec(), 1);
        loop {
            let rows = self.store.scan(table, &from, limit).await?;
            let before = found.len();
            found.extend(rows.into_iter().take_while(|(key, _)| wanted(key)));
            let Some((last, _)) = found.last().filter(|_| found.len() == before + limit) else {
                return Ok(found);
            };
            from = [last, &b"\0"[..]].concat();
            limit = (limit * 8).min(1000);
        }
    }

    /// Up to `limit` places in the queue of a side, after `after`, in order of service.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn due(
        &self,
        side: Side,
        after: Option<&(Due, PairId)>,
        limit: usize,
    ) -> Result<Vec<(Due, PairId)>, StoreError> {
        let from = match after {
            Some((due, pair)) => [&due_key(due, pair)[..], b"\0"].concat(),
            None => vec![side_byte(side)],
        };
        let rows = self.store.scan(Table::Due, &from, limit).await?;
        let mine = rows.iter().take_while(|(key, _)| key.first() == Some(&side_byte(side)));
        mine.map(|(key, _)| parse_due(key)).collect()
    }

    /// Up to `limit` dead letters, with their ids.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<(String, DeadLetter)>, StoreError> {
        let rows: Rows = self.store.scan(Table::DeadLetters, b"", limit).await?;
        rows.iter().map(|(key, row)| Ok((String::from_utf8_lossy(key).into_owned(), decode(row)?))).collect()
    }
}

#[expect(
    clippy::expect_used,
    reason = "our own types have text keys and no failing serializers: this cannot fail"
)]
fn encode<T: Serialize + ?Sized>(row: &T) -> Bytes {
    // Most rows are shorter: no need to grow step by step.
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, row).expect("plain data serializes");
    Bytes::from(bytes)
}

fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, StoreError> {
    // The error of serde_json may quote the row, and rows hold personal data: only the place is told.
    serde_json::from_slice(row).map_err(|e| {
        StoreError::Damaged(format!("unreadable {} at column {}", std::any::type_name::<T>(), e.column()))
    })
}

/// A pair from its rows.
fn decode_pair(
    id: PairId,
    belief: &[u8],
    work: Option<&Bytes>,
    pending: &[(Bytes, Bytes)],
) -> Result<Pair, StoreError> {
    let mut pair = work.map_or_else(|| Ok(Pair::new(id)), |work| decode(work))?;
    pair.activities = pending.iter().map(|(_, row)| decode(row)).collect::<Result<Vec<Pending>, _>>()?;
    // As they happened: the order of their ids means nothing.
    pair.activities.sort_by_key(|pending| pending.activity.at);
    Ok(pair.with_belief(decode(belief)?))
}

fn decode_option<T: DeserializeOwned>(row: Option<Bytes>) -> Result<Option<T>, StoreError> {
    row.map(|row| decode(&row)).transpose()
}
