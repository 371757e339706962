//! What the connector has to be told.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sync_core::quota::Window;
use thiserror::Error;

/// The API version whose shapes this crate was written against, sent with every call.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Longest metadata key Stripe takes (Stripe docs, metadata).
const MAX_METADATA_KEY: usize = 40;

/// How to reach one Stripe account. Start with [`StripeConfig::new`], then change fields as needed.
#[derive(Debug, Clone)]
pub struct StripeConfig {
    /// Where the API is, without a path: `https://api.stripe.com`.
    pub base_url: String,
    /// Secret or restricted key, sent as a bearer token.
    pub api_key: SecretString,
    /// Whole `whsec_...` texts. Several are accepted at once, so that a secret can be rolled.
    pub webhook_secrets: Vec<SecretString>,
    /// `Stripe-Version` of every call.
    pub api_version: String,
    /// The connected account (`acct_...`) to act for, if it is not the key's own.
    pub account: Option<String>,
    /// Whether live (or test) events count; `None` lets both count. [`StripeConfig::new`] asks the key.
    pub livemode: Option<bool>,
    /// Calls Stripe accepts; all windows hold at once.
    pub limits: Vec<Window>,
    /// Most calls under way at once.
    pub concurrency: usize,
    /// Begins every `Idempotency-Key` of ours, by which our own writes are recognised in events.
    pub key_prefix: String,
    /// The metadata key that holds the record's id on the other side.
    pub twin_key: String,
}

impl StripeConfig {
    /// The defaults: the brief's 100 calls a second, and the mode (live or test) that the key belongs to.
    #[must_use]
    pub fn new(
        base_url: impl Into<String>,
        api_key: SecretString,
        webhook_secrets: Vec<SecretString>,
    ) -> Self {
        let livemode = mode_of(api_key.expose_secret());
        Self {
            base_url: base_url.into(),
            api_key,
            webhook_secrets,
            api_version: API_VERSION.to_owned(),
            account: None,
            livemode,
            limits: vec![Window::per_seconds(100, 1)],
            concurrency: 32,
            key_prefix: "wane1".to_owned(),
            twin_key: "twin_id".to_owned(),
        }
    }

    /// Says what is wrong, if anything is.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the first unusable field.
    pub fn check(&self) -> Result<(), ConfigError> {
        let secrets_usable = self.webhook_secrets.iter().all(|s| !s.expose_secret().is_empty());
        let limits_usable = self.limits.iter().all(|w| w.calls > 0 && !w.per.is_zero());
        let account_usable = self.account.as_deref().is_none_or(is_header_text);
        let rules = [
            (is_origin(&self.base_url), "base_url", "must be http(s)://host[:port] without path or query"),
            (is_header_text(self.api_key.expose_secret()), "api_key", "must be printable and not empty"),
            (secrets_usable, "webhook_secrets", "a secret must not be empty"),
            (is_header_text(&self.api_version), "api_version", "must be printable and not empty"),
            (account_usable, "account", "must be printable and not empty"),
            (limits_usable, "limits", "a window must allow a call and last a while"),
            (self.concurrency > 0, "concurrency", "must be at least 1"),
            (is_header_text(&self.key_prefix), "key_prefix", "must be printable and not empty"),
            (is_metadata_key(&self.twin_key), "twin_key", "must be 1 to 40 characters without [ or ]"),
        ];
        match rules.into_iter().find(|(usable, ..)| !usable) {
            Some((_, key, reason)) => Err(ConfigError { key, reason }),
            None => Ok(()),
        }
    }
}

/// A configuration that cannot work.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
#[error("{key}: {reason}")]
pub struct ConfigError {
    /// The field of [`StripeConfig`] at fault.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Keys name their mode: `sk_live_...`, `rk_test_...` (Stripe docs, API keys).
fn mode_of(api_key: &str) -> Option<bool> {
    let (_, rest) = api_key.split_once('_')?;
    match rest.split_once('_')?.0 {
        "live" => Some(true),
        "test" => Some(false),
        _ => None,
    }
}

fn is_origin(base_url: &str) -> bool {
    let Ok(uri) = base_url.parse::<http::Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some()
        && uri.path() == "/"
        && uri.query().is_none()
}

fn is_header_text(text: &str) -> bool {
    !text.trim().is_empty() && HeaderValue::from_str(text).is_ok()
}

fn is_metadata_key(key: &str) -> bool {
    (1..=MAX_METADATA_KEY).contains(&key.chars().count()) && !key.contains(['[', ']'])
}
