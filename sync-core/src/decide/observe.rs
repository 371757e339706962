//! Folding news into belief: per field, stale-proof, idempotent, and in whatever order it arrives, because each field of a
//! side is two `register`s.

use crate::model::{
    Agreed, Author, By, ByField, Edit, Field, Lost, Moment, Pair, Present, RecordId, Said, Seen, Sent,
    SentKind, Shown, Side, Timestamp, Value, print,
};

use super::plan::Policy;
use super::register::{
    Ours, found, is_perhaps_again, is_told, may_refine, refine, supersede, tie, typed_in_that_tick, uncover,
};
use super::settle::is_our_creation;

/// How we came to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A webhook: true as of its time, but other news may be under way.
    Event,
    /// A read of this very pair. Carries [`Present::heard`] as it was when the read was asked for: if nothing was heard
    /// since, the answer is the present truth and clears doubt, whatever the clocks say.
    Read(u32),
    /// The record turned up in a list or a search: true as of some moment, so where it contradicts belief it only
    /// raises doubt.
    Listed,
}

/// What a side said about a record, in canonical words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The record.
    pub id: RecordId,
    /// When this was true, by the side's clock.
    pub at: Timestamp,
    /// How we came to know.
    pub source: Source,
    /// What was said, field by field.
    pub fields: ByField<Heard>,
}

/// What was said about one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// The value shown.
    pub value: Option<Value>,
    /// The edits that led to it, as far as they are told, newest first.
    pub edits: Vec<Edit>,
    /// What the newest edit took the place of.
    pub over: Over,
}

impl Heard {
    /// What one of the edits took the place of: the newest says so itself, the others of that which is told before them.
    fn over(&self, index: usize) -> Over {
        match (&self.over, self.edits.get(index + 1)) {
            (over, _) if index == 0 && *over != Over::Untold => over.clone(),
            (_, Some(before)) => Over::Value(before.value.clone()),
            _ => Over::Untold,
        }
    }
}

/// What an edit took the place of. It tells two edits apart that set the same value within one tick of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Over {
    /// Nobody says.
    #[default]
    Untold,
    /// Of nothing: the record was made with it.
    Nothing,
    /// Of this value.
    Value(Option<Value>),
}

impl Over {
    /// What stands for it; 0 if it was not told.
    fn print(&self) -> u32 {
        match self {
            Self::Untold => 0,
            // No person's value has this print.
            Self::Nothing => print(None, true),
            Self::Value(value) => print(value.as_ref(), false),
        }
    }
}

/// What news did to belief.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It told nothing new.
    Nothing,
    /// It was overtaken by what we knew already.
    Stale,
    /// It changed what we believe.
    Changed,
}

/// Folds in what `side` said.
pub fn observe(pair: &mut Pair, policy: &Policy, side: Side, seen: &Observation) -> Effect {
    match &mut pair.sides[side] {
        Seen::Absent { id, at } if *id == seen.id && seen.at <= *at => return Effect::Stale,
        Seen::Present(present) => present.id = seen.id.clone(),
        _ => pair.sides[side] = first_sighting(pair, policy, side, seen),
    }
    let (belief, sent) = pair.belief_and_sent();
    let Seen::Present(present) = &mut belief.sides[side] else { return Effect::Nothing };
    let mut fold = Fold {
        policy,
        side,
        present,
        // Words about no field of ours meet no edit on their way.
        sent: sent[side].as_ref().filter(|sent| !sent.fields.is_empty()),
        base: &belief.base,
        landed: Vec::new(),
        again: Vec::new(),
        lost: Vec::new(),
        effect: Effect::Nothing,
        edited: false,
    };
    let settles = fold.all(seen);
    let (effect, landed, again, lost) = (fold.effect, fold.landed, fold.again, fold.lost);
    for (field, moment) in again {
        if let Some(base) = pair.base.get_mut(&field) {
            base.heard[side].and.retain(|known| !known.may_be(&moment));
        }
    }
    for (field, said) in lost {
        pair.remember(Lost { field, side, said });
    }
    for field in &landed {
        land(pair, side, field);
    }
    if settles && pair.sent[side].as_ref().is_some_and(|s| s.unsure) {
        // We looked: what arrived has moved the base above, and what did not is planned anew.
        overtaken(pair, policy, side, (seen, &landed));
        pair.sent[side] = None;
    }
    effect
}

