//! The brain: pure functions over one [`Pair`](crate::model::Pair). No I/O, no clock, no randomness.
//!
//! | verb | question |
//! |---|---|
//! | [`observe`] | what does this news change in what we believe? |
//! | [`plan`] | what would make the two sides agree? |
//! | [`intend`] | what must be remembered before we ask for it? |
//! | [`settle`] | how did it go, and what follows? |
//! | [`hint`] | something happened to a record: is there anything to read? |
//!
//! [`resolve`](ConflictResolver) decides between two truly concurrent edits, [`identity`] whose record this is.
//!
//! The base has one rule: it moves only when a side answers for, or is *seen* to hold, what we sent (or must have held it for a
//! moment, before somebody typed over it), or when both are known to agree. Freedom from loops, recovery and conflict
//! detection all follow from it.

mod hint;
pub mod identity;
mod link;
mod merge;
mod observe;
mod plan;
mod register;
mod resolve;
mod settle;

pub use hint::{Hint, hint};
pub use link::{Links, named};
pub use merge::agree;
pub use observe::{Effect, Heard, Observation, Over, Source, gone, observe};
pub use plan::{Op, Policy, agree_and_plan, is_blocked, plan};
pub use resolve::{ConflictResolver, LastWriterWins, PreferSide, Rival};
pub use settle::{Outcome, intend, not_found, not_ours, restate, settle};
