//! One thing as two systems know it: everything the engine remembers, in one piece of plain data.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::is_default;
use crate::model::{
    Activity, Agreed, Belief, ByField, Class, Fields, OpId, PairId, PerSide, Properties, RecordId, Side,
    Timestamp,
};

/// One thing as two systems know it: what is believed of it, and the work that is under way for it.
///
/// What is believed reads as if it stood here (`pair.sides`), and copies of a pair share it until one of them comes to believe
/// something else: most steps of the work change nothing of it. As a row, this is the work alone, without the activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Its name, which is also the mark left in records we create.
    pub id: PairId,
    #[serde(skip)]
    belief: Arc<Belief>,
    #[serde(skip)]
    at_rest: Memo,
    /// Words in flight to each side: committed before the call, cleared when its outcome is known. Activities are durable by
    /// themselves, and are not in the row: whether one is being told is forgotten at a restart, or when the pair leaves memory. To
    /// tell it again is harmless.
    #[serde(default, skip_serializing_if = "is_durably_default", serialize_with = "durably")]
    pub sent: PerSide<Option<Sent>>,
    /// On which sides the brake holds something back.
    #[serde(default, skip_serializing_if = "is_default")]
    pub held: PerSide<bool>,
    /// Happenings still to be told, with the side they come from. Each has a row of its own.
    #[serde(skip)]
    pub activities: Vec<Pending>,
    /// Events whose effect is not settled yet.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unsettled: Unsettled,
    /// How many operations were ever named for this pair, tellings aside.
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

/// In the name of an operation, between pair and activity: no other operation has it.
const TELLING: &str = ".tell:";

/// Something that was found out about a pair and can be found out again: two pairs are the same with and without it.
#[derive(Debug, Clone, Copy, Default)]
struct Memo(bool);

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

/// A happening to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The side it happened on.
    pub from: Side,
    /// What happened.
    pub activity: Arc<Activity>,
    /// Set when the other side would not take it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub refused: Option<String>,
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
    /// A pair nothing is known about.
    #[must_use]
    pub fn new(id: PairId) -> Self {
        Self {
            id,
            belief: Arc::default(),
            at_rest: Memo::default(),
            sent: PerSide::default(),
            held: PerSide::default(),
            activities: Vec::new(),
            unsettled: Unsettled::default(),
            ops: 0,
            class: Class::default(),
            setback: None,
            due: None,
        }
    }

    /// The same work for a thing of which this is believed.
    #[must_use]
    pub fn with_belief(self, belief: Belief) -> Self {
        Self { belief: Arc::new(belief), at_rest: Memo::default(), ..self }
    }

    /// What is believed, to be changed, and the words in flight beside it.
    pub(crate) fn belief_and_sent(&mut self) -> (&mut Belief, &PerSide<Option<Sent>>) {
        self.at_rest = Memo(false);
        (Arc::make_mut(&mut self.belief), &self.sent)
    }

    /// Whether the same is believed. Of copies that share it this is known without a look.
    pub(crate) fn believes_as(&self, other: &Self) -> bool {
        self.belief == other.belief
    }

    /// How much memory it takes, in bytes, about.
    pub(crate) fn memory(&self) -> usize {
        let text = |(name, value): (&String, &String)| 2 * size_of::<String>() + name.len() + value.len();
        let pending = |pending: &Pending| {
            size_of::<(Pending, Activity)>() + pending.activity.details.iter().map(text).sum::<usize>()
        };
        size_of::<Self>() + self.belief.memory() + self.activities.iter().map(pending).sum::<usize>()
    }

    /// Whether the work is the same, activities aside.
    pub(crate) fn is_work_as_of(&self, other: &Self) -> bool {
        let Self {
            id: _,
            belief: _,
            at_rest: _,
            activities: _,
            sent,
            held,
            unsettled,
            ops,
            class,
            setback,
            due,
        } = other;
        (durable(&self.sent), &self.held, &self.unsettled, &self.ops) == (durable(sent), held, unsettled, ops)
            && (&self.class, &self.setback, &self.due) == (class, setback, due)
    }

    /// Whether it is known of what is believed that the sides agree, as far as they can.
    pub(crate) const fn is_at_rest(&self) -> bool {
        self.at_rest.0
    }

    /// Remembers that, until something else is believed.
    pub(crate) const fn rest(&mut self) {
        self.at_rest = Memo(true);
    }

    /// Names the next operation.
    pub fn name_op(&mut self) -> OpId {
        self.ops += 1;
        OpId::new(format!("{}.{}", self.id, self.ops))
    }

    /// Names the telling of an activity, always the same for this pair.
    #[must_use]
    pub fn name_of(&self, activity: &Activity) -> OpId {
        OpId::new([self.id.as_str(), TELLING, &activity.id].concat())
    }

    /// The pair whose operation this is.
    #[must_use]
    pub fn of_op(op: &OpId) -> Option<PairId> {
        let op = op.as_str();
        op.split_once(TELLING).or_else(|| op.rsplit_once('.')).map(|(pair, _)| PairId::new(pair))
    }
}

impl Deref for Pair {
    type Target = Belief;

    fn deref(&self) -> &Belief {
        &self.belief
    }
}

impl DerefMut for Pair {
    fn deref_mut(&mut self) -> &mut Belief {
        self.belief_and_sent().0
    }
}

impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Memo {}

fn durable(sent: &PerSide<Option<Sent>>) -> PerSide<Option<&Sent>> {
    PerSide::from_fn(|side| sent[side].as_ref().filter(|sent| sent.kind != SentKind::Emit))
}

fn is_durably_default(sent: &PerSide<Option<Sent>>) -> bool {
    durable(sent) == PerSide::default()
}

fn durably<S: Serializer>(sent: &PerSide<Option<Sent>>, serializer: S) -> Result<S::Ok, S::Error> {
    durable(sent).serialize(serializer)
}
