//! The two registers of a field on one side: the last value shown, and the last one typed by a person. Both are ordered by
//! the side's own clock, and taking the later of two entries is commutative, associative and idempotent.
//!
//! Within one tick of the clock there is no order. What is known of a tick is kept as a set ([`Shown::passed`]), and which
//! of it came last only a read can tell ([`found`]).

use crate::model::{By, Known, Moment, Said, Shown, Timestamp, Value, print};

use super::observe::Effect;

/// Most entries of one tick that are remembered.
const MOST_PASSED: usize = 16;

/// How our own value came to be there, if it is the base.
#[derive(Clone, Copy)]
pub(super) struct Ours<'a> {
    /// What was known when it was written.
    pub(super) knew: &'a Known,
    /// Since when an earlier attempt may have put it there.
    pub(super) tried: Option<Timestamp>,
}

/// Whether an edit may be the one that led to the same value, of which only an upper bound of its time is known. What was told
/// before that was found led to something else.
pub(super) fn may_refine(old: &Shown, new: &Shown) -> bool {
    !old.exact
        && new.at <= old.at
        && old.floor.is_none_or(|floor| new.at >= floor)
        && told_before(old, new).is_none()
}

/// The same value, now with the time of the edit itself.
pub(super) fn refine(old: &mut Shown, new: Shown) -> Effect {
    let passed = std::mem::take(&mut old.passed);
    *old = Shown { covered: old.covered.take(), passed, missed: old.missed, ..new };
    Effect::Changed
}

/// A later value takes the place of what was shown.
pub(super) fn supersede(old: &mut Shown, new: Shown) -> Effect {
    let covered = if new.by == By::Us { old.said() } else { None };
    replace(old, Shown { covered, ..new });
    Effect::Changed
}

/// An older edit still matters when a person made it and only our own value covers it. Of what was known when that was
/// written it may be told that it came before.
pub(super) fn uncover(
    old: &mut Shown,
    new: &Shown,
    ours: Option<Ours<'_>>,
    lose: impl FnMut(Said),
) -> Effect {
    if old.by != By::Us || new.by != By::Person || is_told(old, new) {
        return Effect::Stale;
    }
    let said = Said { value: new.value.clone(), at: new.at, over: new.over };
    match &old.covered {
        Some(covered) if !is_after_ours(&said, covered, old, ours) && is_before(&said, covered, old) => {
            if said.at == covered.at {
                old.passed.push(said.moment());
                [said].into_iter().for_each(lose);
            }
            Effect::Stale
        }
        _ => {
            let new = Shown { covered: Some(said.clone()), passed: Vec::new(), ..old.clone() };
            let rival = |c: &Said| c.at == said.at && c.value != said.value;
            old.covered.clone().filter(rival).into_iter().for_each(lose);
            replace(old, new);
            Effect::Changed
        }
    }
}

/// Whether an edit was typed over our own value, and the other was known when we wrote that.
fn is_after_ours(said: &Said, other: &Said, shown: &Shown, ours: Option<Ours<'_>>) -> bool {
    let over_ours = shown.value.is_some() && said.over == print(shown.value.as_ref(), false);
    let met = |ours: Ours<'_>| shown.at == said.at || ours.tried == Some(said.at);
    let is_news = |known: &Known| known.covers(other) && !known.covers(said);
    over_ours && ours.is_some_and(|ours| met(ours) && is_news(ours.knew))
}

/// Which of two edits under our own value came first. Within one tick, what was typed over the other came after it, and what
/// was typed over ours after what ours covers; else the order of values decides.
fn is_before(said: &Said, covered: &Said, ours: &Shown) -> bool {
    let over = |edit: &Said, value: &Option<Value>| edit.over == print(value.as_ref(), false);
    if said.at == covered.at {
        for (one, other) in [(&said.value, &covered.value), (&ours.value, &ours.value)] {
            if over(said, other) != over(covered, one) {
                return over(covered, one);
            }
        }
    }
    (said.at, &said.value) < (covered.at, &covered.value)
}

/// Whether this was told before.
pub(super) fn is_told(old: &Shown, new: &Shown) -> bool {
    told(old, new).is_some()
}

