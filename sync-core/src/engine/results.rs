//! What follows from the answer to a call.

use super::bisect::Group;
use super::dispatch::{Row, Target, Written};
use super::intake::{Fate, observation_of_read};
use super::kin::recognise;
use super::ledger::Ledger;
use super::repair::written;
use crate::connector::{Answer, Error, Receipt, Remedy, WriteBody};
use crate::decide::{Effect, Outcome, Source, named, not_found, observe, settle};
use crate::journal::IndexKey;
use crate::model::{Activity, Field, Fields, News, PairId, Record, RecordId, Seen, Setback, Side, Timestamp};
use crate::store::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

impl Ledger {
    pub(super) async fn hear_read(
        &mut self,
        side: Side,
        targets: Vec<Target>,
        answer: std::result::Result<Answer, Error>,
    ) -> Result<()> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) => return self.read_failed(side, targets).await,
        };
        let at = answer.as_of.unwrap_or(self.now);
        for target in targets {
            let found = answer.records.iter().find(|r| r.id == target.id || r.aliases.contains(&target.id));
            match (target.pair, found) {
                (Some((pair, heard)), Some(record)) => {
                    self.reread(side, &pair, (&target.id, record), (Source::Read(heard), at)).await?;
                }
                (Some((pair, _)), None) => {
                    self.busy.remove(&pair);
                    self.lose(side, &target.id, at).await?;
                    self.file(&pair).await?;
                }
                (None, found) => self.looked_up(side, &target.id, found, at).await?,
            }
        }
        Ok(())
    }

    /// A pair's own record was read.
    async fn reread(
        &mut self,
        side: Side,
        id: &PairId,
        (asked, record): (&RecordId, &Record),
        (source, at): (Source, Timestamp),
    ) -> Result<()> {
        self.busy.remove(id);
        if self.pair(id).await?.is_none() {
            // Another pair has taken it in meanwhile, and all that leads to it.
            return Ok(());
        }
        let mut id = id.clone();
        if *asked != record.id
            && let Some(other) = self.find(&IndexKey::record(side, &record.id)).await?
            && other != id
        {
            self.absorb(&other, &id).await?;
            id = other;
        }
        let before = self.match_keys(&id).await?;
        let observation = observation_of_read(&self.systems[side].mapping, record, source, at);
        let policy = self.policy.clone();
        if let Some(pair) = self.pair(&id).await? {
            recognise(pair, &policy, side, (record, at));
            let changed = observe(pair, &policy, side, &observation) == Effect::Changed;
            named(pair, side, record);
            pair.unsettled.changed |= changed;
            pair.read[side] = written(pair, side).max(Some(at));
        }
        self.take_names(side, &id, record).await?;
        self.reindex(&id, &before).await?;
        self.file(&id).await
    }

    /// A record nobody knew was read (or does not exist): the news that waited for it can be understood.
    async fn looked_up(
        &mut self,
        side: Side,
        id: &RecordId,
        found: Option<&Record>,
        at: Timestamp,
    ) -> Result<()> {
        let Some(lookup) = self.desks[side].lookups.remove(id) else { return Ok(()) };
        let mut owner = None;
        if let Some(record) = found {
            let fate = self.take_record(side, record, (Source::Listed, at), lookup.class).await?;
            if let Fate::Effect(pair, _, _) = fate {
                self.file(&pair).await?;
                owner = Some(pair);
            }
        }
        let explained = lookup.reading.unwrap_or(lookup.news.len());
        for (place, (number, news)) in lookup.news.into_iter().enumerate() {
            match (&news, &owner) {
                // It may tell of what came after the read.
                _ if place >= explained => self.hear(number, side, news).await?,
                (News::Changed { .. }, owner) => {
                    self.draft.delete_arrival(number);
                    self.meta.counts.taken += 1;
                    let fate = match owner {
                        Some(pair) => Fate::Effect(pair.clone(), Effect::Changed, lookup.class),
                        None => Fate::Nothing,
                    };
                    self.book(fate).await?;
                }
                _ => {
                    let owner = self.owner(side, &news).await?;
                    self.digest(number, side, news, owner).await?;
                }
            }
        }
        Ok(())
    }

    async fn read_failed(&mut self, side: Side, targets: Vec<Target>) -> Result<()> {
        for target in targets {
            match target.pair {
                Some((pair, _)) => {
                    self.busy.remove(&pair);
                    self.file(&pair).await?;
                }
                None => {
                    let now = self.now;
                    let desk = &mut self.desks[side];
                    let Some(lookup) = desk.lookups.get_mut(&target.id) else { continue };
                    lookup.reading = None;
                    lookup.attempts += 1;
                    let until = now.plus(Self::spacing(lookup.attempts, 0));
                    desk.file_lookup(target.id, Some(until));
                }
            }
        }
        Ok(())
    }

    pub(super) async fn hear_found(
        &mut self,
        side: Side,
        (id, heard): (PairId, u32),
        answer: std::result::Result<Answer, Error>,
    ) -> Result<()> {
        self.busy.remove(&id);
        let Ok(answer) = answer else {
            self.set_back(&id).await?;
            return self.file(&id).await;
        };
        let at = answer.as_of.unwrap_or(self.now);
        let Some(record) = self.choose(side, &id, &answer.records).await? else {
            let now = self.now;
            if let Some(pair) = self.pair(&id).await? {
                not_found(pair, side, now);
            }
            return self.file(&id).await;
        };
        if let Some(other) = self.find(&IndexKey::record(side, &record.id)).await?
            && other != id
        {
            self.absorb(&other, &id).await?;
            return self.file(&other).await;
        }
        let Some(pair) = self.pair(&id).await? else { return Ok(()) };
        if pair.aliases[side].contains(&record.id) {
            // What was told of a further record was passed by.
            pair.sides[side] = Seen::unread(record.id.clone());
        }
        // If the record has been told of since it was looked for, the answer may be older than that.
        let source = if pair.present(side).is_some() { Source::Listed } else { Source::Read(heard) };
        let others: Vec<_> = answer.records.iter().filter(|r| r.id != record.id).cloned().collect();
        self.reread(side, &id, (&record.id, &record), (source, at)).await?;
        for other in others {
            if self.find(&IndexKey::record(side, &other.id)).await?.is_none() {
                self.add_alias(side, &id, &other.id).await?;
            }
        }
        Ok(())
    }

    /// Which of several records is the pair's: the one with our mark, else one that names its twin, else the oldest that
    /// belongs to no other pair; a record of another pair only when there is nothing else.
    async fn choose(&mut self, side: Side, id: &PairId, records: &[Record]) -> Result<Option<Record>> {
        let twin = self.pair(id).await?.and_then(|p| p.record_id(side.other()).cloned());
        let mut ranked = Vec::with_capacity(records.len());
        for record in records {
            let owner = self.find(&IndexKey::record(side, &record.id)).await?;
            let rank = if record.mark.as_ref() == Some(id) {
                0
            } else if record.twin.is_some() && record.twin == twin {
                1
            } else if owner.is_none_or(|o| o == *id) {
                2
            } else {
                3
            };
            ranked.push((rank, record.created_at, &record.id, record));
        }
        ranked.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
        Ok(ranked.first().map(|(.., record)| (*record).clone()))
    }

    pub(super) async fn hear_written(
        &mut self,
        side: Side,
        rows: Vec<Row>,
        group: Option<Group>,
        result: Written,
    ) -> Result<()> {
        let several = rows.len() > 1;
        match result {
            Ok(results) => {
                let clean = several || results.iter().all(std::result::Result::is_ok);
                for (row, result) in rows.into_iter().zip(results) {
                    self.settle_row(side, row, result).await?;
                }
                if let Some(group) = group {
                    if clean {
                        self.desks[side].suspects.clean(&group);
                    } else {
                        self.desks[side].suspects.guilty(&group);
                    }
                }
            }
            Err(Error::Refused { .. } | Error::Exists { .. }) if several => {
                let ids: Vec<PairId> = rows.iter().map(|r| r.pair.clone()).collect();
                for id in &ids {
                    self.busy.remove(id);
                    let policy = self.policy.clone();
                    if let Some(pair) = self.pair(id).await? {
                        settle(pair, &policy, side, Outcome::NotDone);
                    }
                }
                match group {
                    Some(group) => self.desks[side].suspects.guilty(&group),
                    None => self.desks[side].suspects.split(&ids),
                }
            }
            Err(error) => {
                for row in rows {
                    self.settle_row(side, row, Err(error.clone())).await?;
                }
                if let Some(group) = group {
                    let nothing_happened = matches!(error.remedy(), Remedy::Retry(_) | Remedy::Halt);
                    if nothing_happened {
                        self.desks[side].suspects.again(group);
                    } else {
                        self.desks[side].suspects.guilty(&group);
                    }
                }
            }
        }
        Ok(())
    }

    async fn settle_row(
        &mut self,
        side: Side,
        row: Row,
        result: std::result::Result<Receipt, Error>,
    ) -> Result<()> {
        let id = row.pair.clone();
        self.busy.remove(&id);
        self.desks[side].bad_rows.hear(&result);
        match result {
            Ok(receipt) => self.applied(side, &row, receipt).await?,
            Err(Error::Exists { id: Some(record) }) if row.write.body.is_create() => {
                if let Some(other) = self.find(&IndexKey::record(side, &record)).await?
                    && other != id
                {
                    self.outcome(side, &id, Outcome::NotDone).await?;
                    self.absorb(&other, &id).await?;
                    return self.file(&other).await;
                }
                self.draft.put_index(&IndexKey::record(side, &record), &id);
                self.outcome(side, &id, Outcome::Exists(record)).await?;
            }
            Err(Error::Exists { .. }) if row.write.body.is_create() => {
                self.outcome(side, &id, Outcome::Unsure).await?;
                self.set_back(&id).await?;
            }
            Err(Error::Exists { id: Some(record) }) => {
                self.outcome(side, &id, Outcome::Exists(record)).await?;
            }
            Err(Error::Exists { id: None }) => {
                let fields = self.policy.entity.match_field().cloned().into_iter().collect();
                let reason = "held by another record".to_owned();
                self.outcome(side, &id, Outcome::Refused { reason, fields }).await?;
            }
            Err(Error::Refused { reason, properties }) => {
                self.refused(side, &row, reason, &properties).await?
            }
            Err(Error::Ambiguous { .. }) => {
                self.outcome(side, &id, Outcome::Unsure).await?;
                // One record that always fails this way must not take the side's time from all others.
                self.set_back(&id).await?;
            }
            Err(Error::Missing) => {
                self.outcome(side, &id, Outcome::NotDone).await?;
                self.set_back(&id).await?;
                if let Some(present) = self.pair(&id).await?.and_then(|p| p.present_mut(side)) {
                    present.doubt = true;
                }
            }
            Err(_) => {
                self.outcome(side, &id, Outcome::NotDone).await?;
            }
        }
        self.file(&id).await
    }

    async fn outcome(&mut self, side: Side, id: &PairId, outcome: Outcome) -> Result<()> {
        let policy = self.policy.clone();
        if let Some(pair) = self.pair(id).await? {
            settle(pair, &policy, side, outcome);
        }
        Ok(())
    }

    async fn applied(&mut self, side: Side, row: &Row, receipt: Receipt) -> Result<()> {
        let id = &row.pair;
        if let WriteBody::Emit { id: record, activity } = &row.write.body {
            return self.told(side, id, record, activity).await;
        }
        let before = self.match_keys(id).await?;
        let at = receipt.at.unwrap_or(self.now);
        let shown = receipt.record.as_ref().map(|r| self.systems[side].mapping.get(&r.properties));
        let Some(pair) = self.pair(id).await? else { return Ok(()) };
        pair.setback = None;
        let known = receipt.record.map(|r| r.id).or_else(|| pair.record_id(side).cloned());
        let Some(record) = known else {
            // A creation that does not say what it made: look for it.
            return self.outcome(side, id, Outcome::Unsure).await;
        };
        if row.write.body.is_create() {
            // There was nothing before it.
            pair.read[side] = Some(at);
        }
        let done = Outcome::Done { id: record.clone(), shown: shown.unwrap_or_default(), at };
        self.outcome(side, id, done).await?;
        self.draft.put_index_once(&IndexKey::record(side, &record), id).await?;
        self.reindex(id, &before).await
    }

    /// An activity was told, which changes nothing of what the record shows.
    async fn told(&mut self, side: Side, id: &PairId, record: &RecordId, activity: &Activity) -> Result<()> {
        let done = Outcome::Done { id: record.clone(), shown: Fields::new(), at: self.now };
        self.outcome(side, id, done).await?;
        // Another pair may have taken it in meanwhile, and tells it again, which is harmless.
        let Some(pair) = self.pair(id).await? else { return Ok(()) };
        pair.setback = None;
        pair.activities.retain(|p| p.activity.id != activity.id);
        self.meta.counts.pending = self.meta.counts.pending.saturating_sub(1);
        self.meta.counts.applied += 1;
        Ok(())
    }

    async fn refused(&mut self, side: Side, row: &Row, reason: String, properties: &[String]) -> Result<()> {
        let id = &row.pair;
        if let WriteBody::Emit { activity, .. } = &row.write.body {
            return self.untellable(side, id, activity, &reason).await;
        }
        let mapping = &self.systems[side].mapping;
        let blamed = mapping.lenses().filter(|l| l.properties().iter().any(|p| properties.contains(p)));
        let fields: Vec<Field> = blamed.flat_map(|l| l.fields().to_vec()).collect();
        self.outcome(side, id, Outcome::Refused { reason, fields }).await
    }

    /// A side does not take an activity. The pair may not know any more that it was being told, if it has left memory since.
    async fn untellable(&mut self, side: Side, id: &PairId, activity: &Activity, reason: &str) -> Result<()> {
        self.outcome(side, id, Outcome::NotDone).await?;
        let Some(pair) = self.pair(id).await? else { return Ok(()) };
        let mut untold = pair.activities.iter_mut().filter(|p| p.refused.is_none());
        let Some(pending) = untold.find(|p| p.activity.id == activity.id) else { return Ok(()) };
        pending.refused = Some(reason.to_owned());
        let pair = pair.clone();
        self.meta.counts.pending = self.meta.counts.pending.saturating_sub(1);
        self.meta.counts.quarantined += 1;
        self.set_aside(side, &pair, &format!("activity {}", activity.id), reason);
        Ok(())
    }

    /// Trouble with one pair: it waits, the others go on.
    async fn set_back(&mut self, id: &PairId) -> Result<()> {
        let now = self.now;
        if let Some(pair) = self.pair(id).await? {
            let attempts = pair.setback.map_or(0, |s| s.attempts);
            pair.setback =
                Some(Setback { attempts: attempts + 1, until: now.plus(Self::spacing(attempts, 0)) });
        }
        Ok(())
    }
}
