//! The two registers of a field on one side: the last value shown, and the last one typed by a person. Both are ordered by
//! the side's own clock, and taking the later of two entries is commutative, associative and idempotent.

use std::time::Duration;

use crate::model::{By, Said, Shown};

use super::observe::Effect;

/// The same value, now with the time of the edit itself.
pub(super) fn refine(old: &mut Shown, new: Shown) -> Effect {
    let at = old.floor.map_or(new.at, |floor| new.at.max(floor));
    *old = Shown { at, floor: old.floor, covered: old.covered.take(), ..new };
    Effect::Changed
}

pub(super) fn supersede(old: &mut Shown, new: Shown) -> Effect {
    let covered = if new.by == By::Us { old.said() } else { None };
    *old = Shown { covered, ..new };
    Effect::Changed
}

/// An older edit still matters when a person made it and only our own value covers it.
pub(super) fn uncover(
    old: &mut Shown,
    new: &Shown,
    resolution: Duration,
    mut lose: impl FnMut(Said),
) -> Effect {
    if old.by != By::Us || new.by != By::Person {
        return Effect::Stale;
    }
    let said = Said { value: new.value.clone(), at: new.at };
    match &mut old.covered {
        Some(covered) if (said.at, &said.value) <= (covered.at, &covered.value) => {
            if said.at.plus(resolution) > covered.at && said.value != covered.value {
                lose(said);
            }
            Effect::Stale
        }
        covered => {
            covered.take().filter(|c| c.at == said.at).into_iter().for_each(lose);
            *covered = Some(said);
            Effect::Changed
        }
    }
}

/// Whether an edit of the very instant of what is shown tells anything.
pub(super) fn is_news(old: &Shown, new: &Shown) -> bool {
    let told_before = old.covered.as_ref().is_some_and(|c| (c.at, &c.value) == (new.at, &new.value));
    (old.by, &old.value) != (new.by, &new.value) && !(new.by == By::Person && told_before)
}

/// Two edits at one moment of the side's clock. If their values differ only a read can tell which is shown. Until then ours
/// counts as shown and a person's as covered by it; between two of a kind the order of values decides, so that the order
/// of arrival does not.
pub(super) fn tie(old: &mut Shown, new: Shown) -> Effect {
    if !is_news(old, &new) {
        return Effect::Nothing;
    }
    match (old.by, new.by) {
        (By::Us, By::Person) => {
            let said = Said { value: new.value, at: new.at };
            if old.covered.as_ref().is_none_or(|c| (c.at, &c.value) < (said.at, &said.value)) {
                old.covered = Some(said);
            }
        }
        (By::Person, By::Us) => *old = Shown { covered: old.said(), ..new },
        _ if (new.by, &new.value) > (old.by, &old.value) => {
            *old = Shown { covered: old.covered.take(), ..new };
        }
        _ => {}
    }
    Effect::Changed
}
