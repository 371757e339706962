//! Two toy systems that know the truth, and what happens between them and the brain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use sync_core::decide::{
    Effect, Heard, Hint, LastWriterWins, Observation, Op, Outcome, Over, Policy, Source, agree,
    agree_and_plan, hint, intend, observe, plan, settle,
};
use sync_core::model::{
    Author, Belief, Compare, Edit, Entity, Field, Fields, OpId, Pair, PairId, PerSide, Properties, RecordId,
    Seen, Side, Timestamp, Value,
};

use crate::Step;

pub(crate) const FIELDS: [Field; 2] = [Field::named("a"), Field::named("b")];

pub(crate) fn policy() -> Policy {
    let entity = FIELDS.iter().fold(Entity::new("toy"), |e, f| e.field(f.clone(), Compare::Exact));
    Policy {
        entity: Arc::new(entity),
        resolver: Arc::new(LastWriterWins { tie: Side::Left }),
        resolution: PerSide { left: Duration::from_millis(1), right: Duration::from_secs(1) },
        index_complete: true,
        tells: PerSide::default(),
        links: PerSide::default(),
        latest: Timestamp::from_secs(1_000_000_000),
    }
}

/// A value of one field of a toy system at one time.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    value: Option<Value>,
    at: Timestamp,
    author: Author,
    /// The edit (its number) that first typed this value; an empty start has none.
    origin: Option<usize>,
}

/// An edit by a person, with the edits its author could see: all whose values this side had ever shown for the field.
#[derive(Debug)]
struct Typed {
    field: Field,
    value: Option<Value>,
    saw: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(crate) enum Mail {
    Snapshot(Box<Observation>),
    Thin(Hint),
}

struct Call {
    op: Op,
    name: Option<OpId>,
    /// What a read or write found or left behind, once it took effect.
    landed: Option<(Observation, Fields, Timestamp)>,
}

pub(crate) struct World {
    policy: Policy,
    pub(crate) now: i64,
    skew: PerSide<i64>,
    /// Newest last.
    shown: PerSide<BTreeMap<Field, Vec<Entry>>>,
    typed: Vec<Typed>,
    pub(crate) mail: Vec<(Side, Mail)>,
    call: Option<Call>,
    pub(crate) pair: Pair,
    pub(crate) writes: usize,
}

pub(crate) fn id(side: Side) -> RecordId {
    RecordId::new(side.as_str())
}

impl World {
    pub(crate) fn new(skew: i64) -> Self {
        let start = Entry { value: None, at: Timestamp::EPOCH, author: Author::Other, origin: None };
        let fields = |_| FIELDS.iter().map(|f| (f.clone(), vec![start.clone()])).collect();
        let mut pair = Pair::new(PairId::new("p"));
        for side in Side::BOTH {
            pair.sides[side] = Seen::unread(id(side));
        }
        Self {
            policy: policy(),
            now: 1_000_000,
            skew: PerSide { left: 0, right: skew },
            shown: PerSide::from_fn(fields),
            typed: Vec::new(),
            mail: Vec::new(),
            call: None,
            pair,
            writes: 0,
        }
    }

    fn clock(&self, side: Side) -> Timestamp {
        let ms = self.now + self.skew[side];
        Timestamp::from_millis(if side == Side::Right { ms.div_euclid(1000) * 1000 } else { ms })
    }

    pub(crate) fn step(&mut self, step: &Step) {
        self.now += 1;
        match step {
            Step::Edit { left, field, set } => {
                let side = if *left { Side::Left } else { Side::Right };
                let value = set.then(|| Value::new(format!("v{}", self.typed.len()))).flatten();
                self.edit(side, &FIELDS[*field], value);
            }
            Step::Wait(ms) => self.now += i64::from(*ms),
            Step::Deliver { which, again } => self.deliver(*which, *again),
            Step::Begin => self.begin(),
            Step::Land => self.land(),
            Step::Answer(arrives) => self.answer(*arrives),
            Step::Fail => self.fail(),
        }
    }

