//! One of the measured programs, in a process of its own.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use connector_hubspot::fake::FakeHubSpot;
use stage::figures::Used;
use stage::{How, Systems, World, WorldConfig};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::PATIENCE;
use crate::load::{self, CONNECTIONS, Webhook};

/// How often it is looked whether all is done.
const GLANCE: Duration = Duration::from_millis(10);
/// After the last visible effect: what is written behind it.
const REST: Duration = Duration::from_millis(300);
/// Customers who pay.
const PAYERS: usize = 1_000;

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Floor,
    Accept,
    Engine,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Accept => "accept",
            Self::Engine => "engine",
        }
    }
}

/// What a round cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    count: usize,
    cpu: Duration,
    pub(crate) peak: u64,
    pub(crate) time: Duration,
}

impl Cost {
    /// In microseconds.
    pub(crate) fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count as f64
    }
}

/// Tells the bench where this program listens.
pub(crate) fn announce(address: SocketAddr) {
    println!("{address}");
}

/// A child that announces itself, and where it listens.
struct Listener {
    process: Child,
    url: String,
    _directory: TempDir,
}

impl Listener {
    async fn start(kind: Kind, call: &[String]) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(kind.name())
            .arg(directory.path())
            .args(call)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.next_line().await.unwrap().unwrap();
        Self { process, url: format!("http://{address}/webhooks/stripe"), _directory: directory }
    }
}

/// What it costs to take this many webhooks.
pub(crate) async fn ingest(kind: Kind, count: usize) -> Cost {
    let webhooks = (0..count).map(|n| load::signed(&load::created(n))).collect();
    if kind == Kind::Engine {
        let world = world().await;
        return cost(process_of(&world), &url_of(&world), webhooks, || true).await;
    }
    let program = Listener::start(kind, &[]).await;
    cost(program.process.id().unwrap(), &program.url, webhooks, || true).await
}

/// What it costs to tell this many payments to the other system.
pub(crate) async fn end_to_end(kind: Kind, count: usize) -> Cost {
    let mut world = world().await;
    let url = url_of(&world);
    let customers = payers(&world, &url).await;
    let payments = (0..count).map(|n| load::signed(&load::paid(n, &customers[n % PAYERS]))).collect();
    let told = |h: &mut FakeHubSpot| h.custom_events().len() == count;
    if kind == Kind::Engine {
        return cost(process_of(&world), &url, payments, || world.hubspot(|h, _| told(h))).await;
    }
    world.stop_engine().await.unwrap();
    let call = world.hubspot(|h, _| {
        let contact = h.contacts().next().unwrap().id().to_string();
        [String::new(), h.config.access_token.clone(), contact]
    });
    let send = format!("{}/events/v3/send", world.hubspot.base_url());
    let program = Listener::start(kind, &[vec![send], call[1..].to_vec()].concat()).await;
    cost(program.process.id().unwrap(), &program.url, payments, || world.hubspot(|h, _| told(h))).await
}

/// Posts everything, waits until it is `done`, and gives what the process used meanwhile.
async fn cost(process: u32, url: &str, webhooks: Vec<Webhook>, done: impl Fn() -> bool) -> Cost {
    let (count, began, before) = (webhooks.len(), Instant::now(), Used::by(process));
    load::post(url, webhooks).await;
    while !done() {
        assert!(began.elapsed() < PATIENCE, "not done in time");
        sleep(GLANCE).await;
    }
    let time = began.elapsed();
    sleep(REST).await;
    let after = Used::by(process);
    Cost { count, cpu: after.cpu.saturating_sub(before.cpu), peak: after.peak, time }
}

/// The whole program, between two emulated systems that limit nobody and tell it nothing by themselves.
async fn world() -> World {
    let mut config = WorldConfig::quick(How::Process);
    (config.hubspot.limits, config.stripe.limits) = (Vec::new(), Vec::new());
    (config.hubspot.response_time, config.stripe.response_time) = Default::default();
    // A window so long that nobody waits for it after the start.
    let limits = "limits = [{ requests = 1000000, seconds = 3600 }]".to_owned();
    // The floor calls for all at once, so let the engine do so, too.
    config.extra =
        [format!("{limits}\nconcurrency = {CONNECTIONS}"), limits, "create_hold_ms = 0".to_owned()];
    let mut world = World::new(config).await.unwrap();
    let url = world.hubspot(|h, _| h.config.webhooks.url.take()).unwrap();
    world.stripe(|s, _| s.config.webhooks.url = Some(url.replace("hubspot", "stripe")));
    world.start_engine().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while world.api("status").await.unwrap()["index_complete"] != true {
        assert!(Instant::now() < deadline, "not ready in time");
        sleep(GLANCE).await;
    }
    world
}

fn process_of(world: &World) -> u32 {
    world.engine_process().unwrap()
}

fn url_of(world: &World) -> String {
    world.stripe(|s, _| s.config.webhooks.url.clone()).unwrap()
}

/// Customers whose contacts exist.
async fn payers(world: &World, url: &str) -> Vec<String> {
    let created: Vec<_> = (0..PAYERS).map(load::created).collect();
    load::post(url, created.iter().map(load::signed).collect()).await;
    let deadline = Instant::now() + PATIENCE;
    while world.hubspot(|h, _| h.contacts().count()) < PAYERS {
        assert!(Instant::now() < deadline, "contacts not created in time");
        sleep(GLANCE).await;
    }
    sleep(REST).await;
    created.iter().map(|event| event["data"]["object"]["id"].as_str().unwrap().to_owned()).collect()
}
