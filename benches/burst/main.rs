//! The import of 10,000 contacts within a minute, against 100 Stripe calls a second: `cargo bench --bench burst`.
//!
//! HubSpot tells of each contact by five events (a creation and four properties), up to 100 in one post; Stripe takes one
//! creation a call. Beside the import, people edit on both sides and customers buy. All is judged by the emulators' records.
//!
//! # The bounds
//! HubSpot's part is no bottleneck: 15 reads a second of 50 contacts each are 750 contacts, and 167 arrive. Stripe's is:
//! each contact needs one call, and so does each person's edit at HubSpot, together `N`. In no window of one second may
//! more than 100 arrive there.
//!
//! * In *virtual time*, where answers take no time, no software needs less than about `N / 100` seconds.
//! * Over *sockets* nobody knows when a call arrives, only when its answer is here. To be sure that no window at the far side
//!   ever holds more, a place in the budget is free again one second after the answer. So it is used once in `1 s + round
//!   trip`, and `N` calls take `N / 100 × (1 s + round trip)`: the *anchored* bound.
//!
//! 10,000 contacts that arrive at 167 a second and leave at 100 cannot all be there in 30 s. Oldest first, as the engine
//! serves them, 3 of 4 are (`30 s / (1 / 100 - 1 / 167)` = 7,500); an order chosen for it reaches 9,000.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops when something is wrong")]

mod refusal;
mod script;
mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use connector_hubspot::fake::FakeConfig as HubSpotFake;
use connector_stripe::fake::FakeConfig as StripeFake;
use stage::figures::{Effort, Table};
use stage::{How, Paused, PausedConfig, Systems, World, WorldConfig};
use sync_core::stores::MemoryStore;

use verdict::Verdict;

/// Answers take this long, in milliseconds, in the runs over sockets.
const RESPONSES: [u64; 3] = [0, 50, 200];

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == "serve") {
        // The engine's own process.
        return stage::main_with(std::env::args_os());
    }
    let effort = Effort::asked();
    if effort != Effort::None {
        measure(effort);
    }
    ExitCode::SUCCESS
}

fn measure(effort: Effort) {
    let (virtually, really) = effort.pick((10_000, 1_500), (10_000, 10_000));
    let mut verdicts = vec![
        ("virtual time", in_virtual_time(virtually, Duration::ZERO, Duration::ZERO)),
        ("virtual, 50 ms", in_virtual_time(virtually, Duration::from_millis(50), Duration::ZERO)),
        ("virtual, 0 to 400 ms", in_virtual_time(virtually, Duration::ZERO, Duration::from_millis(200))),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (name, response) in ["sockets, 0 ms", "sockets, 50 ms", "sockets, 200 ms"].into_iter().zip(RESPONSES)
    {
        let verdict = runtime.block_on(over_sockets(really, Duration::from_millis(response)));
        verdicts.push((name, verdict));
    }
    publish(&verdicts);
    refusal::publish();
}

fn publish(verdicts: &[(&str, Verdict)]) {
    let mut columns = vec!["the import"];
    columns.extend(verdicts.iter().map(|(name, _)| *name));
    let mut table = Table::new("Burst: 10,000 contacts a minute, 100 Stripe calls a second", &columns);
    for (n, what) in Verdict::WHAT.iter().enumerate() {
        let cells = verdicts.iter().map(|(_, verdict)| verdict.cells()[n].clone());
        table.row(std::iter::once((*what).to_owned()).chain(cells));
    }
    table.publish().unwrap();
}

fn in_virtual_time(contacts: usize, response: Duration, jitter: Duration) -> Verdict {
    let (hubspot, stripe) = systems(response);
    let config = PausedConfig { hubspot, stripe, jitter, row_level: true, ..PausedConfig::default() };
    paused().block_on(async {
        let stage = Paused::start(config, MemoryStore::new(), |hubspot, stripe, now| {
            script::regulars(hubspot, stripe, now);
        });
        let stage = stage.await.unwrap();
        stage.until(Duration::from_secs(60), |stage| stage.engine().status().index_complete).await;
        let played = script::play(&stage, contacts).await;
        Verdict::of(&stage, &played, response + jitter)
    })
}

async fn over_sockets(contacts: usize, response: Duration) -> Verdict {
    let (hubspot, stripe) = systems(response);
    let config = WorldConfig { hubspot, stripe, ..WorldConfig::quick(How::Process) };
    let mut world = World::new(config).await.unwrap();
    let urls = (
        world.hubspot(|h, _| h.config.webhooks.url.take()),
        world.stripe(|s, _| s.config.webhooks.url.take()),
    );
    world.hubspot(|h, now| world.stripe(|s, _| script::regulars(h, s, now)));
    world.hubspot(|h, _| h.config.webhooks.url = urls.0);
    world.stripe(|s, _| s.config.webhooks.url = urls.1);
    world.start_engine().await.unwrap();
    while world.api("status").await.unwrap()["index_complete"] != true {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let played = script::play(&world, contacts).await;
    let verdict = Verdict::of(&world, &played, response);
    world.stop_engine().await.unwrap();
    verdict
}

/// Both systems with the brief's limits. Webhooks leave at once: what they take on their way is not ours to measure.
fn systems(response: Duration) -> (HubSpotFake, StripeFake) {
    let mut hubspot = HubSpotFake { response_time: response, ..HubSpotFake::default() };
    hubspot.webhooks.latency = Default::default();
    hubspot.webhooks.group_every = Duration::from_millis(10);
    let mut stripe = StripeFake { response_time: response, ..StripeFake::default() };
    stripe.webhooks.latency = Default::default();
    (hubspot, stripe)
}

/// A runtime whose time passes only while nothing else is to be done.
fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}
