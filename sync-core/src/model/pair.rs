//! One thing as two systems know it: everything the engine remembers, in one piece of plain data.

use serde::{Deserialize, Serialize};

use super::is_default;
use super::seen_row::SeenRow;
use crate::model::{
    Activity, ByField, Class, Field, Fields, Known, OpId, PairId, PerSide, Properties, RecordId, Said, Shown,
    Side, Timestamp, Value,
};

/// One thing as two systems know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Its name, which is also the mark left in records we create.
    pub id: PairId,
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
    /// Words in flight to each side: committed before the call, cleared when its outcome is known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sent: PerSide<Option<Sent>>,
    /// Values a side will not take, and why. Forgotten when another value is wanted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refused: PerSide<Refusals>,
    /// On which sides the brake holds something back.
    #[serde(default, skip_serializing_if = "is_default")]
    pub held: PerSide<bool>,
    /// Happenings still to be told, with the side they come from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activities: Vec<Pending>,
    /// Edits that lost against a concurrent one, newest last, at most [`Pair::HISTORY`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub history: Vec<Lost>,
    /// Events whose effect is not settled yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unsettled: Unsettled,
    /// How many operations were ever named for this pair.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ops: u32,
    /// The urgency of the work at hand.
    #[serde(default, skip_serializing_if = "is_default")]
    pub class: Class,
    /// Trouble with this pair alone: how often in a row, and when to try again (engine clock).
    #[serde(default, skip_serializing_if = "is_default")]
    pub setback: Option<Setback>,
    /// The place in the queue of work, if there is work (see the journal's `due` table).
    #[serde(default, skip_serializing_if = "is_default")]
    pub due: Option<Due>,
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

/// What a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentKind {
    /// Creates the record.
    Create,
    /// Changes it.
    Update,
    /// Tells an activity.
    Emit,
}

/// Words in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The operation, as named to the far side.
    pub op: OpId,
    /// What kind of write it is.
    pub kind: SentKind,
    /// What was decided, field by field; becomes the base once the side is seen to hold it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fields: ByField<Agreed>,
    /// What it also sets, because several fields share a property: what the side was believed to hold.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restated: Fields,
    /// The twin that the record is made to name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub link: Option<RecordId>,
    /// The exact body, for a repeat under the same operation.
    #[serde(default, skip_serializing_if = "is_default")]
    pub body: Properties,
    /// When it was first sent, by the engine's clock.
    pub at: Timestamp,
    /// Nobody knows whether it arrived: look before doing anything else.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unsure: bool,
    /// We looked and did not find it, so it is repeated under the same name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub repeat: bool,
    /// It is a repetition: nobody knows whether an earlier attempt arrived.
    #[serde(default, skip_serializing_if = "is_default")]
    pub again: bool,
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

/// A happening to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The side it happened on.
    pub from: Side,
    /// What happened.
    pub activity: Activity,
    /// Set when the other side would not take it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refused: Option<String>,
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

/// Events whose effect is not settled yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// How many.
    #[serde(default, skip_serializing_if = "is_default")]
    pub events: u32,
    /// Whether any of them changed what we believe or led to a write.
    #[serde(default, skip_serializing_if = "is_default")]
    pub changed: bool,
}

/// Trouble in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setback {
    /// How often in a row.
    pub attempts: u32,
    /// Not before this time of the engine's clock.
    pub until: Timestamp,
}

/// A place in the queue of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    /// The side the next call goes to.
    pub side: Side,
    /// How urgent.
    pub class: Class,
    /// Since when there is work, by the engine's clock.
    pub since: Timestamp,
}

impl Pair {
    /// Most lost edits remembered for a pair.
    pub const HISTORY: usize = 32;

    /// A pair nothing is known about.
    #[must_use]
    pub fn new(id: PairId) -> Self {
        Self {
            id,
            sides: PerSide::from_fn(|_| Seen::Unknown { looked: false }),
            aliases: PerSide::default(),
            base: ByField::new(),
            read: PerSide::default(),
            sent: PerSide::default(),
            refused: PerSide::default(),
            held: PerSide::default(),
            activities: Vec::new(),
            history: Vec::new(),
            unsettled: Unsettled::default(),
            ops: 0,
            class: Class::default(),
            setback: None,
            due: None,
        }
    }

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

    /// Names the next operation.
    pub fn name_op(&mut self) -> OpId {
        self.ops += 1;
        OpId::new(format!("{}.{}", self.id, self.ops))
    }

    /// The pair whose operation this is.
    #[must_use]
    pub fn of_op(op: &OpId) -> Option<PairId> {
        op.as_str().rsplit_once('.').map(|(pair, _)| PairId::new(pair))
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