/// Folds in that the record of `side` is gone.
pub fn gone(pair: &mut Pair, side: Side, id: &RecordId, at: Timestamp) -> Effect {
    match &pair.sides[side] {
        Seen::Present(present) if present.id == *id => {
            pair.sides[side] = Seen::Absent { id: id.clone(), at };
            // An activity on its way may have been told before.
            pair.sent[side].take_if(|sent| sent.kind != SentKind::Emit);
            Effect::Changed
        }
        _ => Effect::Nothing,
    }
}

/// A first sighting while words are in flight starts in doubt: the record may be younger than what was said of it. But
/// the echo of our own creation says no less than the answer that is still on its way.
fn first_sighting(pair: &Pair, policy: &Policy, side: Side, seen: &Observation) -> Seen {
    let sent = pair.sent[side].as_ref().filter(|_| seen.source == Source::Event);
    let doubt = sent.is_some_and(|sent| !is_our_creation(sent, policy, seen));
    Seen::Present(Box::new(Present::new(seen.id.clone(), ByField::new(), doubt)))
}

/// Nobody knew whether our words arrived, and now others are there. A write arrives whole, so if a part of it `landed`, the
/// others were typed over it, even if they are what was there before. If nothing of it landed, words of which we had not
/// heard may have been typed over ours all the same. Either may be an accident, so they stand and ours are kept in the
/// history. Where the side keeps a history, that has told. Else ours may have been shown for a moment ([`Shown::missed`]).
fn overtaken(pair: &mut Pair, policy: &Policy, side: Side, (seen, landed): (&Observation, &[Field])) {
    let Some(sent) = pair.sent[side].clone() else { return };
    // Emptiness is no proof: it may have been there for other reasons.
    let arrived = landed.iter().any(|field| sent.fields.get(field).is_some_and(|a| a.value.is_some()));
    for (field, mut agreed) in sent.fields {
        let base = pair.base.get(&field).map(|base| print(base.value.as_ref(), false));
        let Some(shown) = pair.present_mut(side).and_then(|p| p.fields.get_mut(&field)) else { continue };
        let unheard = shown.said().filter(|said| !was_before(&agreed, side, said));
        let told = seen.fields.get(&field).is_some_and(|heard| !heard.edits.is_empty());
        let typed = shown.by == By::Person && unheard.is_some();
        let before = met_what_was_there(shown.over, base, &agreed, side);
        if told
            || (typed && before && !arrived)
            || policy.entity.same(&field, shown.value.as_ref(), agreed.value.as_ref())
        {
            continue;
        }
        if arrived && !typed {
            let at = policy.tick(side, seen.at).max(shown.at);
            supersede(shown, Shown::new(shown.value.clone(), at, false, By::Person));
        }
        if arrived || typed {
            agreed.held[side] = Some(shown.at);
            let moment = unheard.map(|said| said.moment());
            agreed.heard[side].and.retain(|known| moment.is_none_or(|m| !known.may_be(&m)));
            let said = Said { value: agreed.value.clone(), at: agreed.at, over: 0 };
            let lost = Lost { field: field.clone(), side: agreed.from, said };
            pair.base.insert(field, agreed);
            pair.remember(lost);
        } else {
            let print = print(agreed.value.as_ref(), false);
            shown.missed = Some(Moment { at: shown.at, print, over: 0 });
        }
    }
}

/// Whether an edit says itself that it took the place of what had been there before ours. Of anything else that it took the place
/// of, nobody knows whether ours was there before that.
fn met_what_was_there(over: u32, base: Option<u32>, agreed: &Agreed, side: Side) -> bool {
    let heard = &agreed.heard[side].and;
    let nothing = || heard.is_empty().then(|| print(None, false));
    let mut there = base.or_else(nothing).into_iter().chain(heard.iter().map(|known| known.print));
    over != 0 && over != print(agreed.value.as_ref(), false) && there.any(|there| there == over)
}

