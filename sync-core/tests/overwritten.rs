//! What if one of our writes met words of which we had not heard, and nobody can say which came last?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use sync_core::decide::{Effect, Heard, Op, Outcome, Over, Source, agree, observe, restate, settle};
use sync_core::model::entity::{EMAIL, FIRST_NAME};
use sync_core::model::{Author, By, Edit, OpId, Pair, Side};

const NEW: &str = "new@example.com";

/// A first name and an email of the left, whose clock is far ahead, were written to the right; nobody knows whether they
/// arrived.
fn unsure() -> Pair {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 1_000));
    hear(&mut pair, Side::Left, EMAIL, typed(NEW, 1_000));
    begin(&mut pair, 10);
    settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
    pair
}

/// The right record is read and shows this.
fn looked(first_name: Heard, email: &str) -> Pair {
    let mut pair = unsure();
    read(&mut pair, Side::Right, 20, [(FIRST_NAME, first_name), (EMAIL, shown(email))]);
    agree(&mut pair, &policy());
    pair
}

#[test]
fn does_only_a_look_tell_whether_a_write_arrived() {
    let mut pair = unsure();
    hear(&mut pair, Side::Right, EMAIL, typed("eva@example.com", 12));
    assert!(pair.sent[Side::Right].is_some(), "other news says nothing of it");
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    begin(&mut pair, 10);
    read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown("Ann"))]);
    assert!(pair.sent[Side::Right].is_some(), "while it is under way its answer will tell");
}

#[test]
fn do_words_stand_that_were_there_instead_of_part_of_what_arrived() {
    for found in ["Ann", "Eva"] {
        let pair = looked(shown(found), NEW);
        assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, text(found))].into(), "P5: typed over Bea");
        assert_eq!(wanted(&pair, Side::Right), [].into());
        assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, By::Person);
        assert_eq!(lost(&pair), [(Side::Left, Some("Bea"))], "perhaps they were not typed over ours");
    }
}

#[test]
fn do_words_stand_of_which_we_had_not_heard_when_nothing_arrived() {
    let pair = looked(shown("Eva"), "ann@example.com");
    assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, text("Eva"))].into(), "whatever the clocks say");
    assert_eq!(wanted(&pair, Side::Right), [(EMAIL, text(NEW))].into(), "and the rest is written again");
    assert_eq!(lost(&pair), [(Side::Left, Some("Bea"))], "perhaps they were not typed over ours");
    let pair = looked(shown("Ann"), "ann@example.com");
    let both = [(FIRST_NAME, text("Bea")), (EMAIL, text(NEW))];
    assert_eq!(wanted(&pair, Side::Right), both.into(), "what was there before is nothing new");
}

#[test]
fn are_words_that_we_wrote_over_knowingly_nothing_new_when_nothing_arrived() {
    for (before, typed_there) in [("Ann", false), ("Eva", true)] {
        let mut pair = settled();
        if typed_there {
            hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 5));
        }
        hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
        begin(&mut pair, 10);
        settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
        read(&mut pair, Side::Right, 20, [(FIRST_NAME, shown(before))]);
        agree(&mut pair, &policy());
        assert_eq!(wanted(&pair, Side::Left), [].into(), "{before}");
        assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Bea"))].into(), "{before}");
        assert_eq!(pair.base[&FIRST_NAME].value, text("Ann"), "{before}: Bea was not seen to be there");
        assert!(lost(&pair).iter().all(|(side, _)| *side == Side::Right), "{before}: Bea has not lost");
    }
}

#[test]
fn do_the_clocks_decide_where_the_side_tells_what_happened() {
    let pair = looked(typed("Eva", 12), "ann@example.com");
    assert_eq!(wanted(&pair, Side::Left), [].into());
    assert_eq!(
        wanted(&pair, Side::Right)[&FIRST_NAME],
        text("Bea"),
        "it is later, and neither knew of the other"
    );
}

#[test]
fn is_an_edit_of_the_instant_of_ours_kept_that_the_history_of_a_record_tells() {
    let mut pair = settled();
    let edit = |value, author| Edit { value: text(value), at: at(20), author };
    let edits = vec![edit("Bea", Author::Us(None)), edit("Cid", Author::Other)];
    read(&mut pair, Side::Right, 25, [(FIRST_NAME, Heard { value: text("Bea"), edits, over: Over::Untold })]);
    let said = field(&pair, Side::Right, FIRST_NAME).said().expect("somebody typed it");
    assert_eq!(said.value, text("Cid"));
}

