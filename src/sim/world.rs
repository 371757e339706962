//! Both systems, the network, the store, and the engine that comes and goes.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use connector_hubspot::fake::{FakeConfig as HubSpotFake, FakeHubSpot};
use connector_hubspot::{HubSpot, HubSpotConfig};
use connector_stripe::fake::{FakeConfig as StripeFake, FakeStripe};
use connector_stripe::{Stripe, StripeConfig};
use sync_core::clock::{Clock, TokioClock};
use sync_core::http::Request;
use sync_core::model::{Entity, Side, Timestamp};
use sync_core::{Engine, Settings};
use tokio::sync::{mpsc, watch};

use super::clock::JumpyClock;
use super::emulators::ADDRESS;
use super::scenario::Setup;
use super::store::FlakyStore;
use super::trace::{START, Trace};
use super::wire::{Line, Wire, lock};

/// The contact property that holds the customer's id.
pub(super) const TWIN_PROPERTY: &str = "stripe_customer_id";
/// The customer's metadata key that holds the contact's id.
pub(super) const TWIN_KEY: &str = "hubspot_contact_id";
const PURCHASE_EVENT: &str = "pe48807704_purchase";

/// What becomes of the running engine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// It ends at once, for this long.
    Crash(Duration),
    /// It drains and ends, for this long.
    Restart(Duration),
}

/// What was delivered.
#[derive(Default)]
pub(super) struct Deliveries {
    /// Every webhook that reached an engine, whatever it answered.
    pub(super) all: Vec<(Side, Request)>,
    /// Events in deliveries that were answered 200.
    pub(super) acknowledged: u64,
    /// Events in deliveries that were cut short: they may be in the inbox all the same.
    pub(super) interrupted: u64,
    /// Why deliveries were turned down.
    pub(super) rejected: Vec<String>,
}

/// Everything there is.
pub(super) struct World {
    pub(super) clock: TokioClock,
    /// What the engine takes for the time.
    pub(super) engine_clock: JumpyClock,
    pub(super) hubspot: Arc<Wire<FakeHubSpot>>,
    pub(super) stripe: Arc<Wire<FakeStripe>>,
    pub(super) connectors: (Arc<HubSpot>, Arc<Stripe>),
    settings: Settings,
    pub(super) store: FlakyStore,
    pub(super) trace: Arc<Trace>,
    /// The engine, while there is one.
    pub(super) engine: Mutex<Option<Engine>>,
    /// Changes whenever an engine ends: what it was doing is cut short.
    pub(super) lives: watch::Sender<u64>,
    pub(super) deliveries: Mutex<Deliveries>,
    /// When engines ended.
    pub(super) ends: Mutex<Vec<Timestamp>>,
    /// Deliveries under way.
    pub(super) posting: AtomicU64,
    /// Crash once the engine was polled this often more; 0: not planned.
    pub(super) fuse: AtomicU32,
    fuse_down: Mutex<Duration>,
    orders: mpsc::UnboundedSender<Order>,
    orders_out: Mutex<Option<mpsc::UnboundedReceiver<Order>>>,
}

impl World {
    pub(super) fn new(seed: u64, setup: &Setup, keep_trace: bool) -> Result<Self, String> {
        let clock = TokioClock::starting_at(START);
        let trace = Arc::new(Trace::new(clock, keep_trace));
        let network = (seed, setup.network_ms);
        let hubspot = FakeHubSpot::new(hubspot_fake(seed, setup));
        let stripe = FakeStripe::new(stripe_fake(seed, setup));
        let hubspot = Arc::new(Wire::new(hubspot, clock, Arc::clone(&trace), network));
        let stripe = Arc::new(Wire::new(stripe, clock, Arc::clone(&trace), network));
        let left = HubSpot::new(hubspot_config(), Arc::new(Line(Arc::clone(&hubspot))));
        let right = Stripe::new(stripe_config(), Arc::new(Line(Arc::clone(&stripe))));
        let left = left.map_err(|e| e.to_string())?;
        let right = right.map_err(|e| e.to_string())?;
        let (orders, orders_out) = mpsc::unbounded_channel();
        Ok(Self {
            clock,
            engine_clock: JumpyClock::new(clock),
            hubspot,
            stripe,
            connectors: (Arc::new(left), Arc::new(right)),
            settings: settings(setup),
            store: FlakyStore::new(seed, setup.store_ms),
            trace,
            engine: Mutex::default(),
            lives: watch::Sender::new(0),
            deliveries: Mutex::default(),
            ends: Mutex::default(),
            posting: AtomicU64::new(0),
            fuse: AtomicU32::new(0),
            fuse_down: Mutex::default(),
            orders,
            orders_out: Mutex::new(Some(orders_out)),
        })
    }

    /// Gives the engine an order. One that is down does not hear it.
    pub(super) fn order(&self, order: Order) {
        if lock(&self.engine).is_some() {
            // The keeper lives as long as the world does.
            let _ = self.orders.send(order);
        }
    }

    /// Lets the engine end after it was polled `polls` times more.
    pub(super) fn light_fuse(&self, polls: u32, down: Duration) {
        *lock(&self.fuse_down) = down;
        self.fuse.store(polls, Ordering::Relaxed);
    }

