//! What the engine says of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::forecast::{Load, delays, is_on_time};
use super::lanes::Kind;
use super::ledger::Ledger;
use crate::journal::Counts;
use crate::model::{Class, PerSide, Side, Timestamp};

/// The state of the engine at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// Where every event went.
    pub counts: Counts,
    /// Each side's state.
    pub sides: PerSide<SideStatus>,
    /// Whether both sides are known in full, so that a creation needs no search.
    pub index_complete: bool,
    /// Whether all that waits now, our own housekeeping apart, can be visible within
    /// [`Settings::promise`](crate::Settings::promise) of when it came. News still in the inbox is not counted.
    pub promise_feasible: bool,
    /// When the last of what waits now will be visible, by the engine's clock. `None` when nothing waits, or when
    /// something waits for a halted side.
    pub last_visible_at: Option<Timestamp>,
    /// Why the store cannot be written to, while it cannot.
    pub store_trouble: Option<String>,
}

/// One side's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SideStatus {
    /// The system's name.
    pub system: &'static str,
    /// Pairs and records waiting for a call to this side, as far as they are in memory.
    pub waiting: usize,
    /// Whether a call could be made now, if the budget allows it.
    pub ready: bool,
    /// Calls under way.
    pub under_way: usize,
    /// Failed calls in a row; calls are spaced out while it is not zero.
    pub failures: u32,
    /// Why calls to this side are stopped until a person has acted.
    pub halted: Option<String>,
    /// What waits for calls to this side, by urgency. Classes of which nothing waits are left out.
    pub classes: BTreeMap<Class, ClassStatus>,
    /// Why the side does not say what changed; lost webhooks are not repaired meanwhile.
    pub repair_trouble: Option<String>,
    /// Set while no field is blanked on this side until a person has said that it is meant.
    pub brake: Option<BrakeStatus>,
}

/// The state of a side's [brake](crate::brake) while it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BrakeStatus {
    /// Since when, by the engine's clock.
    pub since: Timestamp,
    /// Writes that had blanked something in the hour before.
    pub blanked: u64,
    /// Pairs of which something waits.
    pub waiting: u64,
}

/// What waits of one class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClassStatus {
    /// Pairs and records.
    pub waiting: u64,
    /// Seconds until the last of them will be done, rounded up, if calls go as they did lately. `None` while halted.
    pub seconds: Option<u64>,
}

/// What is to be expected of one side. `None`: nobody can tell, because the side is halted.
pub(super) struct Outlook {
    pub(super) classes: BTreeMap<Class, ClassStatus>,
    pub(super) on_time: bool,
    /// How long until nothing is left that waits now.
    pub(super) last: Option<Duration>,
}

impl Ledger {
    /// Tells everybody the state as of now.
    pub(super) fn publish(&self) {
        let mut outlooks = PerSide::from_fn(|side| self.outlook(side));
        let on_time = outlooks.left.on_time && outlooks.right.on_time;
        let last = outlooks.left.last.zip(outlooks.right.last).map(|(left, right)| left.max(right));
        self.status.send_replace(Status {
            counts: self.meta.counts,
            sides: PerSide::from_fn(|side| {
                let desk = &self.desks[side];
                SideStatus {
                    system: self.systems[side].connector.describe().name,
                    waiting: desk.lane.len(),
                    ready: self.has_work(side),
                    under_way: desk.under_way,
                    failures: desk.failures,
                    halted: desk.halted.clone(),
                    classes: std::mem::take(&mut outlooks[side].classes),
                    repair_trouble: desk.repair.trouble.clone(),
                    brake: self.meta.brakes[side].since.map(|since| BrakeStatus {
                        since,
                        blanked: self.meta.brakes[side].blanked_lately(),
                        waiting: self.meta.held[side],
                    }),
                }
            }),
            index_complete: self.policy.index_complete,
            promise_feasible: on_time,
            last_visible_at: last.filter(|last| !last.is_zero()).map(|last| self.now.plus(last)),
            store_trouble: None,
        });
    }

    fn outlook(&self, side: Side) -> Outlook {
        let desk = &self.desks[side];
        let loads = self.loads(side);
        let pause = desk.not_before.map_or(Duration::ZERO, |at| at.since(self.now));
        let mut delays = delays(&loads, &self.systems[side].limiter.supplies());
        delays.values_mut().for_each(|delay| *delay = delay.saturating_add(pause));
        if desk.halted.is_some() {
            delays.clear();
        }
        let status = |(class, load): (&Class, &Load)| {
            let seconds = delays.get(class).map(|delay| delay.as_secs_f64().ceil() as u64);
            (*class, ClassStatus { waiting: load.subjects, seconds })
        };
        let known = delays.len() == loads.len();
        Outlook {
            classes: loads.iter().map(status).collect(),
            on_time: known && is_on_time(&loads, &delays, self.settings.promise),
            last: known.then(|| delays.values().max().copied().unwrap_or_default()),
        }
    }

    /// What waits for a side, and the calls it will take. A record of the other side that nobody knows yet, and what is in
    /// the journal only, will most likely have to be created.
    fn loads(&self, side: Side) -> BTreeMap<Class, Load> {
        let mut loads: BTreeMap<Class, Load> = BTreeMap::new();
        let mut subjects: BTreeMap<(Class, Kind), u64> = BTreeMap::new();
        for ((class, kind), waiting) in self.desks[side].lane.waiting() {
            let load = loads.entry(class).or_insert_with(Load::none);
            load.subjects += waiting.count;
            load.waits_since(waiting.oldest, self.now);
            load.waits_since(waiting.newest, self.now);
            *subjects.entry((class, kind)).or_default() += waiting.count;
            if kind == Kind::Find {
                *subjects.entry((class, Kind::Create)).or_default() += waiting.count;
            }
        }
        for lookup in self.desks[side.other()].lookups.values() {
            let class = lookup.class.max(Class::New);
            let load = loads.entry(class).or_insert_with(Load::none);
            load.subjects += 1;
            load.waits_since(lookup.since, self.now);
            *subjects.entry((class, Kind::Create)).or_default() += 1;
        }
        for (class, due) in self.meta.due[side].iter().filter(|_| self.desks[side].lane.spilled) {
            let load = loads.entry(*class).or_insert_with(Load::none);
            let spilled = due.saturating_sub(load.subjects);
            load.subjects += spilled;
            if spilled > 0 {
                // The last to come are those that did not fit.
                load.newest = Duration::ZERO;
            }
            *subjects.entry((*class, Kind::Create)).or_default() += spilled;
        }
        let (description, bad_rows) = (self.systems[side].connector.describe(), self.desks[side].bad_rows);
        for ((class, kind), subjects) in subjects {
            let calls = subjects.div_ceil(bad_rows.batch(kind, description).max(1) as u64);
            loads.entry(class).or_insert_with(Load::none).calls.push((kind.call(), calls));
        }
        loads
    }
}

impl Load {
    fn none() -> Self {
        Self { subjects: 0, calls: Vec::new(), oldest: Duration::ZERO, newest: Duration::MAX }
    }

    fn waits_since(&mut self, since: Timestamp, now: Timestamp) {
        let age = now.since(since);
        (self.oldest, self.newest) = (self.oldest.max(age), self.newest.min(age));
    }
}
