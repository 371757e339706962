//! What each field should be, from what both sides say.
//!
//! Causality first: an edit made on a side *after* that side showed the agreed value wins, whatever the clocks say. Only
//! when two edits were made without knowledge of each other does the [`ConflictResolver`](super::ConflictResolver) decide.

use crate::model::{Agreed, By, Field, Known, Lost, Moment, Pair, PerSide, Said, Shown, Side, Value, print};

use super::plan::Policy;
use super::resolve::Rival;

/// What a field should be, and the edit that thereby loses, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) agreed: Agreed,
    pub(super) lost: Option<(Side, Said)>,
}

/// Moves the base of every field on which both sides hold what they should, without a word being sent.
pub fn agree(pair: &mut Pair, policy: &Policy) {
    for field in policy.entity.fields() {
        let Some(verdict) = verdict(pair, policy, field) else { continue };
        let held = |side| {
            pair.present(side).is_some_and(|p| {
                let shown = p.fields.get(field);
                !p.doubt
                    && shown.is_some_and(|s| {
                        policy.entity.same(field, s.value.as_ref(), verdict.agreed.value.as_ref())
                    })
            })
        };
        if !(held(Side::Left) && held(Side::Right)) {
            continue;
        }
        // Whatever a side refused, nobody wants it there any more. To remove what is not there would copy the belief in vain.
        for side in Side::BOTH {
            if pair.refused[side].fields.contains_key(field) {
                pair.refused[side].fields.remove(field);
            }
        }
        if pair.base.get(field) != Some(&verdict.agreed) {
            pair.base.insert(field.clone(), verdict.agreed);
            note(pair, field, verdict.lost);
        }
    }
}

/// Keeps the edit that lost in the pair's history.
pub(super) fn note(pair: &mut Pair, field: &Field, lost: Option<(Side, Said)>) {
    if let Some((side, said)) = lost {
        pair.remember(Lost { field: field.clone(), side, said });
    }
}

/// What `field` should be; `None` while a side is missing or never told.
pub(super) fn verdict(pair: &Pair, policy: &Policy, field: &Field) -> Option<Verdict> {
    let shown = PerSide { left: shown(pair, Side::Left, field)?, right: shown(pair, Side::Right, field)? };
    let view = View { policy, field, shown, base: pair.base.get(field) };
    let (from, said, lost) = view.first_text(pair).unwrap_or_else(|| view.winner());
    let heard = PerSide::from_fn(|side| view.heard(side));
    let same = |value: &Option<Value>| view.same(value.as_ref(), said.value.as_ref());
    let before = view.base.filter(|b| same(&b.value));
    let held = PerSide::from_fn(|side| {
        let since = before.and_then(|b| b.held[side]).unwrap_or(shown[side].at);
        same(&shown[side].value).then_some(since)
    });
    let tried = PerSide::from_fn(|side| {
        let missed = view.missed(side, &said).map(|missed| missed.at);
        missed.or(before.and_then(|b| b.tried[side]))
    });
    let restated = before.map(|b| b.restated).unwrap_or_default();
    // Whoever types the same over something else has had that there meanwhile, of which the other side never knew.
    let meanwhile = said.over != 0 && said.over != print(said.value.as_ref(), false);
    let again = before.is_some() && meanwhile && view.news(from).as_ref() == Some(&said);
    let chance = PerSide::from_fn(|side| match again {
        true => side != from,
        false => before.is_some_and(|b| b.chance[side]),
    });
    let beaten = match &lost {
        Some((_, lost)) if view.base.is_some() && !shown[from].exact => Some(lost.clone()),
        _ => before.and_then(|b| b.beaten.clone()),
    };
    let at = said.at;
    Some(Verdict {
        agreed: Agreed { value: said.value, from, at, heard, held, tried, restated, chance, beaten },
        lost,
    })
}

fn shown<'a>(pair: &'a Pair, side: Side, field: &Field) -> Option<&'a Shown> {
    pair.present(side)?.fields.get(field)
}

