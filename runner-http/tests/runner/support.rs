//! Emulated systems, configurations for them, signed webhooks, and waiting with a deadline.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use connector_hubspot::fake::{FakeConfig as HubSpotFakeConfig, FakeHubSpot};
use connector_hubspot::{HubSpot, HubSpotConfig};
use connector_stripe::fake::{FakeConfig as StripeFakeConfig, FakeStripe};
use connector_stripe::{Stripe, StripeConfig};
use sync_core::Engine;
use sync_core::clock::{Clock, SystemClock};
use sync_core::http::{Request, ReqwestTransport, Response, Transport, TransportError};
use sync_core::model::{Entity, Timestamp};
use sync_core::store::Store;
use sync_core::testing::fake::FakeServer;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// What HubSpot believes our address to be; no test ever connects to it.
pub(crate) const PUBLIC_URL: &str = "https://sync.example.com";
pub(crate) const ADMIN_TOKEN: &str = "admin-token-of-the-tests";
/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again and again until there is something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("gave up waiting: {what}"))
}

pub(crate) fn client() -> Arc<ReqwestTransport> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Arc::new(ReqwestTransport::new(PATIENCE).unwrap())
}

pub(crate) fn request(method: &str, url: &str, body: impl Into<Bytes>) -> Request {
    http::Request::builder().method(method).uri(url).body(body.into()).unwrap()
}

pub(crate) async fn get(url: &str, token: Option<&str>) -> (u16, String) {
    ask("GET", url, token).await
}

pub(crate) async fn ask(method: &str, url: &str, token: Option<&str>) -> (u16, String) {
    let mut request = request(method, url, "");
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let response = client().send(request).await.unwrap();
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}

/// Sends a signed request to where the server really is.
pub(crate) async fn deliver(to: SocketAddr, mut webhook: Request) -> Response {
    let path = webhook.uri().path_and_query().unwrap().clone();
    *webhook.uri_mut() = format!("http://{to}{path}").parse().unwrap();
    client().send(webhook).await.unwrap()
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A webhook as HubSpot signs it at `at`.
pub(crate) fn from_hubspot(at: Timestamp, path: &str, body: impl Into<Bytes>) -> Request {
    let mut config = HubSpotFakeConfig::default();
    config.webhooks.url = Some(format!("{PUBLIC_URL}{path}"));
    FakeHubSpot::new(config).signed(at, body).unwrap()
}

/// A webhook as Stripe signs it at `at`.
pub(crate) fn from_stripe(at: Timestamp, body: &str) -> Request {
    let signature =
        connector_stripe::fake::sign(&StripeFakeConfig::default().webhooks.secrets, at, body.as_bytes());
    let mut webhook = request("POST", &format!("{PUBLIC_URL}/webhooks/stripe"), body.to_owned());
    webhook.headers_mut().insert("stripe-signature", signature.parse().unwrap());
    webhook
}

/// A new contact, as HubSpot tells of it.
pub(crate) fn contact_created(id: u64) -> String {
    let HubSpotFakeConfig { portal_id, app_id, .. } = HubSpotFakeConfig::default();
    serde_json::json!([{
        "eventId": id, "subscriptionId": 1, "portalId": portal_id, "appId": app_id, "attemptNumber": 0,
        "occurredAt": now().as_millis(), "subscriptionType": "contact.creation", "objectId": id,
        "changeFlag": "CREATED", "changeSource": "CRM_UI", "sourceId": "userId:1",
    }])
    .to_string()
}

/// Serves routes of the library on a free port.
pub(crate) async fn serve_routes(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });
    address
}

/// An engine over `store` that knows the fakes' secrets, and does not run.
pub(crate) async fn engine(store: impl Store) -> Engine {
    let fake = HubSpotFakeConfig::default();
    let hubspot = HubSpotConfig {
        client_secrets: vec![fake.client_secret.into()],
        public_url: PUBLIC_URL.to_owned(),
        ..HubSpotConfig::new("http://127.0.0.1:1", fake.access_token, fake.portal_id, fake.app_id)
    };
    let fake = StripeFakeConfig::default();
    let secrets = fake.webhooks.secrets.into_iter().map(Into::into).collect();
    let stripe = StripeConfig::new("http://127.0.0.1:1", fake.api_key.into(), secrets);
    Engine::builder(Entity::person())
        .left(HubSpot::new(hubspot, Arc::new(Nowhere)).unwrap(), connector_hubspot::mapping())
        .right(Stripe::new(stripe, Arc::new(Nowhere)).unwrap(), connector_stripe::mapping())
        .store(store)
        .build()
        .await
        .unwrap()
}

struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Err(TransportError::NotSent("there is no network in this test".to_owned()))
    }
}

