//! Do the lenses keep their two laws, and do they leave names whole?

use connector_stripe::{EMAIL, FIRST_NAME, LAST_NAME, NAME, PHONE, mapping};
use proptest::prelude::*;
use sync_core::model::{Fields, Properties, Value, entity};

fn text() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        1 => Just(None),
        3 => "[ A-Za-zé]{0,12}".prop_map(Value::new),
        2 => "\\PC{0,12}".prop_map(Value::new),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    (text(), text(), text(), text()).prop_map(|(email, first, last, phone)| {
        Fields::from([
            (entity::EMAIL, email),
            (entity::FIRST_NAME, first),
            (entity::LAST_NAME, last),
            (entity::PHONE, phone),
        ])
    })
}

fn native() -> impl Strategy<Value = Properties> {
    let names = [EMAIL, NAME, PHONE, FIRST_NAME, LAST_NAME].map(str::to_owned);
    proptest::collection::btree_map(proptest::sample::select(names.to_vec()), text(), 0..=5)
}

proptest! {
    #[test]
    fn what_is_put_is_what_is_got(fields in fields(), mut native in native()) {
        let mapping = mapping();
        for lens in mapping.lenses() {
            lens.put(&fields, &mut native);
        }
        prop_assert_eq!(mapping.get(&native), fields);
    }

    #[test]
    fn putting_back_what_was_got_changes_nothing(native in native()) {
        let mapping = mapping();
        let mut after = native.clone();
        for lens in mapping.lenses() {
            lens.put(&mapping.get(&native), &mut after);
        }
        prop_assert_eq!(after, native);
    }

    #[test]
    fn a_new_customer_shows_the_same_person(fields in fields()) {
        let mut wanted = fields.clone();
        let native = mapping().create(&fields);
        let got = mapping().get(&native);
        wanted.retain(|_, value| value.is_some());
        for (field, value) in wanted {
            prop_assert_eq!(got.get(&field), Some(&value));
        }
    }
}

#[test]
fn the_lenses_use_stripes_names() {
    let mapping = mapping();
    let mut names: Vec<_> = mapping.properties().collect();
    names.sort_unstable();
    let wanted = ["email", "metadata.wane_first_name", "metadata.wane_last_name", "name", "phone"];
    assert_eq!(names, wanted);
}
