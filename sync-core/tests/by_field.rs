//! Is a map by field what a `BTreeMap` would be, in memory and in a row?

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sync_core::model::{ByField, Field};

/// One thing done to a map.
#[derive(Debug, Clone)]
enum Verb {
    Insert(u8, u8),
    Remove(u8),
    Extend(Vec<(u8, u8)>),
    Retain(u8),
}

fn verb() -> impl Strategy<Value = Verb> {
    let field = 0..6_u8;
    prop_oneof![
        (field.clone(), any::<u8>()).prop_map(|(field, value)| Verb::Insert(field, value)),
        field.clone().prop_map(Verb::Remove),
        prop::collection::vec((field.clone(), any::<u8>()), 0..4).prop_map(Verb::Extend),
        field.prop_map(Verb::Retain),
    ]
}

fn named(n: u8) -> Field {
    Field::from(format!("field {n}"))
}

proptest! {
    #[test]
    fn does_it_do_what_a_tree_does(verbs in prop::collection::vec(verb(), 0..20)) {
        let (mut flat, mut tree) = (ByField::new(), BTreeMap::new());
        for verb in verbs {
            match verb {
                Verb::Insert(n, value) => {
                    prop_assert_eq!(flat.insert(named(n), value), tree.insert(named(n), value));
                }
                Verb::Remove(n) => prop_assert_eq!(flat.remove(&named(n)), tree.remove(&named(n))),
                Verb::Extend(entries) => {
                    flat.extend(entries.iter().map(|(n, value)| (named(*n), *value)));
                    tree.extend(entries.iter().map(|(n, value)| (named(*n), *value)));
                }
                Verb::Retain(n) => {
                    flat.retain(|field, _| *field <= named(n));
                    tree.retain(|field, _| *field <= named(n));
                }
            }
            prop_assert!(flat.iter().eq(&tree) && flat.keys().eq(tree.keys()) && flat.values().eq(tree.values()));
            prop_assert_eq!((flat.len(), flat.is_empty()), (tree.len(), tree.is_empty()));
            for n in 0..6 {
                prop_assert_eq!(flat.get(&named(n)), tree.get(&named(n)));
                prop_assert_eq!(flat.get_mut(&named(n)), tree.get_mut(&named(n)));
                prop_assert_eq!(flat.contains_key(&named(n)), tree.contains_key(&named(n)));
            }
            let row = serde_json::to_string(&flat).unwrap();
            prop_assert_eq!(&row, &serde_json::to_string(&tree).unwrap());
            prop_assert_eq!(&serde_json::from_str::<ByField<u8>>(&row).unwrap(), &flat);
        }
    }
}

#[test]
#[should_panic(expected = "phone")]
fn is_what_is_missing_named() {
    let _ = ByField::<u8>::new()[&Field::named("phone")];
}