    fn edit(&mut self, side: Side, field: &Field, value: Option<Value>) {
        let entries = &self.shown[side][field];
        if entries.last().is_some_and(|e| e.value == value) {
            return;
        }
        // Two edits of one field within one tick of the right clock cannot be told apart for good: that is a known limit,
        // and `settle.rs` and `observe.rs` have its tables. Here people are slower.
        let rushed = |e: &Entry| side == Side::Right && e.author == Author::Other && e.at == self.clock(side);
        if entries.last().is_some_and(rushed) {
            self.now += 1_000;
        }
        let saw = self.shown[side][field].iter().filter_map(|e| e.origin).collect();
        let origin = Some(self.typed.len());
        self.typed.push(Typed { field: field.clone(), value: value.clone(), saw });
        let before = self.current(side);
        self.set(side, field, value, (Author::Other, origin));
        self.announce(side, &before, Author::Other);
    }

    fn set(
        &mut self,
        side: Side,
        field: &Field,
        value: Option<Value>,
        (author, origin): (Author, Option<usize>),
    ) {
        let at = self.clock(side);
        if let Some(entries) = self.shown[side].get_mut(field) {
            entries.push(Entry { value, at, author, origin });
        }
    }

    fn current(&self, side: Side) -> Fields {
        self.shown[side].iter().map(|(f, e)| (f.clone(), e.last().unwrap().value.clone())).collect()
    }

    /// A webhook is on its way: full snapshots from the right, thin hints from the left.
    fn announce(&mut self, side: Side, before: &Fields, author: Author) {
        let at = self.clock(side);
        let now = self.current(side);
        let changed: Vec<_> = now.iter().filter(|(f, v)| before.get(f) != Some(v)).collect();
        if side == Side::Left {
            for (field, value) in changed {
                let told = Some((field.clone(), value.clone()));
                self.mail.push((side, Mail::Thin(Hint { id: id(side), at, author: author.clone(), told })));
            }
            return;
        }
        let fields = now.iter().map(|(field, value)| {
            let edits = if changed.iter().any(|(f, _)| *f == field) {
                vec![Edit { value: value.clone(), at, author: author.clone() }]
            } else {
                Vec::new()
            };
            (
                field.clone(),
                Heard {
                    value: value.clone(),
                    edits,
                    over: before.get(field).map_or(Over::Untold, |was| Over::Value(was.clone())),
                },
            )
        });
        let seen = Observation { id: id(side), at, source: Source::Event, fields: fields.collect() };
        self.mail.push((side, Mail::Snapshot(Box::new(seen))));
    }

    fn deliver(&mut self, which: usize, again: bool) {
        if self.mail.is_empty() {
            return;
        }
        let which = which % self.mail.len();
        let (side, mail) = if again { self.mail[which].clone() } else { self.mail.remove(which) };
        self.hear(side, &mail);
    }

    pub(crate) fn hear(&mut self, side: Side, mail: &Mail) -> Effect {
        let effect = match mail {
            Mail::Snapshot(seen) => observe(&mut self.pair, &self.policy, side, seen),
            Mail::Thin(news) => hint(&mut self.pair, &self.policy, side, news),
        };
        agree(&mut self.pair, &self.policy);
        effect
    }

    fn begin(&mut self) {
        if self.call.is_some() {
            return;
        }
        if let Some(op) = self.planned().into_iter().next() {
            let name = intend(
                &mut self.pair,
                &self.policy,
                &op,
                Properties::new(),
                Timestamp::from_millis(self.now),
            );
            self.call = Some(Call { op, name, landed: None });
        }
    }

    /// What is planned. A pair that remembers having been in order plans as one that does not.
    fn planned(&mut self) -> Vec<Op> {
        let mut forgetful = self.pair.clone().with_belief(Belief::clone(&self.pair));
        agree(&mut forgetful, &self.policy);
        let planned = agree_and_plan(&mut self.pair, &self.policy);
        assert_eq!(planned, plan(&forgetful, &self.policy));
        assert_eq!(self.pair, forgetful);
        planned
    }

    fn land(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        if call.landed.is_none() {
            let side = call.op.side();
            let source = match &call.op {
                Op::Read { heard, .. } => Source::Read(*heard),
                Op::Update { fields, .. } => {
                    let before = self.current(side);
                    for (field, agreed) in fields {
                        let origin = self.origin(field, agreed.value.as_ref());
                        if before.get(field) != Some(&agreed.value) {
                            let author = Author::Us(call.name.clone());
                            self.set(side, field, agreed.value.clone(), (author, origin));
                            self.writes += 1;
                        }
                    }
                    self.announce(side, &before, Author::Us(call.name.clone()));
                    Source::Listed
                }
                other => panic!("nothing else is planned for two records that exist: {other:?}"),
            };
            let seen = self.read(side, source);
            call.landed = Some((seen, self.current(side), self.clock(side)));
        }
        self.call = Some(call);
    }

