//! What happens on the stage, act by act. Each act ends in a verdict.

use std::time::Duration;

use stage::{Truth, World};
use sync_core::model::entity::{FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{RecordId, Timestamp};
use sync_core::testing::fake::{Actor, Fault, What};

use crate::judge::{Calls, Expected, To, Verdict, demand};
use crate::show::Show;

/// The promise: visible on the other side within this.
const PROMISE: Duration = Duration::from_secs(30);
/// How often the judge looks.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a quiet system is watched.
const QUIET: Duration = Duration::from_secs(10);
/// The contact HubSpot will not take: there is no such top-level domain.
const INVALID: &str = "bcooper@example.con";

type Judged = Result<Vec<Duration>, String>;

pub(crate) struct Play {
    pub(crate) world: World,
    pub(crate) show: Show,
    verdicts: Vec<Verdict>,
    /// Answers that were lost or falsified on purpose: only these may cost a write twice.
    sabotaged: usize,
}

/// Names that trip up careless software, as first and last name.
const NAMES: [(&str, &str); 8] = [
    ("Mary Ann", "Smith"),
    ("李小龙", ""),
    ("Prince", ""),
    ("Zoë 🦊", "O'Neill & Söhne"),
    ("Jean-Luc", "van der Berg"),
    ("  ", "Spacer"),
    ("Ada", "Lovelace"),
    ("مريم", "الزهراء"),
];

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
    async fn until(&self, what: &str, done: impl Fn(&Truth) -> Result<(), String>) -> Result<Truth, String> {
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
    async fn in_step(&self, expected: &[Expected]) -> Judged {
        let lagging = |truth: &Truth| match expected.iter().find(|e| !truth.is_in_step(&e.email)) {
            Some(e) => Err(format!("{} is not in step", e.email)),
            None => Ok(()),
        };
        let truth = self.until("the two sides", lagging).await?;
        Ok(expected.iter().filter_map(|e| e.latency(&truth)).collect())
    }

    fn contact(&self, email: &str, first: &str, last: &str, phone: &str) -> Result<Expected, String> {
        let values = [("email", email), ("firstname", first), ("lastname", last), ("phone", phone)];
        let set: Vec<_> = values.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        self.world.hubspot.with(|h, now| {
            h.person_creates(now, &set).map_err(|e| format!("HubSpot refused {email}: {e:?}"))?;
            Ok(Expected { email: email.to_owned(), to: To::Stripe, since: now })
        })
    }

    fn customer(&self, email: &str, name: &str, phone: Option<&str>) -> Expected {
        self.world.stripe.with(|s, now| {
            s.person_creates(now, Some(email), Some(name), phone);
            Expected { email: email.to_owned(), to: To::HubSpot, since: now }
        })
    }

    fn edit_contact(&self, email: &str, values: &[(&str, Option<&str>)]) -> Result<Timestamp, String> {
        let id = Truth::of(&self.world).contact(email).map(|c| RecordId::new(&*c.id));
        let id = id.ok_or_else(|| format!("no contact {email}"))?;
        self.world
            .hubspot
            .with(|h, now| h.person_edits(now, &id, values).map(|()| now).map_err(|e| format!("{e:?}")))
    }

    fn edit_customer(&self, email: &str, values: &[(&str, Option<&str>)]) -> Result<Timestamp, String> {
        let id = Truth::of(&self.world).customer(email).map(|c| c.id.clone());
        let id = id.ok_or_else(|| format!("no customer {email}"))?;
        Ok(self.world.stripe.with(|s, now| {
            s.person_edits(now, &id, values);
            now
        }))
    }

    async fn create_in_hubspot(&mut self) -> Judged {
        let before = Calls::of(&self.world);
        let mut expected = Vec::new();
        for (n, (first, last)) in NAMES.into_iter().enumerate() {
            expected.push(self.contact(
                &format!("h{n}@example.com"),
                first,
                last,
                &format!("+49 30 12345{n}"),
            )?);
        }
        let long = "x".repeat(256);
        expected.push(self.contact("long@example.com", &long, "", "")?);
        let latencies = self.in_step(&expected).await?;
        let after = Calls::of(&self.world);
        let (creates, reads) =
            (after.stripe_creates - before.stripe_creates, after.stripe_reads - before.stripe_reads);
        demand(creates == expected.len() && reads == 0, || {
            format!("{creates} creations and {reads} reads at Stripe for {} contacts", expected.len())
        })?;
        Ok(latencies)
    }

    async fn create_in_stripe(&mut self) -> Judged {
        let before = Calls::of(&self.world);
        let names = ["Grace Hopper", "ACME GmbH", "Madonna", "Mary Ann Evans", "宮崎 駿", "O'Brien & Sons"];
        let expected: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                self.customer(&format!("S{n}@Example.com").to_lowercase(), name, Some("+15550100"))
            })
            .collect();
        let latencies = self.in_step(&expected).await?;
        let truth = Truth::of(&self.world);
        let company = truth.contact("s1@example.com").map(|c| (c.text(&FIRST_NAME), c.text(&LAST_NAME)));
        demand(company == Some(("ACME GmbH", "")), || "a company's name was torn apart".to_owned())?;
        // The echoes of these creations are still under way.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let reads = Calls::of(&self.world).hubspot_reads - before.hubspot_reads;
        demand(reads == 0, || format!("the echoes cost {reads} reads"))?;
        Ok(latencies)
    }

    async fn edit_in_hubspot(&mut self) -> Judged {
        let edits: [(&str, &str, (&str, Option<&str>)); 5] = [
            ("h4@example.com", "h4@example.com", ("firstname", Some("Jean-Pierre"))),
            ("h5@example.com", "h5@example.com", ("lastname", Some("Spacer-Smith"))),
            ("h6@example.com", "h6@example.com", ("phone", Some("+44 20 7946 0000"))),
            ("h7@example.com", "moved7@example.com", ("email", Some("moved7@example.com"))),
            ("h1@example.com", "h1@example.com", ("phone", None)),
        ];
        let mut expected = Vec::new();
        for (email, after, edit) in edits {
            let since = self.edit_contact(email, &[edit])?;
            expected.push(Expected { email: after.to_owned(), to: To::Stripe, since });
        }
        let latencies = self.in_step(&expected).await?;
        let truth = Truth::of(&self.world);
        let phone = truth.customer("h1@example.com").map(|c| c.text(&PHONE).to_owned());
        demand(phone.as_deref() == Some(""), || "a cleared phone is still there in Stripe".to_owned())?;
        Ok(latencies)
    }

    async fn edit_in_stripe(&mut self) -> Judged {
        let before = Calls::of(&self.world);
        let from = Truth::of(&self.world).hubspot.len();
        let edits: [(&str, &str, (&str, Option<&str>)); 5] = [
            ("h0@example.com", "h0@example.com", ("phone", Some("+15550199"))),
            ("s3@example.com", "s3@example.com", ("name", Some("Mary Ann Jones"))),
            ("s0@example.com", "grace@example.com", ("email", Some("grace@example.com"))),
            ("s2@example.com", "s2@example.com", ("phone", None)),
            ("h6@example.com", "h6@example.com", ("name", Some("Ada King"))),
        ];
        let mut expected = Vec::new();
        for (email, after, edit) in edits {
            let since = self.edit_customer(email, &[edit])?;
            expected.push(Expected { email: after.to_owned(), to: To::HubSpot, since });
        }
        let latencies = self.in_step(&expected).await?;
        let truth = Truth::of(&self.world);
        let written = |email: &str| -> Vec<String> {
            let id = truth.contact(email).map(|c| c.id.clone()).unwrap_or_default();
            let ours =
                truth.hubspot[from..].iter().filter(|c| c.record == id && matches!(c.actor, Actor::Api(_)));
            ours.flat_map(|c| c.properties.keys().cloned()).collect()
        };
        demand(written("h0@example.com") == ["phone"], || {
            "a phone edit touched more than the phone".to_owned()
        })?;
        demand(written("s3@example.com") == ["lastname"], || {
            "Mary Ann Jones: not only the last name".to_owned()
        })?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let reads = Calls::of(&self.world).hubspot_reads - before.hubspot_reads;
        demand(reads == 0, || format!("the echoes cost {reads} reads"))?;
        Ok(latencies)
    }

    async fn purchases(&mut self) -> Judged {
        let bought = [("h0@example.com", 1234, "usd", "12.34"), ("h1@example.com", 500, "jpy", "500")];
        let more = [("h2@example.com", 1234, "kwd", "1.234"), ("s1@example.com", 99, "eur", "0.99")];
        let mut paid = Vec::new();
        for (email, minor, currency, amount) in bought.into_iter().chain(more) {
            let truth = Truth::of(&self.world);
            let customer = truth.customer(email).ok_or_else(|| format!("no customer {email}"))?;
            let contact = truth.contact(email).ok_or_else(|| format!("no contact {email}"))?;
            let payment = self
                .world
                .stripe
                .with(|s, now| (s.pays(now, Some(&customer.id), None, (minor, currency)), now));
            paid.push(([contact.id.clone(), payment.0, amount.to_owned(), currency.to_owned()], payment.1));
        }
        let truth = self
            .until("purchases", |truth| match paid.iter().find(|(event, _)| !truth.events.contains(event)) {
                Some((event, _)) => Err(format!("{} is not on the contact with its amount", event[1])),
                None => Ok(()),
            })
            .await?;
        let told = |payment: &str| {
            let happened = truth.hubspot.iter().filter(|c| c.what == What::Happened);
            happened
                .filter(|c| c.properties.values().any(|v| v.as_deref() == Some(payment)))
                .map(|c| c.at)
                .next()
        };
        Ok(paid.iter().filter_map(|(event, since)| Some(told(&event[1])?.since(*since))).collect())
    }

    async fn purchase_first(&mut self) -> Judged {
        let mut expected = Vec::new();
        for n in 0..6 {
            let email = format!("buyer{n}@example.com");
            expected.push(self.world.stripe.with(|s, now| {
                let id = s.person_creates(now, Some(&email), Some("Eager Buyer"), None);
                s.pays(now, Some(&id), None, (1000 + n, "usd"));
                Expected { email, to: To::HubSpot, since: now }
            }));
        }
        let latencies = self.in_step(&expected).await?;
        self.all_told().await?;
        Ok(latencies)
    }

    async fn all_told(&self) -> Result<Truth, String> {
        let untold = |truth: &Truth| match truth.purchase_discrepancies().into_iter().next() {
            Some(why) => Err(why),
            None => Ok(()),
        };
        self.until("purchases", untold).await
    }

    async fn hasty_edits(&mut self) -> Judged {
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
        last(&Truth::of(&self.world))?;
        Ok(latencies)
    }

    async fn edit_on_both_sides(&mut self) -> Judged {
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

    async fn create_on_both_sides(&mut self) -> Judged {
        let mut expected = Vec::new();
        for n in 0..5 {
            let email = format!("both{n}@example.com");
            self.customer(&email, "Both Sides", Some("+15550123"));
            expected.push(self.contact(&email, "Both", "Sides", "")?);
        }
        self.in_step(&expected).await
    }

    async fn poison(&mut self) -> Judged {
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
    async fn dead_letter(&self) -> Result<String, String> {
        for _ in 0..500 {
            let letters = self.world.api("dead-letters").await.map_err(|e| e.to_string())?.to_string();
            if letters.contains("reason") {
                return Ok(letters);
            }
            tokio::time::sleep(GLANCE).await;
        }
        Err("the invalid contact was not set aside".to_owned())
    }

    async fn bad_weather(&mut self) -> Judged {
        let faults = [
            (Fault::Refuse(429, Some(1)), 2),
            (Fault::Refuse(503, None), 2),
            (Fault::FailAfter(502), 2),
            (Fault::LoseAnswer, 2),
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

    async fn kill(&mut self) -> Judged {
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

    async fn quiet(&mut self) -> Judged {
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
    fn no_wasted_writes(&self, truth: &Truth, calls: Calls) -> Result<(), String> {
        let ours = |c: &&sync_core::testing::fake::Change| {
            matches!(c.actor, Actor::Api(_)) && c.what != What::Happened
        };
        let changes = truth.hubspot.iter().filter(ours).count() + truth.stripe.iter().filter(ours).count();
        demand(calls.single_writes <= changes + self.sabotaged, || {
            format!("{} successful writes for {changes} changes: echoes or repetitions", calls.single_writes)
        })
    }

    fn within_limits(&self) -> Judged {
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
