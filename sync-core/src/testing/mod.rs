//! For us and for the authors of third-party connectors: fakes on loopback or in memory.

pub mod conformance;
pub mod fake;
pub mod lens;
