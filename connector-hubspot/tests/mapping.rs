//! Do the lenses keep their laws?
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;

use connector_hubspot::{PROPERTIES, mapping};
use proptest::option::of;
use proptest::prelude::*;
use sync_core::model::{Entity, Field, Fields, Properties, Value};

/// Each of `names` unknown, empty, or with a value.
fn three_states<K: Ord + Clone + std::fmt::Debug>(
    names: Vec<K>,
) -> impl Strategy<Value = std::collections::BTreeMap<K, Option<Value>>> {
    let values = prop::collection::vec(of(of("[a-zA-Z0-9@+. é]{0,12}")), names.len());
    values.prop_map(move |values| {
        let known = names.iter().cloned().zip(values).filter_map(|(name, value)| Some((name, value?)));
        known.map(|(name, value)| (name, value.and_then(Value::new))).collect()
    })
}

fn fields() -> impl Strategy<Value = Fields> {
    let person: Vec<Field> = Entity::person().fields().cloned().collect();
    three_states(person).prop_map(Fields::from_iter)
}

fn native() -> impl Strategy<Value = Properties> {
    three_states(PROPERTIES.into_iter().chain(["company"]).map(str::to_owned).collect())
}

proptest! {
    #[test]
    fn is_what_was_put_what_is_got(fields in fields(), mut native in native()) {
        for lens in mapping().lenses() {
            lens.put(&fields, &mut native);
        }
        let got = mapping().get(&native);
        for (field, value) in &fields {
            prop_assert_eq!(got.get(field), Some(value));
        }
    }

    #[test]
    fn does_putting_back_change_nothing(native in native()) {
        let mut after = native.clone();
        for lens in mapping().lenses() {
            lens.put(&mapping().get(&native), &mut after);
        }
        prop_assert_eq!(after, native);
    }

    #[test]
    fn does_an_update_name_only_what_changed(fields in fields(), changed in 0_usize..4) {
        let field = Entity::person().fields().nth(changed).cloned().unwrap();
        let update = mapping().update(&fields, &BTreeSet::from([field.clone()]));
        let expected: Vec<&str> = fields.contains_key(&field).then_some(PROPERTIES[changed]).into_iter().collect();
        prop_assert_eq!(update.keys().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn does_the_mapping_cover_a_person() {
    let mapping = mapping();
    let seen: BTreeSet<Field> = mapping.lenses().flat_map(|lens| lens.fields().to_vec()).collect();
    assert_eq!(seen, Entity::person().fields().cloned().collect());
    assert_eq!(mapping.properties().collect::<Vec<_>>(), PROPERTIES);
}
