//! Fields and values: what the two systems agree on, in canonical words.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::ByField;

/// The canonical name of a field, for example `email`. A system's own name for it is a *property*.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Field(SmolStr);

impl Field {
    /// A field known at compile time.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self(SmolStr::new_static(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Field {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value some person typed: personal data. Its `Debug` shows only its length, so it cannot reach a log by accident.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(SmolStr);

impl Value {
    /// Wraps non-empty text. Empty text is not a value but the absence of one, so it gives `None`.
    #[must_use]
    pub fn new(text: impl AsRef<str>) -> Option<Self> {
        let text = text.as_ref();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text itself. Do not log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} chars>", self.0.chars().count())
    }
}

/// Canonical content. A field that is not in the map is *unknown*; `None` is known to be *empty*.
pub type Fields = ByField<Option<Value>>;

/// Native content, by the system's own property names, with the same three states as [`Fields`].
pub type Properties = BTreeMap<String, Option<Value>>;
