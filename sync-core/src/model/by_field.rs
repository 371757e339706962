//! A small map by field.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Field;

/// Something for each of a few fields, in the order of their names.
///
/// A `BTreeMap` makes room for eleven entries from the first one on. This is a sorted list, no larger than what is in it:
/// a pair has many such maps, with a handful of fields each.
#[derive(Clone, PartialEq, Eq)]
pub struct ByField<T>(Vec<(Field, T)>);

impl<T> ByField<T> {
    /// Nothing for any field.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there is nothing for any field.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For how many fields there is something.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is something for `field`.
    #[must_use]
    pub fn contains_key(&self, field: &Field) -> bool {
        self.place(field).is_ok()
    }

    /// What there is for `field`.
    #[must_use]
    pub fn get(&self, field: &Field) -> Option<&T> {
        self.place(field).ok().map(|place| &self.0[place].1)
    }

    /// What there is for `field`, to be changed.
    pub fn get_mut(&mut self, field: &Field) -> Option<&mut T> {
        self.place(field).ok().map(|place| &mut self.0[place].1)
    }

    /// Sets what there is for `field`, and gives what there was.
    pub fn insert(&mut self, field: Field, value: T) -> Option<T> {
        match self.place(&field) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (field, value));
                None
            }
        }
    }

    /// Takes out what there is for `field`.
    pub fn remove(&mut self, field: &Field) -> Option<T> {
        self.place(field).ok().map(|place| self.0.remove(place).1)
    }

    /// Keeps those for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&Field, &mut T) -> bool) {
        self.0.retain_mut(|(field, value)| keep(field, value));
    }

    /// The fields, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Field> {
        self.0.iter().map(|(field, _)| field)
    }

    /// What there is, in the order of the fields.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// All entries, in the order of the fields.
    pub fn iter(&self) -> Iter<'_, T> {
        self.into_iter()
    }

    fn place(&self, field: &Field) -> Result<usize, usize> {
        self.0.binary_search_by(|(this, _)| this.cmp(field))
    }
}

/// The entries of a [`ByField`].
pub type Iter<'a, T> =
    std::iter::Map<std::slice::Iter<'a, (Field, T)>, fn(&'a (Field, T)) -> (&'a Field, &'a T)>;

impl<T> Default for ByField<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for ByField<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<T> std::ops::Index<&Field> for ByField<T> {
    type Output = T;
    fn index(&self, field: &Field) -> &T {
        match self.place(field) {
            Ok(place) => &self.0[place].1,
            Err(_) => panic!("nothing for field {field}"),
        }
    }
}

impl<T, const N: usize> From<[(Field, T); N]> for ByField<T> {
    fn from(entries: [(Field, T); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<T> FromIterator<(Field, T)> for ByField<T> {
    fn from_iter<I: IntoIterator<Item = (Field, T)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<T> Extend<(Field, T)> for ByField<T> {
    fn extend<I: IntoIterator<Item = (Field, T)>>(&mut self, entries: I) {
        let entries = entries.into_iter();
        self.0.reserve_exact(entries.size_hint().0);
        for (field, value) in entries {
            self.insert(field, value);
        }
    }
}

impl<T> IntoIterator for ByField<T> {
    type Item = (Field, T);
    type IntoIter = std::vec::IntoIter<(Field, T)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a ByField<T> {
    type Item = (&'a Field, &'a T);
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(field, value)| (field, value))
    }
}

impl<T: Serialize> Serialize for ByField<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByField<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = ByField<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map by field")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = ByField::new();
        while let Some((field, value)) = entries.next_entry()? {
            map.insert(field, value);
        }
        map.0.shrink_to_fit();
        Ok(map)
    }
}
