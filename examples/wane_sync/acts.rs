//! The brief itself: creations, edits and purchases, in both directions.

use std::time::Duration;

use stage::Truth;
use sync_core::model::entity::{FIRST_NAME, LAST_NAME, PHONE};
use sync_core::testing::fake::{Actor, What};

use crate::judge::{Calls, Expected, To, demand};
use crate::scenario::{Judged, Play};

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

/// Whom, by email before and after, and which property becomes what.
type Edited = (&'static str, &'static str, (&'static str, Option<&'static str>));

impl Play {
    pub(crate) async fn create_in_hubspot(&mut self) -> Judged {
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

    pub(crate) async fn create_in_stripe(&mut self) -> Judged {
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

    pub(crate) async fn edit_in_hubspot(&mut self) -> Judged {
        let edits: [Edited; 5] = [
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

    pub(crate) async fn edit_in_stripe(&mut self) -> Judged {
        let before = Calls::of(&self.world);
        let from = Truth::of(&self.world).hubspot.len();
        let edits: [Edited; 5] = [
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

    pub(crate) async fn purchases(&mut self) -> Judged {
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

    pub(crate) async fn purchase_first(&mut self) -> Judged {
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
}
