//! Who wins when two people edit the same field, neither knowing of the other.

use std::time::Duration;

use crate::model::{Field, Side, Timestamp, Value};

/// One of two concurrent edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rival<'a> {
    /// What was typed; `None` cleared the field.
    pub value: Option<&'a Value>,
    /// When, by the clock of its own side.
    pub at: Timestamp,
    /// The step of that clock: the edit happened in `[at, at + resolution)`.
    pub resolution: Duration,
}

/// Decides between truly concurrent edits. Never asked when one edit was made in view of the other.
///
/// Must be deterministic: the same rivals always give the same winner.
pub trait ConflictResolver: Send + Sync + 'static {
    /// The side whose edit stands. The other is kept in the pair's history.
    fn resolve(&self, field: &Field, left: Rival<'_>, right: Rival<'_>) -> Side;
}

/// The later edit stands; when the clocks cannot tell, the edit of a fixed side does.
#[derive(Debug, Clone, Copy)]
pub struct LastWriterWins {
    /// Wins when the times overlap within the resolution of the two clocks.
    pub tie: Side,
}

impl ConflictResolver for LastWriterWins {
    fn resolve(&self, _: &Field, left: Rival<'_>, right: Rival<'_>) -> Side {
        if left.at >= right.at.plus(right.resolution) {
            Side::Left
        } else if right.at >= left.at.plus(left.resolution) {
            Side::Right
        } else {
            self.tie
        }
    }
}

/// One side always wins a conflict, whatever the clocks say.
#[derive(Debug, Clone, Copy)]
pub struct PreferSide(
    /// The winner.
    pub Side,
);

impl ConflictResolver for PreferSide {
    fn resolve(&self, _: &Field, _: Rival<'_>, _: Rival<'_>) -> Side {
        self.0
    }
}
