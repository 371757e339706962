//! Plain data: the words the rest of the crate is written in. No I/O, no clock, no randomness.

mod belief;
mod by_field;
pub mod entity;
mod field;
mod ids;
mod news;
mod pair;
mod seen_row;
mod shown;
mod side;
mod time;

pub use belief::{Agreed, Belief, Lost, Present, Refusal, Refusals, Seen};
pub use by_field::{ByField, Iter};
pub use entity::{Compare, Entity};
pub use field::{Field, Fields, Properties, Value};
pub use ids::{OpId, PairId, RecordId};
pub use news::{Activity, Author, Class, Edit, News, Record, Sighting};
pub use pair::{Due, Pair, Pending, Sent, SentKind, Setback, Unsettled};
pub use shown::{By, Known, Moment, Said, Shown, print};
pub use side::{PerSide, Side};
pub use time::Timestamp;

/// For serde: what is as it is in most rows is left out of them.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
