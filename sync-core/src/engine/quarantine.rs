//! What was set aside, and why: the dead letters.

use std::collections::BTreeMap;

use super::ledger::Ledger;
use crate::journal::DeadLetter;
use crate::model::{Pair, Refusals, Side};

impl Ledger {
    /// Keeps the dead letters in step with what a pair's sides refuse: each refusal is listed once, until the value is
    /// taken or no longer wanted.
    pub(super) fn list_refusals(&mut self, before: Option<&Pair>, after: Option<&Pair>) {
        if before.zip(after).is_some_and(|(before, after)| before.believes_as(after)) {
            return;
        }
        let none = Refusals::default();
        for side in Side::BOTH {
            let old = reasons(before.map_or(&none, |p| &p.refused[side]));
            let new = reasons(after.map_or(&none, |p| &p.refused[side]));
            if let Some(pair) = before.or(after) {
                for what in old.keys().filter(|what| !new.contains_key(*what)) {
                    self.draft.delete_dead_letter(&format!("{what}/{}/{side}", pair.id));
                }
            }
            if let Some(pair) = after {
                for (what, reason) in new.iter().filter(|(what, reason)| old.get(*what) != Some(reason)) {
                    self.set_aside(side, pair, what, reason);
                }
            }
        }
    }

    /// Records that something was set aside.
    pub(super) fn set_aside(&mut self, side: Side, pair: &Pair, what: &str, reason: &str) {
        let letter = DeadLetter {
            at: self.now,
            side,
            pair: Some(pair.id.clone()),
            record: pair.record_id(side.other()).cloned(),
            what: what.to_owned(),
            reason: reason.to_owned(),
            raw: None,
        };
        tracing::warn!(side = %side, pair = %pair.id, what, reason, "set aside");
        self.draft.put_dead_letter(&format!("{what}/{}/{side}", pair.id), &letter);
    }
}

fn reasons(refused: &Refusals) -> BTreeMap<&str, &str> {
    let fields = refused.fields.iter().map(|(field, refusal)| (field.as_str(), refusal.reason.as_str()));
    fields.chain(refused.whole.as_ref().map(|(_, reason)| ("record", reason.as_str()))).collect()
}
