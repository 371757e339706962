//! Exactly the parts of Stripe's JSON that are used. Everything may be missing; unknown parts are skipped.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// `None`: not mentioned. `Some(None)`: `null`. Absence says nothing, `null` says empty.
pub(crate) type Told<T> = Option<Option<T>>;

/// A customer, whole or as the `previous_attributes` of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Customer {
    pub(crate) id: Option<String>,
    pub(crate) deleted: bool,
    pub(crate) created: Option<i64>,
    #[serde(deserialize_with = "told")]
    pub(crate) email: Told<String>,
    #[serde(deserialize_with = "told")]
    pub(crate) name: Told<String>,
    #[serde(deserialize_with = "told")]
    pub(crate) phone: Told<String>,
    pub(crate) metadata: Option<BTreeMap<String, Option<String>>>,
}

/// A page of a list or of a search.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// A page of events, each left as text for the same decoding as a webhook gets.
#[derive(Debug, Deserialize)]
pub(crate) struct EventPage<'a> {
    #[serde(borrow)]
    pub(crate) data: Vec<&'a RawValue>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// Just enough of an object to go on after it.
#[derive(Debug, Deserialize)]
pub(crate) struct Identified {
    pub(crate) id: String,
}

/// An event of either kind: with a snapshot (`event`) or without (`v2.core.event`).
#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    pub(crate) object: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) created: Option<Created>,
    pub(crate) account: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) livemode: Option<bool>,
    #[serde(borrow)]
    pub(crate) data: Option<EventData<'a>>,
    pub(crate) request: Option<RequestInfo>,
    pub(crate) reason: Option<Reason>,
    pub(crate) related_object: Option<Identified>,
}

/// Seconds since the epoch, or in `v2` an RFC 3339 text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Created {
    Seconds(i64),
    Text(String),
}

/// The snapshot; parsed once the event's type is known.
#[derive(Debug, Deserialize)]
pub(crate) struct EventData<'a> {
    #[serde(borrow)]
    pub(crate) object: &'a RawValue,
    #[serde(borrow, default)]
    pub(crate) previous_attributes: Option<&'a RawValue>,
}

/// The API call that caused an event.
#[derive(Debug, Deserialize)]
pub(crate) struct RequestInfo {
    pub(crate) idempotency_key: Option<String>,
}

/// Why a `v2` event was made.
#[derive(Debug, Deserialize)]
pub(crate) struct Reason {
    pub(crate) request: Option<RequestInfo>,
}

/// A payment intent or a charge: what both have, and what either has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Payment {
    pub(crate) id: Option<String>,
    pub(crate) amount: Option<i64>,
    pub(crate) currency: Option<String>,
    pub(crate) customer: Option<Reference>,
    pub(crate) receipt_email: Option<String>,
    /// Payment intents only.
    pub(crate) amount_received: Option<i64>,
    /// Charges only, like the rest.
    pub(crate) amount_captured: Option<i64>,
    pub(crate) payment_intent: Option<Reference>,
    pub(crate) paid: bool,
    pub(crate) captured: bool,
    pub(crate) billing_details: Option<BillingDetails>,
}

/// An id, or the object itself where the caller asked for expansion.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Reference {
    Id(String),
    Object(Identified),
}

impl Reference {
    pub(crate) fn into_id(self) -> String {
        match self {
            Self::Id(id) | Self::Object(Identified { id }) => id,
        }
    }
}

/// Who paid, as typed at the checkout.
#[derive(Debug, Deserialize)]
pub(crate) struct BillingDetails {
    pub(crate) email: Option<String>,
}

/// The body of every error.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorDetail,
}

/// What went wrong. The message is left out on purpose: it may quote values.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorDetail {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) param: Option<String>,
}

/// Called only for keys that are present, so that `null` and absence can be told apart.
fn told<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<Told<T>, D::Error> {
    Option::deserialize(input).map(Some)
}
