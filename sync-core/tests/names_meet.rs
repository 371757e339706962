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
fn does_no_name_at_all_give_way_to_any() {
    assert_eq!(
        after([[shown(""), shown("")], [typed("Ada", 1), typed("King", 1)]]),
        ["Ada|King", "Ada|King"]
    );
}
