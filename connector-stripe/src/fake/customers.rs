//! The customers, as they are now and as search still sees them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Map, Value, json};
use sync_core::model::Timestamp;

use super::answer::Problem;
use super::params::Edits;

/// Most metadata keys of one object (Stripe docs, metadata).
const METADATA_KEYS: usize = 50;

/// A customer of an emulated Stripe.
#[derive(Debug, Clone)]
pub struct FakeCustomer {
    /// `cus_...`
    pub id: String,
    /// When it was created, by the system's own clock, in whole seconds.
    pub created: Timestamp,
    /// Deleted customers keep their id, and nothing else.
    pub deleted: bool,
    /// Content by native property name: `email`, `name`, `phone`, `metadata.k`. Empty ones are not there.
    pub properties: BTreeMap<String, String>,
    /// Former and present content with the time it took effect, as far as search may still need it; oldest first.
    versions: Vec<(Timestamp, BTreeMap<String, String>)>,
}

/// Old values of the properties that an edit changed; empty when it changed nothing.
pub(super) type Previous = BTreeMap<String, Option<String>>;

impl FakeCustomer {
    /// A property's value.
    #[must_use]
    pub fn get(&self, property: &str) -> Option<&str> {
        self.properties.get(property).map(String::as_str)
    }

    /// The content that search knows at `now`, with an index that is `lag` behind.
    pub(super) fn indexed(&self, now: Timestamp, lag: Duration) -> Option<&BTreeMap<String, String>> {
        self.versions.iter().rev().find(|(at, _)| at.plus(lag) <= now).map(|(_, properties)| properties)
    }

    /// As JSON, with the fields every customer has.
    pub(super) fn json(&self, livemode: bool) -> Value {
        if self.deleted {
            return json!({ "id": self.id, "object": "customer", "deleted": true });
        }
        let metadata: Map<String, Value> = self
            .properties
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("metadata.")?.to_owned(), json!(value))))
            .collect();
        let invoice_prefix: String = self.id.chars().rev().take(8).collect();
        json!({
            "id": self.id, "object": "customer", "address": null, "balance": 0, "created": self.created.as_secs(),
            "currency": null, "default_source": null, "delinquent": false, "description": self.get("description"),
            "discount": null, "email": self.get("email"), "invoice_prefix": invoice_prefix,
            "invoice_settings": {
                "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null
            },
            "livemode": livemode, "metadata": metadata, "name": self.get("name"), "next_invoice_sequence": 1,
            "phone": self.get("phone"), "preferred_locales": [], "shipping": null, "tax_exempt": "none",
            "test_clock": null
        })
    }

    fn apply(&mut self, now: Timestamp, lag: Duration, edits: Edits) -> Result<Previous, Problem> {
        let mut wanted = self.properties.clone();
        if edits.clear_metadata {
            wanted.retain(|name, _| !name.starts_with("metadata."));
        }
        for (name, value) in edits.properties {
            match value {
                Some(value) => wanted.insert(name, value),
                None => wanted.remove(&name),
            };
        }
        if wanted.keys().filter(|name| name.starts_with("metadata.")).count() > METADATA_KEYS {
            let message = format!("You can specify up to {METADATA_KEYS} metadata keys.");
            return Err(Problem::invalid(400, message).param("metadata"));
        }
        let previous = difference(&self.properties, &wanted);
        if !previous.is_empty() {
            self.properties.clone_from(&wanted);
            self.remember(now, lag, wanted);
        }
        Ok(previous)
    }

    /// Keeps the newest version that search has reached, and all after it.
    fn remember(&mut self, now: Timestamp, lag: Duration, content: BTreeMap<String, String>) {
        let reached = self.versions.iter().rposition(|(at, _)| at.plus(lag) <= now).unwrap_or(0);
        self.versions.drain(..reached);
        self.versions.push((now, content));
    }
}

/// All customers that ever were, in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Customers {
    all: Vec<FakeCustomer>,
    places: HashMap<String, usize>,
}

impl Customers {
    pub(super) fn all(&self) -> &[FakeCustomer] {
        &self.all
    }

    /// By id, deleted ones included.
    pub(super) fn get(&self, id: &str) -> Option<&FakeCustomer> {
        self.places.get(id).and_then(|place| self.all.get(*place))
    }

    /// Adds a customer.
    ///
    /// # Errors
    /// When it would have too many metadata keys.
    pub(super) fn create(
        &mut self,
        (now, created): (Timestamp, Timestamp),
        id: String,
        edits: Edits,
    ) -> Result<&FakeCustomer, Problem> {
        let created = Timestamp::from_secs(created.as_secs());
        let mut customer = FakeCustomer {
            id: id.clone(),
            created,
            deleted: false,
            properties: BTreeMap::new(),
            versions: vec![],
        };
        customer.apply(now, Duration::ZERO, edits)?;
        if customer.versions.is_empty() {
            customer.versions.push((now, BTreeMap::new()));
        }
        let place = self.all.len();
        self.places.insert(id, place);
        self.all.push(customer);
        Ok(&self.all[place])
    }

    /// Changes a customer.
    ///
    /// # Errors
    /// When there is no such customer (any more), or it would have too many metadata keys.
    pub(super) fn update(
        &mut self,
        now: Timestamp,
        lag: Duration,
        id: &str,
        edits: Edits,
    ) -> Result<Previous, Problem> {
        self.existing(id)?.apply(now, lag, edits)
    }

    /// Deletes a customer and gives what it was.
    ///
    /// # Errors
    /// When there is no such customer (any more).
    pub(super) fn delete(&mut self, id: &str) -> Result<FakeCustomer, Problem> {
        let customer = self.existing(id)?;
        let former = customer.clone();
        customer.deleted = true;
        customer.properties.clear();
        customer.versions.clear();
        Ok(former)
    }

    fn existing(&mut self, id: &str) -> Result<&mut FakeCustomer, Problem> {
        let place = self.places.get(id).copied();
        place
            .and_then(|place| self.all.get_mut(place))
            .filter(|customer| !customer.deleted)
            .ok_or_else(|| Problem::no_such("customer", id, "id"))
    }
}

fn difference(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Previous {
    let names = old.keys().chain(new.keys());
    names
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| (name.clone(), old.get(name).cloned()))
        .collect()
}
