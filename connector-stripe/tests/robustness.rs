//! Does anything a stranger may send make the connector or the emulator panic, or take what is not signed?
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should panic")]

#[path = "../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../fuzz/checks/retry_after.rs"]
mod retry_after;
#[path = "../../fuzz/checks/stripe_form.rs"]
mod stripe_form;
#[path = "../../fuzz/checks/stripe_webhook.rs"]
mod stripe_webhook;
#[path = "../../fuzz/checks/transport.rs"]
mod transport;

use std::sync::Arc;

use connector_stripe::{Stripe, StripeConfig};
use proptest::prelude::*;
use transport::Limiting;

fn webhook(input: &[u8]) {
    stripe_webhook::check(input, Arc::new(Limiting::default()));
}

fn wait(input: &[u8]) {
    let config = StripeConfig::new("https://api.stripe.com", "sk_test_check".into(), vec!["whsec".into()]);
    let stripe = Stripe::new(config, Arc::new(Limiting(Some(input.to_vec())))).unwrap();
    retry_after::check(&stripe);
}

#[test]
fn does_what_was_found_before_stay_harmless() {
    corpus::files("stripe_webhook").iter().for_each(|input| webhook(input));
    corpus::files("retry_after").iter().for_each(|input| wait(input));
    corpus::files("stripe_form").iter().for_each(|input| stripe_form::check(input));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_any_webhook_refused_unsigned_and_understood_signed(input in corpus::like("stripe_webhook")) {
        webhook(&input);
    }

    #[test]
    fn is_any_wait_bounded(input in corpus::like("retry_after")) {
        wait(&input);
    }

    #[test]
    fn is_any_form_answered(input in corpus::like("stripe_form")) {
        stripe_form::check(&input);
    }
}
