//! What happens: an import, and people who go on with their work beside it.

use std::time::Duration;

use connector_hubspot::fake::FakeHubSpot;
use connector_stripe::fake::FakeStripe;
use stage::Systems;
use sync_core::model::Timestamp;
use sync_core::testing::fake::{Actor, Call, What};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// Contacts imported a second: 10,000 a minute.
pub(crate) const ARRIVAL: f64 = 10_000.0 / 60.0;
/// People known to both sides before. Half of them are edited at HubSpot, half at Stripe; all of them buy.
const REGULARS: usize = 60;
/// How often something happens.
const TICK: Duration = Duration::from_millis(100);
/// One edit at HubSpot, one at Stripe, one purchase in so many ticks. Of purchases that makes the brief's peak, 150 a minute.
const EVERY: [usize; 3] = [3, 10, 4];
/// How long it takes, at most, to link the regulars.
const BEFOREHAND: Duration = Duration::from_secs(6);
/// How long it is watched after the last contact.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What was done.
#[derive(Default)]
pub(crate) struct Played {
    pub(crate) contacts: usize,
    pub(crate) began: Timestamp,
    /// The new phone number, and when it was typed, by side: HubSpot, Stripe.
    pub(crate) edits: [Vec<(String, Timestamp)>; 2],
    /// Payment ids.
    pub(crate) payments: Vec<(String, Timestamp)>,
    /// How many calls each system had seen before.
    pub(crate) calls_before: [usize; 2],
}

fn email(n: usize) -> String {
    format!("regular{n}@example.com")
}

/// People come to be known to both sides.
pub(crate) fn regulars(hubspot: &mut FakeHubSpot, stripe: &mut FakeStripe, now: Timestamp) {
    for n in 0..REGULARS {
        let (email, last) = (email(n), format!("Number{n}"));
        let contact = [("email", email.as_str()), ("firstname", "Regular"), ("lastname", &last)];
        hubspot.person_creates(now, &contact).unwrap();
        stripe.person_creates(now, Some(&email), Some(&format!("Regular {last}")), None);
    }
}

/// Once both sides are listed: imports, edits and buys until every contact has arrived, and a little longer.
pub(crate) async fn play(systems: &impl Systems, contacts: usize) -> Played {
    sleep(BEFOREHAND).await;
    let mut played = Played { contacts, ..Played::default() };
    played.began = systems.hubspot(|_, now| now);
    played.calls_before =
        [systems.hubspot(|h, _| h.calls().calls().len()), systems.stripe(|s, _| s.calls().calls().len())];
    let people = People::of(systems);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut imported) = (Instant::now(), 0);
    let patience = Duration::from_secs_f64(contacts as f64 / 50.0 + 60.0);
    for tick in 0.. {
        let due = ((tick as f64 * TICK.as_secs_f64() * ARRIVAL) as usize).min(contacts);
        import(systems, imported..due);
        imported = due;
        if created(systems) == contacts {
            break;
        }
        people.work(systems, tick, &mut played);
        ticks.tick().await;
        assert!(began.elapsed() < patience, "only {} of {contacts} arrived", created(systems));
    }
    sleep(AFTERWARDS).await;
    played
}

fn import(systems: &impl Systems, rows: std::ops::Range<usize>) {
    let rows: Vec<[String; 3]> = rows
        .map(|n| [format!("import{n}@example.com"), format!("Number{n}"), format!("+1666{n:07}")])
        .collect();
    let rows: Vec<Vec<(&str, &str)>> = rows
        .iter()
        .map(|[email, last, phone]| {
            vec![("email", email.as_str()), ("firstname", "Imported"), ("lastname", last), ("phone", phone)]
        })
        .collect();
    systems.hubspot(|h, now| h.imports(now, &rows));
}

fn created(systems: &impl Systems) -> usize {
    systems.stripe(|s, _| {
        s.oracle().changes().iter().filter(|c| c.what == What::Created && c.actor != Actor::Person).count()
    })
}

/// The calls that a system has seen since.
pub(crate) fn calls_since(all: &[Call], before: usize) -> &[Call] {
    all.get(before..).unwrap_or_default()
}

/// The ids of the regulars.
struct People {
    contacts: Vec<sync_core::model::RecordId>,
    customers: Vec<String>,
}

impl People {
    fn of(systems: &impl Systems) -> Self {
        let contacts = systems.hubspot(|h, _| h.contacts().map(|c| c.id()).collect());
        let customers = systems.stripe(|s, _| s.customers().map(|c| c.id.clone()).collect());
        Self { contacts, customers }
    }

    fn work(&self, systems: &impl Systems, tick: usize, played: &mut Played) {
        let [at_hubspot, at_stripe, buys] =
            EVERY.map(|every| tick.is_multiple_of(every).then_some(tick / every));
        if let Some(n) = at_hubspot {
            let phone = format!("+1777{n:07}");
            let now = systems.hubspot(|h, now| {
                h.person_edits(now, &self.contacts[n % (REGULARS / 2)], &[("phone", Some(&phone))]).unwrap();
                now
            });
            played.edits[0].push((phone, now));
        }
        if let Some(n) = at_stripe {
            let phone = format!("+1888{n:07}");
            let customer = &self.customers[REGULARS / 2 + n % (REGULARS / 2)];
            let now = systems.stripe(|s, now| {
                assert!(s.person_edits(now, customer, &[("phone", Some(&phone))]));
                now
            });
            played.edits[1].push((phone, now));
        }
        if let Some(n) = buys {
            let paid = systems.stripe(|s, now| {
                (s.pays(now, Some(&self.customers[n % REGULARS]), None, (1_999, "eur")), now)
            });
            played.payments.push(paid);
        }
    }
}
