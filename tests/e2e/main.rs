//! Do both systems end up as the brief demands? Each test has a stage of its own: HubSpot and Stripe (emulated, on real
//! HTTP), the real runner between them, and the emulators' own records as the only judge.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod collisions;
mod creations;
mod deletions;
mod edits;
mod failures;
mod names;
mod purchases;
mod repairs;
mod secrecy;
mod strangers;
mod support;