/// The base moves to what was sent for `field`: the side was seen to hold it.
fn land(pair: &mut Pair, side: Side, field: &Field) {
    let (belief, sent) = pair.belief_and_sent();
    let since = belief.present(side).and_then(|p| p.fields.get(field)).map(|shown| shown.at);
    let Some(sent) = &sent[side] else { return };
    if let Some(agreed) = sent.fields.get(field) {
        let mut agreed = agreed.clone();
        agreed.set_on(side, since);
        belief.base.insert(field.clone(), agreed);
        if let Some(shown) = belief.present_mut(side).and_then(|p| p.fields.get_mut(field)) {
            shown.missed = None;
        }
    } else if let Some(base) = belief.base.get_mut(field)
        && sent.restated.get(field) == Some(&base.value)
    {
        base.restated_on(side, since);
    }
}

struct Fold<'a> {
    policy: &'a Policy,
    side: Side,
    present: &'a mut Present,
    sent: Option<&'a Sent>,
    base: &'a ByField<Agreed>,
    /// Fields that were seen to hold what we sent.
    landed: Vec<Field>,
    /// Edits that the base knew, and that were typed once more after it, as a read tells.
    again: Vec<(Field, Moment)>,
    /// Edits of one instant, of which only one can have come last.
    lost: Vec<(Field, Said)>,
    effect: Effect,
    /// Whether a person changed something.
    edited: bool,
}

