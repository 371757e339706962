//! Two emulated systems, and the engine between them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use connector_hubspot::fake::{FakeConfig as HubSpotConfig, FakeHubSpot};
use connector_stripe::fake::{FakeConfig as StripeConfig, FakeStripe};
use sync_core::clock::SystemClock;
use sync_core::http::{ReqwestTransport, Transport};
use sync_core::model::Timestamp;
use sync_core::testing::fake::FakeServer;
use tempfile::TempDir;
use thiserror::Error;
use tokio::sync::watch;

use crate::engine::{Engine, How};
use crate::post::{PostOffice, Posted};

/// The custom event that purchases become on this stage.
const PURCHASE_EVENT: &str = "pe48807704_purchase";
/// Opens the runner's `/api` on this stage.
const ADMIN_TOKEN: &str = "stage-admin-token";

/// Why the stage cannot be set.
#[derive(Debug, Error)]
pub enum StageError {
    /// A file, port or process.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// There is no HTTP client.
    #[error(transparent)]
    Http(#[from] sync_core::http::TransportError),
    /// The engine does not do what it is told.
    #[error("the engine: {0}")]
    Engine(String),
}

/// How the stage is set.
#[derive(Debug, Clone)]
pub struct WorldConfig {
    /// How the engine runs.
    pub how: How,
    /// How HubSpot behaves; its webhook address is filled in.
    pub hubspot: HubSpotConfig,
    /// How Stripe behaves; its webhook address is filled in.
    pub stripe: StripeConfig,
    /// Further lines for the `[hubspot]`, `[stripe]` and `[sync]` sections of the runner's configuration.
    pub extra: [String; 3],
    /// What the engine's process finds in its environment, besides what this one has.
    pub environment: Vec<(String, PathBuf)>,
}

impl WorldConfig {
    /// Both systems as the vendors have them, but quick to tell: answers take 20 ms, webhooks leave within half a second.
    #[must_use]
    pub fn quick(how: How) -> Self {
        let mut hubspot =
            HubSpotConfig { response_time: Duration::from_millis(20), ..HubSpotConfig::default() };
        hubspot.webhooks.latency = (Duration::from_millis(50), Duration::from_millis(400));
        hubspot.webhooks.retry_base = Duration::from_millis(500);
        hubspot.webhooks.reorder = true;
        let mut stripe = StripeConfig { response_time: Duration::from_millis(20), ..StripeConfig::default() };
        stripe.webhooks.retry_base = Duration::from_millis(500);
        Self { how, hubspot, stripe, extra: Default::default(), environment: Vec::new() }
    }
}

/// Both emulated systems, wherever they are: looked at or acted on, as scripted people do, at their own time.
pub trait Systems {
    /// HubSpot.
    fn hubspot<R>(&self, act: impl FnOnce(&mut FakeHubSpot, Timestamp) -> R) -> R;
    /// Stripe.
    fn stripe<R>(&self, act: impl FnOnce(&mut FakeStripe, Timestamp) -> R) -> R;
}

impl Systems for World {
    fn hubspot<R>(&self, act: impl FnOnce(&mut FakeHubSpot, Timestamp) -> R) -> R {
        self.hubspot.with(act)
    }

    fn stripe<R>(&self, act: impl FnOnce(&mut FakeStripe, Timestamp) -> R) -> R {
        self.stripe.with(act)
    }
}

/// Both emulated systems on loopback, and the engine between them.
pub struct World {
    /// HubSpot.
    pub hubspot: FakeServer<FakeHubSpot>,
    /// Stripe.
    pub stripe: FakeServer<FakeStripe>,
    how: How,
    environment: Vec<(String, PathBuf)>,
    dir: TempDir,
    engine: Option<Engine>,
    admin: SocketAddr,
    transport: Arc<dyn Transport>,
    posted: watch::Receiver<Posted>,
}

impl World {
    /// Sets the stage; the engine does not run yet.
    ///
    /// # Errors
    /// [`StageError`]
    pub async fn new(config: WorldConfig) -> Result<Self, StageError> {
        runner_http::install_tls();
        let transport: Arc<dyn Transport> = Arc::new(ReqwestTransport::new(Duration::from_secs(10))?);
        let (listen, admin) = (free_port()?, free_port()?);
        let (mut hubspot, mut stripe) = (config.hubspot.clone(), config.stripe.clone());
        hubspot.webhooks.url = Some(format!("http://{listen}/webhooks/hubspot"));
        stripe.webhooks.url = Some(format!("http://{listen}/webhooks/stripe"));
        let clock = Arc::new(SystemClock);
        let (office, posted) = PostOffice::new(Arc::clone(&transport));
        let hubspot = FakeServer::start(FakeHubSpot::new(hubspot), clock.clone(), office.clone()).await?;
        let stripe = FakeServer::start(FakeStripe::new(stripe), clock, office).await?;
        let dir = tempfile::tempdir()?;
        let (how, environment) = (config.how, config.environment.clone());
        let world = Self { hubspot, stripe, how, environment, dir, engine: None, admin, transport, posted };
        world.write_config(&config, listen)?;
        Ok(world)
    }

