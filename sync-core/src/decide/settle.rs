//! Remembering what we are about to ask, and folding in how it went.

use std::time::Duration;

use crate::model::{
    Agreed, Author, Belief, By, ByField, Field, Fields, Known, OpId, Pair, Present, Properties, RecordId,
    Refusal, Seen, Sent, SentKind, Shown, Side, Timestamp, Value,
};

use super::link::told;
use super::merge::{note, verdict};
use super::observe::Observation;
use super::plan::{Op, Policy};
use super::register::supersede;

/// How a write went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Applied. The record as the side now shows it, where it says, and the side's own time.
    Done {
        /// The record's id.
        id: RecordId,
        /// What it shows now; fields it does not mention show what was sent.
        shown: Fields,
        /// The side's time of the write.
        at: Timestamp,
    },
    /// The side has such a record already: it is the twin, and must be read. Perhaps it is what we created ourselves.
    Exists(RecordId),
    /// The side will not take it, and says which fields are at fault, if it says.
    Refused {
        /// The vendor's reason.
        reason: String,
        /// The fields at fault; empty when unknown.
        fields: Vec<Field>,
    },
    /// Certainly not applied.
    NotDone,
    /// Perhaps applied.
    Unsure,
}

/// Remembers what `op` is about to ask. Must be durable before the call. Reads ask nothing that needs remembering.
///
/// `body` is the exact native content. Gives the name of the operation.
pub fn intend(pair: &mut Pair, policy: &Policy, op: &Op, body: Properties, now: Timestamp) -> Option<OpId> {
    let side = op.side();
    let (kind, fields) = match op {
        Op::Find { .. } | Op::Read { .. } => return None,
        Op::Repeat { .. } => {
            let sent = pair.sent[side].as_mut()?;
            (sent.unsure, sent.repeat, sent.again) = (false, false, true);
            return Some(sent.op.clone());
        }
        Op::Create { fields, .. } => (SentKind::Create, fields.clone()),
        Op::Update { fields, .. } => (SentKind::Update, fields.clone()),
        Op::Emit { .. } => (SentKind::Emit, ByField::new()),
    };
    for field in fields.keys() {
        let lost = verdict(pair, policy, field).and_then(|v| v.lost);
        note(pair, field, lost);
    }
    let link = match op {
        Op::Create { .. } => pair.record_id(side.other()).cloned(),
        Op::Update { link, .. } => link.clone(),
        _ => None,
    };
    let name = match op {
        Op::Emit { activity, .. } => pair.name_of(activity),
        _ => pair.name_op(),
    };
    let (restated, unsure, repeat, again) = (Fields::new(), false, false, false);
    let sent = Sent { op: name.clone(), kind, fields, restated, link, body, at: now, unsure, repeat, again };
    pair.sent[side] = Some(sent);
    // An activity counts for itself.
    pair.unsettled.changed |= kind != SentKind::Emit;
    Some(name)
}

/// Remembers what the write in flight also sets, because several fields share a property: what both sides agreed on. An
/// edit that it overwrites unknowingly is thereby known to have come after that.
pub fn restate(pair: &mut Pair, policy: &Policy, side: Side, fields: impl IntoIterator<Item = Field>) {
    for field in fields {
        let shown = pair.present(side).and_then(|p| p.fields.get(&field)).map(|s| s.value.clone());
        let (Some(shown), Some(base)) = (shown, pair.base.get(&field)) else { continue };
        let same = policy.entity.same(&field, shown.as_ref(), base.value.as_ref());
        let value = base.value.clone();
        if let Some(sent) = pair.sent[side].as_mut().filter(|s| same && !s.fields.contains_key(&field)) {
            sent.restated.insert(field, value);
        }
    }
}

/// Folds in how the write in flight to `side` went. Without one this does nothing.
pub fn settle(pair: &mut Pair, policy: &Policy, side: Side, outcome: Outcome) {
    let Some(sent) = pair.sent[side].take() else { return };
    let creating = sent.kind == SentKind::Create;
    match outcome {
        // Perhaps only the link is at fault: whatever else it was for is tried again without.
        Outcome::Exists(_) | Outcome::Refused { .. } if !creating && sent.link.is_some() => {
            told(pair, side, sent.link);
        }
        Outcome::Done { id, shown, at } => done(pair, policy, side, sent, (id, shown, at)),
        Outcome::Exists(id) if creating => {
            pair.sides[side] = Seen::unread(id);
            pair.sent[side] = Some(Sent { unsure: true, ..sent });
        }
        Outcome::Exists(_) => {
            let culprit: Vec<Field> = policy.entity.match_field().cloned().into_iter().collect();
            refuse(pair, side, &sent, "held by another record".to_owned(), culprit);
        }
        Outcome::Refused { reason, fields } => refuse(pair, side, &sent, reason, fields),
        // That is true of this attempt. Of the earlier one nobody knows any more than before.
        Outcome::NotDone if sent.again => pair.sent[side] = Some(Sent { unsure: true, ..sent }),
        Outcome::NotDone => {}
        Outcome::Unsure if sent.kind == SentKind::Emit => {}
        Outcome::Unsure => pair.sent[side] = Some(Sent { unsure: true, ..sent }),
    }
    if creating && pair.sent[side].is_none() {
        promote_alias(pair, side);
    }
}

