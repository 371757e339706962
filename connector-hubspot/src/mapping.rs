//! Which contact properties show which fields.

use sync_core::mapping::{Mapping, Text};
use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};

/// The contact properties the connector reads, writes and listens to.
pub const PROPERTIES: [&str; 4] = ["email", "firstname", "lastname", "phone"];

/// A person as HubSpot contacts hold one: every field is a property of its own.
#[must_use]
pub fn mapping() -> Mapping {
    let fields = [EMAIL, FIRST_NAME, LAST_NAME, PHONE];
    PROPERTIES
        .into_iter()
        .zip(fields)
        .fold(Mapping::new(), |m, (property, field)| m.lens(Text::new(field, property)))
}
