//! A stage with short waits, what people do on it, and waiting with a deadline.

use std::sync::Arc;
use std::time::Duration;

use connector_hubspot::fake::FakeHubSpot;
use stage::{How, Truth, World, WorldConfig};
use sync_core::http::{Request, ReqwestTransport, Transport};
use sync_core::model::{RecordId, Timestamp};
use sync_core::quota::Window;
use sync_core::testing::fake::{Call, Change};
use tokio::time::{Instant, sleep};

/// How long anything may take before a test gives up: the promise of the brief.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a test looks.
const GLANCE: Duration = Duration::from_millis(10);
/// The longest a webhook is under way.
const LATENCY: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(30));
/// How long nothing may happen before it counts as quiet.
const QUIET: Duration = Duration::from_millis(500);

pub(crate) struct Stage {
    pub(crate) world: World,
}

/// An engine between two empty systems, both listed in full.
pub(crate) async fn stage() -> Stage {
    stage_with(|_| {}).await
}

/// The same, set differently.
pub(crate) async fn stage_with(adjust: impl FnOnce(&mut WorldConfig)) -> Stage {
    let mut stage = empty_stage(adjust).await;
    stage.start().await;
    stage
}

/// The same before the engine runs.
pub(crate) async fn empty_stage(adjust: impl FnOnce(&mut WorldConfig)) -> Stage {
    let mut config = WorldConfig::quick(How::Task);
    let (hubspot, stripe) = (&mut config.hubspot, &mut config.stripe);
    hubspot.response_time = Duration::from_millis(2);
    hubspot.webhooks.latency = LATENCY;
    hubspot.webhooks.group_every = Duration::from_millis(10);
    hubspot.webhooks.retry_base = Duration::from_millis(100);
    hubspot.search_lag = (Duration::ZERO, Duration::from_millis(300));
    stripe.response_time = Duration::from_millis(2);
    stripe.webhooks.latency = LATENCY;
    stripe.webhooks.retry_base = Duration::from_millis(100);
    stripe.search_lag = Duration::from_millis(300);
    // After its start the engine waits for a window to pass. These limits have none that is worth waiting for.
    hubspot.limits = vec![Window::per_seconds(10_000, 1)];
    hubspot.search_limit = Window::per_seconds(10_000, 1);
    stripe.limits = vec![Window::per_seconds(10_000, 1)];
    let limits = "limits = [{ requests = 10000, seconds = 3600 }]".to_owned();
    config.extra = [limits.clone(), limits, "create_hold_ms = 50".to_owned()];
    adjust(&mut config);
    Stage { world: World::new(config).await.unwrap() }
}

/// The limits of the brief, for those who want them.
pub(crate) fn true_limits(config: &mut WorldConfig) {
    config.hubspot.limits = vec![Window::per_seconds(15, 1)];
    config.hubspot.search_limit = Window::per_seconds(5, 1);
    config.stripe.limits = vec![Window::per_seconds(100, 1)];
    config.extra[0].clear();
    config.extra[1].clear();
}

impl Stage {
    /// Starts the engine and waits until it knows both systems.
    pub(crate) async fn start(&mut self) {
        self.world.start_engine().await.unwrap();
        self.status("both systems are listed", |status| status["index_complete"] == true).await;
    }

    /// Starts the engine again after a crash. It was a task of this process: whatever it was writing to disk at that moment
    /// is still being written, and keeps the store locked.
    pub(crate) async fn restart(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.world.start_engine().await {
            assert!(Instant::now() < deadline, "it never starts again: {error}");
            sleep(GLANCE).await;
        }
    }

