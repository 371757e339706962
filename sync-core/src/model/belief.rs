//! What the engine believes of one thing on both sides. Work goes on around it, and changes it seldom.

use serde::{Deserialize, Serialize};

use super::is_default;
use super::seen_row::SeenRow;
use crate::model::{ByField, Field, Fields, Known, PerSide, RecordId, Said, Shown, Side, Timestamp, Value};

/// What the engine believes of one thing on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belief {
    /// What each side was last seen to hold.
    pub sides: PerSide<Seen>,
    /// Further records of the same thing on a side: their activities count, their edits do not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub aliases: PerSide<Vec<RecordId>>,
    /// What both sides last agreed on, field by field.
    #[serde(default, skip_serializing_if = "is_default")]
    pub base: ByField<Agreed>,
    /// When each side's record was last read with its past, by that side's clock.
    #[serde(default, skip_serializing_if = "is_default")]
    pub read: PerSide<Option<Timestamp>>,
    /// Values a side will not take, and why. Forgotten when another value is wanted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refused: PerSide<Refusals>,
    /// Edits that lost against a concurrent one, newest last, at most [`Belief::HISTORY`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub history: Vec<Lost>,
}

/// What a side was last seen to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "seen", rename_all = "snake_case", try_from = "SeenRow")]
pub enum Seen {
    /// No record is known. `looked`: we asked the system and it had none.
    Unknown {
        /// Whether the system was asked.
        #[serde(default, skip_serializing_if = "is_default")]
        looked: bool,
    },
    /// The record was deleted.
    Absent {
        /// The record that was.
        id: RecordId,
        /// When it went, by the side's clock.
        at: Timestamp,
    },
    /// The record is there.
    Present(Box<Present>),
}

/// A record that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// The record.
    pub id: RecordId,
    /// Content, field by field. A field that is missing was never told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fields: ByField<Shown>,
    /// We must read before we trust `fields`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub doubt: bool,
    /// Counts what this side has told us, so that a read can tell whether anything was heard since it was asked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub heard: u32,
    /// The record of the other side that this one was last known to name as its twin. A person may have changed or
    /// blanked that since: it is written once, not guarded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub linked: Option<RecordId>,
    /// Further match values by which its system knows it, as of the last read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub also_known_as: Vec<Value>,
}

/// A value both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<Value>,
    /// The side on which it was typed.
    pub from: Side,
    /// When, by that side's clock.
    pub at: Timestamp,
    /// For each side, the edits that had been taken into account: they are settled.
    #[serde(default, skip_serializing_if = "is_default")]
    pub heard: PerSide<Known>,
    /// For each side, since when, by its clock, it was seen to hold the value: only an edit that was made there since then
    /// can have been made in view of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub held: PerSide<Option<Timestamp>>,
    /// For each side, since when an attempt to set it that nobody answered may have done so.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tried: PerSide<Option<Timestamp>>,
    /// For each side, whether a write of ours set the value there once more, beside what it was for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restated: PerSide<bool>,
    /// For each side, whether it only happened to hold the value when that was typed on the other one once more: an edit made
    /// here may know nothing of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub chance: PerSide<bool>,
    /// The edit of the other side that lost against it, if its time was only known from a look: when that is told, the other
    /// may turn out to be the later one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub beaten: Option<Said>,
}

/// What a side will not take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// By field: the value and the vendor's reason.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fields: ByField<Refusal>,
    /// The whole content, where the vendor blames no field.
    #[serde(default, skip_serializing_if = "is_default")]
    pub whole: Option<(Fields, String)>,
}

/// A value a side will not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: Option<Value>,
    /// Why not.
    pub reason: String,
    /// The values that were blamed together with it. When one of them changes, this one deserves another try: two
    /// fields may share a property of the system.
    #[serde(default, skip_serializing_if = "is_default")]
    pub with: Fields,
}

