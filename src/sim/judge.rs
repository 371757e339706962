//! The verdict, from the emulators' own records wherever they can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use connector_hubspot::fake::FakeHubSpot;
use connector_stripe::fake::FakeStripe;
use http::Method;
use sync_core::journal::{Counts, DeadLetter, IndexKey, Journal};
use sync_core::mapping::Mapping;
use sync_core::model::entity::PHONE;
use sync_core::model::{Entity, Fields, Pair, Properties, RecordId, Side, Value};
use sync_core::testing::fake::{Actor, Change, What};

use super::certain::names_its_twin;
use super::history::{History, Source, are_words_in, is_entered, words_of};
use super::people::{Person, address};
use super::scenario::{HUBSPOT, Setup};
use super::wire::lock;
use super::world::{TWIN_KEY, TWIN_PROPERTY, World};

/// All there is to judge by.
pub(super) struct Judge<'a> {
    world: &'a Arc<World>,
    setup: &'a Setup,
    people: &'a [Person],
    journal: Journal,
    letters: Vec<DeadLetter>,
    hubspot: Vec<Change>,
    stripe: Vec<Change>,
}

/// A broken promise, in one line.
pub(super) type Verdict = Result<(), String>;

fn demand(holds: bool, why: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(why()) }
}

impl<'a> Judge<'a> {
    pub(super) async fn new(
        world: &'a Arc<World>,
        setup: &'a Setup,
        people: &'a [Person],
    ) -> Result<Self, String> {
        let engine = lock(&world.engine).clone().ok_or("no engine is running at the end")?;
        let journal = engine.journal().clone();
        let letters = journal.dead_letters(10_000).await.map_err(|e| e.to_string())?;
        let letters = letters.into_iter().map(|(_, letter)| letter).collect();
        let hubspot = world.hubspot.with(|h, _| h.oracle().changes().to_vec());
        let stripe = world.stripe.with(|s, _| s.oracle().changes().to_vec());
        Ok(Self { world, setup, people, journal, letters, hubspot, stripe })
    }

    /// All promises but those that take time.
    pub(super) async fn all(&self) -> Verdict {
        self.is_within_budget()?;
        self.are_writes_ours_to_make()?;
        for (index, person) in self.people.iter().enumerate() {
            let named = |why: String| format!("person {index}: {why}");
            self.has_one_twin(person).map_err(named)?;
            if !person.messy {
                let verdict = self.agrees(person).await;
                if verdict.is_err() {
                    self.tell_of(person).await;
                }
                verdict.map_err(named)?;
            }
        }
        self.are_purchases_told()?;
        self.do_counts_add_up().await
    }

    /// Whether a replay of all deliveries can be told from news. Not when a customer was changed twice within one second:
    /// Stripe's events have no finer time. Not when contacts were merged: what was said of either is read anew.
    pub(super) fn can_be_replayed(&self) -> bool {
        let second = |c: &Change| (c.at.as_millis() + self.setup.stripe_skew_ms).div_euclid(1_000);
        let edits = self.stripe.iter().filter(|c| c.what != What::Happened);
        let mut seen = BTreeSet::new();
        let crowded = edits.into_iter().any(|c| !seen.insert((c.record.clone(), second(c))));
        !crowded && !self.hubspot.iter().any(|c| c.what == What::Merged)
    }

    /// P9
    fn is_within_budget(&self) -> Verdict {
        let second = Duration::from_secs(1);
        let hubspot = self.world.hubspot.with(|h, _| h.calls().most_in_any(second));
        let stripe = self.world.stripe.with(|s, _| s.calls().most_in_any(second));
        demand(hubspot <= 15, || format!("P9: {hubspot} calls in one second at HubSpot"))?;
        demand(stripe <= 100, || format!("P9: {stripe} calls in one second at Stripe"))
    }

