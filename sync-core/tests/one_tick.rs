//! What is made of several edits within one tick of a clock? The right clock ticks in seconds.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{
    at, begin, event, field, hear, in_doubt, lost, policy, read, settled, shown, text, typed, value, wanted,
};
use sync_core::decide::{Effect, Heard, Outcome, Over, observe, settle};
use sync_core::model::entity::FIRST_NAME;
use sync_core::model::{Author, By, Edit, Pair, Side};

/// A person replaced `before` by `value`.
fn replaced(before: &str, value: &str, seconds: i64) -> Heard {
    Heard { over: Over::Value(text(before)), ..typed(value, seconds) }
}

/// Our next write arrives at that second.
fn write(pair: &mut Pair, side: Side, seconds: i64) {
    begin(pair, seconds);
    let id = common::id(side);
    let done = Outcome::Done { id, shown: Default::default(), at: at(seconds) };
    settle(pair, &policy(), side, done);
}

/// The left says Bea; we have written it on the right in second 10, where a person had typed Cid in that very second.
fn overwritten() -> Pair {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    write(&mut pair, Side::Right, 10);
    pair
}

#[test]
fn is_an_edit_of_the_second_of_our_own_write_looked_at_and_not_lost() {
    let mut pair = overwritten();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    assert!(in_doubt(&pair, Side::Right), "only a read can tell which came last");
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Bea"))]);
    assert!(!in_doubt(&pair, Side::Right));
    assert_eq!(lost(&pair), [], "not yet decided");
    // Ours came last, over words that we had not heard: those compete with what we wrote, and are later by no clock.
    begin_nothing(&mut pair);
    assert_eq!(lost(&pair), [(Side::Right, Some("Cid"))]);
}

/// Both sides agree, so nothing is sent.
fn begin_nothing(pair: &mut Pair) {
    sync_core::decide::agree(pair, &policy());
    assert_eq!(sync_core::decide::plan(pair, &policy()), []);
}

#[test]
fn does_what_was_typed_over_ours_in_the_same_second_stand() {
    let mut pair = overwritten();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "Cid", 10));
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Cid"))]);
    let right = field(&pair, Side::Right, FIRST_NAME);
    assert_eq!(
        (right.by, right.at, right.exact),
        (By::Person, at(10), true),
        "the edit itself, not the read"
    );
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], text("Cid"));
}

#[test]
fn is_the_same_word_typed_again_after_our_own_news() {
    // Cleared, decided against, set by us, and cleared again: all in one second.
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, Heard { value: None, ..cleared("Ann", 10) });
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 12));
    write(&mut pair, Side::Right, 10);
    assert_eq!(wanted(&pair, Side::Left), Default::default());
    hear(&mut pair, Side::Right, FIRST_NAME, cleared("Bea", 10));
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown(""))]);
    assert_eq!(value(&pair, Side::Right, FIRST_NAME), None);
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], None, "it was cleared in view of Bea");
}

fn cleared(before: &str, seconds: i64) -> Heard {
    let edit = Edit { value: None, at: at(seconds), author: Author::Other };
    Heard { value: None, edits: vec![edit], over: Over::Value(text(before)) }
}

#[test]
fn is_a_word_of_this_second_that_was_told_before_nothing_new() {
    let mut pair = overwritten();
    for _ in 0..2 {
        hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
        read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Bea"))]);
    }
    let before = pair.clone();
    let again = event(Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    assert_ne!(observe(&mut pair, &policy(), Side::Right, &again), Effect::Changed);
    assert_eq!(pair, before);
}

#[test]
fn does_the_later_of_two_people_stand_who_typed_in_one_second() {
    for order in [[0, 1], [1, 0]] {
        let mut pair = settled();
        let news = [replaced("Ann", "Zoe", 10), replaced("Zoe", "Bea", 10)];
        for index in order {
            hear(&mut pair, Side::Right, FIRST_NAME, news[index].clone());
        }
        assert_eq!(
            value(&pair, Side::Right, FIRST_NAME),
            Some("Bea"),
            "typed over Zoe, in whatever order told"
        );
    }
}

/// A record was made with a word, and everything else happened within the same second.
fn made_with(value: &str, seconds: i64) -> Heard {
    Heard { over: Over::Nothing, ..typed(value, seconds) }
}

#[test]
fn is_a_word_typed_once_more_told_apart_from_the_one_the_record_was_made_with() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, made_with("Cid", 10));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    write(&mut pair, Side::Right, 10);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "Cid", 10));
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Cid"))]);
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], text("Cid"));
}

#[test]
fn does_what_was_typed_over_another_word_stand_where_ours_covers_both() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, made_with("Zoe", 10));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    write(&mut pair, Side::Right, 10);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Zoe", "Cid", 10));
    let covered = field(&pair, Side::Right, FIRST_NAME).covered.as_ref().expect("ours is shown");
    assert_eq!(covered.value, text("Cid"), "whatever the order of values says");
}

#[test]
fn is_a_word_that_we_knew_and_wrote_over_known_for_new_when_it_is_there_again() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Cid", 10));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    write(&mut pair, Side::Right, 10);
    assert_eq!(lost(&pair), [(Side::Right, Some("Cid"))], "Bea is later");
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Cid"))]);
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], text("Cid"), "typed over Bea");
}
