#![no_main]

#[path = "../checks/hubspot_webhook.rs"]
mod hubspot_webhook;
#[path = "../checks/transport.rs"]
mod transport;

use std::sync::Arc;

libfuzzer_sys::fuzz_target!(|input: &[u8]| hubspot_webhook::check(
    input,
    Arc::new(transport::Limiting::default())
));
