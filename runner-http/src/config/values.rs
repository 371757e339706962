//! Values with rules of their own. Each refuses what cannot work while the file is read, so the error knows its key.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use sync_core::model::Side;
use sync_core::quota::{Call, Window};

/// Scheme, host and perhaps a port: `https://api.stripe.com`. Never ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(String);

impl BaseUrl {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let trimmed = text.trim_end_matches('/');
        let uri: Option<http::Uri> = trimmed.parse().ok();
        let usable = uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| !host.is_empty())
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
                && uri.path() == "/"
                && uri.query().is_none()
        });
        if usable {
            Ok(Self(trimmed.to_owned()))
        } else {
            Err("must be http(s)://host[:port], with nothing after it")
        }
    }
}

/// At most so many requests in any stretch of so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Requests, at least 1.
    pub requests: NonZeroU32,
    /// Length of the stretch, at least 1.
    pub seconds: NonZeroU32,
    /// The only kind of call that is limited; by default, all are.
    pub only: Option<Call>,
}

impl From<Limit> for Window {
    fn from(limit: Limit) -> Self {
        let window = Self::per_seconds(limit.requests.get(), limit.seconds.get().into());
        Self { only: limit.only, ..window }
    }
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreUrl {
    /// In memory: for trials; it survives nothing.
    Memory,
    /// In this directory, relative to the working directory.
    Directory(PathBuf),
    /// In this directory, kept by sled.
    #[cfg(feature = "sled")]
    Sled(PathBuf),
}

impl TryFrom<String> for StoreUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            #[cfg(feature = "sled")]
            Some(("sled", "")) => Err("needs a directory: `sled:DIR`".to_owned()),
            #[cfg(feature = "sled")]
            Some(("sled", path)) => Ok(Self::Sled(path.into())),
            // One letter is a drive, as in `C:\data`.
            Some((scheme, _)) if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphabetic()) => Err(
                format!("a store of kind `{scheme}:` is not in this build; give a directory, or `memory:`"),
            ),
            _ if text.is_empty() => Err("must not be empty; give a directory, or `memory:`".to_owned()),
            _ => Ok(Self::Directory(text.into())),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Directory(path) => path.display().fmt(f),
            #[cfg(feature = "sled")]
            Self::Sled(path) => write!(f, "sled:{}", path.display()),
        }
    }
}

/// One of the two systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// HubSpot.
    #[default]
    HubSpot,
    /// Stripe.
    Stripe,
}

impl System {
    /// Its name, as in keys, routes and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HubSpot => "hubspot",
            Self::Stripe => "stripe",
        }
    }

    /// Its place in a pair.
    #[must_use]
    pub fn side(self) -> Side {
        match self {
            Self::HubSpot => Side::Left,
            Self::Stripe => Side::Right,
        }
    }
}

/// What happens on one side when a record is deleted on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// Nothing: the two are no longer a pair.
    #[default]
    Unlink,
    /// It is deleted, too. Not in this version.
    Propagate,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people; in colour on a terminal.
    Pretty,
}

/// Reads `IP:PORT`.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom("must be an IP address and a port, such as 127.0.0.1:8080"))
}

pub(super) fn default_listen() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 8080).into()
}

pub(super) fn default_admin_listen() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 8081).into()
}

pub(super) fn hubspot_url() -> BaseUrl {
    BaseUrl("https://api.hubapi.com".to_owned())
}

pub(super) fn stripe_url() -> BaseUrl {
    BaseUrl("https://api.stripe.com".to_owned())
}
