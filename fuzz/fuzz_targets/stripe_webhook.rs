#![no_main]

#[path = "../checks/stripe_webhook.rs"]
mod stripe_webhook;
#[path = "../checks/transport.rs"]
mod transport;

use std::sync::Arc;

libfuzzer_sys::fuzz_target!(|input: &[u8]| stripe_webhook::check(
    input,
    Arc::new(transport::Limiting::default())
));
