//! What would make the two sides agree: a truth table over what each side was seen to hold.
//!
//! | this side | other side | plan for this side |
//! |---|---|---|
//! | words in flight, outcome unknown | any | look: find what we created, read what we changed |
//! | in doubt | any | read it |
//! | unknown | present | find it first, unless both systems are known in full; then create it |
//! | absent | present | nothing: it was deleted on purpose, and we remember |
//! | present | present | update the fields that differ from the verdict |
//! | present | has activities | tell them |
//! | present | present, and not named here as the twin | name it, when nothing else is to be done |

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Activity, Agreed, ByField, Entity, Field, Known, Pair, PerSide, Present, RecordId, Refusals, Seen,
    SentKind, Side, Timestamp, Value,
};

use super::link::{Links, missing};
use super::merge::{agree, verdict};
use super::resolve::ConflictResolver;

/// What the brain must know besides the pair.
#[derive(Clone)]
pub struct Policy {
    /// What is being synchronised.
    pub entity: Arc<Entity>,
    /// Who wins a conflict.
    pub resolver: Arc<dyn ConflictResolver>,
    /// The step of each side's clock.
    pub resolution: PerSide<Duration>,
    /// Whether each side was listed in full, so that a record we do not know does not exist.
    pub index_complete: bool,
    /// Which sides can be told activities.
    pub tells: PerSide<bool>,
    /// How each side's records come to name their twins.
    pub links: PerSide<Links>,
    /// Times later than this are clamped to it: nothing was edited in the future.
    pub latest: Timestamp,
}

impl Policy {
    /// The tick of a side's clock in which something happened, which is all that its times can tell.
    #[must_use]
    pub fn tick(&self, side: Side, at: Timestamp) -> Timestamp {
        let step = i64::try_from(self.resolution[side].as_millis()).unwrap_or(i64::MAX).max(1);
        let ms = at.min(self.latest).as_millis();
        Timestamp::from_millis(ms - ms.rem_euclid(step))
    }
}

/// A planned step. Plain data: it holds no handles and can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Look for the record on a side where none is known.
    Find {
        /// Where.
        side: Side,
        /// The match field's value, if there is one.
        match_value: Option<Value>,
    },
    /// Read the record.
    Read {
        /// Where.
        side: Side,
        /// Which.
        id: RecordId,
        /// [`Present::heard`] now, to be handed back with the answer.
        heard: u32,
    },
    /// Create the record.
    Create {
        /// Where.
        side: Side,
        /// With what content.
        fields: ByField<Agreed>,
    },
    /// Send the very same creation again, under its old name.
    Repeat {
        /// Where.
        side: Side,
    },
    /// Change the record.
    Update {
        /// Where.
        side: Side,
        /// Which.
        id: RecordId,
        /// The fields that change, and to what.
        fields: ByField<Agreed>,
        /// The twin it is to name besides.
        link: Option<RecordId>,
    },
    /// Tell an activity.
    Emit {
        /// To which side.
        side: Side,
        /// Of which record.
        id: RecordId,
        /// What happened.
        activity: Arc<Activity>,
    },
}

impl Op {
    /// Whether it does nothing but name a record's twin.
    #[must_use]
    pub fn is_link(&self) -> bool {
        matches!(self, Self::Update { fields, .. } if fields.is_empty())
    }

    /// The side the call goes to.
    #[must_use]
    pub fn side(&self) -> Side {
        match self {
            Self::Find { side, .. }
            | Self::Read { side, .. }
            | Self::Create { side, .. }
            | Self::Repeat { side }
            | Self::Update { side, .. }
            | Self::Emit { side, .. } => *side,
        }
    }
}

/// What would make the sides agree. Empty when they do, when words are in flight, or when nothing can be done.
#[must_use]
pub fn plan(pair: &Pair, policy: &Policy) -> Vec<Op> {
    looks(pair, policy).unwrap_or_else(|| with_the_rest(writes(pair, policy), pair, policy))
}

/// [`agree`], then [`plan`]. What is believed is judged once: where there is nothing to be written, the pair remembers that until
/// something else is believed.
pub fn agree_and_plan(pair: &mut Pair, policy: &Policy) -> Vec<Op> {
    if !pair.is_at_rest() {
        agree(pair, policy);
    }
    if let Some(looks) = looks(pair, policy) {
        return looks;
    }
    let mut ops = Vec::new();
    if !pair.is_at_rest() {
        ops = writes(pair, policy);
        if ops.is_empty() {
            pair.rest();
        }
    }
    with_the_rest(ops, pair, policy)
}

/// Whether the sides would not agree even if every plan succeeded, because one of them refuses something.
#[must_use]
pub fn is_blocked(pair: &Pair, policy: &Policy) -> bool {
    if pair.refused == PerSide::default() {
        return false;
    }
    let mut willing = pair.clone();
    willing.refused = PerSide::default();
    willing.sent = PerSide::default();
    Side::BOTH.into_iter().any(|side| {
        let refuses = pair.refused[side] != Refusals::default();
        refuses && write(pair, policy, side).is_none() && write(&willing, policy, side).is_some()
    })
}

/// What must be looked at before anything is planned; none if that is nothing, and no words are in flight.
fn looks(pair: &Pair, policy: &Policy) -> Option<Vec<Op>> {
    let looks: Vec<Op> = Side::BOTH.into_iter().filter_map(|side| look(pair, policy, side)).collect();
    let in_flight = Side::BOTH.into_iter().any(|side| pair.sent[side].is_some());
    (in_flight || !looks.is_empty()).then_some(looks)
}

fn writes(pair: &Pair, policy: &Policy) -> Vec<Op> {
    Side::BOTH.into_iter().filter_map(|side| write(pair, policy, side)).collect()
}

