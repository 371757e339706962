//! From a configuration to an engine: HubSpot is left, Stripe is right.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connector_hubspot::{HubSpot, HubSpotConfig};
use connector_stripe::{Stripe, StripeConfig};
use secrecy::SecretString;
use sync_core::decide::LastWriterWins;
use sync_core::http::ReqwestTransport;
use sync_core::model::Entity;
use sync_core::store::StoreError;
#[cfg(feature = "sled")]
use sync_core::stores::SledStore;
use sync_core::stores::{MemoryStore, RedbStore};
use sync_core::{Engine, EngineBuilder, Settings};

use crate::config::{
    Config, ConfigError, HubSpotSection, Limit, Secret, StoreUrl, StripeSection, SyncConfig,
};
use crate::gate::Gate;
use crate::prepare;
use crate::serve::RunError;

/// The contact property that holds the customer's id.
const TWIN_PROPERTY: &str = "stripe_customer_id";
/// The customer's metadata key that holds the contact's id.
const TWIN_KEY: &str = "hubspot_contact_id";

/// The two connectors. Makes no call.
pub(crate) struct Connectors {
    hubspot: HubSpot,
    stripe: Stripe,
}

/// Builds both connectors, which checks what only they know how to check. Needs a TLS provider.
pub(crate) fn connectors(config: &Config) -> Result<Connectors, RunError> {
    let timeout = Duration::from_millis(config.sync.call_timeout_ms);
    // A clone for each system: one knows one server's name by heart.
    let transport = ReqwestTransport::new(timeout).map_err(RunError::Http)?;
    let hubspot = hubspot_config(&config.hubspot, config.server.public_url.as_str());
    let stripe = stripe_config(&config.stripe);
    Ok(Connectors {
        hubspot: HubSpot::new(hubspot, Arc::new(transport.clone()))
            .map_err(|error| ConfigError::new("hubspot", error.to_string()))?,
        stripe: Stripe::new(stripe, Arc::new(transport))
            .map_err(|error| ConfigError::new(format!("stripe.{}", error.key), error.reason))?,
    })
}

/// Opens the store and builds the engine. The future that comes with it prepares the systems; it has to run beside it.
pub(crate) async fn engine(
    config: &Config,
    Connectors { hubspot, stripe }: Connectors,
) -> Result<(Engine, impl Future<Output = ()> + Send + 'static), RunError> {
    let settings = settings(&config.sync);
    // Well before the engine's own timeout, which would not know that nothing was sent.
    let patience = settings.call_timeout / 2;
    let hubspot = Arc::new(hubspot);
    let quiet = prepare::quiet_time(&stripe);
    let (left, left_latch) = Gate::new(Arc::clone(&hubspot), patience);
    let (right, right_latch) = Gate::new(stripe, patience);
    let builder = Engine::builder(Entity::person())
        .left(left, connector_hubspot::mapping())
        .right(right, connector_stripe::mapping())
        .resolver(LastWriterWins { tie: config.sync.tie_winner.side() })
        .settings(settings);
    let engine = with_store(builder, &config.store.url).await?.build().await?;
    let preparation = async move {
        tokio::join!(prepare::hubspot(hubspot, left_latch), prepare::stripe(quiet, right_latch));
    };
    Ok((engine, preparation))
}

async fn with_store(builder: EngineBuilder, url: &StoreUrl) -> Result<EngineBuilder, RunError> {
    match url {
        StoreUrl::Memory => {
            tracing::warn!("the store is in memory: everything is forgotten at the end");
            Ok(builder.store(MemoryStore::new()))
        }
        StoreUrl::Directory(path) => Ok(builder.store(opened(path, RedbStore::open).await?)),
        #[cfg(feature = "sled")]
        StoreUrl::Sled(path) => Ok(builder.store(opened(path, SledStore::open).await?)),
    }
}

async fn opened<S: Send + 'static>(
    path: &Path,
    open: fn(&Path) -> Result<S, StoreError>,
) -> Result<S, RunError> {
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || open(&path)).await;
    opened.map_err(|_| RunError::Interrupted)?.map_err(RunError::Store)
}

fn hubspot_config(section: &HubSpotSection, public_url: &str) -> HubSpotConfig {
    let token = section.access_token.get();
    let base = HubSpotConfig::new(section.base_url.as_str(), token, section.portal_id, section.app_id);
    HubSpotConfig {
        client_secrets: secrets(&section.client_secrets),
        public_url: public_url.to_owned(),
        accept_v1: section.accept_v1.unwrap_or(base.accept_v1),
        limits: section.limits.as_deref().map_or_else(|| base.limits.clone(), windows),
        concurrency: section.concurrency.map_or(base.concurrency, Into::into),
        purchase_event: section.purchase_event.clone(),
        twin_property: Some(TWIN_PROPERTY.to_owned()),
        row_level: section.row_level.unwrap_or(base.row_level),
        ..base
    }
}

fn stripe_config(section: &StripeSection) -> StripeConfig {
    let secrets = secrets(&section.webhook_secrets);
    let base = StripeConfig::new(section.base_url.as_str(), section.api_key.get(), secrets);
    StripeConfig {
        api_version: section.api_version.clone().unwrap_or_else(|| base.api_version.clone()),
        account: section.account.clone(),
        livemode: section.livemode.or(base.livemode),
        limits: section.limits.as_deref().map_or_else(|| base.limits.clone(), windows),
        concurrency: section.concurrency.map_or(base.concurrency, Into::into),
        twin_key: TWIN_KEY.to_owned(),
        ..base
    }
}

fn settings(sync: &SyncConfig) -> Settings {
    Settings {
        create_hold: Duration::from_millis(sync.create_hold_ms),
        call_timeout: Duration::from_millis(sync.call_timeout_ms),
        drain: Duration::from_millis(sync.drain_ms),
        backfill: sync.backfill,
        link_back: sync.link_back,
        overload: sync.overload,
        tail: Duration::from_secs(sync.tail_seconds),
        sweep: Duration::from_secs(sync.sweep_seconds),
        max_blank_percent: sync.max_blank_percent,
        ..Settings::default()
    }
}

fn secrets(secrets: &[Secret]) -> Vec<SecretString> {
    secrets.iter().map(Secret::get).collect()
}

fn windows(limits: &[Limit]) -> Vec<sync_core::quota::Window> {
    limits.iter().copied().map(Into::into).collect()
}
