//! Changes on their way to the store.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Arrival, DeadLetter, IndexKey, Journal, LEDGER, Lead, Meta, Waiting, decode, decode_option, due_key,
    encode, lead, pending_key, sequence_key, survivor_key, tombstone_key,
};
use crate::model::{Due, Pair, PairId, Pending, RecordId, Side, Timestamp};
use crate::store::{Batch, StoreError, Table};

/// Changes to the journal on the way to being committed as one batch. Reads through a draft see them.
pub struct Draft {
    journal: Journal,
    changes: BTreeMap<Table, Changed>,
}

/// Changed rows by key; none: deleted.
type Changed = BTreeMap<Bytes, Option<Bytes>>;

impl Draft {
    /// A draft without changes.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        Self { journal, changes: BTreeMap::new() }
    }

    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes as a batch; leaves none behind.
    pub fn take(&mut self) -> Batch {
        let mut batch = Batch::default();
        batch.changes.reserve(self.changes.values().map(BTreeMap::len).sum());
        for (table, changed) in std::mem::take(&mut self.changes) {
            for (key, value) in changed {
                match value {
                    Some(value) => batch.put(table, key, value),
                    None => batch.delete(table, key),
                }
            }
        }
        batch
    }

    /// The pair a key of the index leads to.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn find(&self, key: &IndexKey) -> Result<Option<PairId>, StoreError> {
        Ok(self.lead(key).await?.map(|lead| lead.pair))
    }

    /// The row of the index for a key: the pair it leads to and, for a record, the print of what that pair believes of it.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn lead(&self, key: &IndexKey) -> Result<Option<Lead>, StoreError> {
        let row = self.get(Table::Index, key.0.as_bytes()).await?;
        row.map(|row| Lead::read(&row)).transpose()
    }

    /// The pair that took this one in, if one did.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn survivor(&self, absorbed: &PairId) -> Result<Option<PairId>, StoreError> {
        decode_option(self.get(Table::Index, survivor_key(absorbed).as_bytes()).await?)
    }

    /// When a record went, by its side's clock.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn tombstone(&self, side: Side, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        decode_option(self.get(Table::Index, tombstone_key(side, id).as_bytes()).await?)
    }

    /// The pair an activity was given to, if it was ever taken in.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn activity(&self, id: &str) -> Result<Option<String>, StoreError> {
        decode_option(self.get(Table::Activities, format!("a/{id}").as_bytes()).await?)
    }

    /// Activities that wait for a record with this match key.
    ///
    /// # Errors
    /// As [`Store::scan`](crate::store::Store::scan).
    pub async fn waiting(&self, match_key: &str) -> Result<Vec<Waiting>, StoreError> {
        let prefix = Bytes::from(format!("w/{match_key}/"));
        let stored =
            self.journal.rows_while(Table::Activities, &prefix, |key| key.starts_with(&prefix)).await?;
        let mut rows: BTreeMap<Bytes, Option<Bytes>> =
            stored.into_iter().map(|(key, row)| (key, Some(row))).collect();
        let changed = self.changes.get(&Table::Activities);
        let changed = changed.into_iter().flat_map(|rows| rows.range(prefix.clone()..));
        for (key, row) in changed.take_while(|(key, _)| key.starts_with(&prefix)) {
            rows.insert(key.clone(), row.clone());
        }
        rows.into_values().flatten().map(|row| decode(&row)).collect()
    }

    /// Whether the row of the index with this key changes.
    pub(crate) fn changes_lead(&self, key: &IndexKey) -> bool {
        self.changes.get(&Table::Index).is_some_and(|changed| changed.contains_key(key.as_bytes()))
    }

    /// The keys of the index whose rows change.
    pub(crate) fn changed_leads(&self) -> impl Iterator<Item = &Bytes> {
        self.changes.get(&Table::Index).into_iter().flat_map(BTreeMap::keys)
    }

    async fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.changes.get(&table).and_then(|changed| changed.get(key)) {
            Some(pending) => Ok(pending.clone()),
            None => self.journal.store.get(table, key).await,
        }
    }

    fn put(&mut self, table: Table, key: impl Into<Bytes>, value: Bytes) {
        self.change(table, key, Some(value));
    }

    fn delete(&mut self, table: Table, key: impl Into<Bytes>) {
        self.change(table, key, None);
    }

    fn change(&mut self, table: Table, key: impl Into<Bytes>, row: Option<Bytes>) {
        self.changes.entry(table).or_default().insert(key.into(), row);
    }

    /// Stores the engine's own state.
    pub fn put_meta(&mut self, meta: &Meta) {
        self.put(Table::Meta, LEDGER, encode(meta));
    }

    /// Stores an arrival under a number.
    pub fn put_arrival(&mut self, number: u64, arrival: &Arrival) {
        self.put(Table::Inbox, sequence_key(number), encode(arrival));
    }

    /// Removes an arrival.
    pub fn delete_arrival(&mut self, number: u64) {
        self.delete(Table::Inbox, sequence_key(number));
    }

    /// Stores a pair as it is now, or removes it, and its prints in the index with it. `before`: the pair as it is stored, if it
    /// is.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn change_pair(
        &mut self,
        id: &PairId,
        before: Option<&Pair>,
        now: Option<&Pair>,
    ) -> Result<(), StoreError> {
        let key = Bytes::from(id.as_str().to_owned());
        if !before.zip(now).is_some_and(|(before, now)| before.believes_as(now)) {
            self.change_prints(id, before, now).await?;
            self.change(Table::Pairs, key.clone(), now.map(|pair| encode(&**pair)));
        }
        let blank = Pair::new(id.clone());
        if !now.unwrap_or(&blank).is_work_as_of(before.unwrap_or(&blank)) {
            self.change(Table::Work, key, now.filter(|now| !now.is_work_as_of(&blank)).map(encode));
        }
        let [before, now] = [before, now].map(|pair| pair.map_or(&[][..], |pair| &pair.activities));
        self.change_pending(id, before, now);
        Ok(())
    }

    fn change_pending(&mut self, id: &PairId, before: &[Pending], now: &[Pending]) {
        // Most often one comes or goes, and the others stay in order.
        let first = before.iter().zip(now).take_while(|(before, now)| before == now).count();
        let (before, now) = (&before[first..], &now[first..]);
        let last =
            before.iter().rev().zip(now.iter().rev()).take_while(|(before, now)| before == now).count();
        let (before, now) = (&before[..before.len() - last], &now[..now.len() - last]);
        for gone in before.iter().filter(|b| now.iter().all(|n| n.activity.id != b.activity.id)) {
            self.delete(Table::Activities, pending_key(id, &gone.activity.id));
        }
        for new in now.iter().filter(|new| !before.contains(new)) {
            self.put(Table::Activities, pending_key(id, &new.activity.id), encode(new));
        }
    }

    /// Makes the index tell of a pair that is stored what it believes of its records: rows of older formats do not.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn put_prints(&mut self, stored: &Pair) -> Result<(), StoreError> {
        self.change_prints(&stored.id, None, Some(stored)).await
    }

    async fn change_prints(
        &mut self,
        id: &PairId,
        before: Option<&Pair>,
        now: Option<&Pair>,
    ) -> Result<(), StoreError> {
        for side in Side::BOTH {
            let before = before.and_then(|pair| lead::believed(pair, side));
            let now = now.and_then(|pair| lead::believed(pair, side));
            if before == now {
                continue;
            }
            if let Some((record, _)) = before
                && now.is_none_or(|(kept, _)| kept != record)
            {
                self.put_print(id, &IndexKey::record(side, record), None).await?;
            }
            if let Some((record, print)) = now {
                self.put_print(id, &IndexKey::record(side, record), Some(print)).await?;
            }
        }
        Ok(())
    }

    /// What leads to another pair stays as it is: what this one believes of it counts no more, or not yet.
    async fn put_print(&mut self, id: &PairId, key: &IndexKey, print: Option<u64>) -> Result<(), StoreError> {
        if let Some(lead) = self.lead(key).await?
            && lead.pair == *id
            && lead.print != print
        {
            self.put(Table::Index, key.0.clone(), Lead { print, ..lead }.row());
        }
        Ok(())
    }

    /// Makes a key of the index lead to a pair.
    pub fn put_index(&mut self, key: &IndexKey, pair: &PairId) {
        self.put(Table::Index, key.0.clone(), encode(pair));
    }

    /// Makes a key of the index lead to a pair, unless it does already.
    ///
    /// # Errors
    /// As [`Store::get`](crate::store::Store::get).
    pub async fn put_index_once(&mut self, key: &IndexKey, pair: &PairId) -> Result<(), StoreError> {
        if self.find(key).await?.as_ref() != Some(pair) {
            self.put_index(key, pair);
        }
        Ok(())
    }

    /// Removes a key of the index.
    pub fn delete_index(&mut self, key: &IndexKey) {
        self.delete(Table::Index, key.0.clone());
    }

    /// Remembers for ever which pair took another in.
    pub fn put_survivor(&mut self, absorbed: &PairId, survivor: &PairId) {
        self.put(Table::Index, survivor_key(absorbed), encode(survivor));
    }

    /// Remembers for ever when a record went.
    pub fn put_tombstone(&mut self, side: Side, id: &RecordId, at: Timestamp) {
        self.put(Table::Index, tombstone_key(side, id), encode(&at));
    }

    /// Moves a pair in the queue of work.
    pub fn move_due(&mut self, pair: &PairId, from: Option<&Due>, to: Option<&Due>) {
        if from != to {
            if let Some(from) = from {
                self.delete(Table::Due, due_key(from, pair));
            }
            if let Some(to) = to {
                self.put(Table::Due, due_key(to, pair), Bytes::new());
            }
        }
    }

    /// Remembers for ever that an activity was taken in.
    pub fn put_activity(&mut self, id: &str, owner: &str) {
        self.put(Table::Activities, format!("a/{id}"), encode(owner));
    }

    /// Parks an activity until a record with this match key is known.
    pub fn put_waiting(&mut self, match_key: &str, waiting: &Waiting) {
        self.put(Table::Activities, format!("w/{match_key}/{}", waiting.activity.id), encode(waiting));
    }

    /// Takes a parked activity back.
    pub fn delete_waiting(&mut self, match_key: &str, id: &str) {
        self.delete(Table::Activities, format!("w/{match_key}/{id}"));
    }

    /// Stores a dead letter; one with the same id is replaced.
    pub fn put_dead_letter(&mut self, id: &str, letter: &DeadLetter) {
        self.put(Table::DeadLetters, id.to_owned(), encode(letter));
    }

    /// Removes a dead letter.
    pub fn delete_dead_letter(&mut self, id: &str) {
        self.delete(Table::DeadLetters, id.to_owned());
    }
}
