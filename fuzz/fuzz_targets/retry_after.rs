#![no_main]

#[path = "../checks/retry_after.rs"]
mod retry_after;
#[path = "../checks/transport.rs"]
mod transport;

use std::sync::Arc;

use connector_hubspot::{HubSpot, HubSpotConfig};
use connector_stripe::{Stripe, StripeConfig};
use transport::Limiting;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let limiting = || Arc::new(Limiting(Some(input.to_vec())));
    let hubspot = HubSpotConfig::new("https://api.hubapi.com", "token", 1, 2);
    let hubspot = HubSpot::new(hubspot, limiting()).expect("a usable configuration");
    retry_after::check(&hubspot);
    let stripe = StripeConfig::new("https://api.stripe.com", "sk_test_check".into(), vec!["whsec".into()]);
    let stripe = Stripe::new(stripe, limiting()).expect("a usable configuration");
    retry_after::check(&stripe);
});
