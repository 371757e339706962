//! What is in the log, in memory and in order.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use super::frame;
use super::tree::Row;
use crate::store::{Change, Rows, StoreError, Table};

/// What a row costs beside its bytes: its place in the map, and the pointers to key and value.
const ROW_OVERHEAD: usize = 128;

/// The rows that were changed since the last checkpoint. They share the memory of the frames they came with.
#[derive(Debug, Default)]
pub(super) struct Memtable {
    tables: BTreeMap<Table, Changed>,
}

/// Changed rows by key; none: deleted.
pub(super) type Changed = BTreeMap<Bytes, Option<Bytes>>;

impl Memtable {
    /// Makes the changes of a whole frame, all or none.
    pub(super) fn apply(&mut self, frame: Bytes) -> Result<(), StoreError> {
        for change in frame::changes(frame)? {
            let (table, key, value) = match change {
                Change::Put(table, key, value) => (table, key, Some(value)),
                Change::Delete(table, key) => (table, key, None),
            };
            self.tables.entry(table).or_default().insert(key, value);
        }
        Ok(())
    }

    /// The value a key was given; `Some(None)` if it was deleted, and none if it was not changed.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Option<Bytes>> {
        self.tables.get(&table)?.get(key).cloned()
    }

    /// Up to `limit` rows with key `>= from`: the `stored` ones as they are after the changes.
    pub(super) fn over<E>(
        &self,
        stored: &mut dyn Iterator<Item = Result<Row, E>>,
        table: Table,
        from: &[u8],
        limit: usize,
    ) -> Result<Rows, E> {
        let from = (Bound::Included(from), Bound::Unbounded);
        let mut changed =
            self.table(table).into_iter().flat_map(|rows| rows.range::<[u8], _>(from)).peekable();
        let mut found = Rows::new();
        let mut next = stored.next().transpose()?;
        while found.len() < limit {
            let key = next.as_ref().map(|(key, _)| key);
            let Some((changed, value)) =
                changed.next_if(|(changed, _)| key.is_none_or(|key| *changed <= key))
            else {
                let Some(row) = next else { break };
                found.push(row);
                next = stored.next().transpose()?;
                continue;
            };
            if key == Some(changed) {
                next = stored.next().transpose()?;
            }
            found.extend(value.clone().map(|value| (changed.clone(), value)));
        }
        Ok(found)
    }

    pub(super) fn table(&self, table: Table) -> Option<&Changed> {
        self.tables.get(&table)
    }

    /// Memory beside that of the frames, in bytes, about.
    pub(super) fn overhead(&self) -> usize {
        self.tables.values().map(BTreeMap::len).sum::<usize>() * ROW_OVERHEAD
    }
}
