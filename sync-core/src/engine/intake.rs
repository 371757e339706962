//! Taking in news: whose is it, and what does it change?

use std::sync::Arc;

use super::bursts;
use super::ledger::{Ledger, Lookup};
use crate::decide::identity::Whose;
use crate::decide::{Effect, Heard, Hint, Observation, Over, Source, hint, named, observe};
use crate::journal::{DeadLetter, IndexKey, Waiting};
use crate::mapping::Mapping;
use crate::model::{
    Activity, Author, Class, Edit, Field, News, PairId, Pending, Properties, Record, RecordId, Seen, Side,
    Sighting, Timestamp, Value,
};
use crate::store::StoreError;

/// What became of a piece of news.
pub(super) enum Fate {
    /// It is done with; this is what it did to the pair.
    Effect(PairId, Effect, Class),
    /// It told nothing of interest.
    Nothing,
    /// It was set aside.
    Quarantined,
    /// It waits with the activity or the lookup it became, which will be counted when it is done.
    Waits,
}

impl Ledger {
    /// Takes in one arrival. Its row stays in the inbox while it waits for a record to be read.
    pub(super) async fn hear(&mut self, number: u64, side: Side, news: News) -> Result<(), StoreError> {
        self.desks[side].repair.heard.note(&news);
        let owner = self.owner(side, &news).await?;
        if owner.is_none()
            && let Some(id) = self.unknown(side, &news).await?
        {
            self.look_up(side, id, (number, news));
            return Ok(());
        }
        self.digest(number, side, news, owner).await
    }

    /// Takes in one arrival for which nothing needs to be read first. `owner`: as [`owner`](Self::owner) has just found it.
    pub(super) async fn digest(
        &mut self,
        number: u64,
        side: Side,
        news: News,
        owner: Option<PairId>,
    ) -> Result<(), StoreError> {
        let fate = self.understand(number, side, news, owner).await?;
        self.draft.delete_arrival(number);
        self.meta.counts.taken += 1;
        self.book(fate).await
    }

    pub(super) async fn book(&mut self, fate: Fate) -> Result<(), StoreError> {
        let counts = &mut self.meta.counts;
        match fate {
            Fate::Effect(pair, Effect::Changed, class) => {
                counts.pending += 1;
                if let Some(pair) = self.pair(&pair).await? {
                    pair.unsettled.events += 1;
                    pair.unsettled.changed = true;
                    pair.class = if pair.unsettled.events == 1 { class } else { pair.class.min(class) };
                }
                self.file(&pair).await?;
            }
            Fate::Effect(_, Effect::Stale, _) => counts.superseded += 1,
            Fate::Effect(_, Effect::Nothing, _) | Fate::Nothing => counts.noop += 1,
            Fate::Quarantined => counts.quarantined += 1,
            Fate::Waits => counts.pending += 1,
        }
        Ok(())
    }

    /// The pair of the record that news without content names.
    pub(super) async fn owner(&self, side: Side, news: &News) -> Result<Option<PairId>, StoreError> {
        match news {
            News::Changed { id, .. } | News::Happened { id: Some(id), .. } => {
                self.find(&IndexKey::record(side, id)).await
            }
            _ => Ok(None),
        }
    }

    /// The record that must be read before the news can be understood, if any. It has no owner.
    async fn unknown(&self, side: Side, news: &News) -> Result<Option<RecordId>, StoreError> {
        let (News::Changed { id, .. } | News::Happened { id: Some(id), .. }) = news else { return Ok(None) };
        let is_old = match news {
            News::Changed { at, .. } => self.is_past(side, id, *at).await?,
            News::Happened { activity, .. } => self.draft.activity(&activity.id).await?.is_some(),
            _ => false,
        };
        Ok((!is_old).then(|| id.clone()))
    }

    fn look_up(&mut self, side: Side, id: RecordId, (number, news): (u64, News)) {
        let now = self.now;
        let desk = &mut self.desks[side];
        let lookup = desk.lookups.entry(id.clone()).or_insert_with(|| Lookup {
            class: desk.bursts.classify(&news),
            since: now,
            news: Vec::new(),
            reading: None,
            attempts: 0,
        });
        lookup.class = bursts::together(lookup.class, &news);
        // The echo of our own creation often arrives before the response that tells us its id: the response is cheaper.
        let ours = matches!(&news, News::Changed { author: Author::Us(_), .. });
        let not_before = ours.then(|| now.plus(Self::spacing(2, 0)));
        lookup.news.push((number, news));
        if lookup.reading.is_none() {
            desk.file_lookup(id, not_before);
        }
    }

    /// Whether a record must still be read, which it then is. While it waited, an answer of ours may have told whose it is; then its news is
    /// taken in without a call.
    pub(super) async fn still_unknown(&mut self, side: Side, id: &RecordId) -> Result<bool, StoreError> {
        if self.find(&IndexKey::record(side, id)).await?.is_none() {
            if let Some(lookup) = self.desks[side].lookups.get_mut(id) {
                lookup.reading = Some(lookup.news.len());
            }
            return Ok(true);
        }
        if let Some(lookup) = self.desks[side].lookups.remove(id) {
            for (number, news) in lookup.news {
                let owner = self.owner(side, &news).await?;
                self.digest(number, side, news, owner).await?;
            }
        }
        Ok(false)
    }

