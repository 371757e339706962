//! Stripe's words for the fields of a person.

use sync_core::mapping::{FullName, Mapping, Text};
use sync_core::model::entity;

/// The customer's email address.
pub const EMAIL: &str = "email";
/// The customer's full name, or a business's.
pub const NAME: &str = "name";
/// The customer's telephone number.
pub const PHONE: &str = "phone";
/// Keeps the first half of the name; trusted only while both halves join to [`NAME`].
pub const FIRST_NAME: &str = "metadata.wane_first_name";
/// Keeps the second half of the name.
pub const LAST_NAME: &str = "metadata.wane_last_name";

/// What a property name begins with when it is a metadata key.
pub(crate) const METADATA: &str = "metadata.";
/// The metadata key that holds our pair id: the mark of records we created.
pub(crate) const PAIR_KEY: &str = "wane_pair_id";

/// The lenses of a person: email and phone as they are, and one `name` for first and last name.
///
/// Stripe has no first and last name (`name` may also be a business's), so two metadata keys keep the halves.
#[must_use]
pub fn mapping() -> Mapping {
    let halves = [FIRST_NAME.to_owned(), LAST_NAME.to_owned()];
    Mapping::new()
        .lens(Text::new(entity::EMAIL, EMAIL))
        .lens(FullName::new([entity::FIRST_NAME, entity::LAST_NAME], NAME, halves))
        .lens(Text::new(entity::PHONE, PHONE))
}
