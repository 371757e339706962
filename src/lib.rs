//! The root package: it only owns `examples/`, `benches/` and `tests/`, which need all crates of the workspace at once.
//! Start reading at `sync-core`.