/// The internet between the systems and us: what is sent to our public address arrives where we really are.
#[derive(Default)]
struct Internet {
    listen: OnceLock<SocketAddr>,
}

#[async_trait]
impl Transport for Internet {
    async fn send(&self, webhook: Request) -> Result<Response, TransportError> {
        Ok(deliver(*self.listen.get().unwrap(), webhook).await)
    }
}

/// Both systems, and what the runner has to be told about them.
pub(crate) struct World {
    pub(crate) hubspot: FakeServer<FakeHubSpot>,
    pub(crate) stripe: FakeServer<FakeStripe>,
    pub(crate) directory: TempDir,
    internet: Arc<Internet>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(HubSpotFakeConfig::default()).await
    }

    pub(crate) async fn with(hubspot: HubSpotFakeConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let stripe = StripeFakeConfig::default();
        // The runner is told the defaults, whatever the emulator insists on.
        let fake = HubSpotFakeConfig::default();
        let secrets = [
            ("access_token", &fake.access_token),
            ("client_secret", &fake.client_secret),
            ("api_key", &stripe.api_key),
            ("webhook_secret", &stripe.webhooks.secrets[0]),
            ("admin_token", &ADMIN_TOKEN.to_owned()),
        ];
        for (name, secret) in secrets {
            std::fs::write(directory.path().join(name), format!("{secret}\n")).unwrap();
        }
        let clock = || -> Arc<dyn Clock> { Arc::new(SystemClock) };
        let internet = Arc::new(Internet::default());
        Self {
            hubspot: FakeServer::start(FakeHubSpot::new(hubspot), clock(), internet.clone()).await.unwrap(),
            stripe: FakeServer::start(FakeStripe::new(stripe), clock(), internet.clone()).await.unwrap(),
            directory,
            internet,
        }
    }

    /// A configuration for this world, on free ports and with a store in memory.
    pub(crate) fn toml(&self) -> String {
        let secret = |name: &str| format!("{{ file = {:?} }}", self.directory.path().join(name));
        let fake = HubSpotFakeConfig::default();
        format!(
            r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
admin_token = {admin_token}
public_url = "{PUBLIC_URL}"
port_file = {port_file:?}
[store]
url = "memory:"
[hubspot]
base_url = "{hubspot}"
access_token = {access_token}
client_secrets = [{client_secret}]
portal_id = {portal_id}
app_id = {app_id}
purchase_event = "pe{portal_id}_purchase"
[stripe]
base_url = "{stripe}"
api_key = {api_key}
webhook_secrets = [{webhook_secret}]
[sync]
drain_ms = 300
"#,
            admin_token = secret("admin_token"),
            port_file = self.port_file(),
            hubspot = self.hubspot.base_url(),
            access_token = secret("access_token"),
            client_secret = secret("client_secret"),
            portal_id = fake.portal_id,
            app_id = fake.app_id,
            stripe = self.stripe.base_url(),
            api_key = secret("api_key"),
            webhook_secret = secret("webhook_secret"),
        )
    }

    /// The configuration as a file.
    pub(crate) fn config_file(&self, toml: &str) -> PathBuf {
        let path = self.directory.path().join("wane.toml");
        std::fs::write(&path, toml).unwrap();
        path
    }

    pub(crate) fn port_file(&self) -> PathBuf {
        self.directory.path().join("ports.json")
    }

    /// Lets both systems post their webhooks, which arrive at `listen`.
    pub(crate) fn subscribe(&self, listen: SocketAddr) {
        self.internet.listen.set(listen).unwrap();
        let url = |system| Some(format!("{PUBLIC_URL}/webhooks/{system}"));
        self.stripe.with(|stripe, _| stripe.config.webhooks.url = url("stripe"));
        self.hubspot.with(|hubspot, _| hubspot.config.webhooks.url = url("hubspot"));
    }
}

/// Where a runner listens.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct Ports {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
}

impl Ports {
    /// Waits until the runner says so.
    pub(crate) async fn of(file: &Path) -> Self {
        eventually("the port file", async || serde_json::from_slice(&std::fs::read(file).ok()?).ok()).await
    }

    pub(crate) fn admin(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin_listen)
    }
}

/// Runs `test` while the library serves this configuration, then stops it, which must succeed.
pub(crate) async fn while_serving(world: &World, toml: &str, test: impl AsyncFnOnce(Ports)) {
    let config = runner_http::Config::from_toml(toml).unwrap();
    let test = async {
        let ports = Ports::of(&world.port_file()).await;
        test(ports).await;
    };
    let shutdown: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(test);
    runner_http::serve(config, shutdown).await.unwrap();
}
