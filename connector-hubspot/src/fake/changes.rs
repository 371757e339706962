//! Every way in which a contact changes, whoever does it: checked, recorded with its history, told by webhook.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sync_core::model::Timestamp;
use sync_core::testing::fake::{Actor, Change, What};

use super::FakeHubSpot;
use super::contact::{Contact, Source};
use super::contacts::{Wanted, folded};
use super::random::between;
use super::refusal::Refusal;

/// Somebody does something now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    /// When, truly.
    pub(super) now: Timestamp,
    /// When, by the emulated system's own clock.
    pub(super) at: Timestamp,
    /// Who.
    pub(super) by: Source,
}

impl FakeHubSpot {
    pub(super) fn act(&self, now: Timestamp, by: Source) -> Act {
        Act { now, at: self.clock(now), by }
    }

    /// The time by the emulated system's own clock.
    pub(super) fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add(self.config.clock_skew_ms))
    }

    /// A new contact.
    pub(super) fn create(&mut self, act: Act, wanted: &Wanted) -> Result<i64, Refusal> {
        self.check_new(wanted, &mut BTreeSet::new())?;
        let id = self.contacts.mint_id();
        let mut contact = Contact::new(id, act.at);
        let set: Wanted = normal(wanted).into_iter().filter(|(_, value)| !value.is_empty()).collect();
        for (name, value) in &set {
            contact.set(name, value, act.at, act.by);
        }
        self.store(act, contact);
        self.record(act, What::Created, id, &set);
        self.tell(act, "contact.creation", json!({ "objectId": id, "changeFlag": "CREATED" }));
        if self.config.webhooks.fan_out {
            self.tell_properties(act, id, &set);
        }
        Ok(id)
    }

    /// Changes a contact. Writing what is there already is no change: no history, no webhook, no new date.
    pub(super) fn update(&mut self, act: Act, id: i64, wanted: &Wanted) -> Result<i64, Refusal> {
        self.check_update(id, wanted, &mut BTreeSet::new())?;
        let Some(mut contact) = self.live(id).cloned() else {
            return Err(Refusal::missing(vec![id.to_string()]));
        };
        let changed: Wanted = normal(wanted)
            .into_iter()
            .filter(|(name, value)| contact.property(name).unwrap_or_default() != value)
            .collect();
        let id = contact.id;
        if changed.is_empty() {
            return Ok(id);
        }
        for (name, value) in &changed {
            contact.set(name, value, act.at, act.by);
        }
        contact.updated_at = act.at;
        self.store(act, contact);
        self.record(act, What::Updated, id, &changed);
        self.tell_properties(act, id, &changed);
        Ok(id)
    }

    /// Archives a contact, or with `forget` removes it for good as privacy law demands. False when there is none.
    pub(super) fn delete(&mut self, act: Act, id: i64, forget: bool) -> bool {
        let Some(mut contact) = self.live(id).cloned() else { return false };
        let id = contact.id;
        let event = json!({ "objectId": id, "changeFlag": "DELETED" });
        if forget {
            self.contacts.remove(id, &self.definitions);
            self.tell(act, "contact.privacyDeletion", event.clone());
        } else {
            contact.archived_at = Some(act.at);
            self.store(act, contact);
        }
        self.record(act, What::Deleted, id, &Wanted::new());
        self.tell(act, "contact.deletion", event);
        true
    }

    /// Brings an archived contact back, unless somebody else has its address by now.
    pub(super) fn restore(&mut self, act: Act, id: i64) -> bool {
        let Some(mut contact) = self.contacts.get(id).filter(|c| c.is_archived()).cloned() else {
            return false;
        };
        if contact.property("email").is_some_and(|email| self.contacts.holder("email", email).is_some()) {
            return false;
        }
        contact.archived_at = None;
        contact.updated_at = act.at;
        let set = contact.properties.clone();
        self.store(act, contact);
        self.record(act, What::Created, id, &set);
        self.tell(act, "contact.restore", json!({ "objectId": id, "changeFlag": "RESTORED" }));
        true
    }

    /// Makes two contacts one: the primary's values win, the other's fill its gaps, and its addresses are kept.
    pub(super) fn merge(&mut self, act: Act, primary: i64, other: i64) -> Result<i64, Refusal> {
        let (primary, other) = (self.contacts.resolve(primary), self.contacts.resolve(other));
        let both = self.live(primary).cloned().zip(self.live(other).cloned()).filter(|_| primary != other);
        let Some((first, second)) = both else {
            return Err(Refusal::bad_request("Two different existing contacts are needed for a merge"));
        };
        let into = if self.config.preserve_primary { primary } else { self.contacts.mint_id() };
        let merged = merged_contact(act, into, &first, &second);
        for from in [primary, other].into_iter().filter(|from| *from != into) {
            self.contacts.remove(from, &self.definitions);
            self.contacts.redirect(from, into);
            let details = Wanted::from([("into".to_owned(), into.to_string())]);
            self.record(act, What::Merged, from, &details);
            if self.config.merge_deletes {
                self.tell(act, "contact.deletion", json!({ "objectId": from, "changeFlag": "DELETED" }));
            }
        }
        self.store(act, merged);
        let event = json!({
            "primaryObjectId": primary,
            "mergedObjectIds": [other],
            "newObjectId": into,
            "numberOfPropertiesMoved": second.properties.len(),
        });
        self.tell(act, "contact.merge", event);
        Ok(into)
    }

    /// The contact that an id leads to, unless it is archived.
    pub(super) fn live(&self, id: i64) -> Option<&Contact> {
        self.contacts.get(id).filter(|contact| !contact.is_archived())
    }

    /// Whether a contact with these properties may be created; see `Contacts::check`.
    pub(super) fn check_new(
        &self,
        wanted: &Wanted,
        taken: &mut BTreeSet<(String, String)>,
    ) -> Result<(), Refusal> {
        let named = |name: &&str| wanted.get(*name).is_some_and(|value| !value.is_empty());
        if !["email", "firstname", "lastname"].iter().any(named) {
            return Err(Refusal::bad_request("At least one of email, firstname and lastname is needed"));
        }
        self.contacts.check(None, &normal(wanted), &self.definitions, taken)
    }

    /// Whether a contact may be given these properties; see `Contacts::check`.
    pub(super) fn check_update(
        &self,
        id: i64,
        wanted: &Wanted,
        taken: &mut BTreeSet<(String, String)>,
    ) -> Result<(), Refusal> {
        let Some(contact) = self.live(id) else { return Err(Refusal::missing(vec![id.to_string()])) };
        self.contacts.check(Some(contact.id), &normal(wanted), &self.definitions, taken)
    }

    fn store(&mut self, act: Act, mut contact: Contact) {
        let keys = [act.now.as_millis(), contact.id].map(i64::cast_unsigned);
        let lag = between(self.config.search_lag, self.config.seed, &keys);
        contact.index(act.now, act.now.plus(lag));
        self.contacts.put(contact, &self.definitions);
    }

    fn record(&mut self, act: Act, what: What, id: i64, properties: &Wanted) {
        let content = |value: &String| Some(value.clone()).filter(|text| !text.is_empty());
        self.oracle.push(Change {
            at: act.now,
            actor: actor(act.by),
            what,
            record: id.to_string(),
            properties: properties.iter().map(|(name, value)| (name.clone(), content(value))).collect(),
        });
    }

    fn tell_properties(&mut self, act: Act, id: i64, changed: &Wanted) {
        for (name, value) in changed {
            if self.config.webhooks.properties.contains(name) {
                let event = json!({
                    "objectId": id,
                    "propertyName": name,
                    "propertyValue": value,
                    "isSensitive": false,
                });
                self.tell(act, "contact.propertyChange", event);
            }
        }
    }
}

