//! What goes wrong in real life: haste, collisions, bad rows, bad weather, a killed process.

use std::time::Duration;

use stage::{Card, Truth};
use sync_core::model::Timestamp;
use sync_core::model::entity::{FIRST_NAME, LAST_NAME, PHONE};
use sync_core::testing::fake::{Actor, Change, Fault, What};

use crate::judge::{Calls, Expected, To, demand};
use crate::scenario::{GLANCE, Judged, Play};

/// The contact HubSpot will not take: there is no such top-level domain.
const INVALID: &str = "bcooper@example.con";
/// How long a quiet system is watched.
const QUIET: Duration = Duration::from_secs(10);

impl Play {
    pub(crate) async fn hasty_edits(&mut self) -> Judged {
        // From here on Stripe's clock is four seconds ahead: whoever compares clocks where one edit was made in view of
        // the other, or takes an echo for an edit, loses words now.
        self.world.stripe.with(|s, _| s.config.clock_skew = 4_000);
        let before = Truth::of(&self.world);
        let mut expected = Vec::new();
        for n in 0..12 {
            let (left, right) = (format!("{n} in HubSpot"), format!("+1555020{n:02}"));
            let since = self.edit_contact("h4@example.com", &[("lastname", Some(&left))])?;
            expected.push(Expected { email: "h4@example.com".to_owned(), to: To::Stripe, since });
            let since = self.edit_customer("h2@example.com", &[("phone", Some(&right))])?;
            expected.push(Expected { email: "h2@example.com".to_owned(), to: To::HubSpot, since });
            tokio::time::sleep(Duration::from_millis(230)).await;
        }
        expected.drain(..expected.len() - 2);
        let last = |truth: &Truth| {
            let name =
                truth.customer("h4@example.com").is_some_and(|c| c.text(&LAST_NAME) == "11 in HubSpot");
            let phone = truth.contact("h2@example.com").is_some_and(|c| c.text(&PHONE) == "+155502011");
            demand(name && phone, || "the last of twelve edits does not stand".to_owned())
        };
        self.until("hasty edits", last).await?;
        let latencies = self.in_step(&expected).await?;
        let truth = Truth::of(&self.world);
        last(&truth)?;
        let answered_back = |changes: &[Change], card: Option<&Card>| {
            changes
                .iter()
                .any(|c| matches!(c.actor, Actor::Api(_)) && card.is_some_and(|card| card.id == c.record))
        };
        let back = answered_back(&truth.hubspot[before.hubspot.len()..], truth.contact("h4@example.com"))
            || answered_back(&truth.stripe[before.stripe.len()..], truth.customer("h2@example.com"));
        demand(!back, || {
            "an echo was taken for an edit: the engine wrote back to where the edits came from".to_owned()
        })?;
        Ok(latencies)
    }

    pub(crate) async fn edit_on_both_sides(&mut self) -> Judged {
        let phone = self.edit_contact("h5@example.com", &[("phone", Some("+49 40 555"))])?;
        let name = self.edit_customer("h5@example.com", &[("name", Some("Sally Spacer-Smith"))])?;
        self.edit_contact("h2@example.com", &[("firstname", Some("Left"))])?;
        self.edit_customer("h2@example.com", &[("name", Some("Right"))])?;
        let expected = [
            Expected { email: "h5@example.com".to_owned(), to: To::Stripe, since: phone },
            Expected { email: "h5@example.com".to_owned(), to: To::HubSpot, since: name },
        ];
        let both = |truth: &Truth| {
            let kept = truth
                .customer("h5@example.com")
                .is_some_and(|c| c.text(&FIRST_NAME) == "Sally" && c.text(&PHONE) == "+49 40 555");
            demand(kept, || "an edit of one field undid the edit of another".to_owned())
        };
        self.until("both edits", both).await?;
        let latencies = self.in_step(&expected).await?;
        let same = [Expected { email: "h2@example.com".to_owned(), to: To::Stripe, since: phone }];
        self.in_step(&same).await?;
        let truth = Truth::of(&self.world);
        let name =
            truth.contact("h2@example.com").map(|c| c.text(&FIRST_NAME).to_owned()).unwrap_or_default();
        demand(["Left", "Right"].contains(&name.as_str()), || format!("{name:?} was typed by nobody"))?;
        Ok(latencies)
    }

    pub(crate) async fn create_on_both_sides(&mut self) -> Judged {
        let mut expected = Vec::new();
        for n in 0..5 {
            let email = format!("both{n}@example.com");
            self.customer(&email, "Both Sides", Some("+15550123"));
            expected.push(self.contact(&email, "Both", "Sides", "")?);
        }
        self.in_step(&expected).await
    }

    pub(crate) async fn poison(&mut self) -> Judged {
        self.world.hubspot.with(|h, _| h.config.legacy_batches = true);
        let mut expected = Vec::new();
        for n in 0..100 {
            let email = if n == 42 { INVALID.to_owned() } else { format!("batch{n}@example.com") };
            let one = self.customer(&email, &format!("Batch {n}"), None);
            if n != 42 {
                expected.push(one);
            }
        }
        let latencies = self.in_step(&expected).await?;
        let letters = self.dead_letter().await?;
        self.world.hubspot.with(|h, _| h.config.legacy_batches = false);
        demand(letters.contains("INVALID_EMAIL"), || format!("set aside without a clear reason: {letters}"))?;
        demand(!letters.contains(INVALID), || "the reason quotes personal data".to_owned())?;
        Ok(latencies)
    }

