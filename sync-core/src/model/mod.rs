//! Plain data: the words the rest of the crate is written in. No I/O, no clock, no randomness.

pub mod entity;
mod field;
mod ids;
mod news;
mod pair;
mod side;
mod time;

pub use entity::{Compare, Entity};
pub use field::{Field, Fields, Properties, Value};
pub use ids::{OpId, PairId, RecordId};
pub use news::{Activity, Author, Class, Edit, News, Record, Sighting};
pub use pair::{
    Agreed, By, Due, Lost, Moment, Pair, Pending, Present, Refusal, Refusals, Said, Seen, Sent, SentKind,
    Setback, Shown, Unsettled,
};
pub use side::{PerSide, Side};
pub use time::Timestamp;
