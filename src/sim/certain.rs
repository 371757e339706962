//! What can be said for sure of people the judge is lenient with.

use sync_core::model::RecordId;
use sync_core::testing::fake::{Actor, Change, What};

use super::judge::Verdict;
use super::people::{People, Person};
use super::world::{TWIN_KEY, TWIN_PROPERTY, World};

/// `known` are those who were in both systems before the engine was there.
pub(super) fn are_certainties_kept(world: &World, people: &People, known: &[usize]) -> Verdict {
    is_nobody_made_again(world, &people.all, known)?;
    if people.is_anybody_gone() { Ok(()) } else { are_purchases_of_merged_told(world, &people.all) }
}

/// Nobody in a simulation touches the link, so it is there, whoever made the contact.
pub(super) fn names_its_twin(world: &World, contact: &RecordId, customer: &RecordId) -> Verdict {
    let content = world.hubspot.with(|h, _| h.contact(contact).map(|c| c.properties().clone()));
    let named = content.and_then(|c| c.get(TWIN_PROPERTY).cloned());
    if named.as_deref() == Some(customer.as_str()) {
        return Ok(());
    }
    Err(format!("L1: contact {contact} names {named:?}, but its twin is {customer}"))
}

/// P3: for somebody who was in both systems before the engine was there, it makes no further record.
fn is_nobody_made_again(world: &World, people: &[Person], known: &[usize]) -> Verdict {
    let hubspot = world.hubspot.with(|h, _| h.oracle().changes().to_vec());
    let stripe = world.stripe.with(|s, _| s.oracle().changes().to_vec());
    let key = format!("metadata.{TWIN_KEY}");
    for index in known.iter().filter(|index| !people[**index].messy) {
        let person = &people[*index];
        let contact = person.contact.as_ref().map(|id| id.as_str());
        let made = made(&hubspot, TWIN_PROPERTY, person.customer.as_deref()) || made(&stripe, &key, contact);
        if made {
            return Err(format!("P3: person {index} was in both systems already, and yet a record was made"));
        }
    }
    Ok(())
}

/// Whether the engine made a record that names this one as its twin.
fn made(changes: &[Change], key: &str, twin: Option<&str>) -> bool {
    changes.iter().any(|c| {
        let ours = c.what == What::Created && matches!(c.actor, Actor::Api(_));
        ours && c.properties.get(key).is_some_and(|named| named.as_deref() == twin)
    })
}

/// P8: where nobody was deleted, what the customers of merged contacts pay for is told.
fn are_purchases_of_merged_told(world: &World, people: &[Person]) -> Verdict {
    let changes = world.stripe.with(|s, _| s.oracle().changes().to_vec());
    let told = world.hubspot.with(|h, _| h.custom_events().to_vec());
    let payer = |payment: &Change| people.iter().find(|p| p.messy && is_theirs(p, &payment.record, &changes));
    for payment in changes.iter().filter(|c| c.what == What::Happened && payer(c).is_some()) {
        let id = payment.properties.get("payment_id").cloned().flatten();
        if !told.iter().any(|event| event.properties.get("payment_id") == id.as_ref()) {
            return Err(format!("P8: {} of a merged contact was not told", id.unwrap_or_default()));
        }
    }
    Ok(())
}

/// Whether a customer was entered as this person, or made for their contact.
fn is_theirs(person: &Person, customer: &str, changes: &[Change]) -> bool {
    let key = format!("metadata.{TWIN_KEY}");
    let contact = person.contact.as_ref().map(|id| id.as_str());
    let made = |c: &Change| {
        let names = c.properties.get(&key).map(Option::as_deref);
        c.what == What::Created && c.record == customer && contact.is_some() && names == Some(contact)
    };
    person.customer.as_deref() == Some(customer) || changes.iter().any(made)
}
