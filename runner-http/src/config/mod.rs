//! The configuration file. `docs/configuration.md` describes every key.
//!
//! Whatever is wrong with it becomes a [`ConfigError`] that names the key and says what to do. Error texts never quote
//! the text of a value: it might be a secret in the wrong place.

mod problem;
mod secret;
mod values;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sync_core::Overload;

pub use problem::ConfigError;
pub use secret::Secret;
pub use values::{BaseUrl, Limit, LogFormat, OnDelete, StoreUrl, System};

use crate::logs;
use values::{default_admin_listen, default_listen, hubspot_url, stripe_url};

/// Everything `wane-sync` is told. Get one from [`Config::load`] or [`Config::from_toml`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where it listens.
    pub server: ServerConfig,
    /// Where it keeps everything.
    #[serde(default)]
    pub store: StoreConfig,
    /// The HubSpot account.
    pub hubspot: HubSpotSection,
    /// The Stripe account.
    pub stripe: StripeSection,
    /// How the two are kept in step.
    #[serde(default)]
    pub sync: SyncConfig,
    /// What it says of itself.
    #[serde(default)]
    pub log: LogConfig,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Takes webhooks and nothing else.
    #[serde(default = "default_listen", deserialize_with = "values::address")]
    pub listen: SocketAddr,
    /// Answers operators.
    #[serde(default = "default_admin_listen", deserialize_with = "values::address")]
    pub admin_listen: SocketAddr,
    /// Opens `/api`; without one, `/api` is closed to all.
    pub admin_token: Option<Secret>,
    /// Scheme and host under which HubSpot reaches `listen`; part of what it signs.
    pub public_url: BaseUrl,
    /// Gets the addresses actually bound, as JSON, once webhooks are taken.
    pub port_file: Option<PathBuf>,
}

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreConfig {
    /// A directory, or `memory:`.
    pub url: StoreUrl,
}

/// `[hubspot]`. What is not given is as the connector has it by default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct HubSpotSection {
    /// The API.
    #[serde(default = "hubspot_url")]
    pub base_url: BaseUrl,
    /// The private app's token.
    pub access_token: Secret,
    /// Any one of these signs webhooks.
    pub client_secrets: Vec<Secret>,
    /// The account.
    pub portal_id: i64,
    /// The app.
    pub app_id: i64,
    /// Calls HubSpot accepts.
    pub limits: Option<Vec<Limit>>,
    /// Most calls under way at once.
    pub concurrency: Option<NonZeroUsize>,
    /// The custom event that a purchase becomes; without one, purchases are not told.
    pub purchase_event: Option<String>,
    /// Whether a webhook with only a version 1 signature is taken.
    pub accept_v1: Option<bool>,
    /// Whether batch writes ask for an answer row by row.
    pub row_level: Option<bool>,
}

/// `[stripe]`. What is not given is as the connector has it by default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StripeSection {
    /// The API.
    #[serde(default = "stripe_url")]
    pub base_url: BaseUrl,
    /// Secret or restricted key.
    pub api_key: Secret,
    /// Any one of these signs webhooks.
    pub webhook_secrets: Vec<Secret>,
    /// Calls Stripe accepts.
    pub limits: Option<Vec<Limit>>,
    /// Most calls under way at once.
    pub concurrency: Option<NonZeroUsize>,
    /// `Stripe-Version` of every call.
    pub api_version: Option<String>,
    /// The connected account to act for.
    pub account: Option<String>,
    /// Whether live or test events count; by default the key's own mode.
    pub livemode: Option<bool>,
}

/// `[sync]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SyncConfig {
    /// Whose edit stands when the clocks cannot tell.
    pub tie_winner: System,
    /// What a deletion does on the other side.
    pub on_delete: OnDelete,
    /// How long a new record is left alone before it is created on the other side.
    pub create_hold_ms: u64,
    /// Longest a call may take.
    pub call_timeout_ms: u64,
    /// How long calls under way are waited for at shutdown.
    pub drain_ms: u64,
    /// Whether both sides are listed before anything is created without a search.
    pub backfill: bool,
    /// Whether records that were not created by us are made to name their twins.
    pub link_back: bool,
    /// Who comes first when not everything can be done in time.
    pub overload: Overload,
    /// How often each side is asked what changed; 0: never.
    pub tail_seconds: u64,
    /// How much may be blanked in an hour before a person is asked, in percent of all pairs.
    pub max_blank_percent: u8,
    /// How often both systems are listed and compared; 0: never.
    pub sweep_seconds: u64,
    /// No effect in this version.
    pub max_delete_percent: Option<u8>,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// A level or a filter; the environment variable `RUST_LOG` overrides it.
    pub level: String,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] names the key that is wrong, or the file if it cannot be read.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError::new(path.display().to_string(), format!("cannot be read: {error}"))
        })?;
        Self::from_toml(&text)
    }

    /// Reads TOML text, and the secrets from the places it names.
    ///
    /// # Errors
    /// [`ConfigError`] names the key that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let parsed = toml::Deserializer::parse(text).map_err(|error| problem::syntax(text, &error))?;
        let config: Self =
            serde_path_to_error::deserialize(parsed).map_err(|error| problem::content(text, &error))?;
        config.check()?;
        Ok(config)
    }

    /// The rules that are about more than one value's form.
    fn check(&self) -> Result<(), ConfigError> {
        let Self { hubspot, stripe, sync, log, .. } = self;
        let given = |limits: &Option<Vec<Limit>>| {
            limits.as_ref().is_none_or(|limits| limits.iter().any(|limit| limit.only.is_none()))
        };
        let one_secret = "needs at least one secret";
        let one_limit = "needs at least one { requests = N, seconds = N }";
        let rules = [
            (!hubspot.client_secrets.is_empty(), "hubspot.client_secrets", one_secret),
            (given(&hubspot.limits), "hubspot.limits", one_limit),
            (!stripe.webhook_secrets.is_empty(), "stripe.webhook_secrets", one_secret),
            (given(&stripe.limits), "stripe.limits", one_limit),
            (
                sync.on_delete == OnDelete::Unlink,
                "sync.on_delete",
                "`propagate` is not in this version; use `unlink`",
            ),
            (sync.create_hold_ms <= 60_000, "sync.create_hold_ms", "must be at most 60000"),
            (
                (100..=120_000).contains(&sync.call_timeout_ms),
                "sync.call_timeout_ms",
                "must be 100 to 120000",
            ),
            (sync.drain_ms <= 8_000, "sync.drain_ms", "must be at most 8000"),
            (sync.max_blank_percent <= 100, "sync.max_blank_percent", "must be at most 100"),
            (sync.sweep_seconds <= 31_536_000, "sync.sweep_seconds", "must be at most 31536000"),
            (sync.tail_seconds <= 86_400, "sync.tail_seconds", "must be at most 86400"),
            (logs::filter(&log.level).is_some(), "log.level", logs::WHAT_IT_MUST_BE),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, key, problem)) => Err(ConfigError::new(key, problem)),
            None => Ok(()),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { url: StoreUrl::Directory("data".into()) }
    }
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            tie_winner: System::HubSpot,
            on_delete: OnDelete::Unlink,
            create_hold_ms: 1_000,
            call_timeout_ms: 20_000,
            drain_ms: 8_000,
            backfill: true,
            link_back: true,
            overload: Overload::default(),
            tail_seconds: 10,
            max_blank_percent: 10,
            sweep_seconds: 3_600,
            max_delete_percent: None,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: "info".to_owned() }
    }
}
