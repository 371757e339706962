//! When the engine is killed.

use std::collections::BTreeMap;
use std::time::Duration;

use stage::{Posted, World};
use sync_core::testing::fake::{Call, Fault};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::Staged;
use crate::chance::Chance;
use crate::people::{At, People};

/// How long an answer is held back so that the engine dies before it reads it.
const SLOW: Duration = Duration::from_millis(1500);
/// How long a moment is waited for. If it does not come the engine is killed all the same.
const WAIT: Duration = Duration::from_secs(6);
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
    chance: Chance,
    posted: watch::Receiver<Posted>,
    next_act: Instant,
    kills: BTreeMap<Moment, u32>,
    missed: u32,
    began: Instant,
}

impl Crashes {
    pub(crate) fn new(world: World, seed: u64) -> Self {
        Self {
            posted: world.posted(),
            world,
            people: People::new(seed),
            chance: Chance::new(!seed),
            next_act: Instant::now(),
            kills: BTreeMap::new(),
            missed: 0,
            began: Instant::now(),
        }
    }

    /// Starts the engine and kills it; which moment it is killed at goes by turns.
    pub(crate) async fn life(&mut self, n: u64) -> Staged {
        let moment = MOMENTS[usize::try_from(n).unwrap_or(0) % MOMENTS.len()];
        let came = self.live_until(moment).await?;
        self.world.kill_engine().await?;
        *self.kills.entry(moment).or_default() += 1;
        self.missed += u32::from(!came);
        self.slow(false);
        for _ in 0..self.chance.below(3) {
            self.people.act(&self.world);
        }
        Ok(())
    }

    /// Starts the engine, stops it (SIGSTOP) with answers under way and webhooks piling up, continues it after `time`.
    pub(crate) async fn pause(&mut self, time: Duration) -> Staged {
        self.world.start_engine().await?;
        self.answering(At::Stripe).await;
        self.slow(false);
        self.world.signal_engine("STOP").await?;
        self.until(time, |_| false).await;
        self.world.signal_engine("CONT").await?;
        let acknowledged = self.posted.borrow().acknowledged;
        self.until(WAIT, |crashes| crashes.posted.borrow().acknowledged > acknowledged).await;
        self.until(Duration::from_secs(1), |_| false).await;
        self.world.kill_engine().await
    }

    async fn live_until(&mut self, moment: Moment) -> Result<bool, stage::StageError> {
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
                let some = 1 + usize::try_from(self.chance.below(10)).unwrap_or(0);
                let until = self.posted.borrow().acknowledged + some;
                self.until(WAIT, |crashes| crashes.posted.borrow().acknowledged >= until).await
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
                let came = self.called(At::Stripe, 5).await;
                self.world.signal_engine("STOP").await?;
                self.until(Duration::from_millis(500), |_| false).await;
                came
            }
            Moment::Anytime => {
                let time = Duration::from_millis(self.chance.below(4_000));
                self.until(time, |_| false).await;
                true
            }
        })
    }

    /// Up to `most` more calls (but those of the start) arrived.
    async fn called(&mut self, far: At, most: u64) -> bool {
        self.people.act_for(&self.world, far);
        let count = 1 + usize::try_from(self.chance.below(most)).unwrap_or(0);
        let until = calls(&self.world, far, |_| true) + count;
        self.until(WAIT, |crashes| calls(&crashes.world, far, |_| true) >= until).await
    }

    /// A write was applied, and nobody has read the answer.
    async fn answering(&mut self, far: At) -> bool {
        self.slow(true);
        self.people.act_for(&self.world, far);
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
        format!(
            "  kills             {} ({}); {} moments did not come in time\n  \
               people            {} created, {} edits, {} payments\n  \
               webhooks          {deliveries} posted, {acknowledged} acknowledged with {events} events\n  \
               calls             {} to HubSpot ({} writes), {} to Stripe ({} writes)\n  \
               records           {} contacts, {} customers, {} custom events ({repeated} repeats dropped)\n  \
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
            truth.customers.len(),
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

pub(crate) fn is_write(call: &Call) -> bool {
    call.method != http::Method::GET && !call.path.ends_with("/read") && !call.path.ends_with("/search")
}
