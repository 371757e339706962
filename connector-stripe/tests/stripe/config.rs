//! Is a configuration that cannot work refused, by name?

use connector_stripe::{Stripe, StripeConfig};
use sync_core::quota::Window;

use crate::support::{config, ok, secret};

fn fault(change: impl FnOnce(&mut StripeConfig)) -> &'static str {
    let mut config = config();
    change(&mut config);
    config.check().unwrap_err().key
}

#[test]
fn each_unusable_field_is_named() {
    assert_eq!(fault(|c| c.base_url = "api.stripe.com".into()), "base_url");
    assert_eq!(fault(|c| c.base_url = "https://api.stripe.com/v1".into()), "base_url");
    assert_eq!(fault(|c| c.api_key = secret("")), "api_key");
    assert_eq!(fault(|c| c.api_key = secret("sk\n")), "api_key");
    assert_eq!(fault(|c| c.webhook_secrets.push(secret(""))), "webhook_secrets");
    assert_eq!(fault(|c| c.api_version = String::new()), "api_version");
    assert_eq!(fault(|c| c.account = Some(String::new())), "account");
    assert_eq!(fault(|c| c.limits.push(Window::per_seconds(0, 1))), "limits");
    assert_eq!(fault(|c| c.concurrency = 0), "concurrency");
    assert_eq!(fault(|c| c.key_prefix = String::new()), "key_prefix");
    assert_eq!(fault(|c| c.twin_key = "a[b]".into()), "twin_key");
}

#[test]
fn the_mode_is_taken_from_the_key() {
    let mode = |key| StripeConfig::new("https://api.stripe.test", secret(key), vec![]).livemode;
    assert_eq!(mode("sk_test_1"), Some(false));
    assert_eq!(mode("rk_live_1"), Some(true));
    assert_eq!(mode("anything"), None);
}

#[test]
fn a_connector_shows_no_secret() {
    let canned = crate::support::answered(config(), ok()).1;
    let stripe = Stripe::new(config(), canned).unwrap();
    let shown = format!("{stripe:?}");
    assert!(!shown.contains("sk_test_abc") && !shown.contains(crate::support::SECRET), "{shown}");
}
