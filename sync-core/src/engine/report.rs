//! What the engine says of itself.

use serde::Serialize;

use crate::journal::Counts;
use crate::model::PerSide;

/// The state of the engine at one moment.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// Where every event went.
    pub counts: Counts,
    /// Each side's state.
    pub sides: PerSide<SideStatus>,
    /// Whether both sides are known in full, so that a creation needs no search.
    pub index_complete: bool,
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
}
