//! What the connector must be told.

use secrecy::SecretString;
use sync_core::quota::Window;
use thiserror::Error;
use uuid::Uuid;

/// The namespace of the UUIDs under which custom events are sent.
///
/// The same activity gives the same UUID in every process and for ever, and HubSpot keeps only the first of a UUID. Never
/// change it: every purchase of the past year could then be told a second time.
pub const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0x5f1d_7c3e_92b4_4a0e_8c6b_1d2f_a97e_0b45);

/// Settings of the HubSpot connector. Start from [`HubSpotConfig::new`] and change what differs.
///
/// The credentials neither print nor serialise.
#[derive(Debug, Clone)]
pub struct HubSpotConfig {
    /// Scheme and host of the API, without a trailing slash; `https://api.hubapi.com` for the real one.
    pub base_url: String,
    /// The private app's access token, sent with every call.
    pub access_token: SecretString,
    /// The app's client secrets; a webhook signed with any of them is accepted, so that one can be rotated.
    pub client_secrets: Vec<SecretString>,
    /// Scheme and host of the webhook address as entered in HubSpot. HubSpot signs this, path and query included, so
    /// behind a proxy the `Host` header would be the wrong thing to check.
    pub public_url: String,
    /// The HubSpot account. Webhooks of any other are acknowledged without effect.
    pub portal_id: i64,
    /// Our app. A change whose source is this app was made by us.
    pub app_id: i64,
    /// Whether a webhook without a v3 signature may prove itself with a v1 signature. V1 carries no time, so an old
    /// delivery can be replayed for ever: the engine bears that, but leave this off unless your app is sent nothing else.
    pub accept_v1: bool,
    /// Calls HubSpot accepts from us; all windows hold at once.
    pub limits: Vec<Window>,
    /// Most calls under way at once.
    pub concurrency: usize,
    /// Fully qualified name (`pe<portal>_<name>`) of the custom event that activities are sent as; `None`: none are sent.
    ///
    /// HubSpot identifies an occurrence by its UUID and drops repeats. Should it ever reject a repeat instead, that
    /// counts as success: the first one is there.
    pub purchase_event: Option<String>,
    /// Contact property that holds the id of the same person's record on the other side; `None`: it is not written.
    /// Call [`HubSpot::provision`](crate::HubSpot::provision) before the first read or write.
    pub twin_property: Option<String>,
    /// Whether batch writes ask for an answer row by row. Without it one bad row fails its whole batch.
    pub row_level: bool,
}

impl HubSpotConfig {
    /// Settings for one app in one account: 15 calls a second, 8 at once, no purchase event, no twin property, and no
    /// webhook accepted until `client_secrets` and `public_url` are set.
    pub fn new(
        base_url: impl Into<String>,
        access_token: impl Into<SecretString>,
        portal_id: i64,
        app_id: i64,
    ) -> Self {
        Self {
            base_url: base_url.into(),
            access_token: access_token.into(),
            client_secrets: Vec::new(),
            public_url: String::new(),
            portal_id,
            app_id,
            accept_v1: false,
            limits: vec![Window::per_seconds(15, 1)],
            concurrency: 8,
            purchase_event: None,
            twin_property: None,
            row_level: true,
        }
    }
}

/// Why a [`HubSpotConfig`] cannot be used. The texts name the setting, never its content.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// `base_url` is not an absolute http or https URL without a query.
    #[error("base_url must be an absolute http or https URL")]
    BaseUrl,
    /// `public_url` is set but is not an absolute http or https URL without a query.
    #[error("public_url must be an absolute http or https URL")]
    PublicUrl,
    /// `access_token` is empty or holds characters that no header can carry.
    #[error("access_token is empty or not printable")]
    AccessToken,
    /// `twin_property` is not a name HubSpot gives properties: lower-case letters, digits and `_`.
    #[error("twin_property must consist of lower-case letters, digits and underscores")]
    TwinProperty,
    /// `concurrency` is 0.
    #[error("concurrency must be at least 1")]
    Concurrency,
}

impl HubSpotConfig {
    /// Checks what does not need the network to be checked.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !is_base(&self.base_url) {
            return Err(ConfigError::BaseUrl);
        }
        if !self.public_url.is_empty() && !is_base(&self.public_url) {
            return Err(ConfigError::PublicUrl);
        }
        if self.twin_property.as_deref().is_some_and(|name| !is_property_name(name)) {
            return Err(ConfigError::TwinProperty);
        }
        if self.concurrency == 0 {
            return Err(ConfigError::Concurrency);
        }
        Ok(())
    }
}

fn is_base(url: &str) -> bool {
    let parsed: Result<http::Uri, _> = url.parse();
    parsed.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    })
}

fn is_property_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
