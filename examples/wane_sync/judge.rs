//! What is demanded, and how it went.

use std::time::Duration;

use stage::{Truth, World};
use sync_core::model::Timestamp;

const NOT_PLAYED: &str = "not played, because an earlier act failed";

/// One requirement, judged.
pub(crate) struct Verdict {
    pub(crate) requirement: &'static str,
    pub(crate) holds: Result<(), String>,
    /// How long changes took to be visible on the other side.
    pub(crate) latencies: Vec<Duration>,
    /// Calls spent on both systems meanwhile.
    pub(crate) calls: usize,
}

impl Verdict {
    /// An act before this one failed.
    pub(crate) fn not_played(requirement: &'static str) -> Self {
        Self { requirement, holds: Err(NOT_PLAYED.to_owned()), latencies: Vec::new(), calls: 0 }
    }

    /// `holds`, `FAILS`, or `-` when it was not played.
    pub(crate) fn word(&self) -> &'static str {
        match &self.holds {
            Ok(()) => "holds",
            Err(why) if why == NOT_PLAYED => "-",
            Err(_) => "FAILS",
        }
    }

    /// Median, 99th percentile and worst, as text.
    pub(crate) fn times(&self) -> [String; 3] {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = |share: f64| {
            let last = sorted.len().checked_sub(1)?;
            sorted.get((last as f64 * share).ceil() as usize).map(|d| format!("{:.2} s", d.as_secs_f64()))
        };
        [at(0.5), at(0.99), at(1.0)].map(|text| text.unwrap_or_else(|| "-".to_owned()))
    }
}

/// Which system a change must become visible in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    HubSpot,
    Stripe,
}

/// A change that must become visible.
pub(crate) struct Expected {
    pub(crate) email: String,
    pub(crate) to: To,
    pub(crate) since: Timestamp,
}

impl Expected {
    /// How long it took, by the record of the system it had to reach.
    pub(crate) fn latency(&self, truth: &Truth) -> Option<Duration> {
        let (card, changes) = match self.to {
            To::HubSpot => (truth.contact(&self.email)?, &truth.hubspot),
            To::Stripe => (truth.customer(&self.email)?, &truth.stripe),
        };
        Truth::last_write(changes, &card.id).map(|at| at.since(self.since))
    }
}

/// Calls so far, by kind.
#[derive(Clone, Copy, Default)]
pub(crate) struct Calls {
    pub(crate) all: usize,
    pub(crate) hubspot_reads: usize,
    pub(crate) stripe_reads: usize,
    pub(crate) stripe_creates: usize,
    pub(crate) writes: usize,
    /// Writes answered with success, one record each.
    pub(crate) single_writes: usize,
}

impl Calls {
    pub(crate) fn of(world: &World) -> Self {
        let mut sum = Self::default();
        world.hubspot.with(|h, _| {
            for call in h.calls().calls() {
                let read = call.method == "GET"
                    || call.path.ends_with("/batch/read")
                    || call.path.ends_with("/search");
                sum.add(read, call.status, !call.path.contains("/batch/") && !call.path.contains("/events/"));
                sum.hubspot_reads += usize::from(read);
            }
        });
        world.stripe.with(|s, _| {
            for call in s.calls().calls() {
                let read = call.method == "GET";
                sum.add(read, call.status, true);
                sum.stripe_reads += usize::from(read);
                sum.stripe_creates += usize::from(!read && call.path == "/v1/customers");
            }
        });
        sum
    }

    fn add(&mut self, read: bool, status: Option<u16>, single: bool) {
        self.all += 1;
        self.writes += usize::from(!read);
        let applied = status.is_some_and(|s| (200..300).contains(&s));
        self.single_writes += usize::from(!read && single && applied);
    }
}

/// A demand: `Ok` when it is met, otherwise the complaint.
pub(crate) fn demand(met: bool, complaint: impl FnOnce() -> String) -> Result<(), String> {
    if met { Ok(()) } else { Err(complaint()) }
}
