//! What a sweep compares with: the prints of a side's records, read from the index once and in order.
//!
//! To look up each record that is listed reads two pages of a large store, in no order, which costs more than all else about it.

use std::collections::HashSet;

use bytes::Bytes;

use super::ledger::Ledger;
use crate::journal::{IndexKey, Journal};
use crate::model::{Fields, Pair, RecordId, Side};
use crate::store::StoreError;

/// Rows of the index that are read when a page of the listing is heard: all of them, long before the last page.
const CHUNK: usize = 5_000;

/// The prints of a side's records while it is swept. Takes 8 bytes a record.
#[derive(Debug, Default)]
pub(super) struct Prints {
    marks: Vec<u64>,
    /// The last row that was read.
    after: Option<Bytes>,
    /// All rows were read, and `marks` are in order.
    whole: bool,
    /// Records of which something else is believed since, or may be.
    changed: HashSet<RecordId>,
}

impl Prints {
    async fn read_some(&mut self, journal: &Journal, side: Side) -> Result<(), StoreError> {
        let (marks, last) = journal.marks(side, self.after.as_ref(), CHUNK).await?;
        self.marks.extend(marks);
        self.whole = last.is_none();
        self.after = last;
        if self.whole {
            self.marks.sort_unstable();
        }
        Ok(())
    }

    /// Whether the record with this key is just as its pair last saw it. False says nothing.
    fn tell(&self, id: &RecordId, key: &IndexKey, fields: &Fields) -> bool {
        self.whole && !self.changed.contains(id) && self.marks.binary_search(&key.mark(fields)).is_ok()
    }
}

impl Ledger {
    /// Reads some more of the prints of a side that is being swept.
    pub(super) async fn read_prints(&mut self, side: Side) -> Result<(), StoreError> {
        let prints = self.desks[side].repair.prints.get_or_insert_default();
        if prints.whole {
            return Ok(());
        }
        prints.read_some(&self.journal, side).await
    }

    /// Whether a record is just as its pair last saw it, as far as that can be told from memory. False says nothing.
    pub(super) fn is_as_printed(&self, side: Side, id: &RecordId, key: &IndexKey, fields: &Fields) -> bool {
        let prints = self.desks[side].repair.prints.as_ref();
        // What is open in this turn may be about to change.
        self.open.is_empty() && prints.is_some_and(|prints| prints.tell(id, key, fields))
    }

    /// What was read of the records of a pair counts no more.
    pub(super) fn outdate_prints(&mut self, before: Option<&Pair>, now: Option<&Pair>) {
        if before.zip(now).is_some_and(|(before, now)| before.believes_as(now)) {
            return;
        }
        for side in Side::BOTH {
            let Some(prints) = &mut self.desks[side].repair.prints else { continue };
            let records = [before, now].into_iter().flatten().filter_map(|pair| pair.present(side));
            prints.changed.extend(records.map(|present| present.id.clone()));
        }
    }
}
