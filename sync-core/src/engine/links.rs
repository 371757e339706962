//! When records are told of their twins: never before anything else, and many in one call.

use std::time::Duration;

use super::lanes::Kind;
use super::ledger::Ledger;
use crate::connector::Description;
use crate::decide::Links;
use crate::model::{Side, Timestamp};

/// How long links wait for others to share a call with.
const GATHERING: Duration = Duration::from_secs(2);

/// How a system's records come to name their twins, if they are to.
pub(super) fn links(wanted: bool, description: &Description) -> Links {
    match description.link_batch {
        0 => Links::Never,
        _ if !wanted => Links::Never,
        1 => Links::Beside,
        _ => Links::Apart,
    }
}

impl Ledger {
    /// Whether a call with links may leave: it is full, or has waited long enough to be filled.
    pub(super) fn are_links_gathered(&self, side: Side) -> bool {
        self.links_leave(side).is_some_and(|at| at <= self.now)
    }

    /// When the links that wait may leave, if any do.
    pub(super) fn links_leave(&self, side: Side) -> Option<Timestamp> {
        let (count, oldest) = self.desks[side].lane.chores(Kind::Link)?;
        let full = count >= self.systems[side].connector.describe().link_batch;
        Some(if full { oldest } else { oldest.plus(GATHERING) })
    }
}
