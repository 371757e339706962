//! One simulation, from the first step to the verdict.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use connector_hubspot::fake::FakeHubSpot;
use connector_stripe::fake::{FakeStripe, sign};
use http::HeaderValue;
use http::Method;
use sync_core::clock::Clock;
use sync_core::http::Request;
use sync_core::model::{Side, Timestamp};
use sync_core::testing::fake::CallLog;
use tokio::time::sleep;

use super::certain::are_certainties_kept;
use super::emulators::ADDRESS;
use super::judge::{Judge, Verdict};
use super::linked::do_pairs_agree;
use super::mail::carry;
use super::outage::is_waited_out;
use super::people::People;
use super::scenario::{HUBSPOT, STRIPE, Scenario, Setup};
use super::set_aside::is_deserved;
use super::wire::lock;
use super::world::World;

/// Longest time until nothing is left to do, once all faults have ended.
const PATIENCE: Duration = Duration::from_secs(600);
/// Longest time until the engine asks what no webhook told, once a search can find it: a system may just have kept it
/// waiting, or turned it away for half a minute.
const ASKS: Duration = Duration::from_secs(90);
/// What is younger is not asked for yet, with a second for clocks that have no finer step.
const YOUNG: Duration = Duration::from_secs(6);
/// How long a quiet system is watched.
const WATCH: Duration = Duration::from_secs(60);
/// How often it is looked at, and how often in a row it must have been quiet.
const GLANCE: (Duration, u32) = (Duration::from_millis(500), 6);

/// How a simulation went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The first promise that was broken, if any.
    pub broken: Option<String>,
    /// Tells whether two runs were the same run.
    pub hash: u64,
    /// What happened, if it was asked for.
    pub trace: Vec<String>,
}

/// Plays a scenario in virtual time.
#[must_use]
pub fn play(scenario: &Scenario, keep_trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(scenario, keep_trace)),
        Err(error) => Outcome { broken: Some(error.to_string()), hash: 0, trace: Vec::new() },
    }
}

async fn run(scenario: &Scenario, keep_trace: bool) -> Outcome {
    let world = match World::new(scenario.seed, &scenario.setup, keep_trace) {
        Ok(world) => Arc::new(world),
        Err(error) => return Outcome { broken: Some(error), hash: 0, trace: Vec::new() },
    };
    let broken = phases(&world, scenario).await.err();
    if let Some(broken) = &broken {
        world.trace.note(format!("BROKEN  {broken}"));
    }
    Outcome { broken, hash: world.trace.hash(), trace: world.trace.lines() }
}

async fn phases(world: &Arc<World>, scenario: &Scenario) -> Verdict {
    world.connectors.0.provision().await.map_err(|e| e.to_string())?;
    let mut people = People::new(Arc::clone(world));
    let (before, after) = scenario.steps.split_at(scenario.setup.before.min(scenario.steps.len()));
    for timed in before {
        sleep(Duration::from_millis(timed.wait_ms)).await;
        people.perform(&timed.step);
    }
    let known = people.doubled();
    // What was asked until now nobody counted.
    sleep(Duration::from_millis(1_100)).await;
    subscribe(world);
    tokio::spawn(carry(Arc::clone(world), HUBSPOT, Arc::clone(&world.hubspot)));
    tokio::spawn(carry(Arc::clone(world), STRIPE, Arc::clone(&world.stripe)));
    tokio::spawn(Arc::clone(world).keep());
    for timed in after {
        sleep(Duration::from_millis(timed.wait_ms)).await;
        people.perform(&timed.step);
    }
    let dark = world.hubspot.dark_for().max(world.stripe.dark_for());
    sleep(dark).await;
    people.heal();
    repair(world, &scenario.setup).await?;
    converge(world).await?;
    stays_quiet(world).await?;
    let judge = Judge::new(world, &scenario.setup, &people.all).await?;
    judge.all().await?;
    is_deserved(world).await?;
    is_waited_out(world)?;
    do_pairs_agree(world).await?;
    are_certainties_kept(world, &people, &known)?;
    if !judge.can_be_replayed() {
        return Ok(());
    }
    world.trace.note("replay");
    let before = writes(world);
    replay(world).await;
    converge(world).await?;
    let more = writes(world) - before;
    if more > 0 {
        return Err(format!("P2: replaying all deliveries led to {more} writes"));
    }
    Judge::new(world, &scenario.setup, &people.all)
        .await?
        .all()
        .await
        .map_err(|e| format!("after replay: {e}"))
}