/// Besides what is to be written, activities are told; links are for when there is nothing else.
fn with_the_rest(mut ops: Vec<Op>, pair: &Pair, policy: &Policy) -> Vec<Op> {
    ops.extend(emit(pair, policy));
    if ops.is_empty() {
        ops.extend(Side::BOTH.into_iter().filter_map(|side| link(pair, policy, side)));
    }
    ops
}

/// What must be looked at before anything is written.
fn look(pair: &Pair, policy: &Policy, side: Side) -> Option<Op> {
    if let Some(sent) = &pair.sent[side] {
        return match (sent.kind, &pair.sides[side]) {
            _ if !sent.unsure => None,
            (SentKind::Create, Seen::Unknown { .. }) if sent.repeat => Some(Op::Repeat { side }),
            (SentKind::Create, Seen::Unknown { .. }) => Some(find(pair, policy, side)),
            (_, Seen::Present(present)) => Some(read(side, present)),
            _ => None,
        };
    }
    pair.present(side).filter(|p| p.doubt).map(|p| read(side, p))
}

fn read(side: Side, present: &Present) -> Op {
    Op::Read { side, id: present.id.clone(), heard: present.heard }
}

fn find(pair: &Pair, policy: &Policy, side: Side) -> Op {
    let other = pair.fields(side.other());
    let match_value = policy.entity.match_field().and_then(|f| other.get(f).cloned().flatten());
    Op::Find { side, match_value }
}

fn write(pair: &Pair, policy: &Policy, side: Side) -> Option<Op> {
    let other = pair.present(side.other())?;
    match &pair.sides[side] {
        Seen::Absent { .. } => None,
        Seen::Unknown { looked } => {
            let fields = creation(pair, policy, side, other)?;
            let known_not_to_exist = *looked || policy.index_complete;
            Some(if known_not_to_exist { Op::Create { side, fields } } else { find(pair, policy, side) })
        }
        Seen::Present(present) => {
            let fields = differences(pair, policy, side, present);
            let beside = policy.links[side] == Links::Beside;
            let link = missing(pair, policy, side).filter(|_| beside).cloned();
            (!fields.is_empty()).then(|| Op::Update { side, id: present.id.clone(), fields, link })
        }
    }
}

/// The content of a new record, without what the side refused before; `None` when too little is left.
fn creation(pair: &Pair, policy: &Policy, side: Side, other: &Present) -> Option<ByField<Agreed>> {
    let refused = &pair.refused[side];
    let mut fields = ByField::new();
    for (field, shown) in &other.fields {
        let is_refused = is_refused(refused, field, |f| other.fields.get(f).map(|s| s.value.clone()));
        if is_refused && Some(field) == policy.entity.match_field() {
            return None;
        }
        if !is_refused {
            let mut heard = PerSide::<Known>::default();
            heard[side.other()] = shown.known().unwrap_or_default();
            let held = PerSide::from_fn(|s| (s != side).then_some(shown.at));
            let (value, from, at) = (shown.value.clone(), side.other(), shown.since());
            let agreed = Agreed {
                value,
                from,
                at,
                heard,
                held,
                tried: PerSide::default(),
                restated: PerSide::default(),
                chance: PerSide::default(),
                beaten: None,
            };
            fields.insert(field.clone(), agreed);
        }
    }
    let content = Agreed::values(&fields);
    let set_aside = refused.whole.as_ref().is_some_and(|(refused, _)| *refused == content);
    (policy.entity.is_nameable(&content) && !set_aside).then_some(fields)
}

/// Fields in which the side does not hold what it should, less those it refused to.
fn differences(pair: &Pair, policy: &Policy, side: Side, present: &Present) -> ByField<Agreed> {
    let refused = &pair.refused[side];
    let mut fields = ByField::new();
    for field in policy.entity.fields() {
        let (Some(verdict), Some(shown)) = (verdict(pair, policy, field), present.fields.get(field)) else {
            continue;
        };
        let wanted = verdict.agreed.value.as_ref();
        let is_refused = is_refused(refused, field, |f| value_of(pair, policy, f));
        if !is_refused && !policy.entity.same(field, shown.value.as_ref(), wanted) {
            fields.insert(field.clone(), verdict.agreed);
        }
    }
    if refused.whole.as_ref().is_some_and(|(refused, _)| *refused == Agreed::values(&fields)) {
        fields = ByField::new();
    }
    fields
}

fn value_of(pair: &Pair, policy: &Policy, field: &Field) -> Option<Option<Value>> {
    verdict(pair, policy, field).map(|v| v.agreed.value)
}

/// Whether the side refused `field` before as it is wanted now, in the same company.
fn is_refused(refused: &Refusals, field: &Field, wanted: impl Fn(&Field) -> Option<Option<Value>>) -> bool {
    let is_same = |(field, value): (&Field, &Option<Value>)| wanted(field).as_ref() == Some(value);
    refused.fields.get(field).is_some_and(|r| is_same((field, &r.value)) && r.with.iter().all(is_same))
}

fn link(pair: &Pair, policy: &Policy, side: Side) -> Option<Op> {
    let twin = missing(pair, policy, side).filter(|_| policy.links[side] == Links::Apart)?;
    let id = pair.present(side)?.id.clone();
    Some(Op::Update { side, id, fields: ByField::new(), link: Some(twin.clone()) })
}

fn emit(pair: &Pair, policy: &Policy) -> Option<Op> {
    pair.activities.iter().filter(|p| p.refused.is_none()).find_map(|pending| {
        let side = pending.from.other();
        let present = pair.present(side).filter(|_| policy.tells[side])?;
        Some(Op::Emit { side, id: present.id.clone(), activity: Arc::clone(&pending.activity) })
    })
}
