//! The row of a pair: its JSON, and before all else a *print* of what each side was last seen to hold. Whether a listed record is as
//! believed can so be told from the first bytes, without reading the pair.

use bytes::Bytes;

use crate::model::{Field, Fields, Pair, PerSide, RecordId, Side, Value};

/// How a row begins that has prints: the left one and the right one follow, as sixteen hexadecimal digits each. The rows of
/// format 1 have none.
const HEAD: &[u8] = br#"{"prints":""#;
/// Digits of a print.
const DIGITS: usize = 16;

/// The row of a pair.
pub(super) fn of(pair: &Pair) -> Bytes {
    let prints = PerSide::from_fn(|side| believed(pair, side));
    let mut row = HEAD.to_vec();
    row.extend(format!("{:016x}{:016x}\"", prints.left, prints.right).bytes());
    let rest = super::encode(pair);
    // A pair is an object with at least its id: the prints take the place of its opening brace.
    row.push(b',');
    row.extend_from_slice(rest.get(1..).unwrap_or_default());
    Bytes::from(row)
}

/// Whether this is the row of a pair that was last seen to hold just this record on a side.
pub(super) fn is_as_believed(row: &[u8], side: Side, id: &RecordId, fields: &Fields) -> bool {
    let print = row.strip_prefix(HEAD).and_then(|prints| prints.get(side.index() * DIGITS..)?.get(..DIGITS));
    let print = print.and_then(|digits| std::str::from_utf8(digits).ok());
    let print = print.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    print == Some(print_of(id, fields.iter().map(|(field, value)| (field, value.as_ref()))))
}

/// The print of what a side was last seen to hold; 0, which is nobody's, if it has no record.
fn believed(pair: &Pair, side: Side) -> u64 {
    pair.present(side).map_or(0, |present| {
        print_of(&present.id, present.fields.iter().map(|(field, shown)| (field, shown.value.as_ref())))
    })
}

/// A print of a record and its content, never 0: FNV-1a of 64 bits. It is the same on every machine and for ever, it is short, and no
/// change of a single byte leaves it as it is; that any other does has a chance of 2^-64. Somebody who makes two values with the
/// same print on purpose can only hide his own edit, and only from the sweep.
fn print_of<'a>(id: &RecordId, fields: impl Iterator<Item = (&'a Field, Option<&'a Value>)>) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    // Two bytes that no text holds keep apart what belongs apart, and what is empty from what is not there.
    let text = |hash, text: &str| step(text.as_bytes().iter().fold(hash, step), &0xff);
    let record = text(0xcbf2_9ce4_8422_2325, id.as_str());
    let print = fields.fold(record, |hash, (field, value)| {
        let hash = text(hash, field.as_str());
        value.map_or_else(|| step(hash, &0xfe), |value| text(hash, value.as_str()))
    });
    print.max(1)
}
