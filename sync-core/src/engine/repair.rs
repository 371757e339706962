//! Repair: finding out what no webhook told.
//!
//! Every so often each side is asked what changed since it was last asked. What it answers with and nobody has heard
//! of yet is posted into the inbox, durably and together with the place to go on from; from there on it is news like any
//! other. So a finding is counted and weighed exactly as if its webhook had arrived, only later.
//!
//! A system that keeps a journal answers with news; any other with records, and a record that belief does not account
//! for becomes the news that it must be read. Questions overlap, because what has just changed may not be found yet, and
//! pass over what is so young that its webhook may still be on its way.
//!
//! The *sweep* is the same with all records, far less often: it finds what is too long ago, or was too much at once. It never
//! takes a record that is not listed for deleted. While other work waits, a new question takes one call, and only every
//! thousandth call goes on with it, or begins a sweep: what was imported meanwhile is a long answer that tells nothing new.

use std::sync::Arc;
use std::time::Duration;

use super::dispatch::Job;
use super::heard::Heard;
use super::ledger::Ledger;
use super::prints::Prints;
use crate::connector::{Answer, Cursor, Error, Query, Remedy};
use crate::journal::{Arrival, IndexKey};
use crate::model::{
    Author, By, Class, Entity, Fields, News, Pair, Present, Record, RecordId, Seen, Side, Timestamp,
};
use crate::quota::Call;
use crate::store::StoreError;

/// For so long a webhook may be on its way.
const GRACE: Duration = Duration::from_secs(5);
/// One call in so many asks for the rest of an answer, whatever else waits.
const SHARE: u64 = 1_000;
/// How long a system that will not answer is left alone.
const RELUCTANT: Duration = Duration::from_secs(30);

/// One side's repair.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// What changed?
    tail: Round,
    /// What is there at all?
    sweep: Round,
    /// A question is under way.
    asking: bool,
    /// While a sweep is under way.
    pub(super) prints: Option<Prints>,
    /// Why the side does not answer.
    pub(super) trouble: Option<String>,
    pub(super) heard: Heard,
}

/// A question that is asked again and again.
#[derive(Debug, Default)]
struct Round {
    /// When to ask next; `None`: now, never, or it is being asked.
    due: Option<Timestamp>,
    /// It is time to ask.
    ripe: bool,
    /// An answer has further pages: the question for the next one, and the side's time of the first.
    rest: Option<(Query, Timestamp)>,
}

impl Repair {
    /// Asks what changed from now on and what is there from `sweep` on; never what is `None`.
    pub(super) fn starting(tail: Option<Timestamp>, sweep: Option<Timestamp>) -> Self {
        let due = |due| Round { due, ..Round::default() };
        Self { tail: due(tail), sweep: due(sweep), ..Self::default() }
    }

    /// When the next question becomes ripe.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.tail.due.into_iter().chain(self.sweep.due).min()
    }

    /// Makes the questions ripe that are due by now.
    pub(super) fn release(&mut self, now: Timestamp) {
        for round in [&mut self.tail, &mut self.sweep] {
            if round.due.is_some_and(|due| due <= now) {
                (round.due, round.ripe) = (None, true);
            }
        }
    }

    fn round(&mut self, query: &Query) -> &mut Round {
        if is_sweep(query) { &mut self.sweep } else { &mut self.tail }
    }
}

impl Ledger {
    /// The first questions of a side, and when the first sweep counts as done.
    pub(super) fn begin_repair(&mut self, side: Side) {
        let (now, tail, sweep) = (self.now, self.settings.tail, self.settings.sweep);
        let swept = *self.meta.swept[side].get_or_insert(now);
        self.meta.started.get_or_insert(now);
        let tail = (!tail.is_zero()).then_some(now);
        let sweep = (!sweep.is_zero()).then(|| swept.plus(sweep));
        self.desks[side].repair = Repair::starting(tail, sweep);
    }

