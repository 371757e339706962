//! How an emulated Stripe behaves. All of it may be changed while it runs.

use std::time::Duration;

use sync_core::quota::Window;

use crate::config::API_VERSION;

/// The switches of a [`FakeStripe`](super::FakeStripe). The defaults are faithful to the vendor, but quick.
#[derive(Debug, Clone)]
pub struct FakeConfig {
    /// The only key that is let in.
    pub api_key: String,
    /// Who the oracle says made the changes that came through the API.
    pub api_key_name: String,
    /// Version of callers that ask for none, and of all events.
    pub api_version: String,
    /// The connected account that events name, if any.
    pub account: Option<String>,
    /// Live or test mode.
    pub livemode: bool,
    /// Calls accepted from all callers together.
    pub limits: Vec<Window>,
    /// Calls accepted for each endpoint (method and path, ids left out). Empty: no such limit.
    pub endpoint_limits: Vec<Window>,
    /// How long every answer takes.
    pub response_time: Duration,
    /// How long search takes to notice a change. Lists and reads notice at once.
    pub search_lag: Duration,
    /// Milliseconds by which the system's own clock runs ahead.
    pub clock_skew: i64,
    /// Whether an email without `@`, or with spaces, is refused.
    pub check_email: bool,
    /// Webhooks.
    pub webhooks: WebhookConfig,
    /// Decides all ids and all chance.
    pub seed: u64,
}

/// How an emulated Stripe delivers webhooks.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Where to; `None`: nowhere, and events are not kept for delivery.
    pub url: Option<String>,
    /// Signs each attempt, at the time it is sent. During a rollover there are several.
    pub secrets: Vec<String>,
    /// Shortest and longest time from an event to its first attempt.
    pub latency: (Duration, Duration),
    /// Whether a later event may arrive before an earlier one.
    pub reorder: bool,
    /// Of 100 events, how many are told twice: by turns as the same event, and as a second event of the same change.
    pub duplicate_percent: u8,
    /// Of 100 events, how many are never delivered.
    pub drop_percent: u8,
    /// Wait after the first failed attempt; each further one doubles it.
    pub retry_base: Duration,
    /// Attempts until it is given up. Stripe goes on for three days.
    pub attempts: u32,
}

impl Default for FakeConfig {
    fn default() -> Self {
        Self {
            api_key: "sk_test_wane".to_owned(),
            api_key_name: "wane".to_owned(),
            api_version: API_VERSION.to_owned(),
            account: None,
            livemode: false,
            limits: vec![Window::per_seconds(100, 1)],
            endpoint_limits: Vec::new(),
            response_time: Duration::ZERO,
            search_lag: Duration::from_secs(1),
            clock_skew: 0,
            check_email: true,
            webhooks: WebhookConfig::default(),
            seed: 0,
        }
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            url: None,
            secrets: vec!["whsec_test_wane".to_owned()],
            latency: (Duration::from_millis(50), Duration::from_millis(500)),
            reorder: true,
            duplicate_percent: 0,
            drop_percent: 0,
            retry_base: Duration::from_secs(1),
            attempts: 16,
        }
    }
}