impl Fold<'_> {
    /// Gives whether this was a read that settles all doubt.
    fn all(&mut self, seen: &Observation) -> bool {
        let settles = seen.source == Source::Read(self.present.heard);
        for (field, heard) in &seen.fields {
            for (index, edit) in heard.edits.iter().enumerate().rev() {
                // The order of the list tells more than the times of its entries.
                let follows = |newer: &Edit| newer.at == edit.at && newer.author == edit.author;
                if !heard.edits[..index].iter().any(follows) {
                    self.edit(field, edit, heard.over(index).print());
                }
            }
            self.value(field, heard, seen, settles);
        }
        match seen.source {
            Source::Read(_) if settles => self.present.doubt = false,
            Source::Event | Source::Listed if self.effect == Effect::Changed => {
                self.present.heard += 1;
                // A person's edit met our words on the way: which of the two does the record hold now?
                self.present.doubt |= self.edited && self.sent.is_some();
            }
            _ => {}
        }
        settles
    }

    /// One exactly timed edit.
    fn edit(&mut self, field: &Field, edit: &Edit, over: u32) {
        let by = if self.is_ours(field, edit) { By::Us } else { By::Person };
        let at = self.policy.tick(self.side, edit.at);
        let new = Shown { over, ..Shown::new(edit.value.clone(), at, true, by) };
        if by == By::Us && self.was_sent(field, edit.value.as_ref()) {
            self.landed.push(field.clone());
        }
        let Some(old) = self.present.fields.get_mut(field) else {
            self.present.fields.insert(field.clone(), new);
            return self.effect(Effect::Changed);
        };
        let base = self.base.get(field);
        let ours = base.map(|base| Ours { knew: &base.heard[self.side], tried: base.tried[self.side] });
        let same = self.policy.entity.same(field, old.value.as_ref(), new.value.as_ref());
        let effect = if same && may_refine(old, &new) {
            refine(old, new)
        } else if new.at > old.at {
            supersede(old, new)
        } else if new.at < old.at {
            uncover(old, &new, ours, |said| self.lost.push((field.clone(), said)))
        } else {
            self.present.doubt |= !same && (!is_told(old, &new) || is_perhaps_again(old, &new));
            tie(old, new, ours)
        };
        self.edited |= by == By::Person && effect == Effect::Changed;
        self.effect(effect);
    }

    /// A value shown at a time, whoever put it there and whenever that was.
    fn value(&mut self, field: &Field, heard: &Heard, seen: &Observation, settles: bool) {
        let at = self.policy.tick(self.side, seen.at);
        let value = heard.value.as_ref();
        let ours = self.was_sent(field, value);
        let by = if ours || self.was_agreed(field, value) { By::Us } else { By::Person };
        let new = self.last_edit(field, heard).unwrap_or(Shown::new(heard.value.clone(), at, false, by));
        let by = new.by;
        let Some(old) = self.present.fields.get_mut(field) else {
            let by = if ours { By::Us } else { By::Nobody };
            self.present.fields.insert(field.clone(), Shown { by, ..new });
            if ours {
                self.landed.push(field.clone());
            }
            return self.effect(Effect::Changed);
        };
        if self.policy.entity.same(field, old.value.as_ref(), value) {
            if ours && settles {
                // Echoes of what we wrote before this are older, however their times compare with what was shown.
                let at = at.max(old.at);
                supersede(old, Shown::new(heard.value.clone(), at, true, By::Us));
                self.landed.push(field.clone());
            }
            return;
        }
        let effect = if settles {
            let base = self.base.get(field);
            let knew = |m: &Moment| base.is_some_and(|base| knew(base, self.side, m, old));
            let typed = typed_in_that_tick(old, &new).filter(|m| !ours && knew(m));
            self.again.extend(typed.map(|moment| (field.clone(), moment)));
            found(old, new, ours)
        } else if at > old.at && seen.source == Source::Event {
            supersede(old, new)
        } else if at >= old.at && heard.edits.is_empty() {
            self.present.doubt = true;
            Effect::Changed
        } else {
            Effect::Stale
        };
        if ours && effect == Effect::Changed {
            self.landed.push(field.clone());
        }
        self.edited |= by == By::Person && effect == Effect::Changed;
        self.effect(effect);
    }

    /// The edit that led to what is shown, if it was told.
    fn last_edit(&self, field: &Field, heard: &Heard) -> Option<Shown> {
        let edit = heard.edits.first()?;
        let by = if self.is_ours(field, edit) { By::Us } else { By::Person };
        let same = self.policy.entity.same(field, edit.value.as_ref(), heard.value.as_ref());
        same.then(|| Shown::new(heard.value.clone(), self.policy.tick(self.side, edit.at), true, by))
    }

    fn effect(&mut self, effect: Effect) {
        self.effect = self.effect.max(effect);
    }

    /// Our own writes are recognised by what the system says of their author, and only then by their value.
    fn is_ours(&self, field: &Field, edit: &Edit) -> bool {
        match edit.author {
            Author::Us(_) => true,
            Author::Other => false,
            Author::Unknown => self.was_sent(field, edit.value.as_ref()),
        }
    }

    fn was_sent(&self, field: &Field, value: Option<&Value>) -> bool {
        let sent = self.sent.and_then(|s| s.fields.get(field).map(|a| &a.value).or(s.restated.get(field)));
        sent.is_some_and(|sent| self.policy.entity.same(field, sent.as_ref(), value))
    }

    /// Whether we wrote this value here earlier: it is the base, and it was typed on the other side or set once more.
    fn was_agreed(&self, field: &Field, value: Option<&Value>) -> bool {
        let base = self.base.get(field).filter(|b| b.from != self.side || b.restated[self.side]);
        base.is_some_and(|b| self.policy.entity.same(field, b.value.as_ref(), value))
    }
}

/// Whether the base was decided in view of this moment. What was typed over ours came after it anyway.
fn knew(base: &Agreed, side: Side, moment: &Moment, shown: &Shown) -> bool {
    let ours = [Some(&base.value), Some(&shown.value).filter(|_| shown.by == By::Us)];
    let over_ours = ours.into_iter().flatten().any(|value| moment.over == print(value.as_ref(), false));
    !over_ours && base.heard[side].and.iter().any(|known| known.may_be(moment))
}

/// Whether this edit was there when we decided. If it was typed over the very value, it came after that, unless just this was
/// told.
fn was_before(agreed: &Agreed, side: Side, said: &Said) -> bool {
    let (known, over_it) = (&agreed.heard[side], said.over == print(agreed.value.as_ref(), false));
    known.covers(said) && (said.at < known.before || !over_it || known.and.contains(&said.moment()))
}
