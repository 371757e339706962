//! The last words of a person, from the emulators' own records.
//!
//! Replays every accepted change of the two records of one person in canonical words, and keeps for each edit which
//! other edits its author could see: all whose values that side had ever shown. An edit that somebody could see and
//! overwrote is *overwritten*; the others *stand*, and one of them must be the final value (P5).
//!
//! Two records may show the same text and tell its parts apart in different ways. Whoever then takes words out of it has
//! overwritten what brought them, whichever part they were typed as.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sync_core::mapping::Mapping;
use sync_core::model::{Entity, Field, Fields, Properties, Side, Timestamp, Value};
use sync_core::testing::fake::{Actor, Change, What};

/// An edit by a person.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) field: Field,
    pub(super) value: Option<Value>,
    /// When, by true time.
    pub(super) at: Timestamp,
    /// Edits its author could see.
    saw: BTreeSet<usize>,
    /// Another edit of the field was made in the same second at Stripe, whose clock has no finer step.
    crowded: bool,
    /// Somebody took its words out of the text that both records showed, as words of another part.
    pub(super) taken_out: bool,
}

impl Typed {
    /// An edit by somebody who saw no other.
    fn in_the_dark(field: &Field, value: Option<Value>, at: Timestamp) -> Self {
        Self { field: field.clone(), value, at, saw: BTreeSet::new(), crowded: false, taken_out: false }
    }
}

/// All edits of one person.
pub(super) struct History {
    pub(super) typed: Vec<Typed>,
    entity: Entity,
    shown: BTreeMap<(Side, Field), Vec<Entry>>,
}

struct Entry {
    tick: i64,
    person: bool,
    origin: Option<usize>,
}

/// One record and its changes.
pub(super) struct Source<'a> {
    pub(super) side: Side,
    pub(super) record: &'a str,
    pub(super) changes: &'a [Change],
    pub(super) mapping: Mapping,
    pub(super) skew_ms: i64,
}