    /// What the engine says it has set aside, once it has set aside something.
    pub(crate) async fn dead_letter(&self) -> Result<String, String> {
        for _ in 0..500 {
            let letters = self.world.api("dead-letters").await.map_err(|e| e.to_string())?.to_string();
            if letters.contains("reason") {
                return Ok(letters);
            }
            tokio::time::sleep(GLANCE).await;
        }
        Err("the invalid contact was not set aside".to_owned())
    }

    pub(crate) async fn bad_weather(&mut self) -> Judged {
        let faults = [
            (Fault::Refuse(429, Some(1)), 1),
            (Fault::Refuse(503, None), 1),
            (Fault::FailAfter(502), 1),
            (Fault::LoseAnswer, 1),
            (Fault::Drop, 1),
        ];
        for (fault, times) in faults {
            self.world.hubspot.with(|h, _| h.faults.plan(None, "/", times, fault.clone()));
            self.world.stripe.with(|s, _| s.faults.plan(None, "/", times, fault));
            self.sabotaged += 2 * times as usize;
        }
        let mut expected = Vec::new();
        for n in 0..15 {
            expected.push(self.contact(&format!("storm{n}@example.com"), "Storm", &n.to_string(), "")?);
            expected.push(self.customer(&format!("squall{n}@example.com"), &format!("Squall {n}"), None));
        }
        let since = self.edit_contact("h0@example.com", &[("lastname", Some("Stormborn"))])?;
        expected.push(Expected { email: "h0@example.com".to_owned(), to: To::Stripe, since });
        self.in_step(&expected).await
    }

    pub(crate) async fn kill(&mut self) -> Judged {
        let mut expected = Vec::new();
        let count = |truth: &Truth| truth.customers.len();
        let before = count(&Truth::of(&self.world));
        for n in 0..60 {
            expected.push(self.contact(&format!("crash{n}@example.com"), "Crash", &n.to_string(), "")?);
        }
        for n in 0..10 {
            let email = format!("crashbuyer{n}@example.com");
            expected.push(self.world.stripe.with(|s, now| {
                let id = s.person_creates(now, Some(&email), Some("Crash Buyer"), None);
                s.pays(now, Some(&id), None, (777, "usd"));
                Expected { email, to: To::HubSpot, since: now }
            }));
        }
        let some = |truth: &Truth| demand(count(truth) > before + 30, || "nothing moves".to_owned());
        self.until("before the kill", some).await?;
        self.world.kill_engine().await.map_err(|e| e.to_string())?;
        self.sabotaged += 40;
        self.edit_contact("h5@example.com", &[("lastname", Some("Edited while it was down"))])?;
        self.world.start_engine().await.map_err(|e| e.to_string())?;
        let latencies = self.in_step(&expected).await?;
        let step = [Expected { email: "h5@example.com".to_owned(), to: To::Stripe, since: Timestamp::EPOCH }];
        self.in_step(&step).await?;
        self.all_told().await?;
        Ok(latencies)
    }

    pub(crate) async fn quiet(&mut self) -> Judged {
        let truth = self.until("the end", |truth| match truth.discrepancies(&[INVALID]).into_iter().next() {
            Some(why) => Err(why),
            None => Ok(()),
        });
        truth.await?;
        self.all_told().await?;
        // Webhooks of the last writes, repeated ones included, are still under way.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = Calls::of(&self.world);
        tokio::time::sleep(QUIET).await;
        let after = Calls::of(&self.world);
        demand(after.writes == before.writes, || {
            format!("{} writes while all was quiet", after.writes - before.writes)
        })?;
        let truth = Truth::of(&self.world);
        demand(truth.discrepancies(&[INVALID]).is_empty(), || "out of step again".to_owned())?;
        self.no_wasted_writes(&truth, after)?;
        self.within_limits()
    }

    /// Every successful write changed something, but for those whose answer was lost on purpose.
    pub(crate) fn no_wasted_writes(&self, truth: &Truth, calls: Calls) -> Result<(), String> {
        let ours = |c: &&Change| matches!(c.actor, Actor::Api(_)) && c.what != What::Happened;
        let changes = truth.hubspot.iter().filter(ours).count() + truth.stripe.iter().filter(ours).count();
        demand(calls.single_writes <= changes + self.sabotaged, || {
            format!("{} successful writes for {changes} changes: echoes or repetitions", calls.single_writes)
        })
    }

    pub(crate) fn within_limits(&self) -> Judged {
        let second = Duration::from_secs(1);
        let hubspot = self.world.hubspot.with(|h, _| h.calls().most_in_any(second));
        let stripe = self.world.stripe.with(|s, _| s.calls().most_in_any(second));
        demand(hubspot <= 15 && stripe <= 100, || {
            format!(
                "{hubspot} calls to HubSpot (limit 15) and {stripe} to Stripe (limit 100) within one second"
            )
        })?;
        Ok(Vec::new())
    }
}
