//! The link: a record names its twin, so that a person, or an engine that lost its memory, finds the one from the other.
//!
//! A record we create names its twin from the start. Any other is told once: what a person makes of it later stands.

use crate::model::{Pair, Record, RecordId, Side};

use super::plan::Policy;

/// How the records of a side that were not created by us come to name their twins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Links {
    /// Not at all.
    #[default]
    Never,
    /// Along with another change of the record.
    Beside,
    /// By writes of their own, which can share a call.
    Apart,
}

/// Folds in by what names a record goes, and which record of the other side it was seen to name.
pub fn named(pair: &mut Pair, side: Side, record: &Record) {
    let is_ours = record.twin.as_ref() == pair.record_id(side.other());
    let Some(present) = pair.present_mut(side).filter(|p| p.id == record.id) else { return };
    present.also_known_as.clone_from(&record.also_known_as);
    // Once told, only the twin itself is of interest: a person may have put another there.
    if record.twin.is_some() && (is_ours || present.linked.is_none()) {
        present.linked.clone_from(&record.twin);
    }
}

/// The twin that a side's record has still to be told of.
pub(super) fn missing<'a>(pair: &'a Pair, policy: &Policy, side: Side) -> Option<&'a RecordId> {
    let twin = &pair.present(side.other())?.id;
    let untold = pair.present(side)?.linked.as_ref() != Some(twin);
    (untold && policy.links[side] != Links::Never).then_some(twin)
}

/// A record is told of its twin, or will not take it: either way it is not told again.
pub(super) fn told(pair: &mut Pair, side: Side, link: Option<RecordId>) {
    if let (Some(twin), Some(present)) = (link, pair.present_mut(side)) {
        present.linked = Some(twin);
    }
}
