//! What becomes of a name when two records meet, of which one keeps it as one text?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{field, policy, seen, shown, stranger, typed};
use sync_core::decide::{Heard, Op, Source, agree, observe, plan};
use sync_core::model::Side;
use sync_core::model::entity::{FIRST_NAME, LAST_NAME};

/// First and last name of both sides after everything that is planned has been done.
fn after([left, right]: [[Heard; 2]; 2]) -> [String; 2] {
    let mut pair = stranger();
    for (side, [first, last]) in [(Side::Left, left), (Side::Right, right)] {
        let fields = [(FIRST_NAME, first), (LAST_NAME, last)];
        observe(&mut pair, &policy(), side, &seen(side, Source::Event, 9, fields));
    }
    agree(&mut pair, &policy());
    let ops = plan(&pair, &policy());
    let shows = |side: Side, name: &sync_core::model::Field| {
        let written = ops.iter().find_map(|op| match op {
            Op::Update { side: to, fields, .. } if *to == side => {
                fields.get(name).map(|agreed| agreed.value.clone())
            }
            _ => None,
        });
        let value = written.unwrap_or_else(|| field(&pair, side, name.clone()).value.clone());
        value.map_or(String::new(), |v| v.as_str().to_owned())
    };
    Side::BOTH.map(|side| format!("{}|{}", shows(side, &FIRST_NAME), shows(side, &LAST_NAME)))
}

#[test]
fn is_a_name_taken_from_the_record_that_tells_its_parts_apart() {
    let parted = || [typed("Pat", 1), typed("Person2", 1)];
    let whole = || [typed("Pat Person2", 5), shown("")];
    assert_eq!(after([parted(), whole()]), ["Pat|Person2", "Pat|Person2"]);
    assert_eq!(after([whole(), parted()]), ["Pat|Person2", "Pat|Person2"]);
}

#[test]
fn are_the_parts_of_two_different_names_never_mixed() {
    let left = || [typed("小龙", 1), typed("李", 1)];
    let right = |seconds| [typed("李小龙", seconds), shown("")];
    assert_eq!(after([left(), right(0)]), ["小龙|李", "小龙|李"], "the left one is later");
    assert_eq!(after([left(), right(9)]), ["李小龙|", "李小龙|"], "the right one is later");
}

#[test]
fn does_a_name_that_was_typed_stand_against_one_that_was_merely_found() {
    let found = [shown("Old"), shown("Name")];
    assert_eq!(after([[typed("New", 1), shown("")], found]), ["New|", "New|"]);
}

#[test]
fn does_no_name_at_all_give_way_to_any() {
    assert_eq!(
        after([[shown(""), shown("")], [typed("Ada", 1), typed("King", 1)]]),
        ["Ada|King", "Ada|King"]
    );
}
