//! Choosing the next call, and folding in how it went.

use std::sync::Arc;
use std::time::Duration;

use super::dispatch::{Job, Report, Row, Target};
use super::hold::is_blanking;
use super::lanes::{Kind, Lane, Subject};
use super::ledger::{Desk, Ledger, SPACING};
use crate::connector::{Link, Lookup as LookupFor, Write, WriteBody};
use crate::decide::{Op, agree_and_plan, intend, restate};
use crate::mapping::Mapping;
use crate::model::{Agreed, Class, Due, Field, Pair, PairId, PerSide, Properties, RecordId, Side, Timestamp};
use crate::store::StoreError;

/// Most entries read from the journal at once to fill a queue.
const REFILL: usize = 1_000;

impl Desk {
    /// Files a record that must be read to find out whose it is.
    pub(super) fn file_lookup(&mut self, id: RecordId, not_before: Option<Timestamp>) {
        if let Some(lookup) = self.lookups.get(&id) {
            self.lane.file(Subject::Record(id), Kind::Read, (lookup.class, lookup.since), not_before);
        }
    }
}

impl Ledger {
    /// Plans for a pair and files its next step, or closes its books when there is none.
    pub(super) async fn file(&mut self, id: &PairId) -> Result<(), StoreError> {
        let policy = self.policy.clone();
        let (now, busy, held) = (self.now, self.busy.contains(id), self.held());
        let hold = self.settings.create_hold;
        // What was noted by a clock that was wrong may be far off.
        let longest = now.plus(hold.max(SPACING.max));
        let Some(pair) = self.pair(id).await? else { return Ok(()) };
        if !busy {
            recover(pair);
        }
        let ops = agree_and_plan(pair, &policy);
        let op = Self::first_allowed(held, pair, ops);
        if !busy && op.as_ref().is_none_or(Op::is_link) {
            self.close(id).await?;
        }
        let Some(op) = op else { return if busy { Ok(()) } else { self.rest(id).await } };
        let Some(pair) = self.pair(id).await? else { return Ok(()) };
        let side = op.side();
        let class = class_of(&op, pair);
        // What was due before a link is done.
        let due = pair.due.filter(|due| !op.is_link() || due.class == class);
        // Nothing waits since a time to come: the clock was set back over a restart.
        let since = due.map_or(now, |due| due.since.min(now));
        let held = class == Class::New && matches!(op, Op::Create { .. });
        let hold = held.then(|| since.plus(hold));
        let not_before = pair.setback.map(|s| s.until).max(hold).filter(|until| *until > now);
        let not_before = not_before.map(|until| until.min(longest));
        pair.due = Some(Due { side, class, since });
        if !busy {
            for s in Side::BOTH {
                self.desks[s].lane.remove(&Subject::Pair(id.clone()));
            }
            self.desks[side].lane.file(Subject::Pair(id.clone()), kind_of(&op), (class, since), not_before);
        }
        Ok(())
    }

    /// Nothing is left to do for a pair.
    async fn rest(&mut self, id: &PairId) -> Result<(), StoreError> {
        for side in Side::BOTH {
            self.desks[side].lane.remove(&Subject::Pair(id.clone()));
        }
        if let Some(pair) = self.pair(id).await? {
            (pair.due, pair.setback) = (None, None);
        }
        Ok(())
    }

    /// All that was heard of a pair is done with: its events are settled, and what it could not do is on record.
    async fn close(&mut self, id: &PairId) -> Result<(), StoreError> {
        let policy = self.policy.clone();
        let Some(pair) = self.pair(id).await? else { return Ok(()) };
        if pair.held != PerSide::default() {
            // Its events are pending until the brake is released.
            return Ok(());
        }
        let unsettled = std::mem::take(&mut pair.unsettled);
        let blocked = crate::decide::is_blocked(pair, &policy);
        let events = u64::from(unsettled.events);
        let counts = &mut self.meta.counts;
        counts.pending = counts.pending.saturating_sub(events);
        match (blocked, unsettled.changed) {
            (true, _) => counts.quarantined += events,
            (false, true) => counts.applied += events,
            (false, false) => counts.noop += events,
        }
        Ok(())
    }

    /// The next call to a side, with its intent written into this turn.
    pub(super) async fn next_job(&mut self, side: Side) -> Result<Option<Job>, StoreError> {
        if self.is_listings_turn(side) {
            return Ok(self.page(side));
        }
        if self.is_repairs_turn(side) {
            return Ok(self.question(side));
        }
        while self.has_work(side) {
            let suspects = self.can_write(side).then(|| self.desks[side].suspects.next()).flatten();
            if let Some(group) = suspects {
                let rows = self.rows(side, None, group.rows.clone()).await?;
                if !rows.is_empty() {
                    return Ok(Some(Job::Write { rows, group: Some(group) }));
                }
                self.desks[side].suspects.clean(&group);
                continue;
            }
            let (description, bad_rows) =
                (self.systems[side].connector.describe(), self.desks[side].bad_rows);
            let most = |kind: Kind| bad_rows.batch(kind, description);
            let late = self.late();
            let limiter = self.systems[side].limiter.clone();
            let gathered = self.are_links_gathered(side);
            let open = |kind: Kind| {
                (gathered || kind != Kind::Link) && limiter.opens_in(kind.call()) == Some(Duration::ZERO)
            };
            let Some((kind, subjects)) = self.desks[side].lane.take(late, open, most) else { break };
            if let Some(job) = self.job(side, kind, subjects).await? {
                return Ok(Some(job));
            }
        }
        Ok(self.page(side).or_else(|| self.question(side)))
    }

