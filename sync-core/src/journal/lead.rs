//! A row of the index: the pair a key leads to and, where the key is a record, a *print* of what that pair last saw the record hold.
//! Whether a listed record is as believed can so be told from one row, without reading the pair.

use bytes::Bytes;

use super::{IndexKey, Journal, decode, encode};
use crate::model::{Field, Fields, Pair, PairId, RecordId, Side, Value};
use crate::store::{StoreError, Table};

/// Where a key of the index leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// The pair.
    pub pair: PairId,
    /// Of what the pair last saw the record hold; none if it is not the pair's own record, and in rows of older formats.
    pub(super) print: Option<u64>,
}

impl Lead {
    /// Whether the record with this key is just as its pair last saw it: the same values in the same fields. False says
    /// nothing, because not every row knows.
    #[must_use]
    pub fn is_as_believed(&self, fields: &Fields) -> bool {
        self.print == Some(print_of_fields(fields))
    }

    /// Of a pair that last saw its record hold these fields.
    #[cfg(test)]
    pub(crate) fn of(pair: PairId, fields: &Fields) -> Self {
        Self { pair, print: Some(print_of_fields(fields)) }
    }

    /// Reads a row: the id, or the id and the print.
    pub(super) fn read(row: &[u8]) -> Result<Self, StoreError> {
        if row.starts_with(b"[") {
            let (pair, print) = decode(row)?;
            return Ok(Self { pair, print: Some(print) });
        }
        Ok(Self { pair: decode(row)?, print: None })
    }

    pub(crate) fn row(&self) -> Bytes {
        self.print.map_or_else(|| encode(&self.pair), |print| encode(&(&self.pair, print)))
    }
}

impl IndexKey {
    /// What the row of a record says, in short: the hash of its key and of the print of these fields. Of a million records that are
    /// not as believed one has the mark of any of a million that are with a chance of 2^-24.
    pub(crate) fn mark(&self, fields: &Fields) -> u64 {
        mark_of(self.0.as_bytes(), print_of_fields(fields))
    }
}

impl Journal {
    /// The [mark](IndexKey::mark) of each record of a side whose row has a print: of up to `limit` rows that come `after`
    /// another. With the last one, if there may be more.
    pub(crate) async fn marks(
        &self,
        side: Side,
        after: Option<&Bytes>,
        limit: usize,
    ) -> Result<(Vec<u64>, Option<Bytes>), StoreError> {
        let first = IndexKey::first(side).0;
        let from = after.map_or_else(|| first.clone().into_bytes(), |after| [after, &b"\0"[..]].concat());
        let rows = self.store.scan(Table::Index, &from, limit).await?;
        let last = rows.last().map(|(key, _)| key.clone());
        let more = last.filter(|last| rows.len() == limit && last.starts_with(first.as_bytes()));
        let mut marks = Vec::with_capacity(rows.len());
        for (key, row) in rows.iter().take_while(|(key, _)| key.starts_with(first.as_bytes())) {
            marks.extend(Lead::read(row)?.print.map(|print| mark_of(key, print)));
        }
        Ok((marks, more))
    }
}

/// The record of a side, and the print of what it was last seen to hold.
pub(super) fn believed(pair: &Pair, side: Side) -> Option<(&RecordId, u64)> {
    let present = pair.present(side)?;
    let shown = present.fields.iter().map(|(field, shown)| (field, shown.value.as_ref()));
    Some((&present.id, print_of(shown)))
}

fn print_of_fields(fields: &Fields) -> u64 {
    print_of(fields.iter().map(|(field, value)| (field, value.as_ref())))
}

fn mark_of(key: &[u8], print: u64) -> u64 {
    key.iter().chain(&print.to_le_bytes()).fold(BASIS, step)
}

/// A print of the content of a record: FNV-1a of 64 bits. It is the same on every machine and for ever, it is short, and no change
/// of a single byte leaves it as it is; that any other does has a chance of 2^-64. Somebody who makes two values with the same print
/// on purpose can only hide his own edit, and only from the sweep.
fn print_of<'a>(fields: impl Iterator<Item = (&'a Field, Option<&'a Value>)>) -> u64 {
    // Two bytes that no text holds keep apart what belongs apart, and what is empty from what is not there.
    let text = |hash, text: &str| step(text.as_bytes().iter().fold(hash, step), &0xff);
    fields.fold(BASIS, |hash, (field, value)| {
        let hash = text(hash, field.as_str());
        value.map_or_else(|| step(hash, &0xfe), |value| text(hash, value.as_str()))
    })
}

/// Where FNV-1a begins.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// One step of FNV-1a.
fn step(hash: u64, byte: &u8) -> u64 {
    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Value;
    use crate::model::entity::PHONE;
    use crate::store::Batch;
    use crate::stores::MemoryStore;

    #[tokio::test]
    async fn are_the_marks_of_a_side_read_in_full_whatever_the_portions() {
        let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
        let fields = |n: usize| Fields::from_iter([(PHONE, Value::new(n.to_string()))]);
        let keys =
            |side| (0..7).map(move |n: usize| (n, IndexKey::record(side, &RecordId::new(n.to_string()))));
        let mut batch = Batch::default();
        for (n, key) in Side::BOTH.into_iter().flat_map(keys) {
            // A record that is not the pair's own, and rows of older formats, have no print.
            let print = (n != 3).then(|| print_of_fields(&fields(n)));
            batch.put(Table::Index, key.0, Lead { pair: PairId::new("abc-1"), print }.row());
        }
        journal.commit(batch).await.unwrap();
        for (side, limit) in Side::BOTH.into_iter().flat_map(|side| (1..9).map(move |limit| (side, limit))) {
            let (mut marks, mut after) = journal.marks(side, None, limit).await.unwrap();
            while after.is_some() {
                let (more, last) = journal.marks(side, after.as_ref(), limit).await.unwrap();
                marks.extend(more);
                after = last;
            }
            let expected = keys(side).filter(|(n, _)| *n != 3).map(|(n, key)| key.mark(&fields(n)));
            assert_eq!(marks, expected.collect::<Vec<_>>(), "{side}, {limit}");
        }
    }
}
