//! How it went, by the emulators' own records.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use stage::Systems;
use stage::figures::Rounds;
use sync_core::model::Timestamp;
use sync_core::testing::fake::{Actor, Call, CallLog, Change, What};

use crate::script::{ARRIVAL, Played, calls_since};

/// Stripe calls a second; HubSpot calls a second.
const LIMITS: [usize; 2] = [100, 15];
/// There within this many seconds is on time.
const PROMISE: f64 = 30.0;

pub(crate) struct Verdict {
    contacts: usize,
    makespan: f64,
    bound: f64,
    /// On time; about as many as there can be oldest first; and in any order.
    on_time: [usize; 3],
    worst: f64,
    edits: [Latency; 2],
    purchases: Latency,
    /// Most calls in any window: Stripe, HubSpot.
    most: [usize; 2],
    /// Calls that make customers, and that tell contacts of them.
    creations: usize,
    links: usize,
    reads: usize,
    /// How many more calls Stripe got than it had to: that write, and others.
    beyond: [i64; 2],
    asked: [usize; 2],
}

/// How long things took in seconds, and how many never came.
struct Latency(Rounds, usize);

impl Verdict {
    /// What [`Verdict::cells`] are, in order.
    pub(crate) const WHAT: [&str; 13] = [
        "contacts",
        "makespan / bound (must: virtual 1.002, sockets 1.01)",
        "on time (30 s) / oldest first / any order",
        "longest wait",
        "edit at HubSpot: median, p99 (must: 1.1 s at 50 ms)",
        "edit at Stripe: median, p99",
        "purchase: median, p99 (must: 2 s)",
        "edits and purchases that never came",
        "most calls in any second / limit, Stripe (must: 1.00)",
        "most calls in any second / limit, HubSpot (must: 1.00)",
        "creations and links, calls per contact (must: 1.01); HubSpot reads per contact",
        "further Stripe calls: that write (echoes; must: 0); that only read",
        "calls that ask what changed: Stripe, HubSpot",
    ];

    pub(crate) fn of(systems: &impl Systems, played: &Played, round_trip: Duration) -> Self {
        let (hubspot, told) = systems.hubspot(|h, _| {
            (calls_since(h.calls().calls(), played.calls_before[0]).to_vec(), h.oracle().changes().to_vec())
        });
        let (stripe, made) = systems.stripe(|s, _| {
            (calls_since(s.calls().calls(), played.calls_before[1]).to_vec(), s.oracle().changes().to_vec())
        });
        let waits = waits(&told, &made);
        let last = made.iter().filter(|c| is_created_by_us(c)).map(|c| c.at).max().unwrap_or(played.began);
        let needed = played.contacts + played.edits[0].len();
        let arrival = played.contacts as f64 / ARRIVAL;
        let service = LIMITS[0] as f64 / (1.0 + round_trip.as_secs_f64());
        // Edits come first; this is left for the import.
        let creating = service * played.contacts as f64 / needed as f64;
        let asks = |calls: &[Call], path: &str| calls.iter().filter(|call| call.path.ends_with(path)).count();
        let asked = [asks(&stripe, "/events"), asks(&hubspot, "/search")];
        let writes = stripe.iter().filter(|call| call.method == Method::POST).count();
        let creates = |call: &&Call| call.method == Method::POST && call.path == "/v1/customers";
        Self {
            contacts: played.contacts,
            makespan: last.since(played.began).as_secs_f64(),
            bound: arrival.max(needed as f64 / service),
            on_time: [
                waits.iter().filter(|wait| **wait <= PROMISE).count(),
                (PROMISE / (1.0 / creating - 1.0 / ARRIVAL)).min(played.contacts as f64) as usize,
                (creating * (arrival + PROMISE)).min(played.contacts as f64) as usize,
            ],
            worst: waits.into_iter().fold(0.0, f64::max),
            edits: [
                Latency::of(&played.edits[0], &landed(&made, What::Updated, "phone")),
                Latency::of(&played.edits[1], &landed(&told, What::Updated, "phone")),
            ],
            purchases: Latency::of(&played.payments, &landed(&told, What::Happened, "payment_id")),
            most: [most(&stripe), most(&hubspot)],
            creations: stripe.iter().filter(creates).count(),
            links: hubspot.iter().filter(|call| call.path.ends_with("/batch/update")).count(),
            reads: hubspot.iter().filter(|call| call.path.ends_with("/batch/read")).count(),
            beyond: [writes as i64 - needed as i64, (stripe.len() - writes - asked[0]) as i64],
            asked,
        }
    }

    pub(crate) fn cells(&self) -> [String; 13] {
        let [on_time, in_order, any_order] = self.on_time;
        let contacts = self.contacts as f64;
        let share = |n: usize| format!("{:.1} %", 100.0 * n as f64 / contacts);
        let most = |n: usize| {
            format!("{} / {} = {:.2}", self.most[n], LIMITS[n], self.most[n] as f64 / LIMITS[n] as f64)
        };
        [
            self.contacts.to_string(),
            format!("{:.2} s / {:.2} s = {:.4}", self.makespan, self.bound, self.makespan / self.bound),
            format!("{} / {} / {}", share(on_time), share(in_order), share(any_order)),
            format!("{:.1} s", self.worst),
            self.edits[0].to_string(),
            self.edits[1].to_string(),
            self.purchases.to_string(),
            (self.edits[0].1 + self.edits[1].1 + self.purchases.1).to_string(),
            most(0),
            most(1),
            format!(
                "{:.4}; {:.3}",
                (self.creations + self.links) as f64 / contacts,
                self.reads as f64 / contacts
            ),
            format!("{}; {}", self.beyond[0], self.beyond[1]),
            format!("{}, {}", self.asked[0], self.asked[1]),
        ]
    }
}

impl Latency {
    fn of(done: &[(String, Timestamp)], landed: &BTreeMap<String, Timestamp>) -> Self {
        let taken = done.iter().filter_map(|(what, at)| Some(landed.get(what)?.since(*at).as_secs_f64()));
        let taken: Rounds = taken.collect();
        let missing = done.len() - taken.len();
        Self(taken, missing)
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s, {:.2} s", self.0.median(), self.0.quantile(0.99))
    }
}

fn is_created_by_us(change: &Change) -> bool {
    change.what == What::Created && matches!(change.actor, Actor::Api(_))
}

fn emails<'a>(changes: impl Iterator<Item = &'a Change>) -> BTreeMap<String, Timestamp> {
    changes.filter_map(|c| Some((c.properties.get("email")?.clone()?, c.at))).collect()
}

/// How long each contact waited for its customer, in seconds.
fn waits(told: &[Change], made: &[Change]) -> Vec<f64> {
    let arrived = emails(told.iter().filter(|c| c.what == What::Created && c.actor == Actor::Import));
    let created = emails(made.iter().filter(|c| is_created_by_us(c)));
    created.iter().filter_map(|(email, at)| Some(at.since(*arrived.get(email)?).as_secs_f64())).collect()
}

/// When we first made something so, by the new value.
fn landed(changes: &[Change], what: What, property: &str) -> BTreeMap<String, Timestamp> {
    let ours = changes.iter().rev().filter(|c| c.what == what && matches!(c.actor, Actor::Api(_)));
    ours.filter_map(|c| Some((c.properties.get(property)?.clone()?, c.at))).collect()
}

/// Exact, at every call: no grid can show more.
fn most(calls: &[Call]) -> usize {
    let mut log = CallLog::default();
    calls.iter().cloned().for_each(|call| log.push(call));
    log.most_in_any(Duration::from_secs(1))
}
