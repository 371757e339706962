//! Does anything a stranger may send make the connector panic, or take what is not signed?
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should panic")]

#[path = "../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../fuzz/checks/hubspot_webhook.rs"]
mod hubspot_webhook;
#[path = "../../fuzz/checks/retry_after.rs"]
mod retry_after;
#[path = "../../fuzz/checks/transport.rs"]
mod transport;

use std::sync::Arc;

use connector_hubspot::{HubSpot, HubSpotConfig};
use proptest::prelude::*;
use transport::Limiting;

fn webhook(input: &[u8]) {
    hubspot_webhook::check(input, Arc::new(Limiting::default()));
}

fn wait(input: &[u8]) {
    let config = HubSpotConfig::new("https://api.hubapi.com", "token", 1, 2);
    let hubspot = HubSpot::new(config, Arc::new(Limiting(Some(input.to_vec())))).unwrap();
    retry_after::check(&hubspot);
}

#[test]
fn does_what_was_found_before_stay_harmless() {
    corpus::files("hubspot_webhook").iter().for_each(|input| webhook(input));
    corpus::files("retry_after").iter().for_each(|input| wait(input));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_any_webhook_refused_unsigned_and_understood_signed(input in corpus::like("hubspot_webhook")) {
        webhook(&input);
    }

    #[test]
    fn is_any_wait_bounded(input in corpus::like("retry_after")) {
        wait(&input);
    }
}
