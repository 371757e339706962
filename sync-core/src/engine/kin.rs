//! Finding the pair a record belongs to, keeping the index in step, and letting one pair take another in.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::intake::Fate;
use super::ledger::Ledger;
use crate::decide::identity::{How, Whose, whose};
use crate::decide::{Effect, Outcome, Policy, gone, not_ours, settle};
use crate::journal::IndexKey;
use crate::model::{
    Author, Class, Fields, Pair, PairId, Record, RecordId, Seen, SentKind, Side, Sighting, Timestamp, Value,
};
use crate::store::StoreError;

impl Ledger {
    /// The pair a key of the index leads to, by way of those that were absorbed.
    pub(super) async fn find(&self, key: &IndexKey) -> Result<Option<PairId>, StoreError> {
        let Some(mut id) = self.draft.find(key).await? else { return Ok(None) };
        while self.meta.absorbed > 0
            && let Some(survivor) = self.draft.survivor(&id).await?
        {
            id = survivor;
        }
        Ok(Some(id))
    }

    /// The pair a record belongs to; a new one if it is nobody's.
    pub(super) async fn identify(
        &mut self,
        side: Side,
        record: &Record,
        ours: Option<PairId>,
    ) -> Result<(PairId, Whose), StoreError> {
        for (how, id) in self.candidates(side, record, ours).await? {
            if let Some(pair) = self.pair(&id).await? {
                match whose(pair, side, &record.id, how) {
                    Whose::Nobody => {}
                    verdict => return Ok((id, verdict)),
                }
            }
        }
        Ok((self.new_pair(), Whose::Twin))
    }

    async fn candidates(
        &self,
        side: Side,
        record: &Record,
        ours: Option<PairId>,
    ) -> Result<Vec<(How, PairId)>, StoreError> {
        let mut found = Vec::new();
        found.extend(ours.map(|id| (How::Mark, id)));
        found.extend(record.mark.clone().map(|id| (How::Mark, id)));
        for id in std::iter::once(&record.id).chain(&record.aliases) {
            found.extend(self.find(&IndexKey::record(side, id)).await?.map(|p| (How::Id, p)));
        }
        if let Some(twin) = &record.twin {
            let key = IndexKey::record(side.other(), twin);
            found.extend(self.find(&key).await?.map(|p| (How::Twin, p)));
        }
        let fields = self.systems[side].mapping.get(&record.properties);
        for key in self.keys_of(&fields, &record.also_known_as) {
            found.extend(self.find(&IndexKey::matching(&key)).await?.map(|p| (How::Match, p)));
        }
        Ok(found)
    }

    fn keys_of(&self, fields: &Fields, also: &[Value]) -> BTreeSet<String> {
        let entity = &self.policy.entity;
        let mut keys: BTreeSet<String> = entity.match_key(fields).into_iter().collect();
        if let Some(field) = entity.match_field() {
            keys.extend(also.iter().map(|v| entity.compare(field).key(v)));
        }
        keys
    }

    pub(super) async fn match_keys(&mut self, id: &PairId) -> Result<BTreeSet<String>, StoreError> {
        let entity = Arc::clone(&self.policy.entity);
        let (Some(field), Some(pair)) = (entity.match_field(), self.pair(id).await?) else {
            return Ok(BTreeSet::new());
        };
        let present = Side::BOTH.into_iter().filter_map(|side| pair.present(side));
        let values = present.flat_map(|present| {
            let shown = present.fields.get(field).and_then(|shown| shown.value.as_ref());
            shown.into_iter().chain(&present.also_known_as)
        });
        Ok(values.map(|value| entity.compare(field).key(value)).collect())
    }

    /// Keeps the index in step with the match values a pair shows, and gives it the activities that waited for them.
    pub(super) async fn reindex(&mut self, id: &PairId, before: &BTreeSet<String>) -> Result<(), StoreError> {
        let after = self.match_keys(id).await?;
        for key in after.difference(before) {
            self.draft.put_index(&IndexKey::matching(key), id);
            for waiting in self.draft.waiting(key).await? {
                self.draft.delete_waiting(key, &waiting.activity.id);
                self.give_activity(id, waiting.side, waiting.activity).await?;
            }
        }
        for key in before.difference(&after) {
            let key = IndexKey::matching(key);
            if self.find(&key).await?.as_ref() == Some(id) {
                self.draft.delete_index(&key);
            }
        }
        Ok(())
    }

    /// A record is gone, and what is still to be heard of its past must not bring it to life.
    pub(super) async fn lose(
        &mut self,
        side: Side,
        record: &RecordId,
        at: Timestamp,
    ) -> Result<Fate, StoreError> {
        self.draft.put_tombstone(side, record, at);
        let Some(id) = self.find(&IndexKey::record(side, record)).await? else {
            return Ok(Fate::Nothing);
        };
        let Some(pair) = self.pair(&id).await? else { return Ok(Fate::Nothing) };
        pair.aliases[side].retain(|a| a != record);
        let effect = gone(pair, side, record, at);
        Ok(Fate::Effect(id, effect, Class::Edit))
    }

