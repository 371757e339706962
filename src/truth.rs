//! What is true on both sides, read from the emulators themselves.

use std::collections::BTreeMap;

use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{Entity, Fields, Properties, Timestamp, Value};
use sync_core::testing::fake::{Actor, Change, What};

use crate::World;

/// One record of either side, in canonical words.
#[derive(Debug, Clone)]
pub struct Card {
    /// Its id in its own system.
    pub id: String,
    /// Its content.
    pub fields: Fields,
    /// Its name as its system would print it. Found without the engine's own lenses: a judge does not borrow the
    /// defendant's glasses.
    pub full_name: String,
}

impl Card {
    /// A field as text; empty when it has no value.
    #[must_use]
    pub fn text(&self, field: &sync_core::model::Field) -> &str {
        self.fields.get(field).and_then(Option::as_ref).map_or("", Value::as_str)
    }

    /// The email, in lower case.
    #[must_use]
    pub fn email(&self) -> String {
        self.text(&EMAIL).to_lowercase()
    }
}

/// A snapshot of both sides.
#[derive(Debug)]
pub struct Truth {
    /// Contacts that are not archived.
    pub contacts: Vec<Card>,
    /// Customers that are not deleted.
    pub customers: Vec<Card>,
    /// Every accepted change at HubSpot, in order.
    pub hubspot: Vec<Change>,
    /// Every accepted change at Stripe, in order.
    pub stripe: Vec<Change>,
    /// The custom events on contacts: contact, payment, amount, currency.
    pub events: Vec<[String; 4]>,
}

impl Truth {
    /// Looks.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let (contacts, hubspot, events) = world.hubspot.with(|h, _| {
            let contacts = h.contacts().map(|c| {
                let native = c.properties().iter().map(|(k, v)| (k.clone(), v.clone()));
                let part = |name: &str| c.property(name).unwrap_or_default();
                let full_name = format!("{} {}", part("firstname"), part("lastname"));
                card(c.id().as_str(), native, full_name, &connector_hubspot::mapping())
            });
            let detail = |e: &connector_hubspot::fake::CustomEvent, key: &str| {
                e.properties.get(key).cloned().unwrap_or_default()
            };
            let events = h.custom_events().iter().map(|e| {
                let contact = e.contact.as_str().to_owned();
                [contact, detail(e, "payment_id"), detail(e, "amount"), detail(e, "currency")]
            });
            (contacts.collect(), h.oracle().changes().to_vec(), events.collect())
        });
        let (customers, stripe) = world.stripe.with(|s, _| {
            let customers = s.customers().map(|c| {
                let native = c.properties.iter().map(|(k, v)| (k.clone(), v.clone()));
                let full_name = c.get("name").unwrap_or_default().to_owned();
                card(&c.id, native, full_name, &connector_stripe::mapping())
            });
            (customers.collect(), s.oracle().changes().to_vec())
        });
        Self { contacts, customers, hubspot, stripe, events }
    }

    /// The contact with this email.
    #[must_use]
    pub fn contact(&self, email: &str) -> Option<&Card> {
        self.contacts.iter().find(|c| c.email() == email)
    }

    /// The customer with this email.
    #[must_use]
    pub fn customer(&self, email: &str) -> Option<&Card> {
        self.customers.iter().find(|c| c.email() == email)
    }

    /// Whether both sides have one record each for this email, with the same content.
    #[must_use]
    pub fn is_in_step(&self, email: &str) -> bool {
        let one = |cards: &[Card]| cards.iter().filter(|c| c.email() == email).count() == 1;
        match (self.contact(email), self.customer(email)) {
            (Some(contact), Some(customer)) => {
                one(&self.contacts) && one(&self.customers) && differences(contact, customer).is_empty()
            }
            _ => false,
        }
    }

    /// Everything that is not as it should be: records without a twin, with two, or with another content. `except` are
    /// emails that are known to have no twin.
    #[must_use]
    pub fn discrepancies(&self, except: &[&str]) -> Vec<String> {
        let mut people: BTreeMap<String, [Vec<&Card>; 2]> = BTreeMap::new();
        for contact in &self.contacts {
            people.entry(contact.email()).or_default()[0].push(contact);
        }
        for customer in &self.customers {
            people.entry(customer.email()).or_default()[1].push(customer);
        }
        let mut found = Vec::new();
        for (email, [contacts, customers]) in people {
            match (contacts.as_slice(), customers.as_slice()) {
                ([contact], [customer]) => found.extend(
                    differences(contact, customer).iter().map(|field| format!("{email}: {field} differs")),
                ),
                _ if except.contains(&email.as_str()) => {}
                (contacts, customers) => found.push(format!(
                    "{email}: {} contacts and {} customers, not one of each",
                    contacts.len(),
                    customers.len()
                )),
            }
        }
        found
    }

    /// Payments at Stripe without exactly one custom event, and custom events without a payment.
    #[must_use]
    pub fn purchase_discrepancies(&self) -> Vec<String> {
        let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for paid in self.stripe.iter().filter(|c| c.what == What::Happened) {
            if let Some(Some(id)) = paid.properties.get("payment_id") {
                counts.entry(id).or_default()[0] += 1;
            }
        }
        for [_, payment, ..] in &self.events {
            counts.entry(payment).or_default()[1] += 1;
        }
        let bad = counts.into_iter().filter(|(_, [paid, told])| (*paid, *told) != (1, 1));
        bad.map(|(id, [paid, told])| format!("{id}: paid {paid} times, told {told} times")).collect()
    }

    /// When the last change of a record by the engine was accepted.
    #[must_use]
    pub fn last_write(changes: &[Change], record: &str) -> Option<Timestamp> {
        changes.iter().rev().find(|c| c.record == record && matches!(c.actor, Actor::Api(_))).map(|c| c.at)
    }
}

fn card(
    id: &str,
    native: impl Iterator<Item = (String, String)>,
    full_name: String,
    mapping: &sync_core::mapping::Mapping,
) -> Card {
    let mut properties: Properties = mapping.properties().map(|p| (p.to_owned(), None)).collect();
    properties.extend(native.map(|(name, value)| (name, Value::new(value))));
    let full_name = full_name.split_whitespace().collect::<Vec<_>>().join(" ");
    Card { id: id.to_owned(), fields: mapping.get(&properties), full_name }
}

fn differences(a: &Card, b: &Card) -> Vec<&'static str> {
    let person = Entity::person();
    let fields = [(EMAIL, "email"), (FIRST_NAME, "first name"), (LAST_NAME, "last name"), (PHONE, "phone")];
    let value = |card: &Card, field| card.fields.get(field).cloned().flatten();
    let differs = |field| !person.same(field, value(a, field).as_ref(), value(b, field).as_ref());
    let mut found: Vec<_> =
        fields.iter().filter(|(field, _)| differs(field)).map(|(_, name)| *name).collect();
    if a.full_name != b.full_name {
        found.push("name");
    }
    found
}
