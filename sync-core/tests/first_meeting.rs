//! What becomes of two records of one person when they meet, before both sides have agreed on anything?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{at, begin, event, lost, policy, seen, shown, stranger, text, typed, wanted};
use sync_core::decide::{Heard, Over, Source, agree, observe, plan};
use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{Author, Edit, Pair, Side, Timestamp};

/// Both records as a listing finds them, the left one at second 10, the right one at 20.
fn listed([left, right]: [[&str; 2]; 2]) -> Pair {
    let mut pair = stranger();
    for (side, [first, last], second) in [(Side::Left, left, 10), (Side::Right, right, 20)] {
        let fields = [(FIRST_NAME, shown(first)), (LAST_NAME, shown(last)), (PHONE, shown(""))];
        observe(&mut pair, &policy(), side, &seen(side, Source::Listed, second, fields));
    }
    pair
}

#[test]
fn does_the_later_of_two_names_stand_part_by_part() {
    let pair = listed([["Pat", "Person"], ["Kim", "Person"]]);
    assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, text("Kim"))].into());
    let pair = listed([["Pat", "Person"], ["Kim", ""]]);
    assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, text("Kim"))].into());
    assert_eq!(wanted(&pair, Side::Right), [(LAST_NAME, text("Person"))].into());
}

#[test]
fn is_one_name_told_apart_in_two_ways_as_the_left_tells_it() {
    for (left, right) in
        [(["Mary Ann", "Smith"], ["Mary", "Ann Smith"]), (["Mary", "Ann Smith"], ["Mary Ann", "Smith"])]
    {
        let pair = listed([left, right]);
        assert_eq!(wanted(&pair, Side::Left), [].into());
        let whole = [(FIRST_NAME, text(left[0])), (LAST_NAME, text(left[1]))];
        assert_eq!(wanted(&pair, Side::Right), whole.into());
    }
}

#[test]
fn is_only_what_differs_and_is_not_empty_kept_in_the_history() {
    let mut pair = listed([["Pat", "Person"], ["Pat Person", ""]]);
    begin(&mut pair, 30);
    assert_eq!(lost(&pair), [(Side::Right, Some("Pat Person"))]);
    let mut pair = listed([["Pat", "Person"], ["Pat", "Person"]]);
    agree(&mut pair, &policy());
    assert_eq!((plan(&pair, &policy()), lost(&pair)), (vec![], vec![]));
}

#[test]
fn may_a_name_be_told_apart_in_another_way_once_both_have_agreed() {
    let mut pair = listed([["Mary Ann", "Smith"], ["Mary Ann", "Smith"]]);
    agree(&mut pair, &policy());
    let fields = [(FIRST_NAME, typed("Mary", 30)), (LAST_NAME, typed("Ann Smith", 30))];
    observe(&mut pair, &policy(), Side::Right, &seen(Side::Right, Source::Event, 30, fields));
    let parts = [(FIRST_NAME, text("Mary")), (LAST_NAME, text("Ann Smith"))];
    assert_eq!(wanted(&pair, Side::Left), parts.into());
}

#[test]
fn since_when_do_two_records_agree() {
    let pair = |left: Heard, right: Heard| {
        let mut pair = stranger();
        observe(&mut pair, &policy(), Side::Left, &event(Side::Left, EMAIL, left));
        observe(&mut pair, &policy(), Side::Right, &event(Side::Right, EMAIL, right));
        agree(&mut pair, &policy());
        (pair.base[&EMAIL].from, pair.base[&EMAIL].at)
    };
    let same = |left, right| pair(typed("ann@example.com", left), typed("ann@example.com", right));
    assert_eq!(same(10, 20), (Side::Right, at(20)), "as the later one says");
    assert_eq!(same(20, 10), (Side::Left, at(20)));
    assert_eq!(same(10, 10), (Side::Left, at(10)));
    // What nobody emptied was empty always, whenever that was noticed.
    let mut empty = listed([["Pat", ""], ["Pat", ""]]);
    agree(&mut empty, &policy());
    assert_eq!(empty.base[&PHONE].at, Timestamp::EPOCH);
}

#[test]
fn is_a_word_cleared_where_somebody_saw_it_and_not_where_it_is_merely_missing() {
    for (over, cleared) in
        [(Over::Value(text("Bea")), true), (Over::Value(text("Zoe")), false), (Over::Untold, false)]
    {
        let mut pair = stranger();
        observe(&mut pair, &policy(), Side::Left, &event(Side::Left, FIRST_NAME, typed("Bea", 10)));
        // We had written Bea there, and nobody knew whether it arrived. The right clock is behind.
        let edits = vec![Edit { value: None, at: at(5), author: Author::Other }];
        let news = Heard { value: None, edits, over };
        observe(&mut pair, &policy(), Side::Right, &event(Side::Right, FIRST_NAME, news));
        let expected = if cleared { [(Side::Left, None)] } else { [(Side::Right, text("Bea"))] };
        for (side, value) in expected {
            assert_eq!(wanted(&pair, side), [(FIRST_NAME, value)].into());
            assert_eq!(wanted(&pair, side.other()), [].into());
        }
    }
}