    pub(super) fn can_ask(&self, side: Side) -> bool {
        !self.desks[side].repair.asking && (self.is_tail_ripe(side) || self.is_sweep_ripe(side))
    }

    fn is_tail_ripe(&self, side: Side) -> bool {
        self.desks[side].repair.tail.ripe && self.is_open(side, Call::Changes)
    }

    fn is_sweep_ripe(&self, side: Side) -> bool {
        self.desks[side].repair.sweep.ripe && self.is_listed() && self.is_open(side, Call::List)
    }

    pub(super) fn is_repairs_turn(&self, side: Side) -> bool {
        let desk = &self.desks[side];
        let begins = self.is_tail_ripe(side) && desk.repair.tail.rest.is_none();
        self.can_ask(side) && self.has_work(side) && (begins || desk.calls % SHARE == SHARE - 1)
    }

    /// The next question, if one is due.
    pub(super) fn question(&mut self, side: Side) -> Option<Job> {
        if !self.has_work(side) || !self.can_ask(side) {
            return None;
        }
        let first = if self.is_tail_ripe(side) {
            let overlap = self.systems[side].connector.describe().lag + GRACE;
            let since = self.meta.asked[side].or(self.meta.started).unwrap_or(self.now);
            Query::ChangedSince(since.minus(overlap), None)
        } else {
            Query::Page(None)
        };
        let repair = &mut self.desks[side].repair;
        repair.asking = true;
        let round = repair.round(&first);
        round.ripe = false;
        let rest = round.rest.as_ref().map(|(query, _)| query.clone());
        Some(Job::Ask { query: rest.unwrap_or(first) })
    }