impl History {
    /// Replays the changes of all sources in the order in which they happened.
    pub(super) fn replay(sources: &[Source<'_>]) -> Self {
        let mut history = Self { typed: Vec::new(), entity: Entity::person(), shown: BTreeMap::new() };
        let empty = |s: &Source<'_>| s.mapping.properties().map(|p| (p.to_owned(), None)).collect();
        let mut native: Vec<Properties> = sources.iter().map(empty).collect();
        for (index, change) in in_order(sources) {
            let source = &sources[index];
            let before = source.mapping.get(&native[index]);
            for (name, value) in &change.properties {
                native[index].insert(name.clone(), value.clone().and_then(Value::new));
            }
            let after = source.mapping.get(&native[index]);
            let there = sources[1 - index].mapping.get(&native[1 - index]);
            history.changed(source, (change.at, &change.actor), [&before, &after, &there]);
        }
        history
    }

    /// Edits of a field that nobody overwrote in full view.
    pub(super) fn standing(&self, field: &Field) -> Vec<&Typed> {
        let seen: BTreeSet<usize> =
            self.typed.iter().filter(|t| t.field == *field).flat_map(|t| t.saw.iter().copied()).collect();
        let stands = |(index, typed): &(usize, &Typed)| typed.field == *field && !seen.contains(index);
        self.typed.iter().enumerate().filter(stands).map(|(_, typed)| typed).collect()
    }

    /// Whether a value was typed in the same second as another, so that nobody can say which of the two came last.
    pub(super) fn is_crowded(&self, field: &Field, value: &Option<Value>) -> bool {
        let same = |t: &Typed| self.entity.same(field, t.value.as_ref(), value.as_ref());
        self.typed.iter().any(|t| t.crowded && t.field == *field && same(t))
    }

    /// Whether the same words were typed as another part of the text.
    pub(super) fn is_told_apart(&self, typed: &Typed, entity: &Entity) -> bool {
        let parts = entity.text_of(&typed.field);
        let other = |t: &&Typed| parts.contains(&t.field) && t.field != typed.field;
        typed.value.is_some() && self.typed.iter().filter(other).any(|t| t.value == typed.value)
    }

    /// Standing edits that are no mere repetition of what somebody overwrote: the same words may be entered on both
    /// sides at once.
    pub(super) fn lost(&self, field: &Field, last_word: &Option<Value>) -> Vec<&Typed> {
        let same = |a: &Option<Value>, b: &Option<Value>| self.entity.same(field, a.as_ref(), b.as_ref());
        let twice = |typed: &Typed| {
            self.typed.iter().filter(|t| t.field == *field && same(&t.value, &typed.value)).count() > 1
        };
        let standing = self.standing(field).into_iter();
        standing
            .filter(|t| !t.crowded && t.value.is_some() && !same(&t.value, last_word) && !twice(t))
            .collect()
    }

    /// Of edits that knew nothing of each other the later stands: whether none that stands was typed more than two seconds,
    /// a coarse tick and a bit, after the value that is there in the end.
    pub(super) fn is_last_word(&self, field: &Field, end: &Option<Value>) -> bool {
        let standing = self.standing(field);
        let is_end = |t: &&&Typed| self.entity.same(field, t.value.as_ref(), end.as_ref());
        let ended = standing.iter().filter(is_end).map(|t| t.at).max();
        ended.is_none_or(|at| standing.iter().all(|t| t.at < at.plus(Duration::from_secs(2))))
    }

    /// A record changed from `before` to `after` while the other showed `there`.
    fn changed(
        &mut self,
        source: &Source<'_>,
        (at, actor): (Timestamp, &Actor),
        [before, after, there]: [&Fields; 3],
    ) {
        let person = !matches!(actor, Actor::Api(_));
        let step = if source.side == Side::Right { 1_000 } else { 1 };
        let tick = (at.as_millis() + source.skew_ms).div_euclid(step);
        let is_edited = |field: &Field| before.get(field) != after.get(field);
        for (field, value) in after {
            let retyped =
                !is_edited(field) && person && step > 1 && self.is_retyped(source.side, field, is_edited);
            if !is_edited(field) && !retyped {
                continue;
            }
            let origin = if retyped {
                self.typed.push(Typed::in_the_dark(field, value.clone(), at));
                Some(self.typed.len() - 1)
            } else if person {
                self.take_out_words(field, before, after, there);
                Some(self.type_in(source.side, field, value.clone(), (at, tick, step > 1)))
            } else {
                self.origin(field, value.as_ref())
            };
            self.shown.entry((source.side, field.clone())).or_default().push(Entry { tick, person, origin });
        }
    }

    /// Whoever edits one part of a text that is one property has typed the others as well. That matters where we had just
    /// overwritten what somebody typed: now it was seen.
    fn is_retyped(&self, side: Side, field: &Field, is_edited: impl Fn(&Field) -> bool) -> bool {
        let overwritten = self.shown.get(&(side, field.clone())).is_some_and(
            |entries| matches!(entries.as_slice(), [.., before, last] if before.person && !last.person),
        );
        overwritten && self.entity.text_of(field).iter().any(is_edited)
    }

    /// Within one tick of its clock a system cannot say what came first, so nobody can be held to it.
    fn type_in(
        &mut self,
        side: Side,
        field: &Field,
        value: Option<Value>,
        (at, tick, coarse): (Timestamp, i64, bool),
    ) -> usize {
        let entries = self.shown.get(&(side, field.clone())).map(Vec::as_slice).unwrap_or_default();
        let same_tick = |e: &&Entry| coarse && e.person && e.tick == tick;
        let crowd: Vec<usize> = entries.iter().filter(same_tick).filter_map(|e| e.origin).collect();
        let saw = entries.iter().filter(|e| !same_tick(e)).filter_map(|e| e.origin).collect();
        for other in &crowd {
            self.typed[*other].crowded = true;
        }
        self.typed.push(Typed { saw, crowded: !crowd.is_empty(), ..Typed::in_the_dark(field, value, at) });
        self.typed.len() - 1
    }

    /// Notes edits of other parts of the text that both records showed, whose words are not in it any more.
    fn take_out_words(&mut self, field: &Field, before: &Fields, after: &Fields, there: &Fields) {
        let parts = self.entity.text_of(field);
        let [before, after, there] = [before, after, there].map(|fields| words_of(parts, fields));
        for typed in self.typed.iter_mut().filter(|t| parts.contains(&t.field) && t.field != *field) {
            let was_in = before == there && are_words_in(&typed.value, &before);
            typed.taken_out |= was_in && !are_words_in(&typed.value, &after);
        }
    }

    /// The edit that gave this value. Parts of names may be typed more than once; then nobody can say which of the edits it
    /// was that was passed on, and the first one is the safe answer: that the others were seen is not certain.
    fn origin(&self, field: &Field, value: Option<&Value>) -> Option<usize> {
        let same = |t: &Typed| t.field == *field && self.entity.same(field, t.value.as_ref(), value);
        self.typed.iter().position(same)
    }
}

/// The changes of all sources in the order in which they happened. Within a millisecond people come first: what we do is an
/// answer to what they did on the other side.
fn in_order<'a>(sources: &[Source<'a>]) -> Vec<(usize, &'a Change)> {
    let of = |source: &Source<'a>| {
        let record = source.record;
        source.changes.iter().filter(move |change| change.record == record).peekable()
    };
    let mut rest: Vec<_> = sources.iter().map(of).collect();
    let mut all = Vec::new();
    loop {
        let is_ours = |change: &Change| matches!(change.actor, Actor::Api(_));
        let heads = rest.iter_mut().enumerate().filter_map(|(n, r)| r.peek().map(|c| (c.at, is_ours(c), n)));
        let Some((.., index)) = heads.min() else { return all };
        all.extend(rest[index].next().map(|change| (index, change)));
    }
}

/// Whether a person entered this record.
pub(super) fn is_entered(changes: &[Change], record: &str) -> bool {
    let made = |c: &&Change| c.what == What::Created && !matches!(c.actor, Actor::Api(_));
    changes.iter().filter(made).any(|change| change.record == record)
}

/// All words of the text that these fields are parts of.
pub(super) fn words_of<'a>(parts: &[Field], shown: &'a Fields) -> Vec<&'a str> {
    let values = parts.iter().filter_map(|part| shown.get(part)?.as_ref());
    values.flat_map(|value| value.as_str().split_whitespace()).collect()
}

/// Whether a value has no word that is not in a text.
pub(super) fn are_words_in(value: &Option<Value>, text: &[&str]) -> bool {
    value.iter().flat_map(|v| v.as_str().split_whitespace()).all(|word| text.contains(&word))
}
