//! Whose record is this?
//!
//! By mark (we wrote it), by id (we know it), by twin (it names the other side's record), by match value (somebody with
//! the same email). In that order, because each is weaker than the one before.

use crate::model::{Pair, RecordId, Seen, Side};

/// How a pair came to be a candidate, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The record carries the pair's mark.
    Mark,
    /// The record's id, or one of its aliases, is known.
    Id,
    /// The record names a record of the other side that is the pair's.
    Twin,
    /// The match values are equal.
    Match,
}

/// To whom a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It is this side's record of the pair.
    Twin,
    /// It belongs to the pair, whose record on this side is another: its activities count, its edits do not.
    Alias,
    /// It is nobody's yet.
    Nobody,
}

/// What the record `id`, seen on `side`, is to a candidate pair.
#[must_use]
pub fn whose(pair: &Pair, side: Side, id: &RecordId, how: How) -> Whose {
    let creating = pair.sent[side].is_some();
    match (&pair.sides[side], how) {
        (Seen::Present(present), _) if present.id == *id => Whose::Twin,
        // What is told of an alias once more does not promote it.
        _ if pair.aliases[side].contains(id) => Whose::Alias,
        // Our own creation is on its way: the record that bears its mark is the twin, any other is an alias.
        (Seen::Unknown { .. }, How::Match) if creating => Whose::Alias,
        (Seen::Unknown { .. } | Seen::Absent { .. }, _) => Whose::Twin,
        (Seen::Present(_), _) => Whose::Alias,
    }
}
