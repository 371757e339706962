//! When the engine is killed.

use std::collections::BTreeMap;
use std::time::Duration;

use stage::{Posted, StageError, World};
use sync_core::http::{ReqwestTransport, Transport};
use sync_core::testing::fake::{Actor, Call, Change, Fault, What};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::Staged;
use crate::chance::Chance;
use crate::clock::SetClock;
use crate::people::{At, People};

/// How long an answer is held back so that the engine dies before it reads it.
const SLOW: Duration = Duration::from_millis(1500);
/// How long a moment is waited for. If it does not come the engine is killed all the same.
const WAIT: Duration = Duration::from_secs(6);
/// How long webhooks are under way: at most times, and when the engine is about to lose its memory of what it just wrote.
/// The latter is longer than a restart takes, so that no echo tells it before it has to know.
const LATENCIES: [(Duration, Duration); 2] = [
    (Duration::from_millis(5), Duration::from_millis(30)),
    (Duration::from_millis(3_000), Duration::from_millis(5_000)),
];
/// How often somebody does something, at the shortest.
const PACE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Before it takes webhooks, or soon after.
    Startup,
    /// Right after it acknowledged some webhooks.
    Acknowledged,
    /// Right after some calls to Stripe arrived there.
    CallToStripe,
    /// Right after some calls to HubSpot arrived there.
    CallToHubSpot,
    /// Stripe has applied a write, and the answer is still under way.
    AnswerOfStripe,
    /// HubSpot has applied a write, and the answer is still under way.
    AnswerOfHubSpot,
    /// While it finishes what is under way, after SIGTERM.
    Draining,
    /// Stopped (SIGSTOP) while webhooks pile up at its door, and never continued.
    Stopped,
    /// Whenever.
    Anytime,
}

const MOMENTS: [Moment; 10] = [
    Moment::CallToStripe,
    Moment::Startup,
    Moment::AnswerOfStripe,
    Moment::Acknowledged,
    Moment::AnswerOfHubSpot,
    Moment::Draining,
    Moment::Startup,
    Moment::CallToHubSpot,
    Moment::Stopped,
    Moment::Anytime,
];

/// The stage, its people, and how often what happened.
pub(crate) struct Crashes {
    pub(crate) world: World,
    pub(crate) people: People,
    clock: SetClock,
    chance: Chance,
    posted: watch::Receiver<Posted>,
    next_act: Instant,
    kills: BTreeMap<Moment, u32>,
    missed: u32,
    /// Acknowledged deliveries that nobody can understand.
    pub(crate) gibberish: u64,
    began: Instant,
}

impl Crashes {
    pub(crate) fn new(world: World, clock: SetClock, seed: u64) -> Self {
        let crashes = Self {
            posted: world.posted(),
            world,
            people: People::new(seed),
            clock,
            chance: Chance::new(!seed),
            next_act: Instant::now(),
            kills: BTreeMap::new(),
            missed: 0,
            gibberish: 0,
            began: Instant::now(),
        };
        crashes.echoes_are_late(false);
        crashes
    }

    /// Two deliveries that nobody can understand, with nothing but a restart between them: the second must not take the
    /// first one's place.
    pub(crate) async fn gibberish_before_and_after(&mut self) -> Staged {
        for _ in 0..2 {
            self.world.start_engine().await?;
            self.post_gibberish().await?;
            sleep(Duration::from_millis(100)).await;
            self.world.stop_engine().await?;
        }
        Ok(())
    }

    /// Starts the engine and kills it; which moment it is killed at goes by turns.
    pub(crate) async fn life(&mut self, n: u64) -> Staged {
        let moment = MOMENTS[usize::try_from(n).unwrap_or(0) % MOMENTS.len()];
        let came = self.live_until(moment).await?;
        self.world.kill_engine().await?;
        *self.kills.entry(moment).or_default() += 1;
        self.missed += u32::from(!came);
        self.slow(false);
        self.echoes_are_late(false);
        for _ in 0..self.chance.below(3) {
            self.people.act(&self.world);
        }
        Ok(())
    }