/// The right shows Bea by our hand since second 11. Now a write of the email is under way there that sets the first name
/// once more, because the system keeps both in one property.
fn restating() -> (Pair, OpId) {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 1_000));
    begin(&mut pair, 10);
    answer(&mut pair, Side::Right, 11);
    hear(&mut pair, Side::Left, EMAIL, typed(NEW, 1_001));
    let (_, name) = begin(&mut pair, 20);
    restate(&mut pair, &policy(), Side::Right, [FIRST_NAME]);
    (pair, name.unwrap())
}

/// The write in flight is done.
fn answer(pair: &mut Pair, side: Side, seconds: i64) {
    let done = Outcome::Done { id: id(side), shown: Default::default(), at: at(seconds) };
    settle(pair, &policy(), side, done);
    agree(pair, &policy());
}

/// News of the write in flight comes, and its answer never will.
fn echo(pair: &mut Pair, name: OpId) {
    let ours = |value| edited(value, 22, Author::Us(Some(name.clone())));
    let fields = [(FIRST_NAME, ours("Bea")), (EMAIL, ours(NEW))];
    observe(pair, &policy(), Side::Right, &seen(Side::Right, Source::Event, 22, fields));
}

#[test]
fn is_an_edit_heard_of_later_that_a_write_beside_it_covered() {
    let table = [
        ("before the right first showed Bea: concurrent", 5, None, &[(Side::Right, Some("Cid"))][..]),
        ("in the second in which it first did: perhaps", 11, Some("Cid"), &[(Side::Left, Some("Bea"))]),
        ("in view of Bea", 15, Some("Cid"), &[]),
    ];
    for echoed in [false, true] {
        for (case, second, then, kept) in table {
            let (mut pair, name) = restating();
            if echoed {
                echo(&mut pair, name);
            } else {
                answer(&mut pair, Side::Right, 22);
            }
            let case = format!("{case}, echoed: {echoed}");
            assert_eq!(
                hear(&mut pair, Side::Right, FIRST_NAME, typed("Cid", second)),
                Effect::Changed,
                "{case}"
            );
            if echoed {
                settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
                read(&mut pair, Side::Right, 25, [(FIRST_NAME, shown("Bea")), (EMAIL, shown(NEW))]);
            }
            agree(&mut pair, &policy());
            let left = wanted(&pair, Side::Left);
            assert_eq!(left.get(&FIRST_NAME).cloned(), then.map(text), "{case}");
            if then.is_some() {
                begin(&mut pair, 30);
            }
            assert_eq!(lost(&pair), kept, "{case}");
        }
    }
}

#[test]
fn is_only_restated_what_both_sides_agree_on() {
    let (pair, _) = restating();
    let sent = pair.sent[Side::Right].as_ref().unwrap();
    assert_eq!(sent.restated, [(FIRST_NAME, text("Bea"))].into());
    let mut other = settled();
    hear(&mut other, Side::Left, FIRST_NAME, typed("Bea", 10));
    hear(&mut other, Side::Right, EMAIL, typed("eva@example.com", 10));
    assert!(matches!(begin(&mut other, 20).0, Op::Update { side: Side::Left, .. }));
    settle(&mut other, &policy(), Side::Left, Outcome::NotDone);
    hear(&mut other, Side::Left, EMAIL, typed(NEW, 1_000));
    begin(&mut other, 21);
    restate(&mut other, &policy(), Side::Right, [FIRST_NAME, EMAIL]);
    assert_eq!(other.sent[Side::Right].as_ref().unwrap().restated, [].into(), "those are written anyway");
}

/// A person's words on the right, covered by ours and set there once more, because they were later.
fn set_again(echoed: bool) -> Pair {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    begin(&mut pair, 10);
    answer(&mut pair, Side::Right, 22);
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Cid", 20));
    begin(&mut pair, 23);
    answer(&mut pair, Side::Left, 23);
    let (op, name) = begin(&mut pair, 24);
    assert!(matches!(op, Op::Update { side: Side::Right, .. }));
    if echoed {
        hear(&mut pair, Side::Right, FIRST_NAME, edited("Cid", 24, Author::Us(name)));
        settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
        read(&mut pair, Side::Right, 25, [(FIRST_NAME, shown("Cid"))]);
        agree(&mut pair, &policy());
    } else {
        answer(&mut pair, Side::Right, 24);
    }
    pair
}

