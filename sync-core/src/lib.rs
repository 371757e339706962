//! A two-way sync engine. Two systems, one ledger; nothing lost, nothing twice, nobody overwritten unheard.
//!
//! # In one page
//!
//! Bring a [`Connector`](connector::Connector) for each system and a [`Mapping`](mapping::Mapping) from its properties
//! to the fields of an [`Entity`](model::Entity); give the engine a [`Store`](store::Store). Hand it webhooks with
//! [`Engine::accept`] and let it [`run`](Engine::run). `examples/embed.rs` in the repository is the whole of it.
//!
//! Read in this order:
//!
//! | module | lives there |
//! |---|---|
//! | [`model`] | plain data: the words below |
//! | [`decide`] | the brain: pure functions over one pair |
//! | [`mapping`] | lenses between properties and fields |
//! | [`retry`], [`quota`] | pure arithmetic of waiting |
//! | [`brake`] | pure: when blanking stops and asks |
//! | [`connector`], [`store`], [`clock`], [`http`] | the ports |
//! | [`journal`] | what is remembered, typed |
//! | [`engine`] | the shell: everything that waits |
//! | [`layers`] | connectors around connectors |
//! | [`stores`] | adapters for the store port |
//!
//! # Words
//!
//! *system* a remote product · *side* its place in a pair · *record* what a system holds · *entity* the kind · *field*
//! canonical, *property* native · **pair** one thing as two systems know it · *observation* what a side said, field by
//! field, with its own time · *base* what both sides last agreed on · *sent* words in flight · *doubt* we must look
//! before we trust · *mark* our pair id, or the twin's id, inside
//! their record · *op* a planned step · *outcome* how it went · *lane* the
//! queue of one side's work · *inbox* durable webhooks · *activity* an append-only happening, such as a purchase ·
//! *quarantine* set aside with a reason · *twin* the record of the same thing on the other side · *link* one naming the
//! other · *alias* a further record of the same thing · *tombstone* what is left of a deleted one · *tail* asking what
//! changed · *sweep* comparing everything · *print* a few bytes that stand for a value or a record's content.
//!
//! # Features
//!
//! `redb` (default): the embedded durable store. `sled`: another one (ADR 2). `reqwest`: an HTTP transport for connectors. `testing`: what is needed
//! to test connectors and stores of your own.

pub mod brake;
pub mod clock;
pub mod connector;
pub mod decide;
pub mod engine;
pub mod http;
pub mod journal;
pub mod layers;
pub mod mapping;
pub mod model;
pub mod quota;
pub mod retry;
pub mod store;
pub mod stores;
#[cfg(feature = "testing")]
pub mod testing;

pub use engine::{AcceptError, Engine, EngineBuilder, EngineError, Overload, Settings, Status};