fn subscribe(world: &World) {
    world.hubspot.with(|h, _| h.config.webhooks.url = Some(format!("{ADDRESS}/webhooks/hubspot")));
    world.stripe.with(|s, _| s.config.webhooks.url = Some(format!("{ADDRESS}/webhooks/stripe")));
}

/// L4: lets the engine find what was lost, or not understood. What it then writes may cover further words that were lost, so
/// that it has to ask again. While a call is under way nobody can say what its record shows.
async fn repair(world: &World, setup: &Setup) -> Verdict {
    let mut written = None;
    while setup.asks && written != Some(writes(world)) {
        written = Some(writes(world));
        converge(world).await?;
        asks(world, setup).await?;
        converge(world).await?;
    }
    Ok(())
}

/// Waits until the engine has asked both sides, when they could tell it what happened until now.
async fn asks(world: &World, setup: &Setup) -> Verdict {
    let from = world.clock.now().plus(Duration::from_millis(setup.search_lag_ms) + YOUNG);
    let deadline = from.plus(ASKS);
    let is_asked = |log: &CallLog, path: &str| {
        let latest = log.calls().iter().rev().take_while(|call| call.at >= from);
        latest.filter(|call| call.status == Some(200)).any(|call| call.path.ends_with(path))
    };
    while world.clock.now() < deadline {
        sleep(Duration::from_secs(1)).await;
        let left = world.hubspot.with(|h, _| is_asked(h.calls(), "/search"));
        let right = world.stripe.with(|s, _| is_asked(s.calls(), "/events"));
        if left && right {
            return Ok(());
        }
    }
    Err("L4: nobody asks what no webhook told".to_owned())
}

/// Waits until nothing is left to do.
async fn converge(world: &World) -> Verdict {
    let (mut passed, mut quiet, mut calls) = (Duration::ZERO, 0, 0);
    while quiet < GLANCE.1 {
        if passed > PATIENCE {
            let status = lock(&world.engine).as_ref().map(sync_core::Engine::status);
            return Err(format!("L1: not quiet after ten minutes: {status:?}"));
        }
        sleep(GLANCE.0).await;
        passed += GLANCE.0;
        let now = all_calls(world);
        quiet = if is_idle(world) && now == calls { quiet + 1 } else { 0 };
        calls = now;
    }
    Ok(())
}

fn is_idle(world: &World) -> bool {
    let waiting = world.hubspot.with(|h, _| h.waiting_events());
    let due = world.stripe.with(|s, _| sync_core::testing::fake::FakeSystem::next_due(s).is_some());
    let posting = world.posting.load(Ordering::Relaxed);
    let engine = lock(&world.engine).as_ref().map(sync_core::Engine::status);
    let idle = engine.is_some_and(|status| {
        status.index_complete
            && Side::BOTH.iter().all(|s| {
                let side = &status.sides[*s];
                side.waiting == 0 && side.under_way == 0 && !side.ready
            })
    });
    waiting == 0 && !due && posting == 0 && idle
}

/// P6
async fn stays_quiet(world: &World) -> Verdict {
    let before = writes(world);
    sleep(WATCH).await;
    let more = writes(world) - before;
    if more > 0 { Err(format!("P6: {more} writes in a quiet minute")) } else { Ok(()) }
}

/// P2: everything that was ever delivered is delivered again, signed anew.
async fn replay(world: &World) {
    let all = lock(&world.deliveries).all.clone();
    for (side, old) in all {
        let body = old.body().clone();
        let request = match side {
            HUBSPOT => world.hubspot.with(|h, now| h.signed(now, body)),
            STRIPE => Some(world.stripe.with(|s, _| signed(s, old, world.clock.now()))),
        };
        if let Some(request) = request {
            world.hand_over(side, request).await;
        }
    }
}

fn signed(stripe: &FakeStripe, old: Request, now: Timestamp) -> Request {
    let mut request = old;
    let signature = sign(&stripe.config.webhooks.secrets, now, request.body());
    if let Ok(signature) = HeaderValue::from_str(&signature) {
        request.headers_mut().insert("stripe-signature", signature);
    }
    request
}

fn all_calls(world: &World) -> usize {
    world.hubspot.with(|h, _| h.calls().calls().len()) + world.stripe.with(|s, _| s.calls().calls().len())
}

/// Calls that change something, whether they succeeded or not.
fn writes(world: &World) -> usize {
    let count = |log: &CallLog| {
        let asks = |path: &str| path.ends_with("/read") || path.ends_with("/search");
        log.calls().iter().filter(|c| c.method != Method::GET && !asks(&c.path)).count()
    };
    world.hubspot.with(|h: &mut FakeHubSpot, _| count(h.calls()))
        + world.stripe.with(|s: &mut FakeStripe, _| count(s.calls()))
}
