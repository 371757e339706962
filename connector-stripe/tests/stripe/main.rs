//! The Stripe connector and its emulator, bytes in and bytes out.

#[cfg(test)]
mod against_fake;
#[cfg(test)]
mod config;
#[cfg(test)]
mod events;
#[cfg(test)]
mod fake_idempotency;
#[cfg(test)]
mod fake_records;
#[cfg(test)]
mod fake_webhooks;
#[cfg(test)]
mod lenses;
#[cfg(test)]
mod money;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod support;
