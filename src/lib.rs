//! The stage: both emulated systems on loopback, the real runner between them, and the truth about what happened.
//!
//! `examples/`, `benches/` and `tests/` of the root package play on it. What they conclude they conclude from the
//! emulators' own records ([`Truth`]), never from what the engine says of itself.

mod engine;
pub mod figures;
mod paused;
mod post;
pub mod sim;
mod truth;
mod world;

pub use engine::{Engine, How};
pub use paused::{Paused, PausedConfig};
pub use post::Posted;
pub use truth::{Card, Truth};
pub use world::{StageError, Systems, World, WorldConfig};

/// Runs the runner's own command line, for a program that starts itself again as the engine.
pub use runner_http::main_with;