    /// Waits until the two systems are as they should be.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Truth) -> bool) -> Truth {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let truth = Truth::of(&self.world);
            if done(&truth) {
                return truth;
            }
            if Instant::now() > deadline {
                let status = self.world.api("status").await.unwrap();
                panic!("gave up waiting: {what}; {:?}; the engine: {status}", truth.discrepancies(&[]));
            }
            sleep(GLANCE).await;
        }
    }

    /// Waits until all of these have one record on each side, with the same content.
    pub(crate) async fn in_step(&self, emails: &[&str]) -> Truth {
        self.until("both sides are in step", |truth| emails.iter().all(|email| truth.is_in_step(email))).await
    }

    async fn status(&self, what: &str, done: impl Fn(&serde_json::Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(&self.world.api("status").await.unwrap()) {
            assert!(Instant::now() < deadline, "gave up waiting: {what}");
            sleep(GLANCE).await;
        }
    }

    /// Waits until no webhook is under way and the engine has nothing in hand; then nothing may be written for a while.
    pub(crate) async fn quiet(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.world.hubspot.with(|h, _| h.waiting_events()) > 0 {
            assert!(Instant::now() < deadline, "webhooks are never taken");
            sleep(GLANCE).await;
        }
        sleep(LATENCY.1 * 2).await;
        self.status("the engine has nothing in hand", |status| {
            let none = |side: &str, what: &str| status["sides"][side][what] == 0;
            let idle = |side: &str| none(side, "under_way") && none(side, "waiting");
            status["counts"]["pending"] == 0 && idle("left") && idle("right")
        })
        .await;
        let before = self.writes();
        sleep(QUIET).await;
        assert_eq!(self.writes(), before, "P6: a quiet system writes nothing");
    }

    /// Calls that write, on both systems; refused ones count too.
    pub(crate) fn writes(&self) -> usize {
        let read = |c: &&Call| c.method == "GET" || c.path.ends_with("/read") || c.path.ends_with("/search");
        let writes = |calls: &[Call]| calls.iter().filter(|c| !read(c)).count();
        self.world.hubspot.with(|h, _| writes(h.calls().calls()))
            + self.world.stripe.with(|s, _| writes(s.calls().calls()))
    }

    pub(crate) fn truth(&self) -> Truth {
        Truth::of(&self.world)
    }

    /// A person creates a contact: email, first name, last name, phone; what is empty is not set.
    pub(crate) fn contact(&self, [email, first, last, phone]: [&str; 4]) -> RecordId {
        let values = [("email", email), ("firstname", first), ("lastname", last), ("phone", phone)];
        let set: Vec<_> = values.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        self.hubspot(|h, now| h.person_creates(now, &set).unwrap())
    }

    /// Somebody creates a customer: email, name, phone; what is empty is not set.
    pub(crate) fn customer(&self, fields: [&str; 3]) -> String {
        let [email, name, phone] = fields.map(|value| (!value.is_empty()).then_some(value));
        self.world.stripe.with(|s, now| s.person_creates(now, email, name, phone))
    }

    /// A person edits the contact with this email.
    pub(crate) fn edit_contact(&self, email: &str, values: &[(&str, Option<&str>)]) {
        let id = RecordId::new(&*self.truth().contact(email).unwrap().id);
        self.hubspot(|h, now| h.person_edits(now, &id, values).unwrap());
    }

    /// Somebody edits the customer with this email.
    pub(crate) fn edit_customer(&self, email: &str, values: &[(&str, Option<&str>)]) {
        let id = self.truth().customer(email).unwrap().id.clone();
        assert!(self.world.stripe.with(|s, now| s.person_edits(now, &id, values)));
    }

    /// A customer, or a guest who leaves an email, pays 12.34 USD. Gives the payment's id.
    pub(crate) fn pays(&self, customer: Option<&str>, receipt_email: Option<&str>) -> String {
        self.world.stripe.with(|s, now| s.pays(now, customer, receipt_email, (1234, "usd")))
    }

    pub(crate) fn hubspot<T>(&self, act: impl FnOnce(&mut FakeHubSpot, Timestamp) -> T) -> T {
        self.world.hubspot.with(act)
    }

    /// Posts this as HubSpot would; it has to be acknowledged.
    pub(crate) async fn post_as_hubspot(&self, body: serde_json::Value) {
        post(self.hubspot(|h, now| h.signed(now, body.to_string()).unwrap())).await;
    }

    /// Posts this as Stripe would; it has to be acknowledged.
    pub(crate) async fn post_as_stripe(&self, body: &serde_json::Value) {
        let body = body.to_string();
        let (url, signature) = self.world.stripe.with(|s, now| {
            let signature = connector_stripe::fake::sign(&s.config.webhooks.secrets, now, body.as_bytes());
            (s.config.webhooks.url.clone().unwrap(), signature)
        });
        let mut request = Request::new(body.into());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = url.parse().unwrap();
        request.headers_mut().insert("stripe-signature", signature.parse().unwrap());
        post(request).await;
    }

    /// What the engine has set aside, as it tells its operators.
    pub(crate) async fn dead_letters(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let letters = self.world.api("dead-letters").await.unwrap();
            if letters["dead_letters"].as_array().is_some_and(|all| !all.is_empty()) {
                return letters.to_string();
            }
            assert!(Instant::now() < deadline, "gave up waiting: something is set aside");
            sleep(GLANCE).await;
        }
    }
}

pub(crate) fn transport() -> Arc<dyn Transport> {
    Arc::new(ReqwestTransport::new(PATIENCE).unwrap())
}

async fn post(request: Request) {
    let response = transport().send(request).await.unwrap();
    assert_eq!(response.status(), 200, "every authentic delivery is acknowledged");
}

/// Which properties the engine wrote, change by change, from a position in the record on. That it told a contact of its
/// customer, which it does when there is nothing else to do, is left out.
pub(crate) fn written(changes: &[Change], from: usize) -> Vec<Vec<&str>> {
    let ours = changes[from..].iter().filter(|c| matches!(c.actor, sync_core::testing::fake::Actor::Api(_)));
    let names = ours.map(|change| change.properties.keys().map(String::as_str).collect::<Vec<_>>());
    names.filter(|names| *names != ["stripe_customer_id"]).collect()
}
