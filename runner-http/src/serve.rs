//! Start and stop, in order.
//!
//! Start: bind both ports, so that a taken port costs nothing and early webhooks wait in the system's queue; answer
//! operators; open the store; take webhooks and let the engine run. Stop: accept no more, let the engine drain.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sync_core::EngineError;
use sync_core::http::TransportError;
use sync_core::store::StoreError;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, ConfigError, Secret};
use crate::ports::{Addresses, Ports};
use crate::{admin, compose, connections, webhooks};

/// Most connections that bring webhooks. With 1 MiB of body each this bounds the memory they can take.
const WEBHOOK_CONNECTIONS: usize = 256;
/// Most connections of operators.
const ADMIN_CONNECTIONS: usize = 32;
/// From the wish to stop to the end, whatever is still under way. Nothing is lost by it: all intents are on disk.
const LAST_MOMENT: Duration = Duration::from_secs(9);

/// Why it cannot start or go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The configuration cannot be used.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// A port cannot be opened.
    #[error("{key}: cannot listen on {address}: {source}")]
    Listen {
        /// The key that names it.
        key: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("store.url: {0}")]
    Store(StoreError),
    /// The engine cannot start or go on.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no HTTP client.
    #[error("no HTTP client: {0}")]
    Http(TransportError),
    /// The file for the addresses cannot be written.
    #[error("server.port_file: cannot write {path}: {source}")]
    PortFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The process lacks something that the operating system should give.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// The runtime was shut down while the store was opened.
    #[error("interrupted while opening the store")]
    Interrupted,
}

/// Runs until `shutdown` completes, then drains; ends within 10 s from there.
///
/// Needs a tokio runtime with time and I/O. It reads no signals and starts no logging: that is the caller's business.
///
/// # Errors
/// [`RunError`], at the start or when the store turns out to be damaged.
pub async fn serve(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
    install_tls();
    let stop = watch::Sender::new(false);
    let deadline = async {
        shutdown.await;
        tracing::info!("stopping");
        stop.send_replace(true);
        tokio::time::sleep(LAST_MOMENT).await;
    };
    tokio::select! {
        result = run(&config, &stop) => {
            tracing::info!("stopped");
            result
        }
        () = deadline => {
            tracing::warn!("stopped with requests or calls still under way; what is unfinished goes on at the next start");
            Ok(())
        }
    }
}

/// Installs the process's TLS provider, without which no HTTP client can be made. [`serve`] does it by itself.
///
/// A provider that is installed already stays.
pub fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn run(config: &Config, stop: &watch::Sender<bool>) -> Result<(), RunError> {
    let connectors = compose::connectors(config)?;
    let Ports { webhooks, admin, addresses } = Ports::bind(&config.server).await?;
    let (running, engine) = watch::channel(None);
    let token = config.server.admin_token.as_ref().map(Secret::get);
    let operators =
        connections::serve(admin, admin::routes(engine, token), ADMIN_CONNECTIONS, stopped(stop.subscribe()));
    let sync = async {
        let (engine, preparation) = compose::engine(config, connectors).await?;
        let _beside = spawn_until(stopped(stop.subscribe()), preparation);
        running.send_replace(Some(engine.clone()));
        let routes = webhooks::routes(engine.clone());
        let senders = connections::serve(webhooks, routes, WEBHOOK_CONNECTIONS, stopped(stop.subscribe()));
        announce(config, &addresses)?;
        let synced = async { engine.run(stopped(stop.subscribe())).await.map_err(RunError::Engine) };
        tokio::try_join!(synced, ended(senders)).map(|_| ())
    };
    tokio::try_join!(sync, ended(operators)).map(|_| ())
}

async fn ended(listening: impl Future<Output = ()>) -> Result<(), RunError> {
    listening.await;
    Ok(())
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that nobody is left who could ask for more time.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Runs `work` beside everything else until `end`; at the latest until the returned set is dropped.
fn spawn_until(
    end: impl Future<Output = ()> + Send + 'static,
    work: impl Future<Output = ()> + Send + 'static,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async {
        tokio::select! {
            () = end => {}
            () = work => {}
        }
    });
    tasks
}

fn announce(config: &Config, addresses: &Addresses) -> Result<(), RunError> {
    let Config { server, store, hubspot, sync, .. } = config;
    tracing::info!(address = %addresses.listen, "listening for webhooks");
    tracing::info!(address = %addresses.admin_listen, "listening for operators");
    tracing::info!(store = %store.url, "store open");
    if hubspot.purchase_event.is_none() {
        tracing::warn!("hubspot.purchase_event is not set: purchases are not told");
    }
    if sync.max_delete_percent.is_some() {
        tracing::warn!(key = "sync.max_delete_percent", "this key has no effect in this version");
    }
    match &server.port_file {
        Some(path) => addresses.write(path),
        None => Ok(()),
    }
}