/// Whether this tells of the record as we made it just now, and of nobody but us.
pub(super) fn is_our_creation(sent: &Sent, policy: &Policy, seen: &Observation) -> bool {
    let ours = Author::Us(Some(sent.op.clone()));
    let mut edits = seen.fields.values().flat_map(|heard| &heard.edits).peekable();
    let by_us = edits.peek().is_some() && edits.all(|edit| edit.author == ours);
    let as_sent = |field: &Field| {
        let wanted = sent.fields.get(field).and_then(|agreed| agreed.value.as_ref());
        let shown = seen.fields.get(field).and_then(|heard| heard.value.as_ref());
        policy.entity.same(field, wanted, shown)
    };
    sent.kind == SentKind::Create && by_us && sent.fields.keys().chain(seen.fields.keys()).all(as_sent)
}

/// We looked for what a creation may have made, and the record that is there was made by somebody else. What it shows is
/// not ours, even where it is what we would have written.
pub fn not_ours(pair: &mut Pair, side: Side) {
    pair.sent[side].take_if(|sent| sent.kind == SentKind::Create);
}

/// We looked for a record and the side has none.
pub fn not_found(pair: &mut Pair, side: Side, now: Timestamp) {
    match &mut pair.sent[side] {
        // The far side may have forgotten the operation's name by now; what is not there will not appear any more.
        Some(sent) if sent.unsure && now.since(sent.at) > REPEATABLE => pair.sent[side] = None,
        Some(sent) if sent.unsure => sent.repeat = true,
        _ => pair.sides[side] = Seen::Unknown { looked: true },
    }
}

/// How long a creation may be repeated under its old name. Stripe prunes idempotency keys after 24 hours (Stripe API
/// reference, idempotent requests); four hours are kept in reserve for clocks that were set meanwhile.
const REPEATABLE: Duration = Duration::from_secs(20 * 3600);

/// Our creation came to nothing, and while it was on its way somebody else made the record: that one is the twin.
fn promote_alias(pair: &mut Pair, side: Side) {
    if matches!(pair.sides[side], Seen::Unknown { .. }) && !pair.aliases[side].is_empty() {
        let id = pair.aliases[side].remove(0);
        pair.sides[side] = Seen::unread(id);
    }
}

fn done(
    pair: &mut Pair,
    policy: &Policy,
    side: Side,
    sent: Sent,
    (id, shown, at): (RecordId, Fields, Timestamp),
) {
    if sent.kind == SentKind::Emit {
        return;
    }
    let at = policy.tick(side, at);
    if sent.kind == SentKind::Create {
        adopt(pair, side, id, &shown, at);
    }
    let belief: &mut Belief = pair;
    let Seen::Present(present) = &mut belief.sides[side] else { return };
    if sent.link.is_some() {
        present.linked = sent.link;
    }
    for (field, mut agreed) in sent.fields {
        agreed.set_on(side, Some(at));
        let now_shown = shown.get(&field).unwrap_or(&agreed.value);
        if !policy.entity.same(&field, now_shown.as_ref(), agreed.value.as_ref()) {
            let reason = "the system stored it differently".to_owned();
            let refusal = Refusal { value: agreed.value.clone(), reason, with: Fields::new() };
            belief.refused[side].fields.insert(field.clone(), refusal);
        } else {
            belief.refused[side].fields.remove(&field);
        }
        let new = Shown::new(now_shown.clone(), at, true, By::Us);
        show(present, &field, new, &agreed.heard[side]);
        if let Some(shown) = present.fields.get_mut(&field) {
            shown.missed = None;
        }
        belief.base.insert(field, agreed);
    }
    for (field, value) in sent.restated {
        let Some(base) = belief.base.get_mut(&field).filter(|b| b.value == value) else { continue };
        base.restated_on(side, Some(at));
        let new = Shown::new(value, at, true, By::Us);
        show(present, &field, new, &base.heard[side]);
    }
    belief.refused[side].whole = None;
}

/// The record we created is there. Its echo may have told us before.
fn adopt(pair: &mut Pair, side: Side, id: RecordId, shown: &Fields, at: Timestamp) {
    if pair.present(side).is_none_or(|p| p.id != id) {
        let ours = |value: &Option<Value>| Shown::new(value.clone(), at, true, By::Us);
        let fields = shown.iter().map(|(field, value)| (field.clone(), ours(value))).collect();
        pair.sides[side] = Seen::Present(Box::new(Present::new(id, fields, false)));
    }
}

/// Our value is shown now, unless the side has told of something later. What a person had said up to `heard` was known
/// when we wrote, so our value covers it whatever the clocks say.
fn show(present: &mut Present, field: &Field, mut new: Shown, heard: &Known) {
    if let Some(old) = present.fields.get_mut(field) {
        let unheard = old.by == By::Person && old.said().is_some_and(|said| !heard.covers(&said));
        if unheard && old.at >= new.at {
            present.doubt |= old.at == new.at;
            return;
        }
        new.at = new.at.max(old.at);
        supersede(old, new);
    } else {
        present.fields.insert(field.clone(), new);
    }
}

fn refuse(pair: &mut Pair, side: Side, sent: &Sent, reason: String, culprits: Vec<Field>) {
    if sent.kind == SentKind::Emit {
        if let Some(pending) =
            pair.activities.iter_mut().find(|p| p.from == side.other() && p.refused.is_none())
        {
            pending.refused = Some(reason);
        }
        return;
    }
    let refused = &mut pair.refused[side];
    let mut blamed = Agreed::values(&sent.fields);
    blamed.retain(|field, _| culprits.contains(field));
    for (field, value) in &blamed {
        let mut with = blamed.clone();
        with.remove(field);
        let refusal = Refusal { value: value.clone(), reason: reason.clone(), with };
        refused.fields.insert(field.clone(), refusal);
    }
    if blamed.is_empty() {
        refused.whole = Some((Agreed::values(&sent.fields), reason));
    }
}
