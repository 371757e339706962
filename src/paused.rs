//! The engine between two emulated systems in virtual time: an hour takes seconds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use connector_hubspot::fake::{FakeConfig as HubSpotFake, FakeHubSpot};
use connector_hubspot::{HubSpot, HubSpotConfig};
use connector_stripe::fake::{FakeConfig as StripeFake, FakeStripe};
use connector_stripe::{Stripe, StripeConfig};
use sync_core::clock::{Clock, TokioClock};
use sync_core::http::{Request, Response, Transport, TransportError};
use sync_core::model::{Entity, Side, Timestamp};
use sync_core::store::Store;
use sync_core::testing::fake::FakeSystem;
use sync_core::{Engine, Settings};
use tokio::task::JoinSet;

use crate::{StageError, Systems};

/// When it begins: 2026-01-01, in the virtual world.
const START: Timestamp = Timestamp::from_secs(1_767_225_600);
/// How often it is looked whether a webhook is due.
const GLANCE: Duration = Duration::from_millis(5);
/// Where webhooks go. Nobody listens there: they are handed over in memory.
const ADDRESS: &str = "http://engine.test";
/// The custom event that purchases become.
const PURCHASE_EVENT: &str = "pe48807704_purchase";

/// How both systems and the engine are set.
#[derive(Debug, Clone, Default)]
pub struct PausedConfig {
    /// How HubSpot behaves; its webhook address is filled in.
    pub hubspot: HubSpotFake,
    /// How Stripe behaves; its webhook address is filled in.
    pub stripe: StripeFake,
    /// How the engine behaves.
    pub settings: Settings,
    /// Longest time a request, and its answer, may be on its way; each takes another time.
    pub jitter: Duration,
    /// Whether HubSpot's answers to batches are asked for row by row.
    pub row_level: bool,
}

/// Everything there is. Needs a tokio runtime whose time is paused; all ends when this is dropped.
pub struct Paused {
    hubspot: Arc<Mutex<FakeHubSpot>>,
    stripe: Arc<Mutex<FakeStripe>>,
    engine: Engine,
    clock: TokioClock,
    _tasks: JoinSet<()>,
}

