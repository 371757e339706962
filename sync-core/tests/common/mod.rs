//! Short words for the tables about the brain: two records of one person, and what is said of them.

#![allow(dead_code, reason = "every test binary that shares this uses another part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sync_core::decide::{
    Effect, Heard, LastWriterWins, Observation, Op, Over, Policy, Source, agree, intend, observe, plan,
};
use sync_core::model::entity::{EMAIL, FIRST_NAME};
use sync_core::model::{
    Activity, Author, ByField, Edit, Entity, Field, Fields, OpId, Pair, PairId, Pending, PerSide, Present,
    Properties, RecordId, Shown, Side, Timestamp, Value,
};

/// The one day on which everything happens.
const DAY: i64 = 1_700_000_000;

/// So many seconds into the day.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(DAY + seconds)
}

pub(crate) fn text(value: &str) -> Option<Value> {
    Value::new(value)
}

/// The left clock ticks in milliseconds, the right one in seconds; the left edit stands on a tie.
pub(crate) fn policy() -> Policy {
    Policy {
        entity: Arc::new(Entity::person()),
        resolver: Arc::new(LastWriterWins { tie: Side::Left }),
        resolution: PerSide { left: Duration::from_millis(1), right: Duration::from_secs(1) },
        index_complete: true,
        tells: PerSide { left: true, right: false },
        links: PerSide::default(),
        latest: at(100_000),
    }
}

pub(crate) fn id(side: Side) -> RecordId {
    RecordId::new(side.as_str())
}

/// Somebody set a value at a time.
pub(crate) fn edited(value: &str, seconds: i64, author: Author) -> Heard {
    let edit = Edit { value: text(value), at: at(seconds), author };
    Heard { value: text(value), edits: vec![edit], over: Over::Untold }
}

/// A person did.
pub(crate) fn typed(value: &str, seconds: i64) -> Heard {
    edited(value, seconds, Author::Other)
}

/// A value is there; nobody says since when or by whom.
pub(crate) fn shown(value: &str) -> Heard {
    Heard { value: text(value), edits: Vec::new(), over: Over::Untold }
}

pub(crate) fn seen(
    side: Side,
    source: Source,
    seconds: i64,
    fields: impl IntoIterator<Item = (Field, Heard)>,
) -> Observation {
    Observation { id: id(side), at: at(seconds), source, fields: fields.into_iter().collect() }
}

/// News of one field, by webhook, at the time of the edit itself.
pub(crate) fn event(side: Side, field: Field, heard: Heard) -> Observation {
    let at = heard.edits.first().map_or(at(0), |edit| edit.at);
    Observation { id: id(side), at, source: Source::Event, fields: ByField::from([(field, heard)]) }
}

/// Nothing is known of either side.
pub(crate) fn stranger() -> Pair {
    Pair::new(PairId::new("p-1"))
}

/// The left record is known, the right one is not.
pub(crate) fn newcomer() -> Pair {
    let mut pair = stranger();
    let fields = [(EMAIL, typed("ann@example.com", 1)), (FIRST_NAME, typed("Ann", 1))];
    observe(&mut pair, &policy(), Side::Left, &seen(Side::Left, Source::Event, 1, fields));
    pair
}

/// Both records are known and agree: `ann@example.com`, `Ann`, typed on the left at second 1.
pub(crate) fn settled() -> Pair {
    let mut pair = newcomer();
    let ours = |value| edited(value, 2, Author::Us(None));
    let fields = [(EMAIL, ours("ann@example.com")), (FIRST_NAME, ours("Ann"))];
    observe(&mut pair, &policy(), Side::Right, &seen(Side::Right, Source::Event, 2, fields));
    agree(&mut pair, &policy());
    assert_eq!(plan(&pair, &policy()), [], "both sides agree");
    pair
}

/// News of one field is taken in.
pub(crate) fn hear(pair: &mut Pair, side: Side, field: Field, heard: Heard) -> Effect {
    observe(pair, &policy(), side, &event(side, field, heard))
}

/// The record is read now, with nothing heard since the read was asked for.
pub(crate) fn read<const N: usize>(
    pair: &mut Pair,
    side: Side,
    seconds: i64,
    fields: [(Field, Heard); N],
) -> Effect {
    let asked = pair.present(side).map_or(0, |present| present.heard);
    observe(pair, &policy(), side, &seen(side, Source::Read(asked), seconds, fields))
}

/// The next planned step, remembered as the shell does before it is taken; gives its name if it is a write.
pub(crate) fn begin(pair: &mut Pair, seconds: i64) -> (Op, Option<OpId>) {
    agree(pair, &policy());
    let op = plan(pair, &policy()).into_iter().next().expect("something is to be done");
    let name = intend(pair, &policy(), &op, Properties::new(), at(seconds));
    (op, name)
}

pub(crate) fn present(pair: &Pair, side: Side) -> &Present {
    pair.present(side).expect("the record is there")
}

pub(crate) fn field(pair: &Pair, side: Side, field: Field) -> &Shown {
    present(pair, side).fields.get(&field).expect("the field is known")
}

/// What a side is believed to show in a field.
pub(crate) fn value(pair: &Pair, side: Side, name: Field) -> Option<&str> {
    field(pair, side, name).value.as_ref().map(Value::as_str)
}

pub(crate) fn in_doubt(pair: &Pair, side: Side) -> bool {
    present(pair, side).doubt
}

/// What the next step would write, by field; nothing unless it is a creation or an update of `side`.
pub(crate) fn wanted(pair: &Pair, side: Side) -> Fields {
    match plan(pair, &policy()).into_iter().find(|op| op.side() == side) {
        Some(Op::Create { fields, .. } | Op::Update { fields, .. }) => {
            fields.into_iter().map(|(field, agreed)| (field, agreed.value)).collect()
        }
        _ => Fields::new(),
    }
}

/// What the pair's history keeps of edits that lost.
pub(crate) fn lost(pair: &Pair) -> Vec<(Side, Option<&str>)> {
    pair.history.iter().map(|l| (l.side, l.said.value.as_ref().map(Value::as_str))).collect()
}

pub(crate) fn purchase(id: &str) -> Activity {
    Activity { id: id.to_owned(), at: at(1), details: BTreeMap::new() }
}

pub(crate) fn pending(id: &str) -> Pending {
    Pending { from: Side::Right, activity: Arc::new(purchase(id)), refused: None }
}