    /// Starts the engine, stops it (SIGSTOP) with answers under way and webhooks piling up, continues it after `time`, and kills it
    /// a moment later.
    pub(crate) async fn pause(&mut self, time: Duration) -> Staged {
        self.world.start_engine().await?;
        self.answering(At::Stripe).await;
        self.slow(false);
        self.echoes_are_late(false);
        self.world.signal_engine("STOP").await?;
        self.until(time, |_| false).await;
        self.world.signal_engine("CONT").await?;
        let acknowledged = self.posted.borrow().acknowledged;
        self.until(WAIT, |crashes| crashes.posted.borrow().acknowledged > acknowledged).await;
        self.until(Duration::from_secs(1), |_| false).await;
        self.world.kill_engine().await?;
        *self.kills.entry(Moment::Anytime).or_default() += 1;
        Ok(())
    }

    /// Sets the engine's clock while it runs, kills it, starts it by the wrong clock, kills it again, and starts it by the right
    /// one. While the clock is wrong no webhook is authentic.
    pub(crate) async fn wrong_clock(&mut self, seconds: i64) -> Staged {
        let wrong = Duration::from_secs(2);
        self.people.nobody_edits = true;
        for (at_start, later) in [(0, seconds), (seconds, seconds), (seconds, 0)] {
            self.set_clock(at_start)?;
            self.world.start_engine().await?;
            self.called(At::Stripe, 5).await;
            self.echoes_are_late(false);
            if at_start == 0 {
                // Whatever was told before has arrived.
                self.until(wrong, |_| false).await;
            }
            self.set_clock(later)?;
            self.until(wrong, |_| false).await;
            self.world.kill_engine().await?;
            *self.kills.entry(Moment::Anytime).or_default() += 1;
        }
        self.people.nobody_edits = false;
        Ok(())
    }

    fn set_clock(&self, seconds: i64) -> Staged {
        self.clock.set(seconds).map_err(StageError::Engine)
    }

    async fn live_until(&mut self, moment: Moment) -> Result<bool, StageError> {
        if moment == Moment::Startup {
            self.world.launch_engine()?;
            let time = Duration::from_millis(self.chance.below(150));
            self.until(time, |_| false).await;
            return Ok(true);
        }
        self.world.start_engine().await?;
        Ok(match moment {
            Moment::Startup => true,
            Moment::Acknowledged => {
                self.post_gibberish().await?;
                self.acknowledged(10).await
            }
            Moment::CallToStripe => self.called(At::Stripe, 30).await,
            Moment::CallToHubSpot => self.called(At::HubSpot, 12).await,
            Moment::AnswerOfStripe => self.answering(At::Stripe).await,
            Moment::AnswerOfHubSpot => self.answering(At::HubSpot).await,
            Moment::Draining => {
                let far = *self.chance.one(&[At::Stripe, At::HubSpot]).unwrap_or(&At::Stripe);
                let came = self.answering(far).await;
                self.world.signal_engine("TERM").await?;
                let time = Duration::from_millis(self.chance.below(400));
                self.until(time, |_| false).await;
                came
            }
            Moment::Stopped => {
                let came = self.acknowledged(5).await;
                self.world.signal_engine("STOP").await?;
                self.until(Duration::from_millis(500), |_| false).await;
                came
            }
            Moment::Anytime => {
                let time = Duration::from_millis(self.chance.below(2_500));
                self.until(time, |_| false).await;
                true
            }
        })
    }

    /// HubSpot posts what nobody can understand. It is to be acknowledged, and listed for ever.
    async fn post_gibberish(&mut self) -> Staged {
        let Some(request) = self.world.hubspot.with(|h, now| h.signed(now, "gibberish")) else {
            return Ok(());
        };
        let response = ReqwestTransport::new(WAIT)?.send(request).await?;
        self.gibberish += u64::from(response.status().is_success());
        Ok(())
    }

    /// Up to `most` more webhooks were acknowledged.
    async fn acknowledged(&mut self, most: u64) -> bool {
        let count = 1 + usize::try_from(self.chance.below(most)).unwrap_or(0);
        let until = self.posted.borrow().acknowledged + count;
        self.until(WAIT, |crashes| crashes.posted.borrow().acknowledged >= until).await
    }

    /// Up to `most` more calls (but those of the start) arrived.
    async fn called(&mut self, far: At, most: u64) -> bool {
        self.people.act_for(&self.world, far);
        self.echoes_are_late(true);
        let count = 1 + usize::try_from(self.chance.below(most)).unwrap_or(0);
        let until = calls(&self.world, far, |_| true) + count;
        self.until(WAIT, |crashes| calls(&crashes.world, far, |_| true) >= until).await
    }