#[test]
fn whose_are_words_that_a_read_finds_after_we_set_them_again() {
    for (mut pair, by) in [(set_again(false), By::Us), (set_again(true), By::Us), (taken_over(), By::Person)]
    {
        hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 30));
        read(&mut pair, Side::Right, 40, [(FIRST_NAME, shown("Cid"))]);
        assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, by);
    }
}

/// A person's words on the right, never set by us there.
fn taken_over() -> Pair {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Cid", 20));
    begin(&mut pair, 23);
    answer(&mut pair, Side::Left, 23);
    pair
}

#[test]
fn is_an_edit_before_the_same_was_typed_once_more_on_the_other_side_not_taken_for_a_reply_to_that() {
    let before = |value: &str| Over::Value(text(value));
    let mut pair = settled();
    // Somebody typed Zoe, of which nobody told, and then Ann once more.
    let again = Heard { over: before("Zoe"), ..typed("Ann", 16) };
    hear(&mut pair, Side::Right, FIRST_NAME, again);
    agree(&mut pair, &policy());
    hear(&mut pair, Side::Left, FIRST_NAME, Heard { over: before("Ann"), ..typed("Cid", 12) });
    agree(&mut pair, &policy());
    assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, text("Ann"))].into(), "it is the later one");
    begin(&mut pair, 20);
    let done = Outcome::Done { id: id(Side::Left), shown: Default::default(), at: at(20) };
    settle(&mut pair, &policy(), Side::Left, done);
    assert_eq!(lost(&pair), [(Side::Left, Some("Cid"))]);
    // Now it does come from there.
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Dan", 15));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Eva", 21));
    assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Eva"))].into());
}

#[test]
fn does_an_edit_count_from_when_it_was_made_once_that_is_told() {
    let mut pair = settled();
    // Some other news showed it, later than it was typed.
    let shows = seen(Side::Right, Source::Event, 16, [(FIRST_NAME, shown("Cid"))]);
    observe(&mut pair, &policy(), Side::Right, &shows);
    begin(&mut pair, 17);
    let done = Outcome::Done { id: id(Side::Left), shown: Default::default(), at: at(17) };
    settle(&mut pair, &policy(), Side::Left, done);
    hear(&mut pair, Side::Right, FIRST_NAME, Heard { over: Over::Value(text("Ann")), ..typed("Cid", 3) });
    agree(&mut pair, &policy());
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Dan", 12));
    assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Dan"))].into(), "12 is later than 3");
}

#[test]
fn is_what_we_set_once_more_in_view_from_then_on() {
    let mut pair = settled();
    let again = Heard { over: Over::Value(text("Zoe")), ..typed("Ann", 1_000) };
    hear(&mut pair, Side::Right, FIRST_NAME, again);
    hear(&mut pair, Side::Right, EMAIL, typed(NEW, 1_000));
    begin(&mut pair, 20);
    restate(&mut pair, &policy(), Side::Left, [FIRST_NAME]);
    let done = Outcome::Done { id: id(Side::Left), shown: Default::default(), at: at(20) };
    settle(&mut pair, &policy(), Side::Left, done);
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Dan", 21));
    assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Dan"))].into(), "whatever the clocks say");
}

#[test]
fn is_what_was_typed_before_the_same_value_came_back_no_reply_to_it() {
    let mut pair = settled();
    for (value, said, written) in [("Bea", 150, 103), ("Ann", 200, 104)] {
        hear(&mut pair, Side::Left, FIRST_NAME, typed(value, said));
        begin(&mut pair, written);
        let done = Outcome::Done { id: id(Side::Right), shown: Default::default(), at: at(written) };
        settle(&mut pair, &policy(), Side::Right, done);
    }
    // Over the first Ann, told only now.
    hear(&mut pair, Side::Right, FIRST_NAME, Heard { over: Over::Value(text("Ann")), ..typed("Cid", 101) });
    agree(&mut pair, &policy());
    assert_eq!(wanted(&pair, Side::Left), [].into(), "the second Ann is later");
    assert_eq!(lost(&pair), [(Side::Right, Some("Cid"))]);
}

#[test]
fn does_a_word_not_stand_that_says_itself_that_it_met_none_of_ours() {
    let mut pair = unsure();
    hear(&mut pair, Side::Right, FIRST_NAME, Heard { over: Over::Value(text("Ann")), ..typed("Eva", 5) });
    read(&mut pair, Side::Right, 20, [(FIRST_NAME, shown("Eva")), (EMAIL, shown("ann@example.com"))]);
    assert_eq!(wanted(&pair, Side::Left), [].into());
    assert_eq!(wanted(&pair, Side::Right)[&FIRST_NAME], text("Bea"), "typed later");
}
