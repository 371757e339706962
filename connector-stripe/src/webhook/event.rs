//! One event, as news.

use std::borrow::Cow;

use serde::Deserialize;
use sync_core::model::{Author, Class, News, OpId, RecordId, Sighting, Timestamp, Value};

use super::payment;
use crate::config::StripeConfig;
use crate::record::{previous, record};
use crate::wire::{Created, Customer, Event, EventData, Payment};

const CREATED: &str = "customer.created";
const UPDATED: &str = "customer.updated";
const DELETED: &str = "customer.deleted";
const PAID: &str = "payment_intent.succeeded";
const CHARGED: &str = "charge.succeeded";

/// The event types that are any news to us.
pub(crate) const EVENT_TYPES: [&str; 5] = [CREATED, UPDATED, DELETED, PAID, CHARGED];

/// What is wrong with an event that cannot be understood. Never quotes it.
pub(super) type Flaw = &'static str;

/// Decodes one event, given as JSON text.
pub(crate) fn event(config: &StripeConfig, raw: &str) -> News {
    understand(config, raw).unwrap_or_else(|flaw| malformed(flaw, raw))
}

/// Authentic but unintelligible.
pub(super) fn malformed(flaw: Flaw, raw: &str) -> News {
    let raw = Value::new(raw).or_else(|| Value::new("(empty)"));
    match raw {
        Some(raw) => News::Malformed { reason: flaw.to_owned(), raw },
        None => ignored("empty"),
    }
}

pub(super) fn ignored(reason: &'static str) -> News {
    News::Ignored { reason: Cow::Borrowed(reason) }
}

fn understand(config: &StripeConfig, raw: &str) -> Result<News, Flaw> {
    let mut event: Event<'_> = parse(raw, "not an event")?;
    if let Some(reason) = not_ours(config, &event) {
        return Ok(ignored(reason));
    }
    let kind = event.kind.take().ok_or("event without a type")?;
    if event.object.as_deref() == Some("v2.core.event") {
        return thin(config, &kind, event);
    }
    match kind.as_str() {
        CREATED | UPDATED | DELETED => customer(config, &kind, event),
        PAID | CHARGED => {
            let at = time(&event)?;
            let paid: Payment = parse(snapshot(&event)?.object.get(), "not a payment")?;
            let account = event.account.as_deref().or(config.account.as_deref());
            let livemode = event.livemode.or(config.livemode).unwrap_or(false);
            let origin = payment::Origin { account, livemode, at };
            if kind == PAID { payment::intent(origin, paid) } else { payment::charge(origin, paid) }
        }
        _ => Ok(ignored("unknown_type")),
    }
}

/// Events of connected accounts name their account; those of the key's own account do not.
fn not_ours(config: &StripeConfig, event: &Event<'_>) -> Option<&'static str> {
    let account = event.account.as_ref().or(event.context.as_ref());
    if account.is_some() && account != config.account.as_ref() {
        return Some("other_account");
    }
    let other_mode = config.livemode.zip(event.livemode).is_some_and(|(ours, theirs)| ours != theirs);
    other_mode.then_some("other_mode")
}

fn customer(config: &StripeConfig, kind: &str, event: Event<'_>) -> Result<News, Flaw> {
    let (at, author) = (time(&event)?, author(config, &event));
    let data = snapshot(&event)?;
    let customer: Customer = parse(data.object.get(), "not a customer")?;
    let id = RecordId::new(customer.id.clone().ok_or("customer without an id")?);
    if kind == DELETED || customer.deleted {
        return Ok(News::Gone { id, at, author });
    }
    let (previous, class) = match (kind, data.previous_attributes) {
        (CREATED, _) => (None, Class::New),
        // Nobody says what changed, so the record must be read.
        (_, None) => return Ok(changed(id, at, author, Class::Edit)),
        (_, Some(changed)) => {
            let previous = previous(parse(changed.get(), "previous attributes are not a customer's")?);
            if previous.is_empty() {
                return Ok(ignored("unmapped_change"));
            }
            (Some(previous), Class::Edit)
        }
    };
    let record = record(config, customer).ok_or("customer without an id")?;
    Ok(News::Seen(Box::new(Sighting { record, previous, at, author, class })))
}

/// An event without a snapshot tells only which record to look at (Stripe docs, thin events).
fn thin(config: &StripeConfig, kind: &str, event: Event<'_>) -> Result<News, Flaw> {
    let class = match kind.strip_prefix("v1.") {
        Some(CREATED) => Class::New,
        Some(UPDATED | DELETED) => Class::Edit,
        _ => return Ok(ignored("unknown_type")),
    };
    let (at, author) = (time(&event)?, author(config, &event));
    let id = RecordId::new(event.related_object.ok_or("thin event without an object")?.id);
    if kind.ends_with(DELETED) {
        return Ok(News::Gone { id, at, author });
    }
    Ok(changed(id, at, author, class))
}

fn changed(id: RecordId, at: Timestamp, author: Author, class: Class) -> News {
    News::Changed { id, at, author, class, property: None }
}

/// Stripe carries the idempotency key of the call that caused an event; ours begin with our prefix. People at the
/// dashboard have keys too (UUIDs), so having one proves nothing.
fn author(config: &StripeConfig, event: &Event<'_>) -> Author {
    let request = event.request.as_ref().or_else(|| event.reason.as_ref()?.request.as_ref());
    let key = request.and_then(|request| request.idempotency_key.as_deref()).unwrap_or_default();
    match key.strip_prefix(&config.key_prefix).and_then(|rest| rest.strip_prefix(':')) {
        Some("") => Author::Us(None),
        Some(op) => Author::Us(Some(OpId::new(op))),
        None => Author::Other,
    }
}

fn time(event: &Event<'_>) -> Result<Timestamp, Flaw> {
    match &event.created {
        Some(Created::Seconds(seconds)) => Ok(Timestamp::from_secs(*seconds)),
        Some(Created::Text(text)) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => Ok(Timestamp::from_millis(at.as_millisecond())),
            Err(_) => Err("event with an unreadable time"),
        },
        None => Err("event without a time"),
    }
}

fn snapshot<'e, 'a>(event: &'e Event<'a>) -> Result<&'e EventData<'a>, Flaw> {
    event.data.as_ref().ok_or("event without data")
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a str, flaw: Flaw) -> Result<T, Flaw> {
    serde_json::from_str(raw).map_err(|_| flaw)
}