impl Paused {
    /// Sets the stage, on which `before` happens before anybody listens, and starts the engine.
    ///
    /// # Errors
    /// When a connector or the engine cannot be made.
    pub async fn start(
        config: PausedConfig,
        store: impl Store,
        before: impl FnOnce(&mut FakeHubSpot, &mut FakeStripe, Timestamp),
    ) -> Result<Self, StageError> {
        let clock = TokioClock::starting_at(START);
        let (mut hubspot, mut stripe) = (FakeHubSpot::new(config.hubspot), FakeStripe::new(config.stripe));
        before(&mut hubspot, &mut stripe, clock.now());
        hubspot.config.webhooks.url = Some(format!("{ADDRESS}/webhooks/hubspot"));
        stripe.config.webhooks.url = Some(format!("{ADDRESS}/webhooks/stripe"));
        let (left, right) = (hubspot_config(&hubspot, config.row_level), stripe_config(&stripe));
        let (hubspot, stripe) = (Arc::new(Mutex::new(hubspot)), Arc::new(Mutex::new(stripe)));
        let wire = (clock, config.jitter);
        let left = HubSpot::new(left, Arc::new(Line::new(&hubspot, wire))).map_err(broken)?;
        let right = Stripe::new(right, Arc::new(Line::new(&stripe, wire))).map_err(broken)?;
        left.provision().await.map_err(broken)?;
        // What was asked until now nobody counted.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let engine = Engine::builder(Entity::person())
            .left(left, connector_hubspot::mapping())
            .right(right, connector_stripe::mapping())
            .store(store)
            .clock(clock)
            .settings(config.settings)
            .namespace("paused")
            .build()
            .await
            .map_err(broken)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(carry(Arc::clone(&hubspot), (Side::Left, clock), engine.clone()));
        tasks.spawn(carry(Arc::clone(&stripe), (Side::Right, clock), engine.clone()));
        let running = engine.clone();
        tasks.spawn(async move {
            // It ends only when its store is damaged. Then nothing comes to pass any more, which nobody overlooks.
            let _ = running.run(std::future::pending()).await;
        });
        Ok(Self { hubspot, stripe, engine, clock, _tasks: tasks })
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Waits until `done`. False when that takes longer than `patience`.
    pub async fn until(&self, patience: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let deadline = tokio::time::Instant::now() + patience;
        while !done(self) {
            if tokio::time::Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        true
    }
}

impl Systems for Paused {
    fn hubspot<R>(&self, act: impl FnOnce(&mut FakeHubSpot, Timestamp) -> R) -> R {
        act(&mut self.hubspot.lock().unwrap_or_else(PoisonError::into_inner), self.clock.now())
    }

    fn stripe<R>(&self, act: impl FnOnce(&mut FakeStripe, Timestamp) -> R) -> R {
        act(&mut self.stripe.lock().unwrap_or_else(PoisonError::into_inner), self.clock.now())
    }
}

fn broken(error: impl std::fmt::Display) -> StageError {
    StageError::Engine(error.to_string())
}

/// Carries the webhooks of one system to the engine, each in a task of its own.
async fn carry<F: FakeSystem>(system: Arc<Mutex<F>>, (side, clock): (Side, TokioClock), engine: Engine) {
    let mut under_way = JoinSet::new();
    loop {
        let due = system.lock().unwrap_or_else(PoisonError::into_inner).due(clock.now());
        for posting in due {
            let (system, engine) = (Arc::clone(&system), engine.clone());
            under_way.spawn(async move {
                let status = if engine.accept(side, &posting.request).await.is_ok() { 200 } else { 503 };
                let mut system = system.lock().unwrap_or_else(PoisonError::into_inner);
                system.delivered(clock.now(), posting.id, Some(status));
            });
        }
        while under_way.try_join_next().is_some() {}
        tokio::time::sleep(GLANCE).await;
    }
}

/// The engine's way to a system. Requests and answers take their time, and a request that has left arrives.
struct Line<F> {
    system: Arc<Mutex<F>>,
    clock: TokioClock,
    longest: Duration,
    sent: std::sync::atomic::AtomicU64,
}

impl<F> Line<F> {
    fn new(system: &Arc<Mutex<F>>, (clock, longest): (TokioClock, Duration)) -> Self {
        Self { system: Arc::clone(system), clock, longest, sent: Default::default() }
    }

    /// Anything from nothing to the longest, by a fixed sequence without a pattern (splitmix64).
    fn delay(&self) -> Duration {
        let number = self.sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.longest.mul_f64(((mixed >> 40) as f64) / ((1_u64 << 24) as f64))
    }
}

#[async_trait]
impl<F: FakeSystem> Transport for Line<F> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (there, back) = (self.delay(), self.delay());
        let (system, clock) = (Arc::clone(&self.system), self.clock);
        let answered = tokio::spawn(async move {
            wait(there).await;
            let reply = system.lock().unwrap_or_else(PoisonError::into_inner).handle(clock.now(), &request);
            wait(reply.delay + back).await;
            reply.response
        });
        let lost = || TransportError::NoAnswer("connection closed".to_owned());
        answered.await.ok().flatten().ok_or_else(lost)
    }
}

/// Sleeping for no time at all would still take a millisecond.
async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn hubspot_config(fake: &FakeHubSpot, row_level: bool) -> HubSpotConfig {
    let fake = &fake.config;
    let base =
        HubSpotConfig::new("http://hubspot.test", fake.access_token.clone(), fake.portal_id, fake.app_id);
    HubSpotConfig {
        client_secrets: vec![fake.client_secret.clone().into()],
        public_url: ADDRESS.to_owned(),
        purchase_event: Some(PURCHASE_EVENT.to_owned()),
        twin_property: Some("stripe_customer_id".to_owned()),
        row_level,
        ..base
    }
}

fn stripe_config(fake: &FakeStripe) -> StripeConfig {
    let fake = &fake.config;
    let secrets = fake.webhooks.secrets.iter().cloned().map(Into::into).collect();
    StripeConfig {
        twin_key: "hubspot_contact_id".to_owned(),
        ..StripeConfig::new("http://stripe.test", fake.api_key.clone().into(), secrets)
    }
}
