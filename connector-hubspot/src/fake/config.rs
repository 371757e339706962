//! How an emulated HubSpot behaves.

use std::time::Duration;

use sync_core::quota::Window;

/// Settings and switches of [`FakeHubSpot`](super::FakeHubSpot). The defaults behave as the real one does, as far as that
/// is known; they may be changed while it runs.
#[derive(Debug, Clone)]
pub struct FakeConfig {
    /// Everything left to chance depends on this and on nothing else.
    pub seed: u64,
    /// The only token that is let in. A throw-away value.
    pub access_token: String,
    /// Signs webhooks. A throw-away value.
    pub client_secret: String,
    /// The account.
    pub portal_id: i64,
    /// The app that the token belongs to and that webhooks are sent to.
    pub app_id: i64,
    /// Calls let in; all windows hold at once.
    pub limits: Vec<Window>,
    /// Searches let in, beside `limits`.
    pub search_limit: Window,
    /// Calls let in on one day (UTC), if that is limited.
    pub daily_limit: Option<usize>,
    /// Whether sending custom events is exempt from `limits`, as the real one's documentation says.
    pub events_exempt: bool,
    /// How long every call takes.
    pub response_time: Duration,
    /// How far its clock is ahead of the true time, in milliseconds; negative when behind.
    pub clock_skew_ms: i64,
    /// How long search stays behind: somewhere from the first to the second.
    pub search_lag: (Duration, Duration),
    /// Whether one bad row fails its whole batch without a word about which row, trace ids or not.
    pub legacy_batches: bool,
    /// Whether a phone with letters in it is refused.
    pub strict_phone: bool,
    /// Whether a merge keeps the primary's id; otherwise it mints a new one.
    pub preserve_primary: bool,
    /// Whether a merge also tells of the deletion of the absorbed contacts.
    pub merge_deletes: bool,
    /// Whether a repeated event UUID is refused; otherwise it is silently dropped.
    pub reject_repeated_events: bool,
    /// Whether the token may look at and create contact properties.
    pub schema_scopes: bool,
    /// Webhooks.
    pub webhooks: WebhookConfig,
}

/// How an emulated HubSpot sends webhooks.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Where to; `None`: no subscription, nothing is sent.
    pub url: Option<String>,
    /// The properties whose changes are subscribed to.
    pub properties: Vec<String>,
    /// Whether a creation is followed by a change event for each subscribed property that was set.
    pub fan_out: bool,
    /// Whether every event is posted alone; otherwise those due together share a post, up to 100.
    pub single: bool,
    /// How long after the change an event is sent: somewhere from the first to the second.
    pub latency: (Duration, Duration),
    /// Events are sent at multiples of this, which is what brings several into one post.
    pub group_every: Duration,
    /// Whether events may overtake one another.
    pub reorder: bool,
    /// How many events in a hundred are sent twice.
    pub duplicate_percent: u64,
    /// How many events in a hundred are lost.
    pub drop_percent: u64,
    /// Wait before the first repetition of a failed post; it doubles each time.
    pub retry_base: Duration,
    /// How often a post is tried in all.
    pub max_attempts: u32,
    /// Most posts under way at once.
    pub concurrency: usize,
}

impl Default for FakeConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            access_token: "pat-na1-fake".to_owned(),
            client_secret: "fake-client-secret".to_owned(),
            portal_id: 48_807_704,
            app_id: 16_111_050,
            limits: vec![Window::per_seconds(15, 1)],
            search_limit: Window::per_seconds(5, 1),
            daily_limit: None,
            events_exempt: false,
            response_time: Duration::ZERO,
            clock_skew_ms: 0,
            search_lag: (Duration::ZERO, Duration::from_secs(5)),
            legacy_batches: false,
            strict_phone: false,
            preserve_primary: false,
            merge_deletes: false,
            reject_repeated_events: false,
            schema_scopes: true,
            webhooks: WebhookConfig::default(),
        }
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            url: None,
            properties: crate::PROPERTIES.map(str::to_owned).to_vec(),
            fan_out: true,
            single: false,
            latency: (Duration::from_millis(500), Duration::from_secs(2)),
            group_every: Duration::from_millis(100),
            reorder: false,
            duplicate_percent: 0,
            drop_percent: 0,
            retry_base: Duration::from_secs(10),
            max_attempts: 11,
            concurrency: 10,
        }
    }
}