    /// A record that went is told of as it was. If that is our creation, of which nobody knew whether it came to anything, it did.
    pub(super) async fn was_made(&mut self, side: Side, sighting: &Sighting) -> Result<Fate, StoreError> {
        let Author::Us(Some(op)) = &sighting.author else { return Ok(Fate::Nothing) };
        let Some(id) = Pair::of_op(op) else { return Ok(Fate::Nothing) };
        let record = sighting.record.id.clone();
        let Some(gone) = self.draft.tombstone(side, &record).await? else { return Ok(Fate::Nothing) };
        let Some(pair) = self.pair(&id).await? else { return Ok(Fate::Nothing) };
        if pair.sent[side].take_if(|sent| sent.op == *op && sent.kind == SentKind::Create).is_none() {
            return Ok(Fate::Nothing);
        }
        pair.sides[side] = Seen::Absent { id: record.clone(), at: gone };
        self.draft.put_index_once(&IndexKey::record(side, &record), &id).await?;
        Ok(Fate::Effect(id, Effect::Changed, Class::Edit))
    }

    /// Whether a record went at `at` or later: systems may tell the newest first, out of order, or once more.
    pub(super) async fn is_past(
        &self,
        side: Side,
        record: &RecordId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.draft.tombstone(side, record).await?.is_some_and(|gone| at <= gone))
    }

    /// All names of a pair's record lead to the pair. Those that led to another one say that records were merged.
    pub(super) async fn take_names(
        &mut self,
        side: Side,
        id: &PairId,
        record: &Record,
    ) -> Result<(), StoreError> {
        for name in &record.aliases {
            if let Some(other) = self.find(&IndexKey::record(side, name)).await?
                && other != *id
            {
                self.absorb(id, &other).await?;
            }
        }
        if let Some(pair) = self.pair(id).await? {
            pair.aliases[side].retain(|name| *name != record.id);
        }
        for name in std::iter::once(&record.id).chain(&record.aliases) {
            self.draft.put_index_once(&IndexKey::record(side, name), id).await?;
        }
        Ok(())
    }

    /// A further record of the same thing: its activities count, its edits do not.
    pub(super) async fn add_alias(
        &mut self,
        side: Side,
        id: &PairId,
        record: &RecordId,
    ) -> Result<(), StoreError> {
        self.draft.put_index_once(&IndexKey::record(side, record), id).await?;
        if let Some(pair) = self.pair(id).await?
            && !pair.aliases[side].contains(record)
        {
            tracing::warn!(side = %side, record = %record, pair = %id, "further record of the same thing: not synced");
            pair.aliases[side].push(record.clone());
        }
        Ok(())
    }

    /// One pair takes another in: its records become aliases, its activities are told through the survivor.
    pub(super) async fn absorb(&mut self, into: &PairId, other: &PairId) -> Result<(), StoreError> {
        let Some(other) = self.pair(other).await?.map(|p| p.clone()) else { return Ok(()) };
        let mut records = Vec::new();
        for side in Side::BOTH {
            records.extend(other.record_id(side).map(|id| (side, id.clone())));
            records.extend(other.aliases[side].iter().map(|id| (side, id.clone())));
        }
        // All that leads to the other leads to this one from now on.
        self.draft.put_survivor(&other.id, into);
        self.meta.absorbed += 1;
        for pending in &other.activities {
            self.draft.put_activity(&pending.activity.id, into.as_str());
        }
        self.drop_pair(&other.id);
        let Some(pair) = self.pair(into).await? else { return Ok(()) };
        for (side, id) in records {
            match &pair.sides[side] {
                Seen::Unknown { .. } if pair.sent[side].is_none() => pair.sides[side] = Seen::unread(id),
                _ if pair.record_id(side) == Some(&id) || pair.aliases[side].contains(&id) => {}
                _ => pair.aliases[side].push(id),
            }
        }
        let history = other.history.clone();
        pair.activities.extend(other.activities);
        pair.unsettled.events += other.unsettled.events;
        pair.unsettled.changed |= other.unsettled.changed;
        for lost in history {
            pair.remember(lost);
        }
        Ok(())
    }
}

/// Says whether a record that was found is what our creation made, if nobody knows yet.
pub(super) fn recognise(pair: &mut Pair, policy: &Policy, side: Side, (record, at): (&Record, Timestamp)) {
    if !pair.sent[side].as_ref().is_some_and(|s| s.kind == SentKind::Create && s.unsure) {
        return;
    }
    if !is_ours(pair, side, record) {
        return not_ours(pair, side);
    }
    // What it shows by now that we did not send was typed over it since.
    let at = record.created_at.unwrap_or(at);
    settle(pair, policy, side, Outcome::Done { id: record.id.clone(), shown: Fields::new(), at });
}

/// Whether we made this record for the pair: only we leave such traces.
fn is_ours(pair: &Pair, side: Side, record: &Record) -> bool {
    let names_twin = record.twin.is_some() && record.twin.as_ref() == pair.record_id(side.other());
    record.mark.as_ref() == Some(&pair.id) || names_twin
}
