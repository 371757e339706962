//! Does any text make the configuration panic, or tell a secret?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "../../fuzz/checks/config.rs"]
mod config;
#[path = "../../fuzz/checks/corpus.rs"]
mod corpus;

use proptest::prelude::*;

#[test]
fn does_what_was_found_before_stay_harmless() {
    corpus::files("config").iter().for_each(|input| config::check(input));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn is_any_configuration_understood_or_refused(input in corpus::like("config")) {
        config::check(&input);
    }
}
