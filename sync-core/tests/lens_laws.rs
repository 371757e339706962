//! Do the lenses obey their laws on any value, and would the check notice one that does not?

#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::option;
use proptest::prelude::*;
use sync_core::mapping::{FieldMapping, FullName, Mapping, Text};
use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{Field, Fields, Properties, Value};
use sync_core::testing::lens::{check_mapping, emails, names, phones};

fn mapping() -> Mapping {
    let halves = ["first_half".to_owned(), "last_half".to_owned()];
    Mapping::new().lens(Text::new(EMAIL, "email")).lens(Text::new(PHONE, "phone")).lens(FullName::new(
        [FIRST_NAME, LAST_NAME],
        "name",
        halves,
    ))
}

/// Unknown, empty or a value.
fn maybe(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<Option<Value>>> {
    option::weighted(0.9, option::weighted(0.85, values))
}

fn fields() -> impl Strategy<Value = Fields> {
    (maybe(emails()), maybe(phones()), maybe(names()), maybe(names())).prop_map(
        |(email, phone, first, last)| {
            let all = [(EMAIL, email), (PHONE, phone), (FIRST_NAME, first), (LAST_NAME, last)];
            all.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
        },
    )
}

/// Properties as a system may hold them: halves that spell the name, or are stale, or missing.
fn native() -> impl Strategy<Value = Properties> {
    let loose = (maybe(emails()), maybe(phones()), maybe(names()), maybe(names()), maybe(names()));
    (loose, fields(), any::<bool>()).prop_map(|((email, phone, name, first, last), fields, in_step)| {
        let keys = ["email", "phone", "name", "first_half", "last_half", "unmapped"];
        let unmapped = Some(Value::new("x"));
        let mut native: Properties = keys
            .into_iter()
            .zip([email, phone, name, first, last, unmapped])
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect();
        if in_step {
            native.extend(mapping().create(&fields));
        }
        native
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn do_text_and_full_name_obey_the_laws(fields in fields(), native in native()) {
        prop_assert_eq!(check_mapping(&mapping(), &fields, &native), Ok(()));
    }

    #[test]
    fn does_an_edit_of_one_half_never_touch_the_other(
        first in names(), last in names(), new in names(), edit_first in any::<bool>(),
    ) {
        let before = Fields::from([(FIRST_NAME, Some(first)), (LAST_NAME, Some(last))]);
        let (edited, other) = if edit_first { (FIRST_NAME, LAST_NAME) } else { (LAST_NAME, FIRST_NAME) };
        let mut native = mapping().create(&before);
        for lens in mapping().lenses() {
            lens.put(&Fields::from([(edited.clone(), Some(new.clone()))]), &mut native);
        }
        let shown = mapping().get(&native);
        prop_assert_eq!(&shown[&edited], &Some(new));
        prop_assert_eq!(&shown[&other], &before[&other]);
    }
}

#[test]
fn does_an_update_write_only_what_belongs_to_a_change() {
    let desired =
        Fields::from([(EMAIL, Value::new("a@b.c")), (FIRST_NAME, Value::new("Ada")), (LAST_NAME, None)]);
    let update = |changed: &[Field]| {
        let native = mapping().update(&desired, &changed.iter().cloned().collect());
        native.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(update(&[EMAIL]), ["email"]);
    assert_eq!(update(&[LAST_NAME]), ["first_half", "last_half", "name"], "they only make sense together");
    assert_eq!(update(&[]), [""; 0]);
}

/// What a broken lens gets wrong.
#[derive(Debug, Clone, Copy)]
enum Bug {
    Trims,
    IgnoresEmpty,
    Rewrites,
    WritesElsewhere,
    InventsValues,
}

/// A lens over one property, with one bug.
struct Broken {
    text: Text,
    bug: Bug,
}

impl FieldMapping for Broken {
    fn fields(&self) -> &[Field] {
        self.text.fields()
    }

    fn properties(&self) -> &[String] {
        self.text.properties()
    }

    fn get(&self, native: &Properties) -> Fields {
        match self.bug {
            Bug::InventsValues if native.is_empty() => Fields::from([(EMAIL, None)]),
            _ => self.text.get(native),
        }
    }

    fn put(&self, fields: &Fields, native: &mut Properties) {
        let Some(value) = fields.get(&EMAIL) else { return };
        let text = value.as_ref().map_or("", Value::as_str);
        match self.bug {
            Bug::IgnoresEmpty if value.is_none() => return,
            Bug::WritesElsewhere => drop(native.insert("unmapped".to_owned(), None)),
            _ => {}
        }
        let text = match self.bug {
            Bug::Trims => text.trim().to_owned(),
            Bug::Rewrites => text.to_lowercase(),
            _ => text.to_owned(),
        };
        native.insert("email".to_owned(), Value::new(text));
    }
}

#[test]
fn does_the_check_notice_broken_lenses() {
    let bugs = [Bug::Trims, Bug::IgnoresEmpty, Bug::Rewrites, Bug::WritesElsewhere, Bug::InventsValues];
    for bug in bugs {
        let broken = Mapping::new().lens(Broken { text: Text::new(EMAIL, "email"), bug });
        let noticed = proptest::test_runner::TestRunner::deterministic()
            .run(&(fields(), native()), |(fields, native)| {
                check_mapping(&broken, &fields, &native).map_err(TestCaseError::fail)
            })
            .is_err();
        assert!(noticed, "{bug:?} was not noticed");
    }
}

#[test]
fn does_a_broken_law_not_quote_the_value() {
    let broken = Mapping::new().lens(Broken { text: Text::new(EMAIL, "email"), bug: Bug::Rewrites });
    let fields = Fields::from([(EMAIL, Value::new("Ada@Example.com"))]);
    let error = check_mapping(&broken, &fields, &Properties::new()).unwrap_err();
    assert!(error.contains("email") && !error.to_lowercase().contains("ada"), "{error}");
}