/// The name by which the truth log knows somebody.
pub(super) fn actor(by: Source) -> Actor {
    match by {
        Source::Person => Actor::Person,
        Source::Import => Actor::Import,
        Source::App(id) => Actor::Api(id.to_string()),
    }
}

/// What becomes of `a`, the primary, and `b`.
fn merged_contact(act: Act, into: i64, a: &Contact, b: &Contact) -> Contact {
    let mut merged =
        if into == a.id { a.clone() } else { Contact::new(into, a.created_at.min(b.created_at)) };
    let mut values: BTreeMap<String, String> = b.properties.clone();
    values.extend(a.properties.clone());
    let ids = [listed(a, "hs_merged_object_ids"), listed(b, "hs_merged_object_ids")].concat();
    let own = [a.id, b.id].into_iter().filter(|id| *id != into).map(|id| id.to_string());
    values
        .insert("hs_merged_object_ids".to_owned(), ids.into_iter().chain(own).collect::<Vec<_>>().join(";"));
    let mut emails = [listed(a, "hs_additional_emails"), listed(b, "hs_additional_emails")].concat();
    let secondary = b.property("email").filter(|email| values.get("email").is_some_and(|main| main != email));
    emails.extend(secondary.map(str::to_owned));
    if !emails.is_empty() {
        values.insert("hs_additional_emails".to_owned(), emails.join(";"));
    }
    for (name, value) in &values {
        if merged.property(name) != Some(value) {
            merged.set(name, value, act.at, act.by);
        }
    }
    merged.updated_at = act.at;
    merged
}

/// Values as HubSpot stores them.
fn normal(wanted: &Wanted) -> Wanted {
    wanted.iter().map(|(name, value)| (name.clone(), folded(name, value))).collect()
}

fn listed(contact: &Contact, property: &str) -> Vec<String> {
    let list = contact.property(property).unwrap_or_default();
    list.split(';').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
