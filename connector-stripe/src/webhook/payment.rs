//! Purchases: each succeeded payment is told once, whatever events it causes.
//!
//! A payment intent causes a charge, and both report success. The intent is the purchase; a charge counts only when no
//! intent stands behind it (Stripe docs, payment intents; legacy direct charges).

use std::collections::BTreeMap;

use sync_core::model::{Activity, News, RecordId, Timestamp, Value};

use super::event::{Flaw, ignored};
use crate::money;
use crate::wire::{Payment, Reference};

/// What the event says of a payment, beyond the payment itself.
pub(super) struct Origin<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) livemode: bool,
    /// When it succeeded; the payment's own `created` is when it was begun.
    pub(super) at: Timestamp,
}

/// The news of a succeeded payment intent.
pub(super) fn intent(origin: Origin<'_>, paid: Payment) -> Result<News, Flaw> {
    let amount = paid.amount_received.or(paid.amount).ok_or("payment without an amount")?;
    purchase(&origin, paid, amount)
}

/// The news of a succeeded charge.
pub(super) fn charge(origin: Origin<'_>, charged: Payment) -> Result<News, Flaw> {
    if charged.payment_intent.is_some() {
        return Ok(ignored("charge_of_intent"));
    }
    if !(charged.paid && charged.captured) {
        return Ok(ignored("charge_not_captured"));
    }
    let amount = charged.amount_captured.or(charged.amount).ok_or("payment without an amount")?;
    purchase(&origin, charged, amount)
}

/// `currency` is told as Stripe writes it, in lower case.
fn purchase(origin: &Origin<'_>, paid: Payment, minor: i64) -> Result<News, Flaw> {
    let payment = paid.id.ok_or("payment without an id")?;
    let currency = paid.currency.ok_or("payment without a currency")?;
    let customer = paid.customer.map(Reference::into_id).map(RecordId::new);
    let email = paid.receipt_email.or(paid.billing_details.and_then(|details| details.email));
    let mode = if origin.livemode { "live" } else { "test" };
    let details = BTreeMap::from([
        ("amount".to_owned(), money::decimal(minor, &currency)),
        ("amount_minor".to_owned(), minor.to_string()),
        ("currency".to_owned(), currency),
        ("payment_id".to_owned(), payment.clone()),
    ]);
    Ok(News::Happened {
        match_value: if customer.is_none() { email.and_then(Value::new) } else { None },
        id: customer,
        activity: Activity {
            id: format!("stripe:{}:{mode}:{payment}", origin.account.unwrap_or("-")),
            at: origin.at,
            details,
        },
    })
}