    /// A write was applied, and nobody has read the answer.
    async fn answering(&mut self, far: At) -> bool {
        self.people.act_for(&self.world, far);
        self.echoes_are_late(true);
        self.slow(true);
        let before = calls(&self.world, far, is_write);
        let came = self.until(WAIT, |crashes| calls(&crashes.world, far, is_write) > before).await;
        let more = Duration::from_millis(self.chance.below(100));
        self.until(more, |_| false).await;
        came
    }

    /// Lives on, with people acting, until something holds; gives whether it came to that.
    async fn until(&mut self, wait: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + wait;
        loop {
            if holds(self) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            if Instant::now() >= self.next_act {
                self.people.act(&self.world);
                self.next_act = Instant::now() + PACE + Duration::from_millis(self.chance.below(100));
            }
            tokio::select! {
                _ = self.posted.changed() => {}
                () = sleep(Duration::from_millis(1)) => {}
            }
        }
    }

    fn echoes_are_late(&self, late: bool) {
        let latency = LATENCIES[usize::from(late)];
        self.world.hubspot.with(|h, _| h.config.webhooks.latency = latency);
        self.world.stripe.with(|s, _| s.config.webhooks.latency = latency);
    }

    /// Whether both systems apply writes at once and answer late.
    fn slow(&self, slow: bool) {
        let post = Some(http::Method::POST);
        self.world.stripe.with(|s, _| {
            s.faults.clear();
            if slow {
                s.faults.plan(post.clone(), "/v1/customers", u32::MAX, Fault::Slow(SLOW));
            }
        });
        self.world.hubspot.with(|h, _| {
            h.faults.clear();
            if slow {
                for read in ["/crm/v3/objects/contacts/batch/read", "/crm/v3/objects/contacts/search"] {
                    h.faults.plan(post.clone(), read, u32::MAX, Fault::Slow(Duration::ZERO));
                }
                h.faults.plan(post, "/", u32::MAX, Fault::Slow(SLOW));
                h.faults.plan(Some(http::Method::PATCH), "/", u32::MAX, Fault::Slow(SLOW));
            }
        });
    }

    pub(crate) fn figures(&self) -> String {
        let kills: Vec<String> = self.kills.iter().map(|(moment, n)| format!("{moment:?} {n}")).collect();
        let Posted { deliveries, acknowledged, events } = *self.posted.borrow();
        let (people, world) = (&self.people, &self.world);
        let repeated = world.hubspot.with(|h, _| h.repeated_events());
        let truth = stage::Truth::of(world);
        let made = |changes: &[Change]| changes.iter().filter(|change| is_made_by_us(change)).count();
        format!(
            "  kills             {} ({}); {} moments did not come in time\n  \
               people            {} created, {} edits, {} payments\n  \
               webhooks          {deliveries} posted, {acknowledged} acknowledged with {events} events\n  \
               calls             {} to HubSpot ({} writes), {} to Stripe ({} writes)\n  \
               records           {} contacts ({} by the engine), {} customers ({}), {} custom events ({repeated} repeats dropped)\n  \
               time              {:.0} s",
            self.kills.values().sum::<u32>(),
            kills.join(", "),
            self.missed,
            people.all.len(),
            people.edits,
            people.payments.len(),
            calls(world, At::HubSpot, |_| true),
            calls(world, At::HubSpot, is_write),
            calls(world, At::Stripe, |_| true),
            calls(world, At::Stripe, is_write),
            truth.contacts.len(),
            made(&truth.hubspot),
            truth.customers.len(),
            made(&truth.stripe),
            truth.events.len(),
            self.began.elapsed().as_secs_f64(),
        )
    }
}

/// Calls that arrived, but for those with which each start begins.
pub(crate) fn calls(world: &World, far: At, which: fn(&Call) -> bool) -> usize {
    let count = |calls: &[Call]| {
        calls.iter().filter(|call| !call.path.contains("/properties/") && which(call)).count()
    };
    match far {
        At::HubSpot => world.hubspot.with(|h, _| count(h.calls().calls())),
        At::Stripe => world.stripe.with(|s, _| count(s.calls().calls())),
        At::Both => calls(world, At::HubSpot, which) + calls(world, At::Stripe, which),
    }
}

/// Whether the engine created a record.
pub(crate) fn is_made_by_us(change: &Change) -> bool {
    change.what == What::Created && matches!(change.actor, Actor::Api(_))
}

pub(crate) fn is_write(call: &Call) -> bool {
    call.method != http::Method::GET && !call.path.ends_with("/read") && !call.path.ends_with("/search")
}
