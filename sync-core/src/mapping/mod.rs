//! Lenses between a system's properties and the canonical fields.

mod full_name;
mod text;

use std::collections::BTreeSet;

pub use full_name::FullName;
pub use text::Text;

use crate::model::{Field, Fields, Properties};

/// A lens: one way to see canonical fields in native properties, and to put them back.
///
/// Two laws make round trips harmless, and `testing::lens::check_mapping` checks them:
/// * *put-get*: after `put(fields, native)`, `get(native)` gives those fields back;
/// * *get-put*: `put(get(native), native)` changes nothing.
///
/// A lens speaks only of what it sees: a property absent from `native` leaves its fields out of the result, and a field
/// absent from `fields` leaves its properties alone.
pub trait FieldMapping: Send + Sync + 'static {
    /// The fields this lens sees.
    fn fields(&self) -> &[Field];

    /// The native properties it reads and writes.
    fn properties(&self) -> &[String];

    /// The fields as the native properties show them.
    fn get(&self, native: &Properties) -> Fields;

    /// Changes the native properties to show `fields`.
    fn put(&self, fields: &Fields, native: &mut Properties);
}

/// All lenses of one system.
#[derive(Default)]
pub struct Mapping {
    lenses: Vec<Box<dyn FieldMapping>>,
}

impl Mapping {
    /// A mapping that sees nothing; add lenses with [`Mapping::lens`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a lens. No two lenses may share a field or a property.
    #[must_use]
    pub fn lens(mut self, lens: impl FieldMapping) -> Self {
        self.lenses.push(Box::new(lens));
        self
    }

    /// The lenses, in the order they were added.
    pub fn lenses(&self) -> impl Iterator<Item = &dyn FieldMapping> {
        self.lenses.iter().map(AsRef::as_ref)
    }

    /// The native properties that some lens reads.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.lenses.iter().flat_map(|l| l.properties()).map(String::as_str)
    }

    /// The canonical fields that `native` shows.
    #[must_use]
    pub fn get(&self, native: &Properties) -> Fields {
        let mut fields = Fields::new();
        for lens in &self.lenses {
            fields.extend(lens.get(native));
        }
        fields
    }

    /// The native properties of a new record with these fields. Empty fields are left out.
    #[must_use]
    pub fn create(&self, fields: &Fields) -> Properties {
        let mut native = Properties::new();
        for lens in &self.lenses {
            lens.put(fields, &mut native);
        }
        native.retain(|_, value| value.is_some());
        native
    }

    /// The smallest native change that turns `changed` into what `desired` says. Only lenses that see a changed field
    /// write; a lens over several fields writes all its properties, because they only make sense together.
    #[must_use]
    pub fn update(&self, desired: &Fields, changed: &BTreeSet<Field>) -> Properties {
        let mut native = Properties::new();
        for lens in &self.lenses {
            if lens.fields().iter().any(|f| changed.contains(f)) {
                lens.put(desired, &mut native);
            }
        }
        native
    }
}