/// Whether it was typed over our own value, while of that which was told nobody knows what it took the place of: it may be
/// that, or have been typed once more.
pub(super) fn is_perhaps_again(old: &Shown, new: &Shown) -> bool {
    let over_ours = old.by == By::Us && new.over == print(old.value.as_ref(), false);
    over_ours && told(old, new).is_some_and(|m| m.over == 0) && !old.passed.contains(&new.moment())
}

/// What was told and may be this, the latest first.
fn told(old: &Shown, new: &Shown) -> Option<Moment> {
    let shown = Some(old.moment()).filter(|m| m.may_be(&new.moment()));
    shown.or_else(|| told_before(old, new))
}

/// The same of what was told before that which is shown.
fn told_before(old: &Shown, new: &Shown) -> Option<Moment> {
    let covered = old.covered.as_ref().map(Said::moment);
    let mut before = covered.into_iter().chain(old.passed.iter().rev().copied());
    before.find(|m| m.may_be(&new.moment()))
}

/// Two values at one moment of the side's clock. If they differ only a read can tell which is shown. Until then ours
/// counts as shown and a person's as covered by it; between two of a kind the order of values decides, so that the order
/// of arrival does not.
pub(super) fn tie(old: &mut Shown, new: Shown, ours: Option<Ours<'_>>) -> Effect {
    if is_perhaps_again(old, &new) {
        old.passed.push(new.moment());
        return Effect::Changed;
    }
    if is_told(old, &new) {
        return Effect::Nothing;
    }
    match (old.by, new.by) {
        (By::Us, By::Person) => {
            uncover(old, &new, ours, |_| {});
        }
        (By::Person, By::Us) => {
            supersede(old, new);
        }
        _ if is_later(&new, old) => {
            let covered = old.covered.take().filter(|_| new.by == By::Us);
            replace(old, Shown { covered, ..new });
        }
        _ => old.passed.push(new.moment()),
    }
    Effect::Changed
}

/// Which of two values of a kind and of one tick counts as shown: what was typed over the other, else by their order.
fn is_later(new: &Shown, old: &Shown) -> bool {
    let over = |a: &Shown, b: &Shown| a.over == print(b.value.as_ref(), false);
    if new.by == old.by && over(new, old) != over(old, new) {
        return over(new, old);
    }
    (new.by, &new.value) > (old.by, &old.value)
}

/// What a person was known to have typed in the last tick, if it is what a read found.
pub(super) fn typed_in_that_tick(old: &Shown, new: &Shown) -> Option<Moment> {
    told(old, &Shown { at: old.at, by: By::Person, ..new.clone() })
}

/// A read found this value, with nothing heard since it was asked for: it came after all that was known. If it is one of
/// the values that people typed in the last tick, and not `in_flight`, that one came last.
pub(super) fn found(old: &mut Shown, new: Shown, in_flight: bool) -> Effect {
    if let Some(known) = typed_in_that_tick(old, &new).filter(|_| !in_flight) {
        let of_that_tick = Shown { at: old.at, exact: true, by: By::Person, ..new };
        return supersede(old, Shown { over: known.over, ..of_that_tick });
    }
    let (at, floor) = (new.at.max(old.at), Some(old.at));
    supersede(old, Shown { at, floor, ..new })
}

/// Puts `new` in the place of `old`, and remembers what was shown in the same ticks.
fn replace(old: &mut Shown, mut new: Shown) {
    let said = new.said();
    let ticks = [Some(new.at), said.as_ref().map(|s| s.at)];
    let shown_now = [Some(new.moment()), said.map(|s| s.moment())];
    // What was merely found may be told yet.
    let before = [(old.by != By::Nobody).then(|| old.moment()), old.covered.as_ref().map(Said::moment)];
    let passed = std::mem::take(&mut old.passed).into_iter().chain(before.into_iter().flatten());
    for moment in passed.filter(|m| ticks.contains(&Some(m.at)) && !shown_now.contains(&Some(*m))) {
        if !new.passed.contains(&moment) {
            new.passed.push(moment);
        }
    }
    new.passed.truncate(MOST_PASSED);
    new.missed = old.missed;
    *old = new;
}