struct View<'a> {
    policy: &'a Policy,
    field: &'a Field,
    shown: PerSide<&'a Shown>,
    base: Option<&'a Agreed>,
}

type Winner = (Side, Said, Option<(Side, Said)>);

impl View<'_> {
    fn winner(&self) -> Winner {
        match (self.news(Side::Left), self.news(Side::Right), self.base) {
            (Some(left), Some(right), base) => self.between(Side::Left, left, right, base.is_none()),
            (Some(said), None, base) => self.against_base(Side::Left, said, base),
            (None, Some(said), base) => self.against_base(Side::Right, said, base),
            (None, None, Some(base)) => {
                self.reopened(base).unwrap_or_else(|| (base.from, self.standing(base), None))
            }
            (None, None, None) => {
                self.between(Side::Left, self.found(Side::Left), self.found(Side::Right), true)
            }
        }
    }

    /// At the first meeting of two records that show the same text, its parts come from the one that tells them apart:
    /// taken field by field, "Pat Person" and "Pat" with "Person" would become "Pat Person Person".
    fn first_text(&self, pair: &Pair) -> Option<Winner> {
        let parts = self.policy.entity.text_of(self.field);
        if parts.is_empty() || parts.iter().any(|part| pair.base.contains_key(part)) {
            return None;
        }
        let left = Text::of(pair, Side::Left, parts)?;
        let right = Text::of(pair, Side::Right, parts)?;
        if left.words != right.words || left.words.is_empty() {
            return None;
        }
        let side = if right.filled > left.filled { Side::Right } else { Side::Left };
        let (said, other) = (self.found(side), self.found(side.other()));
        let differs = other.value.is_some() && !self.same(said.value.as_ref(), other.value.as_ref());
        Some((side, said, differs.then_some((side.other(), other))))
    }

    /// The last edit on a side, unless it was taken into account already.
    fn news(&self, side: Side) -> Option<Said> {
        let said = self.shown[side].said()?;
        self.base.is_none_or(|b| !b.heard[side].covers(&said)).then_some(said)
    }

    /// What a side holds, as if it had been said.
    fn found(&self, side: Side) -> Said {
        let shown = self.shown[side];
        Said { value: shown.value.clone(), at: shown.since(), over: shown.over }
    }

    /// The base as it was said. When was first known from a later look, and may have been told since.
    fn standing(&self, base: &Agreed) -> Said {
        let told =
            self.shown[base.from].said().filter(|said| self.same(said.value.as_ref(), base.value.as_ref()));
        let at = told.map_or(base.at, |said| said.at.min(base.at));
        Said { value: base.value.clone(), at, over: 0 }
    }

    /// When the base was made was only known from a later look. Now that it is told, the edit that lost against it for its time
    /// may turn out to be the later one.
    fn reopened(&self, base: &Agreed) -> Option<Winner> {
        let standing = Some(self.standing(base)).filter(|standing| standing.at < base.at)?;
        let other = base.from.other();
        let rival = self.shown[other].said().filter(|said| base.beaten.as_ref() == Some(said))?;
        Some(self.between(base.from, standing, rival, false)).filter(|winner| winner.0 == other)
    }

    /// One side has news. It stands if it was made in view of the base: if the side held the base, and now holds the news.
    /// If it holds the base again because we set it once more, news since it first held it was in view all the same.
    fn against_base(&self, side: Side, said: Said, base: Option<&Agreed>) -> Winner {
        let Some(base) = base else {
            // The first meeting of two records: what one side merely holds gives way to what the other said, but
            // emptiness never wins over content.
            let other = self.found(side.other());
            if said.value.is_none() && other.value.is_some() {
                return self.between_nothing_and_something(side, said, other);
            }
            let content = other.value.is_some() && !self.same(said.value.as_ref(), other.value.as_ref());
            return (side, said, content.then_some((side.other(), other)));
        };
        let in_view = self.shown[side].by != By::Us && base.held[side].is_some();
        let standing = self.standing(base);
        if base.chance[side] {
            return self.between(side, said, standing, false);
        }
        if in_view || base.from == side {
            return (side, said, None);
        }
        // It says itself that it took the place of the base, and we have covered it unknowingly. What was typed before the base
        // was there took the place of the same value, but an earlier one.
        let there = base.held[side].is_none_or(|since| said.at >= base.tried[side].unwrap_or(since));
        if there && said.over == print(base.value.as_ref(), false) {
            let lost = base.held[side].is_none().then_some((base.from, standing));
            return (side, said, lost);
        }
        if base.restated[side] && base.held[side].is_some_and(|since| said.at >= since) {
            // Within one tick of the clock nobody can say whether the base was there first, so it is kept as well.
            let lost = (base.held[side] == Some(said.at)).then_some((base.from, standing));
            return (side, said, lost);
        }
        self.between(side, said, standing, false)
    }

    /// Two edits that knew nothing of each other: one of `side`, and one of the other.
    fn between(&self, side: Side, here: Said, there: Said, first_meeting: bool) -> Winner {
        let (left, right) = if side == Side::Left { (here, there) } else { (there, here) };
        if self.same(left.value.as_ref(), right.value.as_ref()) {
            let is_left = left.at >= right.at;
            return if is_left { (Side::Left, left, None) } else { (Side::Right, right, None) };
        }
        if first_meeting && (left.value.is_none() || right.value.is_none()) {
            return self.between_nothing_and_something(Side::Left, left, right);
        }
        let winner = self.policy.resolver.resolve(
            self.field,
            self.rival(Side::Left, &left),
            self.rival(Side::Right, &right),
        );
        match winner {
            Side::Left => (Side::Left, left, Some((Side::Right, right))),
            Side::Right => (Side::Right, right, Some((Side::Left, left))),
        }
    }

    fn rival<'s>(&self, side: Side, said: &'s Said) -> Rival<'s> {
        Rival { value: said.value.as_ref(), at: said.at, resolution: self.policy.resolution[side] }
    }

    /// At a first meeting emptiness gives way, unless somebody made it of the very word that the other side shows: that was seen.
    /// It also was when we had written it there, not knowing whether it arrived.
    fn between_nothing_and_something(&self, side: Side, here: Said, there: Said) -> Winner {
        let (side, nothing, something) = match here.value {
            None => (side, here, there),
            Some(_) => (side.other(), there, here),
        };
        let missed = self.missed(side, &something).is_some_and(|missed| nothing.at >= missed.at);
        if missed || nothing.over == print(something.value.as_ref(), false) {
            return (side, nothing, Some((side.other(), something)));
        }
        (side.other(), something, None)
    }

    /// When this may have been shown for a moment on a side that does not show it, because we wrote it there.
    fn missed(&self, side: Side, said: &Said) -> Option<Moment> {
        self.shown[side].missed.filter(|missed| missed.print == print(said.value.as_ref(), false))
    }

    fn heard(&self, side: Side) -> Known {
        let before = self.base.map(|b| b.heard[side].clone()).unwrap_or_default();
        self.shown[side].known().unwrap_or_default().and(before)
    }

    fn same(&self, a: Option<&Value>, b: Option<&Value>) -> bool {
        self.policy.entity.same(self.field, a, b)
    }
}

/// Several fields of a side as the one text they are parts of.
struct Text {
    words: Vec<String>,
    /// How many of the fields have a value.
    filled: usize,
}

impl Text {
    fn of(pair: &Pair, side: Side, parts: &[Field]) -> Option<Self> {
        let shown: Vec<&Shown> = parts.iter().map(|part| shown(pair, side, part)).collect::<Option<_>>()?;
        let values = shown.iter().filter_map(|s| s.value.as_ref());
        let words = values.clone().flat_map(|v| v.as_str().split_whitespace()).map(str::to_owned).collect();
        Some(Self { words, filled: values.count() })
    }
}