    /// What a read answers: with full history on the left, without any on the right.
    fn read(&self, side: Side, source: Source) -> Observation {
        let fields = self.shown[side].iter().map(|(field, entries)| {
            let edit = |e: &Entry| Edit { value: e.value.clone(), at: e.at, author: e.author.clone() };
            let edits = match side {
                Side::Left => entries.iter().rev().filter(|e| e.at > Timestamp::EPOCH).map(edit).collect(),
                Side::Right => Vec::new(),
            };
            (field.clone(), Heard { value: entries.last().unwrap().value.clone(), edits, over: Over::Untold })
        });
        Observation { id: id(side), at: self.clock(side), source, fields: fields.collect() }
    }

    fn answer(&mut self, arrives: bool) {
        let Some(call) = self.call.take() else { return };
        let side = call.op.side();
        let outcome = match (&call.op, call.landed, arrives) {
            (Op::Read { .. }, Some((seen, ..)), true) => {
                observe(&mut self.pair, &self.policy, side, &seen);
                agree(&mut self.pair, &self.policy);
                return;
            }
            (Op::Read { .. }, ..) => return,
            (_, Some((_, shown, at)), true) => Outcome::Done { id: id(side), shown, at },
            _ => Outcome::Unsure,
        };
        settle(&mut self.pair, &self.policy, side, outcome);
        agree(&mut self.pair, &self.policy);
    }

    fn fail(&mut self) {
        if self.call.as_ref().is_some_and(|c| c.landed.is_none()) {
            let Some(call) = self.call.take() else { return };
            // A question that fails says nothing of the words it asked about.
            if call.name.is_some() {
                settle(&mut self.pair, &self.policy, call.op.side(), Outcome::NotDone);
            }
        }
    }

    fn origin(&self, field: &Field, value: Option<&Value>) -> Option<usize> {
        let found = |t: &&Typed| t.field == *field && t.value.as_ref() == value;
        let index = self.typed.iter().rev().find(found)?;
        self.typed.iter().position(|t| std::ptr::eq(t, index))
    }

    /// Faults stop: all mail arrives, all calls succeed, until nothing is left to do.
    pub(crate) fn heal(&mut self) {
        for _ in 0..500 {
            self.now += 700;
            if !self.mail.is_empty() {
                self.deliver(0, false);
            }
            self.begin();
            self.land();
            self.answer(true);
            if self.mail.is_empty() && self.call.is_none() && self.planned().is_empty() {
                return;
            }
        }
        panic!("never quiet: {:?}", plan(&self.pair, &self.policy));
    }

    pub(crate) fn judge(&self) -> Result<(), TestCaseError> {
        for field in &FIELDS {
            let [left, right] = Side::BOTH.map(|s| self.shown[s][field].last().unwrap().clone());
            prop_assert_eq!(&left.value, &right.value, "L1: the sides agree on {}", field);
            for side in Side::BOTH {
                let believed =
                    self.pair.present(side).and_then(|p| p.fields.get(field)).map(|s| s.value.clone());
                prop_assert_eq!(believed, Some(left.value.clone()), "belief is true on {}", side);
            }
            let typed: Vec<_> = self.typed.iter().enumerate().filter(|(_, t)| t.field == *field).collect();
            if typed.is_empty() {
                prop_assert_eq!(&left.value, &None, "nothing is invented");
                continue;
            }
            let dominated = |n: usize| typed.iter().any(|(_, t)| t.saw.contains(&n));
            let standing: Vec<_> = typed.iter().filter(|(n, _)| !dominated(*n)).collect();
            prop_assert!(
                standing.iter().any(|(_, t)| t.value == left.value),
                "P5: {} ends as {:?}, which somebody had overwritten in full view; standing: {:?}",
                field,
                left.value.as_ref().map(Value::as_str),
                standing.iter().map(|(_, t)| t.value.as_ref().map(Value::as_str)).collect::<Vec<_>>()
            );
            for (_, typed) in standing.iter().filter(|(_, t)| t.value.is_some() && t.value != left.value) {
                let kept = self.pair.history.iter().any(|l| l.said.value == typed.value);
                prop_assert!(
                    kept,
                    "P5: the losing {:?} is kept in the history",
                    typed.value.as_ref().map(Value::as_str)
                );
            }
        }
        Ok(())
    }
}
