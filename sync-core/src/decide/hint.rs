//! News that something happened to a record, without its content: is there anything to read?

use crate::model::{Author, By, Field, Pair, Present, RecordId, Seen, Sent, Shown, Side, Timestamp, Value};

use super::observe::Effect;
use super::plan::Policy;
use super::register::uncover;

/// That something happened to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The record.
    pub id: RecordId,
    /// When, by the side's clock.
    pub at: Timestamp,
    /// Who did it, as far as the side says.
    pub author: Author,
    /// The field that changed and what it became, if told.
    pub told: Option<(Field, Option<Value>)>,
}

/// Folds in that something happened to a record, without its content. `told` is the one field that is said to have
/// changed. Unless it is our own echo or old news, the record must be read.
pub fn hint(pair: &mut Pair, policy: &Policy, side: Side, hint: &Hint) -> Effect {
    let (belief, sent) = pair.belief_and_sent();
    match &mut belief.sides[side] {
        Seen::Absent { at, .. } if hint.at <= *at => return Effect::Stale,
        Seen::Present(present) => {
            let effect = known(present, sent[side].as_ref(), policy, hint);
            if effect == Effect::Nothing && was_typed_before(present, policy, side, hint) {
                return Effect::Changed;
            }
            present.doubt |= effect == Effect::Changed;
            // Even a value we know counts as heard: a read that is under way may have missed it.
            present.heard += u32::from(effect == Effect::Changed || is_later(present, hint));
            return effect;
        }
        _ => {}
    }
    pair.sides[side] = Seen::unread(hint.id.clone());
    Effect::Changed
}

/// Somebody typed the value before we wrote the same. Remembered while both agree, so that it is not taken for news when it is
/// found beneath other words.
fn was_typed_before(present: &mut Present, policy: &Policy, side: Side, hint: &Hint) -> bool {
    let Some((field, value)) = hint.told.as_ref().filter(|_| hint.author == Author::Other) else {
        return false;
    };
    let Some(shown) = present.fields.get_mut(field) else { return false };
    let typed = Shown::new(value.clone(), policy.tick(side, hint.at), true, By::Person);
    typed.at <= shown.at && uncover(shown, &typed, None, |_| {}) == Effect::Changed
}

fn is_later(present: &Present, hint: &Hint) -> bool {
    let told = hint.told.as_ref().and_then(|(field, _)| present.fields.get(field));
    told.is_some_and(|shown| hint.at > shown.at)
}

/// Whether a hint tells something: `Changed` when only a read can say.
fn known(present: &Present, sent: Option<&Sent>, policy: &Policy, hint: &Hint) -> Effect {
    let ours = matches!(hint.author, Author::Us(_));
    let Some((field, value)) = &hint.told else {
        return if ours { Effect::Nothing } else { Effect::Changed };
    };
    let same = |other: &Option<Value>| policy.entity.same(field, other.as_ref(), value.as_ref());
    let Some(shown) = present.fields.get(field) else { return Effect::Changed };
    let in_flight = sent.and_then(|s| s.fields.get(field));
    let echo = ours && in_flight.is_some_and(|agreed| same(&agreed.value));
    // While other words are on their way, the value we know may be a person's answer to them.
    let overtaken = in_flight.is_some_and(|agreed| !same(&agreed.value)) && !ours && hint.at > shown.at;
    // Of a value that was merely found, it tells that somebody typed it.
    let typed = shown.by == By::Nobody && hint.author == Author::Other;
    if echo || (same(&shown.value) && !overtaken && !typed) {
        Effect::Nothing
    } else if hint.at <= shown.at && (ours || shown.by == By::Person) {
        Effect::Stale
    } else {
        Effect::Changed
    }
}