    async fn job(
        &mut self,
        side: Side,
        kind: Kind,
        subjects: Vec<Subject>,
    ) -> Result<Option<Job>, StoreError> {
        let mut targets = Vec::new();
        let mut pairs = Vec::new();
        for subject in subjects {
            match subject {
                Subject::Record(id) => {
                    if self.still_unknown(side, &id).await? {
                        targets.push(Target { id, pair: None });
                    }
                }
                Subject::Pair(id) => pairs.push(id),
            }
        }
        match kind {
            Kind::Read => {
                for id in pairs {
                    if let Some((id, heard, pair)) = self.reading(side, &id).await? {
                        targets.push(Target { id, pair: Some((pair, heard)) });
                    }
                }
                Ok((!targets.is_empty()).then_some(Job::Read { targets }))
            }
            Kind::Find => match pairs.pop() {
                Some(id) => self.finding(side, &id).await,
                None => Ok(None),
            },
            Kind::Create | Kind::Update | Kind::Emit | Kind::Link => {
                let rows = self.rows(side, Some(kind), pairs).await?;
                Ok((!rows.is_empty()).then_some(Job::Write { rows, group: None }))
            }
        }
    }

    /// The step a pair wants to take now, if it is for this side; files the pair anew if it is not.
    async fn step(&mut self, side: Side, id: &PairId) -> Result<Option<Op>, StoreError> {
        if self.busy.contains(id) {
            return Ok(None);
        }
        let (policy, held) = (self.policy.clone(), self.held());
        let Some(pair) = self.pair(id).await? else { return Ok(None) };
        recover(pair);
        let ops = agree_and_plan(pair, &policy);
        let op = Self::first_allowed(held, pair, ops).filter(|op| op.side() == side);
        if op.is_none() {
            self.file(id).await?;
        }
        Ok(op)
    }