    /// Keeps an engine running, until the world ends.
    pub(super) async fn keep(self: Arc<Self>) {
        let Some(mut orders) = lock(&self.orders_out).take() else { return };
        loop {
            let Some(engine) = self.build().await else { continue };
            self.trace.note("engine  starts");
            *lock(&self.engine) = Some(engine.clone());
            let down = self.live(&engine, &mut orders).await;
            *lock(&self.engine) = None;
            lock(&self.ends).push(self.clock.now());
            self.lives.send_modify(|n| *n += 1);
            drop(engine);
            while orders.try_recv().is_ok() {}
            tokio::time::sleep(down).await;
        }
    }

    /// One life of an engine. Gives how long it stays away.
    async fn live(&self, engine: &Engine, orders: &mut mpsc::UnboundedReceiver<Order>) -> Duration {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        // A dropped sender means as much as a sent word.
        let run = Fused { inner: pin!(engine.run(async { drop(stopped.await) })), fuse: &self.fuse };
        let mut run = pin!(run);
        let order = tokio::select! {
            biased;
            order = orders.recv() => order,
            () = self.store.crash() => Some(Order::Crash(Duration::from_millis(1_500))),
            ended = &mut run => {
                self.trace.note(format!("engine  ends: {ended:?}"));
                return *lock(&self.fuse_down);
            }
        };
        match order {
            Some(Order::Restart(down)) => {
                drop(stop);
                let ended = tokio::select! {
                    biased;
                    () = self.store.crash() => None,
                    ended = &mut run => ended,
                };
                self.trace.note(format!("engine  stopped: {ended:?}"));
                down
            }
            Some(Order::Crash(down)) => {
                self.trace.note("engine  crashes");
                down
            }
            None => Duration::MAX,
        }
    }

    async fn build(&self) -> Option<Engine> {
        let (left, right) = self.connectors.clone();
        let engine = Engine::builder(Entity::person())
            .left(left, connector_hubspot::mapping())
            .right(right, connector_stripe::mapping())
            .settings(self.settings.clone())
            .store(self.store.clone())
            .clock(self.engine_clock.clone())
            .namespace("sim")
            .build();
        let built = tokio::select! {
            biased;
            () = self.store.crash() => None,
            built = engine => built.ok(),
        };
        if built.is_none() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        built
    }
}

/// Ends with nothing after it was polled a given number of times.
struct Fused<'a, F> {
    inner: Pin<&'a mut F>,
    fuse: &'a AtomicU32,
}

impl<F: Future<Output = Result<(), sync_core::EngineError>>> Future for Fused<'_, F> {
    type Output = Option<Result<(), String>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let left = self.fuse.load(Ordering::Relaxed);
        if left > 0 {
            self.fuse.store(left - 1, Ordering::Relaxed);
            if left == 1 {
                return Poll::Ready(None);
            }
        }
        self.inner.as_mut().poll(context).map(|result| Some(result.map_err(|e| e.to_string())))
    }
}

fn settings(setup: &Setup) -> Settings {
    let settings = Settings::default();
    if setup.asks { settings } else { Settings { tail: Duration::ZERO, ..settings } }
}

fn hubspot_config() -> HubSpotConfig {
    let fake = HubSpotFake::default();
    HubSpotConfig {
        client_secrets: vec![fake.client_secret.into()],
        public_url: ADDRESS.to_owned(),
        purchase_event: Some(PURCHASE_EVENT.to_owned()),
        twin_property: Some(TWIN_PROPERTY.to_owned()),
        ..HubSpotConfig::new("http://hubspot.test", fake.access_token, fake.portal_id, fake.app_id)
    }
}

fn stripe_config() -> StripeConfig {
    let fake = StripeFake::default();
    let secrets = fake.webhooks.secrets.into_iter().map(Into::into).collect();
    StripeConfig {
        twin_key: TWIN_KEY.to_owned(),
        ..StripeConfig::new("http://stripe.test", fake.api_key.into(), secrets)
    }
}

fn hubspot_fake(seed: u64, setup: &Setup) -> HubSpotFake {
    let mut fake = HubSpotFake {
        seed,
        clock_skew_ms: setup.hubspot_skew_ms,
        legacy_batches: setup.legacy_batches,
        search_lag: (Duration::ZERO, Duration::from_millis(setup.search_lag_ms)),
        ..HubSpotFake::default()
    };
    fake.webhooks.single = setup.single;
    fake.webhooks.fan_out = setup.fan_out;
    fake.webhooks.reorder = setup.reorder;
    fake.webhooks.duplicate_percent = setup.duplicate_percent.into();
    fake.webhooks.drop_percent = setup.lost_percent.into();
    fake.webhooks.latency = (Duration::from_millis(5), Duration::from_millis(5 + setup.webhook_ms));
    fake.webhooks.group_every = Duration::from_millis(20);
    fake.webhooks.retry_base = Duration::from_millis(800);
    fake
}

fn stripe_fake(seed: u64, setup: &Setup) -> StripeFake {
    let mut fake = StripeFake {
        seed,
        clock_skew: setup.stripe_skew_ms,
        search_lag: Duration::from_millis(setup.search_lag_ms),
        ..StripeFake::default()
    };
    fake.webhooks.reorder = setup.reorder;
    fake.webhooks.duplicate_percent = setup.duplicate_percent;
    fake.webhooks.drop_percent = setup.lost_percent;
    fake.webhooks.latency = (Duration::from_millis(5), Duration::from_millis(5 + setup.webhook_ms));
    fake.webhooks.retry_base = Duration::from_millis(500);
    fake
}