    async fn understand(
        &mut self,
        number: u64,
        side: Side,
        news: News,
        owner: Option<PairId>,
    ) -> Result<Fate, StoreError> {
        match news {
            News::Seen(sighting) => self.see(side, &sighting).await,
            News::Changed { id, at, author, class, property } => {
                let told = property.and_then(|(name, value)| self.field_of(side, name, value));
                self.change(side, class, owner, Hint { id, at, author, told }).await
            }
            News::Gone { id, at, .. } => self.lose(side, &id, at).await,
            News::Merged { into, from, .. } => self.merge(side, &into, &from).await,
            News::Happened { id, match_value, activity } => {
                self.happen(side, (owner, id), match_value, activity).await
            }
            News::Ignored { reason } => {
                tracing::debug!(side = %side, %reason, "ignored");
                Ok(Fate::Nothing)
            }
            News::Malformed { reason, raw } => {
                let letter = DeadLetter {
                    at: self.now,
                    side,
                    pair: None,
                    record: None,
                    what: "webhook".to_owned(),
                    reason,
                    raw: Some(raw),
                };
                // Numbers may begin anew after a restart: the time keeps one letter from taking another's place.
                let key = format!("webhook/{:020}-{number}", self.now.as_millis());
                self.draft.put_dead_letter(&key, &letter);
                Ok(Fate::Quarantined)
            }
        }
    }

    async fn see(&mut self, side: Side, sighting: &Sighting) -> Result<Fate, StoreError> {
        if self.is_past(side, &sighting.record.id, sighting.at).await? {
            return self.was_made(side, sighting).await;
        }
        let new = sighting.previous.is_none() && !matches!(sighting.author, Author::Us(_));
        let import = new && self.desks[side].bursts.is_import(sighting.at);
        let class = if import { sighting.class.max(Class::Import) } else { sighting.class };
        let mapping = &self.systems[side].mapping;
        let observation = observation_of_change(mapping, sighting);
        let ours = match &sighting.author {
            Author::Us(Some(op)) => crate::model::Pair::of_op(op),
            _ => None,
        };
        let found = self.identify(side, &sighting.record, ours).await?;
        self.take_observation((side, class), found, &sighting.record, observation).await
    }

    /// Takes in a record as it was read. `asked` as in [`Source::Read`]; `None` when the pair was not known then.
    pub(super) async fn take_record(
        &mut self,
        side: Side,
        record: &Record,
        (source, at): (Source, Timestamp),
        class: Class,
    ) -> Result<Fate, StoreError> {
        if self.is_past(side, &record.id, at).await? {
            return Ok(Fate::Nothing);
        }
        let observation = observation_of_read(&self.systems[side].mapping, record, source, at);
        let found = self.identify(side, record, None).await?;
        self.take_observation((side, class), found, record, observation).await
    }

    async fn take_observation(
        &mut self,
        (side, class): (Side, Class),
        (id, whose): (PairId, Whose),
        record: &Record,
        observation: Observation,
    ) -> Result<Fate, StoreError> {
        if whose == Whose::Alias {
            self.add_alias(side, &id, &record.id).await?;
            return Ok(Fate::Nothing);
        }
        let policy = self.policy.clone();
        let before = self.match_keys(&id).await?;
        let Some(pair) = self.pair(&id).await? else { return Ok(Fate::Nothing) };
        let effect = observe(pair, &policy, side, &observation);
        named(pair, side, record);
        self.take_names(side, &id, record).await?;
        self.reindex(&id, &before).await?;
        Ok(Fate::Effect(id, effect, class))
    }

    async fn change(
        &mut self,
        side: Side,
        class: Class,
        owner: Option<PairId>,
        news: Hint,
    ) -> Result<Fate, StoreError> {
        let Some(id) = owner else { return Ok(Fate::Nothing) };
        let policy = self.policy.clone();
        let Some(pair) = self.pair(&id).await? else { return Ok(Fate::Nothing) };
        if pair.record_id(side).is_some_and(|r| *r != news.id) {
            return Ok(Fate::Nothing);
        }
        let effect = hint(pair, &policy, side, &news);
        Ok(Fate::Effect(id, effect, class))
    }

