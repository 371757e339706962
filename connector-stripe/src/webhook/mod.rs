//! Webhooks: verified, then decoded. Pure.
//!
//! The same decoding serves the pages of `/v1/events`, so a lost webhook and its repair tell the same news.

mod event;
mod payment;
mod signature;

use sync_core::connector::{Delivery, Rejection};
use sync_core::model::{News, Timestamp};

use crate::config::StripeConfig;

pub(crate) use event::{EVENT_TYPES, event};

/// Verifies a delivery against all configured secrets, and decodes its one event.
///
/// # Errors
/// A [`Rejection`] when it is not authentic or too far from `now`.
pub(crate) fn decode(
    config: &StripeConfig,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Vec<News>, Rejection> {
    let header = delivery.headers().get("stripe-signature").and_then(|value| value.to_str().ok());
    let header = header.ok_or(Rejection::Unsigned)?;
    signature::verify(header, delivery.body(), &config.webhook_secrets, now)?;
    let news = match std::str::from_utf8(delivery.body()) {
        Ok(text) => event(config, text),
        Err(_) => event::malformed("not UTF-8", &String::from_utf8_lossy(delivery.body())),
    };
    Ok(vec![news])
}
