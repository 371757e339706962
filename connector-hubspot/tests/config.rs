//! Is a setting that cannot work named before anything is sent, and no secret shown?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;

use common::{Canned, config};
use connector_hubspot::{ConfigError, HubSpot, HubSpotConfig};

fn fault(config: HubSpotConfig) -> Option<ConfigError> {
    HubSpot::new(config, Arc::new(Canned::default())).err()
}

#[test]
fn which_addresses_are_taken() {
    for good in ["https://api.hubapi.com", "http://127.0.0.1:8080", "https://h/prefix"] {
        assert_eq!(fault(HubSpotConfig { base_url: good.to_owned(), ..config() }), None, "{good}");
        assert_eq!(fault(HubSpotConfig { public_url: good.to_owned(), ..config() }), None, "{good}");
    }
    for bad in ["api.hubapi.com", "ftp://h", "https://h?a=b", "/path", "https://", "h ttp://x"] {
        assert_eq!(
            fault(HubSpotConfig { base_url: bad.to_owned(), ..config() }),
            Some(ConfigError::BaseUrl),
            "{bad}"
        );
        let public = HubSpotConfig { public_url: bad.to_owned(), ..config() };
        assert_eq!(fault(public), Some(ConfigError::PublicUrl), "{bad}");
    }
    assert_eq!(fault(HubSpotConfig { base_url: String::new(), ..config() }), Some(ConfigError::BaseUrl));
    assert_eq!(fault(HubSpotConfig { public_url: String::new(), ..config() }), None);
}

#[test]
fn which_other_settings_cannot_work() {
    for token in ["", "pat\n1"] {
        let token = HubSpotConfig { access_token: token.to_owned().into(), ..config() };
        assert_eq!(fault(token), Some(ConfigError::AccessToken));
    }
    for name in ["", "Stripe", "a-b", "a&b"] {
        let twin = HubSpotConfig { twin_property: Some(name.to_owned()), ..config() };
        assert_eq!(fault(twin), Some(ConfigError::TwinProperty), "{name}");
    }
    assert_eq!(fault(HubSpotConfig { concurrency: 0, ..config() }), Some(ConfigError::Concurrency));
}

#[test]
fn is_no_secret_printed() {
    let config = HubSpotConfig {
        client_secrets: vec!["hush-hush".to_owned().into()],
        ..HubSpotConfig::new("https://h", "open-sesame".to_owned(), 1, 2)
    };
    let printed = format!("{config:?}");
    assert!(!printed.contains("hush-hush") && !printed.contains("open-sesame"), "{printed}");
}
