//! The plainest lens: one property is one field.

use super::FieldMapping;
use crate::model::{Field, Fields, Properties};

/// Shows one property as one field, unchanged.
#[derive(Debug, Clone)]
pub struct Text {
    field: [Field; 1],
    property: [String; 1],
}

impl Text {
    /// `property` shows `field`.
    pub fn new(field: Field, property: impl Into<String>) -> Self {
        Self { field: [field], property: [property.into()] }
    }
}

impl FieldMapping for Text {
    fn fields(&self) -> &[Field] {
        &self.field
    }

    fn properties(&self) -> &[String] {
        &self.property
    }

    fn get(&self, native: &Properties) -> Fields {
        native
            .get(&self.property[0])
            .map(|value| (self.field[0].clone(), value.clone()))
            .into_iter()
            .collect()
    }

    fn put(&self, fields: &Fields, native: &mut Properties) {
        if let Some(value) = fields.get(&self.field[0]) {
            native.insert(self.property[0].clone(), value.clone());
        }
    }
}
