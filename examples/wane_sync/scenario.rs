//! What happens on the stage, act by act. Each act ends in a verdict.

use std::time::Duration;

use stage::{Truth, World};
use sync_core::model::{RecordId, Timestamp};

use crate::judge::{Calls, Expected, To, Verdict, demand};
use crate::show::Show;

/// The promise: visible on the other side within this.
const PROMISE: Duration = Duration::from_secs(30);
/// How often the judge looks.
pub(crate) const GLANCE: Duration = Duration::from_millis(20);

pub(crate) type Judged = Result<Vec<Duration>, String>;

pub(crate) struct Play {
    pub(crate) world: World,
    pub(crate) show: Show,
    verdicts: Vec<Verdict>,
    /// Answers that were lost or falsified on purpose: only these may cost a write twice.
    pub(crate) sabotaged: usize,
}

impl Play {
    pub(crate) fn new(world: World, show: Show) -> Self {
        Self { world, show, verdicts: Vec::new(), sabotaged: 0 }
    }

    /// Plays all acts, or up to the first that fails; whether every requirement holds.
    pub(crate) async fn all(&mut self) -> bool {
        self.show.begin("listing both systems");
        if let Err(why) = self.listed().await {
            eprintln!("{why}");
            return false;
        }
        self.act("a new HubSpot contact becomes a Stripe customer, with one call", Self::create_in_hubspot)
            .await;
        self.act(
            "a new Stripe customer becomes a HubSpot contact, and its echo costs nothing",
            Self::create_in_stripe,
        )
        .await;
        self.act("an edit in HubSpot reaches Stripe, clearing included", Self::edit_in_hubspot).await;
        self.act("an edit in Stripe reaches HubSpot, and only what was edited", Self::edit_in_stripe).await;
        self.act("a purchase becomes one event on the contact, with the exact amount", Self::purchases).await;
        self.act("a purchase that arrives before its customer waits for it", Self::purchase_first).await;
        self.act("hasty edits of one person: the last word stands, on both sides", Self::hasty_edits).await;
        self.act("edited on both sides at once: different fields both survive", Self::edit_on_both_sides)
            .await;
        self.act("created on both sides at once: one record on each side", Self::create_on_both_sides).await;
        self.act("one invalid contact in a batch: 99 arrive, one is set aside with a reason", Self::poison)
            .await;
        self.act("a stretch of 429, 5xx and lost answers: nothing lost, nothing twice", Self::bad_weather)
            .await;
        self.act("the engine is killed in the middle of work and restarted", Self::kill).await;
        self.act("quiet: no call that writes, no echo, no duplicate, within all limits", Self::quiet).await;
        self.show.table(&self.verdicts);
        self.verdicts.iter().all(|v| v.holds.is_ok())
    }

    async fn act(&mut self, requirement: &'static str, play: impl AsyncFnOnce(&mut Self) -> Judged) {
        if self.verdicts.iter().any(|v| v.holds.is_err()) {
            // The acts build on one another: what follows a failure would only repeat it.
            return self.verdicts.push(Verdict::not_played(requirement));
        }
        self.show.begin(requirement);
        let before = Calls::of(&self.world).all;
        let judged = play(self).await;
        let calls = Calls::of(&self.world).all - before;
        let (holds, latencies) = match judged {
            Ok(latencies) => {
                let late = latencies.iter().find(|l| **l > PROMISE);
                (demand(late.is_none(), || "not visible within 30 s".to_owned()), latencies)
            }
            Err(why) => (Err(why), Vec::new()),
        };
        let verdict = Verdict { requirement, holds, latencies, calls };
        self.show.judged(&verdict);
        self.verdicts.push(verdict);
    }

    async fn listed(&self) -> Result<(), String> {
        for _ in 0..500 {
            let status = self.world.api("status").await.map_err(|e| e.to_string())?;
            if status["index_complete"] == true {
                return Ok(());
            }
            tokio::time::sleep(GLANCE).await;
        }
        Err("the engine did not list both systems within 10 s".to_owned())
    }

    /// Waits until `done`, at most as long as promised (and a little, so that being late can be told from never).
    pub(crate) async fn until(
        &self,
        what: &str,
        done: impl Fn(&Truth) -> Result<(), String>,
    ) -> Result<Truth, String> {
        let deadline = tokio::time::Instant::now() + PROMISE + Duration::from_secs(2);
        loop {
            let truth = Truth::of(&self.world);
            match done(&truth) {
                Ok(()) => return Ok(truth),
                Err(why) if tokio::time::Instant::now() > deadline => return Err(format!("{what}: {why}")),
                Err(_) => tokio::time::sleep(GLANCE).await,
            }
        }
    }

    /// Waits until all these people are in step; gives how long each took.
    pub(crate) async fn in_step(&self, expected: &[Expected]) -> Judged {
        let lagging = |truth: &Truth| match expected.iter().find(|e| !truth.is_in_step(&e.email)) {
            Some(e) => Err(format!("{} is not in step", e.email)),
            None => Ok(()),
        };
        let truth = self.until("the two sides", lagging).await?;
        Ok(expected.iter().filter_map(|e| e.latency(&truth)).collect())
    }

    pub(crate) fn contact(
        &self,
        email: &str,
        first: &str,
        last: &str,
        phone: &str,
    ) -> Result<Expected, String> {
        let values = [("email", email), ("firstname", first), ("lastname", last), ("phone", phone)];
        let set: Vec<_> = values.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        self.world.hubspot.with(|h, now| {
            h.person_creates(now, &set).map_err(|e| format!("HubSpot refused {email}: {e:?}"))?;
            Ok(Expected { email: email.to_owned(), to: To::Stripe, since: now })
        })
    }

    pub(crate) fn customer(&self, email: &str, name: &str, phone: Option<&str>) -> Expected {
        self.world.stripe.with(|s, now| {
            s.person_creates(now, Some(email), Some(name), phone);
            Expected { email: email.to_owned(), to: To::HubSpot, since: now }
        })
    }

    pub(crate) fn edit_contact(
        &self,
        email: &str,
        values: &[(&str, Option<&str>)],
    ) -> Result<Timestamp, String> {
        let id = Truth::of(&self.world).contact(email).map(|c| RecordId::new(&*c.id));
        let id = id.ok_or_else(|| format!("no contact {email}"))?;
        self.world
            .hubspot
            .with(|h, now| h.person_edits(now, &id, values).map(|()| now).map_err(|e| format!("{e:?}")))
    }

    pub(crate) fn edit_customer(
        &self,
        email: &str,
        values: &[(&str, Option<&str>)],
    ) -> Result<Timestamp, String> {
        let id = Truth::of(&self.world).customer(email).map(|c| c.id.clone());
        let id = id.ok_or_else(|| format!("no customer {email}"))?;
        Ok(self.world.stripe.with(|s, now| {
            s.person_edits(now, &id, values);
            now
        }))
    }

    pub(crate) async fn all_told(&self) -> Result<Truth, String> {
        let untold = |truth: &Truth| match truth.purchase_discrepancies().into_iter().next() {
            Some(why) => Err(why),
            None => Ok(()),
        };
        self.until("purchases", untold).await
    }
}