    /// P7
    fn are_writes_ours_to_make(&self) -> Verdict {
        let idle = [self.world.hubspot.idle_writes(), self.world.stripe.idle_writes()].concat();
        demand(idle.is_empty(), || format!("P7: an update set what we had set before: {idle:?}"))?;
        let links = [format!("metadata.{TWIN_KEY}"), TWIN_PROPERTY.to_owned()];
        let mapped: BTreeSet<String> = [connector_hubspot::mapping(), connector_stripe::mapping()]
            .iter()
            .flat_map(|m| m.properties().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let ours = self.hubspot.iter().chain(&self.stripe).filter(|c| matches!(c.actor, Actor::Api(_)));
        for change in ours.filter(|c| c.what != What::Happened) {
            let allowed = |name: &String| {
                mapped.contains(name)
                    || links.contains(name)
                    || (change.what == What::Created && name == "metadata.wane_pair_id")
            };
            let foreign = change.properties.keys().find(|name| !allowed(name));
            demand(foreign.is_none(), || {
                format!("P7: {} of {} was written", foreign.map_or("", |f| f), change.record)
            })?;
        }
        Ok(())
    }

    /// P3
    fn has_one_twin(&self, person: &Person) -> Verdict {
        let calls = [
            self.world.hubspot.with(|h, _| h.calls().calls().to_vec()),
            self.world.stripe.with(|s, _| s.calls().calls().to_vec()),
        ];
        // Of what was deleted before anybody heard that it was made, nobody can say that it was there: the call was not
        // answered, or the engine ended while the answer was on its way.
        let ends = lock(&self.world.ends).clone();
        let unheard = [self.world.hubspot.unheard(), self.world.stripe.unheard()].concat();
        let unanswered = |c: &Change| {
            let failed = |status: Option<u16>| status.is_none_or(|s| s >= 300);
            let way = Duration::from_millis(self.setup.network_ms + self.setup.store_ms + 1);
            calls.iter().flatten().any(|k| k.at == c.at && k.method == Method::POST && failed(k.status))
                || unheard.contains(&c.at)
                || ends.iter().any(|end| (c.at.minus(way)..=c.at.plus(way)).contains(end))
        };
        let made = |changes: &[Change], key: &str, twin: Option<&str>| {
            let gone = |c: &Change| {
                unanswered(c) && changes.iter().any(|d| d.what == What::Deleted && d.record == c.record)
            };
            let ours = |c: &&Change| {
                c.what == What::Created
                    && matches!(c.actor, Actor::Api(_))
                    && twin.is_some()
                    && c.properties.get(key).and_then(Option::as_deref) == twin
                    && !gone(c)
            };
            changes.iter().filter(ours).count()
        };
        let contacts = made(&self.hubspot, TWIN_PROPERTY, person.customer.as_deref());
        let twin = person.contact.as_ref().map(RecordId::as_str);
        let customers = made(&self.stripe, &format!("metadata.{TWIN_KEY}"), twin);
        demand(contacts + customers <= 1, || {
            format!("P3: the engine made {contacts} contacts and {customers} customers")
        })
    }

    /// L1, P5, and that the engine's belief is true.
    async fn agrees(&self, person: &Person) -> Verdict {
        let contact = self.world.hubspot.with(|h, _| person.contact_in(h));
        let customer = self.world.stripe.with(|s, _| person.customer_in(s));
        let (side, id) = match (&contact, &customer) {
            (None, None) => return Ok(()),
            (Some(contact), Some(customer)) => return self.are_in_step(contact, customer).await,
            (Some(contact), None) => (Side::Left, contact.clone()),
            (None, Some(customer)) => (Side::Right, RecordId::new(customer.clone())),
        };
        let fields = self.content(side, &id);
        let excused = !Entity::person().is_nameable(&fields) || self.is_listed(side, &id, None).await;
        demand(excused, || format!("L1: record {id} has no twin"))
    }

    /// Says in the trace what the engine believes of somebody.
    async fn tell_of(&self, person: &Person) {
        let Some(contact) = self.world.hubspot.with(|h, _| person.contact_in(h)) else { return };
        if let Some(pair) = self.pair(Side::Left, &contact).await {
            self.world.trace.note(format!("belief  {pair:?}"));
        }
    }

    async fn are_in_step(&self, contact: &RecordId, customer: &str) -> Verdict {
        let customer = RecordId::new(customer);
        let pair = self.pair(Side::Left, contact).await.ok_or("L1: nobody knows the contact")?;
        let linked = pair.present(Side::Right).is_some_and(|p| p.id == customer);
        demand(linked, || format!("L1: contact {contact} and customer {customer} are not linked"))?;
        names_its_twin(self.world, contact, &customer)?;
        let history = self.history(contact, &customer);
        let [left, right] = [self.content(Side::Left, contact), self.content(Side::Right, &customer)];
        let entity = Entity::person();
        let met = is_entered(&self.hubspot, contact.as_str()) && is_entered(&self.stripe, customer.as_str());
        for field in entity.fields() {
            let [l, r] = [&left, &right].map(|f| f.get(field).cloned().flatten());
            for (side, true_value) in [(Side::Left, &l), (Side::Right, &r)] {
                let shown = pair.present(side).and_then(|p| p.fields.get(field)).map(|s| s.value.clone());
                demand(shown.is_some_and(|s| entity.same(field, s.as_ref(), true_value.as_ref())), || {
                    format!("belief about {field} on {side} is wrong")
                })?;
            }
            let agree = entity.same(field, l.as_ref(), r.as_ref());
            if !agree && self.letters.iter().any(|d| is_about(d, &pair, field.as_str())) {
                continue;
            }
            demand(agree, || format!("L1: {field} differs: {} and {}", text(&l), text(&r)))?;
            let standing = history.standing(field);
            let typed = history.typed.iter().any(|t| t.field == *field);
            demand(typed || l.is_none(), || format!("P5: {field} {} was invented", text(&l)))?;
            let same = |value: &Option<Value>| entity.same(field, value.as_ref(), l.as_ref());
            let words: Vec<&str> = standing.iter().map(|t| text(&t.value)).collect();
            // Where the parts of one text were told apart in another way, the words are still there.
            let text_words = words_of(entity.text_of(field), &left);
            let moved = |value: &Option<Value>| value.is_some() && are_words_in(value, &text_words);
            // What was taken for words of another part when they were edited leaves this one empty.
            let emptied =
                l.is_none() && standing.iter().all(|t| t.taken_out || history.is_told_apart(t, &entity));
            let stands = emptied
                || standing.iter().any(|t| same(&t.value) || moved(&t.value))
                || history.is_crowded(field, &l);
            demand(!typed || stands, || {
                format!(
                    "P5: {field} ends as {}, which somebody had overwritten; standing: {words:?}",
                    text(&l)
                )
            })?;
            // Names may be told apart anew, no address is ever blank, and of records that meet not all times are known.
            let clocks = self.setup.hubspot_skew_ms == 0 && self.setup.stripe_skew_ms == 0;
            let timed = clocks && *field == PHONE && !met;
            demand(!timed || history.is_last_word(field, &l), || {
                format!("P5: {field} ends as {}, although something else was typed later", text(&l))
            })?;
            for lost in history.lost(field, &l) {
                let kept = pair.history.iter().any(|h| h.field == *field && h.said.value == lost.value);
                demand(kept || moved(&lost.value), || {
                    format!("P5: the losing {} of {field} is not kept", text(&lost.value))
                })?;
            }
        }
        Ok(())
    }

    /// P8
    fn are_purchases_told(&self) -> Verdict {
        let events = self.world.hubspot.with(|h, _| h.custom_events().to_vec());
        for paid in self.stripe.iter().filter(|c| c.what == What::Happened) {
            let detail = |name: &str| paid.properties.get(name).cloned().flatten().unwrap_or_default();
            let id = detail("payment_id");
            let told: Vec<_> =
                events.iter().filter(|e| e.properties.get("payment_id") == Some(&id)).collect();
            demand(told.len() <= 1, || format!("P8: {id} was told {} times", told.len()))?;
            let Some((contact, certain)) = self.payer(&paid.record, &detail("receipt_email")) else {
                demand(told.is_empty(), || format!("P8: {id} of nobody was told"))?;
                continue;
            };
            let Some(event) = told.first() else {
                demand(!certain || contact.is_none(), || format!("P8: {id} was not told"))?;
                continue;
            };
            let on = self.world.hubspot.with(|h, _| h.contact(&event.contact).map(|c| c.id()));
            demand(!certain || on == contact, || format!("P8: {id} was told of the wrong contact"))?;
            let minor: i64 = detail("amount_minor").parse().unwrap_or(-1);
            let amount = format!("{}.{:02}", minor / 100, minor % 100);
            let right = event.properties.get("amount") == Some(&amount);
            demand(right, || format!("P8: {id} was told with the wrong amount"))?;
        }
        Ok(())
    }

    /// Who paid, their contact, and whether that can be said from outside for sure. `None`: nobody we know.
    fn payer(&self, customer: &str, email: &str) -> Option<(Option<RecordId>, bool)> {
        let (index, person) = self.people.iter().enumerate().find(|(index, person)| {
            let theirs = self.world.stripe.with(|s, _| person.customer_in(s));
            let entered = person.customer.as_deref();
            match customer {
                "" => address(*index) == email && (person.contact.is_some() || person.customer.is_some()),
                id => entered == Some(id) || theirs.as_deref() == Some(id) || self.was_made_for(person, id),
            }
        })?;
        let _ = index;
        let contact = self.world.hubspot.with(|h, _| person.contact_in(h));
        let certain = !person.messy && (!customer.is_empty() || !person.readdressed);
        Some((contact, certain))
    }

    fn was_made_for(&self, person: &Person, customer: &str) -> bool {
        let key = format!("metadata.{TWIN_KEY}");
        let twin = person.contact.as_ref().map(|id| id.as_str().to_owned());
        let made = self.stripe.iter().find(|c| c.what == What::Created && c.record == customer);
        twin.is_some() && made.is_some_and(|c| c.properties.get(&key) == Some(&twin))
    }

    /// P10
    async fn do_counts_add_up(&self) -> Verdict {
        let meta = self.journal.meta().await.map_err(|e| e.to_string())?.ok_or("P10: no meta")?;
        let Counts { taken, applied, superseded, noop, quarantined, pending, found } = meta.counts;
        let sum = applied + superseded + noop + quarantined + pending;
        demand(taken == sum, || format!("P10: {taken} taken, but {sum} accounted for: {:?}", meta.counts))?;
        let left = self.journal.inbox(0, 10).await.map_err(|e| e.to_string())?.len();
        demand(left == 0, || format!("P10: {left} arrivals are still in the inbox"))?;
        let (least, most) = {
            let deliveries = lock(&self.world.deliveries);
            demand(deliveries.rejected.is_empty(), || format!("P1: rejected {:?}", deliveries.rejected))?;
            (deliveries.acknowledged, deliveries.acknowledged + deliveries.interrupted)
        };
        demand((least + found..=most + found).contains(&taken), || {
            format!("P10: {taken} taken, but {least} to {most} were delivered, {found} found")
        })?;
        let told: BTreeSet<String> = self.world.hubspot.with(|h, _| {
            h.custom_events().iter().filter_map(|e| e.properties.get("payment_id").cloned()).collect()
        });
        let paid = self.stripe.iter().filter(|c| c.what == What::Happened);
        let untold = paid.filter(|c| {
            c.properties.get("payment_id").cloned().flatten().is_none_or(|id| !told.contains(&id))
        });
        let untold = untold.count() as u64;
        // Of a contact that was deleted meanwhile nobody can say whether it was told.
        let messy = self.people.iter().any(|p| p.messy);
        let paid = self.stripe.iter().filter(|c| c.what == What::Happened).count() as u64;
        // What was told of contacts that were merged, and merged again, may wait for a pair that lost its contact.
        if self.hubspot.iter().any(|c| c.what == What::Merged) {
            let held = self.held_by_pairs().await?;
            let waiting = (held..=held + untold).contains(&pending);
            return demand(waiting, || format!("P10: {pending} pending, but pairs hold {held}"));
        }
        let waiting = if messy { pending <= paid } else { pending == untold };
        demand(waiting, || format!("P10: {pending} pending, but {untold} payments wait"))
    }

    /// Events and payments that some pair has not done with.
    async fn held_by_pairs(&self) -> Result<u64, String> {
        let pairs = self.journal.pairs_after(None, 10_000).await.map_err(|e| e.to_string())?;
        let open = |pair: &Pair| {
            let activities = pair.activities.iter().filter(|pending| pending.refused.is_none()).count();
            u64::from(pair.unsettled.events) + activities as u64
        };
        Ok(pairs.iter().map(open).sum())
    }

    fn history(&self, contact: &RecordId, customer: &RecordId) -> History {
        let left = Source {
            side: Side::Left,
            record: contact.as_str(),
            changes: &self.hubspot,
            mapping: connector_hubspot::mapping(),
            skew_ms: self.setup.hubspot_skew_ms,
        };
        let right = Source {
            side: Side::Right,
            record: customer.as_str(),
            changes: &self.stripe,
            mapping: connector_stripe::mapping(),
            skew_ms: self.setup.stripe_skew_ms,
        };
        History::replay(&[left, right])
    }

    fn content(&self, side: Side, id: &RecordId) -> Fields {
        if side == HUBSPOT {
            self.world.hubspot.with(|h, _| contact_fields(h, id))
        } else {
            self.world.stripe.with(|s, _| customer_fields(s, id))
        }
    }

    async fn pair(&self, side: Side, record: &RecordId) -> Option<Pair> {
        let id = self.journal.find(&IndexKey::record(side, record)).await.ok()??;
        self.journal.pair(&id).await.ok()?
    }

    /// Whether something about this record is among the dead letters.
    async fn is_listed(&self, side: Side, record: &RecordId, field: Option<&str>) -> bool {
        let Some(pair) = self.pair(side, record).await else { return false };
        self.letters.iter().any(|d| match field {
            Some(field) => is_about(d, &pair, field),
            None => d.pair.as_ref() == Some(&pair.id),
        })
    }
}

fn is_about(letter: &DeadLetter, pair: &Pair, field: &str) -> bool {
    letter.pair.as_ref() == Some(&pair.id) && (letter.what == field || letter.what == "record")
}

pub(super) fn contact_fields(hubspot: &FakeHubSpot, id: &RecordId) -> Fields {
    let content = hubspot.contact(id).map(|c| c.properties().clone()).unwrap_or_default();
    fields(content, &connector_hubspot::mapping())
}

pub(super) fn customer_fields(stripe: &FakeStripe, id: &RecordId) -> Fields {
    let content = stripe.customer(id.as_str()).map(|c| c.properties.clone()).unwrap_or_default();
    fields(content, &connector_stripe::mapping())
}

fn fields(content: BTreeMap<String, String>, mapping: &Mapping) -> Fields {
    let mut native: Properties = mapping.properties().map(|p| (p.to_owned(), None)).collect();
    native.extend(content.into_iter().map(|(name, value)| (name, Value::new(value))));
    mapping.get(&native)
}

fn text(value: &Option<Value>) -> &str {
    value.as_ref().map_or("(empty)", Value::as_str)
}
