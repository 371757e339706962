//! Holding back what the [brake](crate::brake) stops: updates that blank fields. Everything else goes on.

use super::ledger::Ledger;
use crate::decide::Op;
use crate::journal::Planning;
use crate::model::{Pair, PerSide, Side};

impl Ledger {
    /// The first step of a plan that may be taken now. Remembers in the pair what is held back of it.
    pub(super) fn first_allowed(held: PerSide<bool>, pair: &mut Pair, plan: Vec<Op>) -> Option<Op> {
        pair.held = PerSide::default();
        let mut first = None;
        for op in plan {
            let side = op.side();
            let allowed = if held[side] { without_blanks(op, pair) } else { Some(op) };
            first = first.or(allowed);
        }
        first
    }

    /// Whether a write may leave that blanks something in a side's record.
    pub(super) fn may_blank(&mut self, side: Side) -> bool {
        let (now, pairs, percent) = (self.now, self.meta.pairs, self.settings.max_blank_percent);
        let brake = &mut self.meta.brakes[side];
        let was_held = brake.since.is_some();
        let may = brake.may_blank(now, pairs, percent);
        if !may && !was_held {
            let blanked = brake.blanked_lately();
            tracing::error!(side = %side, blanked, pairs, "the brake: no more fields are blanked until it is released");
        }
        may
    }

    /// Which sides' brakes hold.
    pub(super) fn held(&self) -> PerSide<bool> {
        PerSide::from_fn(|side| self.meta.brakes[side].since.is_some())
    }

    /// Keeps count of the pairs of which something is held back.
    pub(super) fn count_held(&mut self, before: Option<&Pair>, after: Option<&Pair>) {
        for side in Side::BOTH {
            let is_held = |pair: Option<&Pair>| u64::from(pair.is_some_and(|p| p.held[side]));
            let others = self.meta.held[side].saturating_sub(is_held(before));
            self.meta.held[side] = others + is_held(after);
        }
    }

    /// A person has said that it is meant. Gives how many pairs waited for it.
    pub(super) fn release_brakes(&mut self) -> u64 {
        let mut waiting = 0;
        let held = self.held();
        for side in Side::BOTH.into_iter().filter(|side| held[*side]) {
            tracing::warn!(side = %side, waiting = self.meta.held[side], "the brake is released");
            waiting += self.meta.held[side];
            self.meta.brakes[side].release(self.now);
            // Every pair is planned for anew.
            self.meta.planning = Some(Planning::default());
        }
        waiting
    }
}

/// Whether a step empties a field that is not empty.
pub(super) fn is_blanking(op: &Op) -> bool {
    matches!(op, Op::Update { fields, .. } if fields.values().any(|agreed| agreed.value.is_none()))
}

/// What is left of a step, if anything, when nothing is to be blanked.
fn without_blanks(op: Op, pair: &mut Pair) -> Option<Op> {
    if !is_blanking(&op) {
        return Some(op);
    }
    let Op::Update { side, id, mut fields, link } = op else { return Some(op) };
    pair.held[side] = true;
    fields.retain(|_, agreed| agreed.value.is_some());
    (!fields.is_empty()).then_some(Op::Update { side, id, fields, link })
}