    fn write_config(&self, config: &WorldConfig, listen: SocketAddr) -> Result<(), StageError> {
        let path = |name: &str| self.dir.path().join(name);
        for (name, secret) in [
            ("token", config.hubspot.access_token.as_str()),
            ("client_secret", &config.hubspot.client_secret),
            ("api_key", &config.stripe.api_key),
            ("whsec", config.stripe.webhooks.secrets.first().map_or("", String::as_str)),
            ("admin", ADMIN_TOKEN),
        ] {
            std::fs::write(path(name), secret)?;
        }
        let file = |name: &str| format!("{{ file = {:?} }}", path(name));
        let [hubspot, stripe, sync] = &config.extra;
        let text = format!(
            "[server]\nlisten = \"{listen}\"\nadmin_listen = \"{admin}\"\nadmin_token = {token}\n\
             public_url = \"http://{listen}\"\nport_file = {ports:?}\n\
             [store]\nurl = {data:?}\n\
             [hubspot]\nbase_url = \"{hubspot_url}\"\naccess_token = {access}\nclient_secrets = [{client}]\n\
             portal_id = {portal}\napp_id = {app}\npurchase_event = \"{PURCHASE_EVENT}\"\n{hubspot}\n\
             [stripe]\nbase_url = \"{stripe_url}\"\napi_key = {key}\nwebhook_secrets = [{whsec}]\n{stripe}\n\
             [sync]\ntie_winner = \"hubspot\"\n{sync}\n",
            admin = self.admin,
            token = file("admin"),
            ports = path("ports.json"),
            data = path("data"),
            hubspot_url = self.hubspot.base_url(),
            access = file("token"),
            client = file("client_secret"),
            portal = config.hubspot.portal_id,
            app = config.hubspot.app_id,
            stripe_url = self.stripe.base_url(),
            key = file("api_key"),
            whsec = file("whsec"),
        );
        Ok(std::fs::write(path("wane-sync.toml"), text)?)
    }

    /// Starts the engine and waits until it takes webhooks.
    ///
    /// # Errors
    /// [`StageError`]
    pub async fn start_engine(&mut self) -> Result<(), StageError> {
        self.launch_engine()?;
        let (ports, log) = (self.dir.path().join("ports.json"), self.log());
        match &mut self.engine {
            Some(engine) => engine.ready(&ports, &log).await,
            None => Ok(()),
        }
    }

    /// Starts the engine and does not wait.
    ///
    /// # Errors
    /// [`StageError`]
    pub fn launch_engine(&mut self) -> Result<(), StageError> {
        let path = |name: &str| self.dir.path().join(name);
        let (config, ports) = (path("wane-sync.toml"), path("ports.json"));
        let engine = Engine::launch(self.how, &self.environment, &config, &ports, &self.log())?;
        self.engine = Some(engine);
        Ok(())
    }

    /// Sends the engine's process a signal, by its name without `SIG`.
    ///
    /// # Errors
    /// [`StageError`]
    pub async fn signal_engine(&self, name: &str) -> Result<(), StageError> {
        match &self.engine {
            Some(engine) => engine.signal(name).await,
            None => Err(StageError::Engine("it does not run".to_owned())),
        }
    }

    /// What the systems have posted to the engine so far; changes with each answer.
    #[must_use]
    pub fn posted(&self) -> watch::Receiver<Posted> {
        self.posted.clone()
    }

    /// Ends the engine at once, as a crash would.
    ///
    /// # Errors
    /// [`StageError`]
    pub async fn kill_engine(&mut self) -> Result<(), StageError> {
        match self.engine.take() {
            Some(engine) => engine.kill().await,
            None => Ok(()),
        }
    }

    /// Asks the engine to finish what it is doing, and waits.
    ///
    /// # Errors
    /// [`StageError`]
    pub async fn stop_engine(&mut self) -> Result<(), StageError> {
        match self.engine.take() {
            Some(engine) => engine.stop().await,
            None => Ok(()),
        }
    }

    /// What the engine's `/api/<path>` answers.
    ///
    /// # Errors
    /// [`StageError`]
    pub async fn api(&self, path: &str) -> Result<serde_json::Value, StageError> {
        let mut request = sync_core::http::Request::default();
        let broken = |what: String| StageError::Engine(format!("/api/{path}: {what}"));
        *request.uri_mut() =
            format!("http://{}/api/{path}", self.admin).parse().map_err(|e| broken(format!("{e}")))?;
        let bearer = http::HeaderValue::from_str(&format!("Bearer {ADMIN_TOKEN}"));
        request.headers_mut().insert("authorization", bearer.map_err(|e| broken(e.to_string()))?);
        let response = self.transport.send(request).await?;
        serde_json::from_slice(response.body()).map_err(|e| broken(e.to_string()))
    }

    /// The id of the engine's process, while it has one of its own.
    #[must_use]
    pub fn engine_process(&self) -> Option<u32> {
        self.engine.as_ref().and_then(Engine::process_id)
    }

    /// The directory of everything the engine keeps.
    #[must_use]
    pub fn store_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Where the engine's log is, when it runs in a process of its own.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.dir.path().join("engine.log")
    }
}

/// A port that is free now, and below those that the system hands out by itself: so no connection and no emulator takes it
/// before the engine does.
fn free_port() -> std::io::Result<SocketAddr> {
    const RANGE: std::ops::Range<u32> = 20_000..32_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let mut refused = None;
    for _ in RANGE {
        // Stages of other processes begin elsewhere.
        let n = std::process::id().wrapping_mul(31).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = RANGE.start + n % (RANGE.end - RANGE.start);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap_or_default())) {
            Ok(listener) => return listener.local_addr(),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}
