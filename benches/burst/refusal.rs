//! What it costs to find the one bad row in a batch of 100, where the vendor does not say which one it is.

use std::time::Duration;

use connector_hubspot::fake::FakeConfig as HubSpotFake;
use connector_stripe::fake::FakeConfig as StripeFake;
use stage::figures::{Rounds, Table};
use stage::{Paused, PausedConfig, Systems};
use sync_core::Settings;
use sync_core::stores::MemoryStore;

/// Rows of the batch.
const ROWS: usize = 100;
const PATIENCE: Duration = Duration::from_secs(300);

/// For the bad row in every place: how many calls until the other 99 are there and the one is set aside.
pub(crate) fn publish() {
    let calls: Rounds = (0..ROWS).map(|bad| crate::paused().block_on(calls(bad)) as f64).collect();
    let columns = ["calls", "least", "mean", "median", "most (must: 15)"];
    let mut table =
        Table::new("One bad row in a batch of 100, in every place, no row-level answers", &columns);
    let mean = calls.mean();
    let figure = |figure: f64| format!("{figure:.1}");
    table.row([
        "creations at HubSpot".to_owned(),
        figure(calls.least()),
        figure(mean),
        figure(calls.median()),
        figure(calls.most()),
    ]);
    table.publish().unwrap();
}

async fn calls(bad: usize) -> usize {
    let hubspot = HubSpotFake { legacy_batches: true, ..HubSpotFake::default() };
    let settings = Settings { create_hold: Duration::from_millis(500), ..Settings::default() };
    let mut stripe = StripeFake::default();
    // All told at once, so that they share a batch.
    stripe.webhooks.latency = Default::default();
    let config = PausedConfig { hubspot, stripe, settings, ..PausedConfig::default() };
    let stage = Paused::start(config, MemoryStore::new(), |_, _, _| {}).await.unwrap();
    assert!(stage.until(PATIENCE, |stage| stage.engine().status().index_complete).await);
    stage.stripe(|s, now| {
        for n in 0..ROWS {
            // HubSpot takes no address without a top-level domain.
            let email =
                if n == bad { "someone@nowhere".to_owned() } else { format!("person{n}@example.com") };
            s.person_creates(now, Some(&email), Some("Some Person"), None);
        }
    });
    let done = |stage: &Paused| {
        let created = stage.hubspot(|h, _| h.contacts().count());
        created + 1 == ROWS && stage.engine().status().counts.quarantined > 0
    };
    assert!(stage.until(PATIENCE, done).await, "row {bad}: {:?}", stage.engine().status());
    let is_creation = |path: &str| path.ends_with("/batch/create") || path.ends_with("/objects/contacts");
    stage.hubspot(|h, _| h.calls().calls().iter().filter(|call| is_creation(&call.path)).count())
}
