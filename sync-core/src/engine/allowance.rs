//! Whether a side may be called now: its health, and the windows for one kind of call. The windows for all calls are the
//! limiter's business.

use std::time::Duration;

use super::Overload;
use super::lanes::{Kind, NEVER};
use super::ledger::Ledger;
use crate::connector::{Error, Remedy};
use crate::journal::Parked;
use crate::model::{Side, Timestamp};
use crate::quota::Call;
use crate::retry::{MAX_RETRY_AFTER, Schedule};

/// Spacing of probes while a whole system is failing: an outage is noticed to be over within two seconds, at a cost of at
/// most one call a second.
const PROBING: Schedule =
    Schedule { base: Duration::from_millis(500), max: Duration::from_secs(2), factor: 2.0 };

impl Ledger {
    /// Whether a call could be made now, if the limiter allows one.
    pub(super) fn has_work(&self, side: Side) -> bool {
        let desk = &self.desks[side];
        if desk.not_before.is_some() || (desk.failures > 0 && desk.under_way > 0) {
            return false;
        }
        let suspects = !desk.suspects.is_empty() && self.can_write(side);
        let gathered = self.are_links_gathered(side);
        let ready =
            desk.lane.is_ready(|kind| (gathered || kind != Kind::Link) && self.is_open(side, kind.call()));
        ready || suspects || self.can_list(side) || self.can_ask(side)
    }

    /// Whether the windows of this kind of call, if it has any, have room.
    pub(super) fn is_open(&self, side: Side, call: Call) -> bool {
        self.systems[side].limiter.opens_in(call) == Some(Duration::ZERO)
    }

    /// When the first kind of work that waits only for a window of its own can go on.
    pub(super) fn opening(&self, side: Side) -> Option<Duration> {
        let kinds =
            [Call::Read, Call::Find, Call::List, Call::Changes, Call::Create, Call::Update, Call::Emit];
        let waits = kinds.into_iter().filter_map(|call| self.systems[side].limiter.opens_in(call));
        waits.filter(|wait| !wait.is_zero()).min()
    }

    /// Whether whatever the suspects want to write can be written.
    pub(super) fn can_write(&self, side: Side) -> bool {
        [Call::Create, Call::Update, Call::Emit].into_iter().all(|call| self.is_open(side, call))
    }

    /// What waits since before this goes after what can still be on time.
    pub(super) fn late(&self) -> Timestamp {
        match self.settings.overload {
            Overload::SmallestWorstCase => NEVER,
            Overload::MostOnTime => self.now.minus(self.settings.promise),
        }
    }

    /// What a side asked for before a restart still counts. A clock that was set meanwhile makes the wait no longer than it
    /// was.
    pub(super) fn stay_parked(&mut self, side: Side) {
        let Some(parked) = self.meta.parked[side].filter(|parked| parked.until > self.now) else { return };
        let desk = &mut self.desks[side];
        desk.not_before = Some(parked.until.min(self.now.plus(parked.wait)));
        // The first call shows whether the side is well again.
        desk.failures = 1;
    }

    /// Spaces calls out while a side fails, and stops them while it will not let us in.
    pub(super) fn note_health(&mut self, side: Side, error: Option<&Error>) {
        let now = self.now;
        let desk = &mut self.desks[side];
        desk.repeats.earn();
        let unpaid = desk.repeats.wait(now.since(Timestamp::EPOCH));
        let Some(error) = error else {
            // One call at a time goes on until what had to be repeated is paid for.
            let failures = if unpaid.is_zero() { 0 } else { desk.failures.min(1) };
            (desk.failures, desk.not_before, desk.halted) = (failures, None, None);
            self.meta.parked[side] = None;
            return;
        };
        let wait = match error.remedy() {
            Remedy::Quarantine => None,
            Remedy::Look if !matches!(error, Error::Ambiguous { .. }) => None,
            Remedy::Look => Some(PROBING.delay(desk.failures, self.meta.pairs)),
            Remedy::Retry(after) => {
                let spacing = PROBING.delay(desk.failures, self.meta.pairs);
                Some(after.map_or(spacing, |a| a.min(MAX_RETRY_AFTER).max(spacing)))
            }
            Remedy::Halt => {
                desk.halted = Some(error.to_string());
                Some(Duration::from_secs(30))
            }
        };
        let Some(wait) = wait else {
            desk.failures = 0;
            return;
        };
        // The end of an outage is to be noticed soon, whatever is owed.
        let wait = wait.max(unpaid.min(PROBING.max));
        tracing::warn!(side = %side, %error, failures = desk.failures, wait_ms = wait.as_millis() as u64, "call failed");
        desk.repeats.spend();
        desk.failures += 1;
        // Of calls that fail together, the one that asks for most patience counts.
        desk.not_before = desk.not_before.max(Some(now.plus(wait)));
        if matches!(error.remedy(), Remedy::Retry(Some(_))) {
            let parked = |until: Timestamp| Parked { until, wait: until.since(now) };
            self.meta.parked[side] = desk.not_before.map(parked);
        }
    }
}
