//! Customers as the engine sees them.

use sync_core::model::{PairId, Properties, Record, RecordId, Timestamp, Value};

use crate::config::StripeConfig;
use crate::mapping::{EMAIL, FIRST_NAME, LAST_NAME, METADATA, NAME, PAIR_KEY, PHONE};
use crate::wire::{Customer, Told};

/// The record a customer is; `None` when it has no id or was deleted.
pub(crate) fn record(config: &StripeConfig, customer: Customer) -> Option<Record> {
    if customer.deleted {
        return None;
    }
    let id = customer.id.clone()?;
    let metadata =
        |key: &str| customer.metadata.as_ref()?.get(key).cloned().flatten().filter(|v| !v.is_empty());
    let (mark, twin) = (metadata(PAIR_KEY), metadata(&config.twin_key));
    Some(Record {
        id: RecordId::new(id),
        aliases: Vec::new(),
        created_at: customer.created.map(Timestamp::from_secs),
        // A customer does not say; its events do.
        changed_at: None,
        properties: properties(customer),
        history: Default::default(),
        mark: mark.map(PairId::new),
        twin: twin.map(RecordId::new),
        also_known_as: Vec::new(),
    })
}

/// The old values of the properties we know, out of an event's `previous_attributes`.
pub(crate) fn previous(changed: Customer) -> Properties {
    let halves = changed.metadata.unwrap_or_default();
    let mut properties = texts(changed.email, changed.name, changed.phone);
    for half in [FIRST_NAME, LAST_NAME] {
        if let Some(value) = half.strip_prefix(METADATA).and_then(|key| halves.get(key)) {
            properties.insert(half.to_owned(), value.clone().and_then(Value::new));
        }
    }
    properties
}

/// A snapshot's metadata is whole: a key it lacks is empty, not unknown.
fn properties(customer: Customer) -> Properties {
    let mut properties = texts(customer.email, customer.name, customer.phone);
    if let Some(mut metadata) = customer.metadata {
        for half in [FIRST_NAME, LAST_NAME] {
            let value = half.strip_prefix(METADATA).and_then(|key| metadata.remove(key)).flatten();
            properties.insert(half.to_owned(), value.and_then(Value::new));
        }
    }
    properties
}

fn texts(email: Told<String>, name: Told<String>, phone: Told<String>) -> Properties {
    [(EMAIL, email), (NAME, name), (PHONE, phone)]
        .into_iter()
        .filter_map(|(property, told)| Some((property.to_owned(), told?.and_then(Value::new))))
        .collect()
}