    /// Takes in a page of an answer.
    pub(super) async fn hear_answer(
        &mut self,
        side: Side,
        query: Query,
        answer: Result<Answer, Error>,
    ) -> Result<(), StoreError> {
        self.desks[side].repair.asking = false;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.unanswered(side, &query, &error);
                return Ok(());
            }
        };
        if is_sweep(&query) {
            self.read_prints(side).await?;
        }
        let as_of = answer.as_of.unwrap_or(self.now);
        let began = self.desks[side].repair.round(&query).rest.take().map(|(_, began)| began);
        // Many at once are an import or the end of an outage: people go first.
        let many = began.is_some() || answer.next.is_some() || is_sweep(&query);
        let class = if many { Class::Sweep } else { Class::Edit };
        let mut found = answer.news;
        for record in answer.records {
            let news = self.unaccounted(side, &record, (as_of, class)).await?;
            // A sweep compares what is there, and nothing more.
            let is_due = record.changed_at.is_some_and(|at| at.plus(GRACE) <= as_of) && !is_sweep(&query);
            if is_due && news.is_none() {
                self.read_past(side, &record.id).await?;
            }
            found.extend(news);
        }
        // What is too young is among the answers to the next question.
        found.retain(|news| news.at().is_none_or(|at| at.plus(GRACE) <= as_of));
        found.sort_by_key(News::at);
        self.post(side, found);
        let next = answer.next.map(|next| next_page(query.clone(), next));
        self.go_on(side, query, next, (began.unwrap_or(as_of), as_of));
        Ok(())
    }

    /// The news that a record is; none if belief accounts for all it shows.
    async fn unaccounted(
        &mut self,
        side: Side,
        record: &Record,
        (as_of, class): (Timestamp, Class),
    ) -> Result<Option<News>, StoreError> {
        let key = IndexKey::record(side, &record.id);
        let shown = self.systems[side].mapping.get(&record.properties);
        // Nearly every record is as its pair last saw it: the index tells that, and while a sweep lasts what was read of it.
        if self.is_as_printed(side, &record.id, &key, &shown) {
            return Ok(None);
        }
        // A pair that is open in this turn may differ from its row there, so it is looked at itself.
        if let Some(lead) = self.draft.lead(&key).await?
            && !self.open.contains_key(&lead.pair)
            && lead.is_as_believed(&shown)
        {
            return Ok(None);
        }
        // Without a time of its own it may have changed long ago.
        let at = record.changed_at.unwrap_or_else(|| as_of.minus(GRACE));
        let id = record.id.clone();
        let changed = News::Changed { id, at, author: Author::Unknown, class, property: None };
        let Some(owner) = self.find(&key).await? else { return self.stranger(side, record, changed).await };
        let entity = Arc::clone(&self.policy.entity);
        let Some(pair) = self.pair(&owner).await? else { return Ok(None) };
        let accounts = match &pair.sides[side] {
            Seen::Present(present) if present.id == record.id => {
                present.doubt || accounts_for(pair, present, &entity, side, (&shown, at))
            }
            // A further record of the same thing is not synced, and what search still shows may be gone.
            Seen::Present(_) => true,
            Seen::Absent { id, at: gone } => *id != record.id || at <= *gone,
            Seen::Unknown { .. } => false,
        };
        // Next time the index is to tell: rows that older formats wrote do not.
        if let Some(stored) = self.open.get(&owner).and_then(|open| open.stored.as_ref()) {
            self.draft.put_prints(stored).await?;
        }
        Ok((!accounts).then_some(changed))
    }

    /// What we wrote since the record was last read may cover words that no webhook told: its past shows them.
    async fn read_past(&mut self, side: Side, id: &RecordId) -> Result<(), StoreError> {
        let Some(owner) = self.find(&IndexKey::record(side, id)).await? else { return Ok(()) };
        let Some(pair) = self.pair(&owner).await? else { return Ok(()) };
        let is_its = pair.present(side).is_some_and(|present| present.id == *id);
        if !is_its || pair.sent[side].is_some() || written(pair, side) <= pair.read[side] {
            return Ok(());
        }
        if pair.due.is_none() {
            pair.class = Class::Sweep;
        }
        if let Some(present) = pair.present_mut(side) {
            present.doubt = true;
        }
        self.file(&owner).await
    }

    /// The news that a record is which nobody knows: it is new, or others that we know were merged into it.
    async fn stranger(
        &mut self,
        side: Side,
        record: &Record,
        changed: News,
    ) -> Result<Option<News>, StoreError> {
        if self.desks[side].lookups.contains_key(&record.id) {
            return Ok(None);
        }
        let mut from = Vec::new();
        for alias in &record.aliases {
            if self.find(&IndexKey::record(side, alias)).await?.is_some() {
                from.push(alias.clone());
            }
        }
        Ok(Some(match changed.at() {
            Some(at) if !from.is_empty() => News::Merged { into: record.id.clone(), from, at },
            _ => changed,
        }))
    }

    /// Puts news that nobody has heard of into the inbox, with this turn's commit.
    fn post(&mut self, side: Side, mut news: Vec<News>) {
        news.retain(|news| self.desks[side].repair.heard.note(news));
        let count = news.len() as u64;
        if count == 0 {
            return;
        }
        tracing::info!(side = %side, count, "found what no webhook told");
        self.meta.counts.found += count;
        let first = self.inbox.take_numbers(count);
        self.posted.push(first);
        for (number, news) in (first..).zip(news) {
            self.draft.put_arrival(number, &Arrival { side, at: self.now, news });
        }
    }

    /// An answer that began at `began` goes on with `next`, or was given in full.
    fn go_on(
        &mut self,
        side: Side,
        query: Query,
        next: Option<Query>,
        (began, as_of): (Timestamp, Timestamp),
    ) {
        let repair = &mut self.desks[side].repair;
        repair.trouble = None;
        if let Some(next) = next {
            let round = repair.round(&query);
            (round.ripe, round.rest) = (true, Some((next, began)));
        } else if is_sweep(&query) {
            repair.prints = None;
            repair.sweep.due = Some(self.now.plus(self.settings.sweep));
            self.meta.swept[side] = Some(self.now);
        } else {
            repair.tail.due = Some(self.now.plus(self.settings.tail));
            // Only now it is known what time the side had when we started: that is as far as the next question reaches back.
            let first = || as_of.minus(self.now.since(self.meta.started.unwrap_or(self.now)));
            self.meta.asked[side] = Some(if self.meta.asked[side].is_some() { began } else { first() });
        }
    }

    /// Nothing is lost by it: the next question reaches back as far as this one did.
    fn unanswered(&mut self, side: Side, query: &Query, error: &Error) {
        let repair = &mut self.desks[side].repair;
        let mut wait = if is_sweep(query) { RELUCTANT } else { self.settings.tail };
        match error.remedy() {
            Remedy::Retry(_) => {}
            // The place to go on from may be gone.
            Remedy::Look => repair.round(query).rest = None,
            Remedy::Quarantine | Remedy::Halt => {
                let trouble = Some(error.to_string());
                if repair.trouble != trouble {
                    tracing::warn!(side = %side, %error, "the system does not say what changed");
                }
                (repair.round(query).rest, repair.trouble) = (None, trouble);
                wait = wait.max(RELUCTANT);
            }
        }
        if repair.sweep.rest.is_none() {
            // The next sweep begins anew.
            repair.prints = None;
        }
        repair.round(query).due = Some(self.now.plus(wait));
    }
}