    /// Records of one side became one: so do their pairs. The pair of the survivor takes the others in.
    async fn merge(&mut self, side: Side, into: &RecordId, from: &[RecordId]) -> Result<Fate, StoreError> {
        let mut pairs: Vec<PairId> = Vec::new();
        // Not the survivor's new id first: a read may have given that to any of them before.
        for id in from.iter().chain([into]) {
            if let Some(pair) = self.find(&IndexKey::record(side, id)).await?
                && !pairs.contains(&pair)
            {
                pairs.push(pair);
            }
        }
        let Some((first, rest)) = pairs.split_first() else { return Ok(Fate::Nothing) };
        let first = first.clone();
        for other in rest {
            self.absorb(&first, other).await?;
        }
        self.draft.put_index(&IndexKey::record(side, into), &first);
        let Some(pair) = self.pair(&first).await? else { return Ok(Fate::Nothing) };
        if let Seen::Absent { .. } | Seen::Unknown { .. } = pair.sides[side] {
            pair.sides[side] = Seen::unread(into.clone());
        }
        if let Some(present) = pair.present_mut(side) {
            present.id = into.clone();
            present.doubt = true;
            present.heard += 1;
            // Which of their twins the survivor names is to be seen.
            present.linked = None;
        }
        pair.aliases[side].retain(|a| a != into);
        Ok(Fate::Effect(first, Effect::Changed, Class::Edit))
    }

    async fn happen(
        &mut self,
        side: Side,
        (mut owner, id): (Option<PairId>, Option<RecordId>),
        match_value: Option<Value>,
        activity: Activity,
    ) -> Result<Fate, StoreError> {
        if self.draft.activity(&activity.id).await?.is_some() {
            return Ok(Fate::Nothing);
        }
        let match_key = match_value.and_then(|v| {
            let field = self.policy.entity.match_field()?;
            Some(self.policy.entity.compare(field).key(&v))
        });
        if let (None, Some(key)) = (&owner, &match_key) {
            owner = self.find(&IndexKey::matching(key)).await?;
        }
        match (owner, match_key) {
            (Some(owner), _) => {
                self.give_activity(&owner, side, activity).await?;
                self.file(&owner).await?;
                Ok(Fate::Waits)
            }
            (None, Some(key)) => {
                self.draft.put_activity(&activity.id, "waiting");
                self.draft.put_waiting(&key, &Waiting { side, activity });
                Ok(Fate::Waits)
            }
            (None, None) => {
                let letter = DeadLetter {
                    at: self.now,
                    side,
                    pair: None,
                    record: id,
                    what: "activity".to_owned(),
                    reason: "it belongs to no record that exists, and names no match value".to_owned(),
                    raw: None,
                };
                self.draft.put_activity(&activity.id, "dead letter");
                self.draft.put_dead_letter(&format!("activity/{}", activity.id), &letter);
                Ok(Fate::Quarantined)
            }
        }
    }

    pub(super) async fn give_activity(
        &mut self,
        owner: &PairId,
        from: Side,
        activity: Activity,
    ) -> Result<(), StoreError> {
        self.draft.put_activity(&activity.id, owner.as_str());
        if let Some(pair) = self.pair(owner).await? {
            pair.class = Class::Edit;
            pair.activities.push(Pending { from, activity: Arc::new(activity), refused: None });
        }
        Ok(())
    }

    /// The field that a single native property shows, if one lens sees nothing but it.
    fn field_of(&self, side: Side, name: String, value: Option<Value>) -> Option<(Field, Option<Value>)> {
        let native = Properties::from([(name.clone(), value)]);
        let mut lenses = self.systems[side].mapping.lenses();
        let lens = lenses.find(|l| l.properties() == [name.as_str()])?;
        lens.get(&native).into_iter().next()
    }
}

/// A change as an observation. A field counts as edited when its *canonical* value differs from before: whoever edits
/// the last name in a full name has not edited the first.
fn observation_of_change(mapping: &Mapping, sighting: &Sighting) -> Observation {
    let native = &sighting.record.properties;
    let now = mapping.get(native);
    let before = sighting.previous.as_ref().map(|previous| {
        let mut native = native.clone();
        native.extend(previous.clone());
        mapping.get(&native)
    });
    let edited = |field: &Field, value: &Option<Value>| match &before {
        Some(before) => before.get(field) != Some(value),
        None => value.is_some(),
    };
    let edit = |value: &Option<Value>| Edit {
        value: value.clone(),
        at: sighting.at,
        author: sighting.author.clone(),
    };
    let heard = |(field, value): (Field, Option<Value>)| {
        let edits = if edited(&field, &value) { vec![edit(&value)] } else { Vec::new() };
        let over = match &before {
            None => Over::Nothing,
            Some(before) => before.get(&field).map_or(Over::Untold, |was| Over::Value(was.clone())),
        };
        (field, Heard { value, edits, over })
    };
    Observation {
        id: sighting.record.id.clone(),
        at: sighting.at,
        source: Source::Event,
        fields: now.into_iter().map(heard).collect(),
    }
}

/// A record that was read as an observation. Histories count where one property is one field.
pub(super) fn observation_of_read(
    mapping: &Mapping,
    record: &Record,
    source: Source,
    at: Timestamp,
) -> Observation {
    let mut observation = Observation { id: record.id.clone(), at, source, fields: Default::default() };
    for lens in mapping.lenses() {
        for (field, value) in lens.get(&record.properties) {
            let edits = match lens.properties() {
                [property] => record.history.get(property).cloned().unwrap_or_default(),
                _ => Vec::new(),
            };
            observation.fields.insert(field, Heard { value, edits, over: Over::Untold });
        }
    }
    observation
}