/// An edit that lost against a concurrent one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The field.
    pub field: Field,
    /// The side it was typed on.
    pub side: Side,
    /// What was typed, and when.
    pub said: Said,
}

impl Belief {
    /// Most lost edits remembered.
    pub const HISTORY: usize = 32;

    /// The record on a side, if it is there.
    #[must_use]
    pub fn present(&self, side: Side) -> Option<&Present> {
        match &self.sides[side] {
            Seen::Present(present) => Some(present),
            _ => None,
        }
    }

    /// The record on a side, if it is there.
    pub fn present_mut(&mut self, side: Side) -> Option<&mut Present> {
        match &mut self.sides[side] {
            Seen::Present(present) => Some(present),
            _ => None,
        }
    }

    /// The id of the record on a side, also after it was deleted.
    #[must_use]
    pub fn record_id(&self, side: Side) -> Option<&RecordId> {
        match &self.sides[side] {
            Seen::Present(present) => Some(&present.id),
            Seen::Absent { id, .. } => Some(id),
            Seen::Unknown { .. } => None,
        }
    }

    /// The content a side shows.
    #[must_use]
    pub fn fields(&self, side: Side) -> Fields {
        self.present(side)
            .map(|p| p.fields.iter().map(|(f, s)| (f.clone(), s.value.clone())).collect())
            .unwrap_or_default()
    }

    /// Remembers an edit that lost.
    pub fn remember(&mut self, lost: Lost) {
        if self.history.contains(&lost) {
            return;
        }
        if self.history.len() == Self::HISTORY {
            self.history.remove(0);
        }
        self.history.push(lost);
    }

    /// How much memory it takes, in bytes, about.
    pub(super) fn memory(&self) -> usize {
        let text = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.as_str().len());
        let shown = |(_, shown): (&Field, &Shown)| {
            size_of::<(Field, Shown)>() + text(&shown.value) + size_of_val(shown.passed.as_slice())
        };
        let side = |seen: &Seen| match seen {
            Seen::Present(present) => size_of::<Present>() + present.fields.iter().map(shown).sum::<usize>(),
            Seen::Absent { .. } | Seen::Unknown { .. } => 0,
        };
        let agreed = |agreed: &Agreed| size_of::<(Field, Agreed)>() + text(&agreed.value);
        let lost = |lost: &Lost| size_of::<Lost>() + text(&lost.said.value);
        let sides = Side::BOTH.into_iter().map(|s| side(&self.sides[s])).sum::<usize>();
        let base = self.base.values().map(agreed).sum::<usize>();
        size_of::<Self>() + sides + base + self.history.iter().map(lost).sum::<usize>()
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::Unknown { looked: false }
    }
}

impl Agreed {
    /// The values alone, field by field.
    #[must_use]
    pub fn values(fields: &ByField<Self>) -> Fields {
        fields.iter().map(|(field, agreed)| (field.clone(), agreed.value.clone())).collect()
    }

    /// We have set the value on a side, which shows it since then.
    pub(crate) fn set_on(&mut self, side: Side, since: Option<Timestamp>) {
        self.held[side] = since;
        self.chance[side] = false;
        self.restated[side] |= self.from == side;
    }

    /// A write of ours to a side that held the value has set it once more.
    pub(crate) fn restated_on(&mut self, side: Side, at: Option<Timestamp>) {
        self.restated[side] = true;
        if std::mem::take(&mut self.chance[side]) {
            self.held[side] = at;
        }
    }
}

impl Present {
    /// A record of which nothing was heard yet but this.
    #[must_use]
    pub fn new(id: RecordId, fields: ByField<Shown>, doubt: bool) -> Self {
        Self { id, fields, doubt, heard: 0, linked: None, also_known_as: Vec::new() }
    }
}

impl Seen {
    /// A record known only by its id, which must be read.
    #[must_use]
    pub fn unread(id: RecordId) -> Self {
        Self::Present(Box::new(Present::new(id, ByField::new(), true)))
    }
}
