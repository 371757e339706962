//! `wane-sync`: keeps HubSpot contacts and Stripe customers in step, fed by their webhooks.
//!
//! The program is [`main_with`]; to run it inside another one, make a [`Config`] and call [`serve`].
//!
//! | module | lives there |
//! |---|---|
//! | [`config`] | the configuration file, and what is wrong with it |
//! | `cli` | commands, signals, exit codes |
//! | `serve` | start and stop, in order |
//! | `compose` | from a configuration to an engine: HubSpot left, Stripe right |
//! | `prepare`, `gate` | what must have happened before the first call to a system |
//! | [`webhooks`], [`admin`] | the two faces, as routes |
//! | `ports`, `connections` | sockets and their limits |
//! | `logs` | log lines |
//!
//! `docs/configuration.md` in the repository describes every key, route and answer.

pub mod admin;
mod cli;
mod compose;
pub mod config;
mod connections;
mod gate;
mod logs;
mod ports;
mod prepare;
mod serve;
pub mod webhooks;

pub use cli::main_with;
pub use config::{Config, ConfigError};
pub use serve::{RunError, install_tls, serve};
