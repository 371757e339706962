//! An hour in which HubSpot answers nothing but 503, at the peak of purchases, in virtual time:
//! `cargo bench --bench outage`.
//!
//! All the while 150 purchases a minute are made at Stripe, and customers are edited there. When HubSpot is back, each
//! purchase needs one call of the 15 a second, and edits share calls; so the backlog of `N` purchases cannot be told in less
//! than `N / 15` seconds. To notice that the hour is over takes up to one probe more, two seconds.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops when something is wrong")]

use std::process::ExitCode;
use std::time::Duration;

use stage::figures::{Effort, Table};
use stage::{Paused, PausedConfig, Systems};
use sync_core::stores::MemoryStore;
use sync_core::testing::fake::Fault;
use tokio::time::sleep;

/// Customers who buy.
const CUSTOMERS: usize = 60;
/// 150 a minute.
const PURCHASE_EVERY: Duration = Duration::from_millis(400);
/// One edit for so many purchases.
const EDIT_EVERY: usize = 15;
/// HubSpot calls a second.
const LIMIT: f64 = 15.0;
const PATIENCE: Duration = Duration::from_secs(7_200);

fn main() -> ExitCode {
    let effort = Effort::asked();
    if effort != Effort::None {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(measure(effort.pick(Duration::from_secs(900), Duration::from_secs(3_600))));
    }
    ExitCode::SUCCESS
}

async fn measure(outage: Duration) {
    let config = PausedConfig { row_level: true, ..PausedConfig::default() };
    let stage = Paused::start(config, MemoryStore::new(), |_, stripe, now| {
        for n in 0..CUSTOMERS {
            let email = format!("customer{n}@example.com");
            stripe.person_creates(now, Some(&email), Some(&format!("Customer Number{n}")), None);
        }
    });
    let stage = stage.await.unwrap();
    let ready = |stage: &Paused| stage.hubspot(|h, _| h.contacts().count()) == CUSTOMERS;
    assert!(stage.until(PATIENCE, ready).await);
    let before = stage.hubspot(|h, _| {
        h.faults.plan(None, "/", u32::MAX, Fault::Refuse(503, None));
        h.calls().calls().len()
    });
    let purchases = buy(&stage, outage).await;
    let (probes, over) = stage.hubspot(|h, now| {
        h.faults.clear();
        (h.calls().calls().len() - before, now)
    });
    let told = |stage: &Paused| stage.hubspot(|h, _| h.custom_events().len()) == purchases;
    assert!(stage.until(PATIENCE, told).await, "{:?}", stage.engine().status());
    let drain = stage.hubspot(|h, _| h.oracle().changes().last().map(|c| c.at.since(over))).unwrap();
    sleep(Duration::from_secs(10)).await;
    publish(&stage, (outage, probes), (purchases, drain.as_secs_f64()));
}

/// Buys and edits for so long. Gives how many purchases there were.
async fn buy(stage: &Paused, outage: Duration) -> usize {
    let customers: Vec<String> = stage.stripe(|s, _| s.customers().map(|c| c.id.clone()).collect());
    let purchases = (outage.as_millis() / PURCHASE_EVERY.as_millis()) as usize;
    for n in 0..purchases {
        let customer = &customers[n % CUSTOMERS];
        stage.stripe(|s, now| {
            s.pays(now, Some(customer), None, (1_999, "eur"));
            if n.is_multiple_of(EDIT_EVERY) {
                assert!(s.person_edits(now, customer, &[("phone", Some(&format!("+1888{n:07}")))]));
            }
        });
        sleep(PURCHASE_EVERY).await;
    }
    purchases
}

fn publish(stage: &Paused, (outage, probes): (Duration, usize), (purchases, drain): (usize, f64)) {
    let bound = purchases as f64 / LIMIT;
    let counts = stage.engine().status().counts;
    let (repeats, most) =
        stage.hubspot(|h, _| (h.repeated_events(), h.calls().most_in_any(Duration::from_secs(1))));
    let minutes = outage.as_secs() / 60;
    let mut table = Table::new(
        format!("Outage of {minutes} minutes at HubSpot, at the peak of purchases"),
        &["what", "figure"],
    );
    table.row(["purchases made meanwhile".to_owned(), purchases.to_string()]);
    table.row([
        "time to tell them / bound".to_owned(),
        format!("{drain:.1} s / {bound:.1} s = {:.4}", drain / bound),
    ]);
    table.row([
        "calls to the dead system a second".to_owned(),
        format!("{:.2}", probes as f64 / outage.as_secs_f64()),
    ]);
    table.row(["most calls in any second / limit".to_owned(), format!("{most} / {LIMIT}")]);
    table.row(["told twice".to_owned(), repeats.to_string()]);
    table.row(["quarantined".to_owned(), counts.quarantined.to_string()]);
    table.row(["still pending".to_owned(), counts.pending.to_string()]);
    table.publish().unwrap();
}