fn is_sweep(query: &Query) -> bool {
    matches!(query, Query::Page(_))
}

fn next_page(query: Query, next: Cursor) -> Query {
    match query {
        Query::ChangedSince(since, _) => Query::ChangedSince(since, Some(next)),
        _ => Query::Page(Some(next)),
    }
}

/// When we last wrote into a side's record, by that side's clock, as far as that is still to be seen there.
pub(super) fn written(pair: &Pair, side: Side) -> Option<Timestamp> {
    let ours = pair.present(side)?.fields.values().filter(|shown| shown.by == By::Us);
    ours.map(|shown| shown.at).max()
}

/// Whether belief explains what a search shows: we know it, we have just written it, or we know what came after it.
fn accounts_for(
    pair: &Pair,
    present: &Present,
    entity: &Entity,
    side: Side,
    (shown, at): (&Fields, Timestamp),
) -> bool {
    let sent = pair.sent[side].as_ref();
    shown.iter().all(|(field, value)| {
        let same = |other: &Option<_>| entity.same(field, other.as_ref(), value.as_ref());
        let written = sent.and_then(|s| s.fields.get(field)).is_some_and(|agreed| same(&agreed.value));
        let known = present.fields.get(field).is_some_and(|shown| same(&shown.value) || at < shown.at);
        written || known
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::accounts_for;
    use crate::model::entity::{EMAIL, PHONE};
    use crate::model::{
        By, Entity, Field, Fields, Pair, PairId, Present, RecordId, Seen, Shown, Side, Timestamp, Value,
    };

    fn fields() -> impl Strategy<Value = BTreeMap<Field, (Option<Value>, i64)>> {
        let field = prop_oneof![Just(EMAIL), Just(PHONE), Just(Field::named("other"))];
        prop::collection::btree_map(field, (".{0,3}".prop_map(Value::new), 0..9_i64), 0..4)
    }

    proptest! {
        /// Which is why it is not asked about a record that the journal says is as believed.
        #[test]
        fn does_belief_account_for_whatever_it_believes(believed in fields(), at in 0..9_i64) {
            let shown = |value: &Option<Value>, at: i64| {
                Shown::new(value.clone(), Timestamp::from_millis(at), true, By::Person)
            };
            let there = believed.iter().map(|(field, (value, at))| (field.clone(), shown(value, *at))).collect();
            let listed: Fields = believed.into_iter().map(|(field, (value, _))| (field, value)).collect();
            let present = Present::new(RecordId::new("1"), there, false);
            let mut pair = Pair::new(PairId::new("abc-1"));
            pair.sides.left = Seen::Present(Box::new(present.clone()));
            let at = Timestamp::from_millis(at);
            prop_assert!(accounts_for(&pair, &present, &Entity::person(), Side::Left, (&listed, at)));
        }
    }
}
