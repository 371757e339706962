//! The whole engine, both connectors and both emulated systems in virtual time, in one thread, decided by one seed.
//!
//! [`Scenario::generate`] makes a scenario of a seed; [`play`] plays it and judges from the emulators' own records
//! whether the engine kept its promises; [`shrink`] makes a failing one small. Phases: *chaos* (the steps), *heal* (all
//! faults end; every webhook arrives that was not lost), *converge* (until nothing is left to do, at most ten minutes), a *quiet minute*
//! without a write, the verdict, and a *replay* of every delivery, which must change nothing.
//!
//! | module | what |
//! |---|---|
//! | `scenario`, `generate`, `shrink` | what happens, as data |
//! | `people` | steps, as they are done |
//! | `world`, `wire`, `mail`, `store`, `clock` | where they are done: engine, network, webhooks, storage, time, and their faults |
//! | `play`, `judge`, `history`, `set_aside`, `certain`, `linked`, `outage` | phases and verdict |
//! | `chance`, `trace` | repeatability |
//!
//! # What it does not do
//! Deleted and merged people are judged only by what can be seen from outside: one twin, purchases told at most once (and
//! at least once where contacts were merged and nobody was deleted), counts, budget, quiet; after one merge also that both records
//! of each pair agree. Deliveries are not replayed when a customer was changed twice within one second (Stripe's events have
//! no finer time) or contacts were merged. Writes that change nothing are not looked for after a merge. That the later of two
//! edits stands is judged where both clocks are right, for phone numbers of people who were entered on one side.

mod certain;
mod chance;
mod clock;
mod emulators;
mod generate;
mod history;
mod judge;
mod linked;
mod mail;
mod outage;
mod people;
mod play;
mod scenario;
mod set_aside;
mod shrink;
mod store;
mod trace;
mod wire;
mod world;

pub use play::{Outcome, play};
pub use scenario::{HUBSPOT, How, Kind, STRIPE, Scenario, Setup, Step, Target, Timed, Trouble, What};
pub use shrink::shrink;