    async fn reading(
        &mut self,
        side: Side,
        id: &PairId,
    ) -> Result<Option<(RecordId, u32, PairId)>, StoreError> {
        match self.step(side, id).await? {
            Some(Op::Read { id: record, heard, .. }) => {
                self.busy.insert(id.clone());
                Ok(Some((record, heard, id.clone())))
            }
            Some(_) => {
                self.file(id).await?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    async fn finding(&mut self, side: Side, id: &PairId) -> Result<Option<Job>, StoreError> {
        match self.step(side, id).await? {
            Some(Op::Find { match_value, .. }) => {
                self.busy.insert(id.clone());
                let pair = self.pair(id).await?;
                let heard = pair.as_ref().and_then(|p| p.present(side)).map_or(0, |p| p.heard);
                let twin = pair.and_then(|p| p.record_id(side.other()).cloned());
                let lookup = LookupFor { link: Link { pair: id.clone(), twin }, match_value };
                Ok(Some(Job::Find { pair: (id.clone(), heard), lookup }))
            }
            Some(_) => {
                self.file(id).await?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// The rows of a write, each remembered before it is sent. Rows of another kind than the first (or `kind`) wait.
    async fn rows(
        &mut self,
        side: Side,
        kind: Option<Kind>,
        ids: Vec<PairId>,
    ) -> Result<Vec<Row>, StoreError> {
        let mut kind = kind;
        let mut rows: Vec<Row> = Vec::new();
        for id in ids {
            let Some(op) = self.step(side, &id).await? else { continue };
            let this = kind_of(&op);
            let taken = |row: &Row| row.write.body.record() == record_of(&op) && record_of(&op).is_some();
            let fits = this.is_write() && kind.is_none_or(|k| k == this) && !rows.iter().any(taken);
            if !fits || (is_blanking(&op) && !self.may_blank(side)) {
                self.file(&id).await?;
                continue;
            }
            kind = Some(this);
            let body = self.body(side, &id, &op).await?;
            let policy = self.policy.clone();
            let now = self.now;
            let native = native_of(&body);
            let beside = fields_beside(&self.systems[side].mapping, &op);
            let Some(pair) = self.pair(&id).await? else { continue };
            let Some(name) = intend(pair, &policy, &op, native, now) else { continue };
            restate(pair, &policy, side, beside);
            pair.due.get_or_insert(Due { side, class: Class::Edit, since: now });
            self.busy.insert(id.clone());
            rows.push(Row { pair: id, write: Write { op: name, body } });
        }
        Ok(rows)
    }

    async fn body(&mut self, side: Side, id: &PairId, op: &Op) -> Result<WriteBody, StoreError> {
        let systems = Arc::clone(&self.systems);
        let mapping = &systems[side].mapping;
        let pair = self.pair(id).await?;
        let twin = pair.as_ref().and_then(|p| p.record_id(side.other()).cloned());
        let link = Link { pair: id.clone(), twin };
        Ok(match op {
            Op::Create { fields, .. } => {
                WriteBody::Create { properties: mapping.create(&Agreed::values(fields)), link }
            }
            Op::Repeat { .. } | Op::Find { .. } | Op::Read { .. } => {
                let sent = pair.and_then(|p| p.sent[side].clone());
                WriteBody::Create { properties: sent.map(|s| s.body).unwrap_or_default(), link }
            }
            Op::Update { id, fields, link, .. } => {
                let mut desired = pair.map(|p| p.fields(side)).unwrap_or_default();
                desired.extend(Agreed::values(fields));
                let changed = fields.keys().cloned().collect();
                let properties = mapping.update(&desired, &changed);
                WriteBody::Update { id: id.clone(), properties, link: link.clone() }
            }
            Op::Emit { id, activity, .. } => {
                WriteBody::Emit { id: id.clone(), activity: Arc::clone(activity) }
            }
        })
    }

    /// Folds in how a call went.
    pub(super) async fn hear_report(&mut self, side: Side, report: Report) -> Result<(), StoreError> {
        self.desks[side].under_way = self.desks[side].under_way.saturating_sub(1);
        self.note_health(side, report.error());
        match report {
            Report::Read { targets, answer } => self.hear_read(side, targets, answer).await,
            Report::Found { pair, answer } => self.hear_found(side, pair, answer).await,
            Report::Written { rows, group, result } => self.hear_written(side, rows, group, result).await,
            Report::Listed { answer } => self.hear_page(side, answer).await,
            Report::Asked { query, answer } => self.hear_answer(side, query, answer).await,
        }
    }

    /// Whether a queue runs low while more waits in the journal, or is being filled from there.
    pub(super) fn can_fill(&self, side: Side) -> bool {
        let desk = &self.desks[side];
        desk.filling.is_some() || (desk.lane.spilled && desk.lane.len() < Lane::CAPACITY / 2)
    }

    /// Fills queues that run low from the journal, some each turn; at the start, that is all of them.
    pub(super) async fn fill_lanes(&mut self) -> Result<(), StoreError> {
        for side in Side::BOTH {
            if !self.can_fill(side) {
                continue;
            }
            let desk = &mut self.desks[side];
            let after = desk.filling.take().unwrap_or_else(|| {
                desk.lane.spilled = false;
                None
            });
            let due = self.journal.due(side, after.as_ref(), REFILL).await?;
            for (_, id) in &due {
                self.file(id).await?;
            }
            let more = due.len() == REFILL && !self.desks[side].lane.spilled;
            self.desks[side].filling = due.into_iter().next_back().filter(|_| more).map(Some);
        }
        self.refile_some().await
    }
}

/// Words in flight without a call under way are from before a restart: nobody knows whether they arrived.
fn recover(pair: &mut Pair) {
    for side in Side::BOTH {
        let emit = matches!(&pair.sent[side], Some(s) if s.kind == crate::model::SentKind::Emit);
        match &mut pair.sent[side] {
            // Activities carry their own identity: telling one again is harmless.
            sent if emit => *sent = None,
            Some(sent) if !sent.repeat => sent.unsure = true,
            _ => {}
        }
    }
}

fn class_of(op: &Op, pair: &Pair) -> Class {
    match op {
        Op::Emit { .. } => Class::Edit,
        Op::Create { .. } | Op::Find { .. } | Op::Repeat { .. } => pair.class.max(Class::New),
        Op::Update { .. } if op.is_link() => Class::Sweep,
        Op::Read { .. } | Op::Update { .. } => pair.class,
    }
}

fn kind_of(op: &Op) -> Kind {
    match op {
        Op::Find { .. } => Kind::Find,
        Op::Read { .. } => Kind::Read,
        Op::Create { .. } | Op::Repeat { .. } => Kind::Create,
        Op::Update { .. } if op.is_link() => Kind::Link,
        Op::Update { .. } => Kind::Update,
        Op::Emit { .. } => Kind::Emit,
    }
}

fn record_of(op: &Op) -> Option<&RecordId> {
    match op {
        Op::Update { id, .. } => Some(id),
        _ => None,
    }
}

/// The fields that an update sets besides those it is for, because they share a property with them.
fn fields_beside(mapping: &Mapping, op: &Op) -> Vec<Field> {
    let Op::Update { fields, .. } = op else { return Vec::new() };
    let touched = mapping.lenses().filter(|l| l.fields().iter().any(|f| fields.contains_key(f)));
    touched.flat_map(|l| l.fields()).filter(|f| !fields.contains_key(f)).cloned().collect()
}

fn native_of(body: &WriteBody) -> Properties {
    match body {
        WriteBody::Create { properties, .. } | WriteBody::Update { properties, .. } => properties.clone(),
        WriteBody::Emit { .. } => Properties::new(),
    }
}
