//! A row of the index: the pair a key leads to and, where the key is a record, a *print* of what that pair last saw the record hold.
//! Whether a listed record is as believed can so be told from one row, without reading the pair.

use bytes::Bytes;

use super::{decode, encode};
use crate::model::{Field, Fields, Pair, PairId, RecordId, Side, Value};
use crate::store::StoreError;

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
        self.print == Some(print_of(fields.iter().map(|(field, value)| (field, value.as_ref()))))
    }

    /// Reads a row: the id, or the id and the print.
    pub(super) fn read(row: &[u8]) -> Result<Self, StoreError> {
        if row.starts_with(b"[") {
            let (pair, print) = decode(row)?;
            return Ok(Self { pair, print: Some(print) });
        }
        Ok(Self { pair: decode(row)?, print: None })
    }

    pub(super) fn row(&self) -> Bytes {
        self.print.map_or_else(|| encode(&self.pair), |print| encode(&(&self.pair, print)))
    }
}

/// The record of a side, and the print of what it was last seen to hold.
pub(super) fn believed(pair: &Pair, side: Side) -> Option<(&RecordId, u64)> {
    let present = pair.present(side)?;
    let shown = present.fields.iter().map(|(field, shown)| (field, shown.value.as_ref()));
    Some((&present.id, print_of(shown)))
}

/// A print of the content of a record: FNV-1a of 64 bits. It is the same on every machine and for ever, it is short, and no change
/// of a single byte leaves it as it is; that any other does has a chance of 2^-64. Somebody who makes two values with the same print
/// on purpose can only hide his own edit, and only from the sweep.
fn print_of<'a>(fields: impl Iterator<Item = (&'a Field, Option<&'a Value>)>) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    // Two bytes that no text holds keep apart what belongs apart, and what is empty from what is not there.
    let text = |hash, text: &str| step(text.as_bytes().iter().fold(hash, step), &0xff);
    fields.fold(0xcbf2_9ce4_8422_2325, |hash, (field, value)| {
        let hash = text(hash, field.as_str());
        value.map_or_else(|| step(hash, &0xfe), |value| text(hash, value.as_str()))
    })
}
