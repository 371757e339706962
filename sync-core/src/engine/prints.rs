//! What a sweep compares with: the prints of a side's records, read from the index in order.
//!
//! To look up each record that is listed reads two pages of a large store, in no order, which costs more than all else about it.

use std::collections::HashSet;

use bytes::Bytes;

use super::ledger::{Ledger, Open};
use crate::journal::{IndexKey, Journal};
use crate::model::{Fields, RecordId, Side};
use crate::store::StoreError;

/// Rows of the index that are read when a page of the listing is heard, which has some hundred records: a sweep knows them all
/// when a twentieth of it is over.
const CHUNK: usize = 2_000;

/// With more changed rows than this the index is read anew.
const MOST_CHANGED: usize = 10_000;

/// The prints of a side's records, while it is swept: 8 bytes a record, and for moments up to thrice that while they are read.
#[derive(Debug, Default)]
pub(super) struct Prints {
    /// The [mark](IndexKey::mark) of each.
    marks: Vec<u64>,
    /// The last row that was read.
    after: Option<Bytes>,
    /// All rows were read, and `marks` are in order.
    whole: bool,
    /// Rows that were changed since the first was read.
    changed: HashSet<Bytes>,
}

impl Prints {
    async fn read_some(&mut self, journal: &Journal, side: Side) -> Result<(), StoreError> {
        if self.whole {
            return Ok(());
        }
        let (marks, last) = journal.marks(side, self.after.as_ref(), CHUNK).await?;
        self.marks.extend(marks);
        self.whole = last.is_none();
        self.after = last;
        if self.whole {
            self.marks.shrink_to_fit();
            self.marks.sort_unstable();
        }
        Ok(())
    }

    /// Whether the record with this key is just as its pair last saw it. False says nothing.
    fn tell(&self, key: &IndexKey, fields: &Fields) -> bool {
        self.whole
            && !self.changed.contains(key.as_bytes())
            && self.marks.binary_search(&key.mark(fields)).is_ok()
    }
}

impl Ledger {
    /// Reads some more of the prints of a side that is being swept.
    pub(super) async fn read_prints(&mut self, side: Side) -> Result<(), StoreError> {
        self.desks[side].repair.prints.get_or_insert_default().read_some(&self.journal, side).await
    }

    /// Whether a record is just as its pair last saw it, as far as that can be told from memory. False says nothing.
    pub(super) fn is_as_printed(&self, side: Side, id: &RecordId, key: &IndexKey, fields: &Fields) -> bool {
        let Some(prints) = &self.desks[side].repair.prints else { return false };
        prints.tell(key, fields)
            // What this turn changes is not in the index yet.
            && !self.draft.changes_lead(key)
            && !self.open.values().any(|open| may_change(open, side, id))
    }

    /// What was read of the rows that this turn's commit changes counts no more.
    pub(super) fn outdate_prints(&mut self) {
        for side in Side::BOTH {
            let repair = &mut self.desks[side].repair;
            let Some(prints) = &mut repair.prints else { continue };
            let first = IndexKey::first(side);
            let changed = self.draft.changed_leads().filter(|key| key.starts_with(first.as_bytes()));
            prints.changed.extend(changed.cloned());
            if prints.changed.len() > MOST_CHANGED {
                repair.prints = None;
            }
        }
    }
}

/// Whether a pair of this turn has this record, or had it.
fn may_change(open: &Open, side: Side, id: &RecordId) -> bool {
    let mut pairs = open.stored.as_deref().into_iter().chain(open.pair.as_ref());
    pairs.any(|pair| pair.present(side).is_some_and(|present| present.id == *id))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::journal::{Draft, Lead};
    use crate::model::entity::PHONE;
    use crate::model::{PairId, Value};
    use crate::store::{Batch, Table};
    use crate::stores::MemoryStore;

    fn fields(n: usize) -> Fields {
        Fields::from_iter([(PHONE, Value::new(n.to_string()))])
    }

    fn key(n: usize) -> IndexKey {
        IndexKey::record(Side::Left, &RecordId::new(n.to_string()))
    }

    #[tokio::test]
    async fn are_records_known_once_all_were_read_unless_they_are_other_or_changed_since() {
        let count = 2 * CHUNK + 7;
        let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
        let mut batch = Batch::default();
        for n in 0..count {
            batch.put(
                Table::Index,
                key(n).as_bytes().to_vec(),
                Lead::of(PairId::new("abc-1"), &fields(n)).row(),
            );
        }
        journal.commit(batch).await.unwrap();
        let mut prints = Prints::default();
        for _ in 0..2 {
            prints.read_some(&journal, Side::Left).await.unwrap();
            assert!((0..count).all(|n| !prints.tell(&key(n), &fields(n))), "not all were read");
        }
        prints.read_some(&journal, Side::Left).await.unwrap();
        assert!((0..count).all(|n| prints.tell(&key(n), &fields(n))));
        assert!(!prints.tell(&key(1), &fields(2)));
        assert!(!prints.tell(&key(count), &fields(count)));
        let mut draft = Draft::new(journal);
        draft.put_index(&key(1), &PairId::new("abc-2"));
        prints.changed.extend(draft.changed_leads().cloned());
        assert!(!prints.tell(&key(1), &fields(1)));
        assert!(prints.tell(&key(2), &fields(2)));
    }
}
