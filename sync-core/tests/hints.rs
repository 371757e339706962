//! Which hints tell something, and which of them disturb a read under way?

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use sync_core::decide::{Effect, Heard, Hint, Outcome, Source, agree, gone, hint, observe, settle};
use sync_core::model::entity::{FIRST_NAME, PHONE};
use sync_core::model::{Author, Field, Pair, Seen, Side, Value};

/// A settled pair whose left first name was changed to `Bea`, with the write of it to the right under way.
fn with_words_in_flight() -> Pair {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    begin(&mut pair, 10);
    pair
}

/// A hint about the right record at a second.
fn thin(seconds: i64, author: Author, told: Option<(Field, &str)>) -> Hint {
    let told = told.map(|(field, value)| (field, Value::new(value)));
    Hint { id: id(Side::Right), at: at(seconds), author, told }
}

#[test]
fn when_does_a_hint_call_for_a_read() {
    let us = || Author::Us(None);
    let settled_table = [
        ("something changed", thin(9, Author::Other, None), Effect::Changed),
        ("we changed something", thin(9, us(), None), Effect::Nothing),
        ("a value we know", thin(9, Author::Other, Some((FIRST_NAME, "Ann"))), Effect::Nothing),
        ("another value", thin(9, Author::Other, Some((FIRST_NAME, "Eva"))), Effect::Changed),
        ("an older value of ours", thin(1, us(), Some((FIRST_NAME, "Eva"))), Effect::Stale),
        (
            "an older edit that our value covered",
            thin(1, Author::Other, Some((FIRST_NAME, "Eva"))),
            Effect::Changed,
        ),
        ("a field never told of", thin(9, Author::Other, Some((PHONE, "+1555"))), Effect::Changed),
    ];
    for (case, news, effect) in settled_table {
        let mut pair = settled();
        assert_eq!(hint(&mut pair, &policy(), Side::Right, &news), effect, "{case}");
        assert_eq!(in_doubt(&pair, Side::Right), effect == Effect::Changed, "{case}");
    }
}

#[test]
fn when_does_a_hint_call_for_a_read_while_words_are_in_flight() {
    let table = [
        ("our echo", thin(11, Author::Us(None), Some((FIRST_NAME, "Bea"))), (Effect::Nothing, false)),
        ("a person's answer", thin(11, Author::Other, Some((FIRST_NAME, "Ann"))), (Effect::Changed, true)),
        (
            "typed before we wrote it",
            thin(2, Author::Other, Some((FIRST_NAME, "Ann"))),
            (Effect::Changed, false),
        ),
    ];
    for (case, news, told) in table {
        let mut pair = with_words_in_flight();
        let effect = hint(&mut pair, &policy(), Side::Right, &news);
        assert_eq!((effect, in_doubt(&pair, Side::Right)), told, "{case}");
    }
}

#[test]
fn is_a_hint_older_than_a_persons_edit_stale() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 20));
    let old = thin(19, Author::Other, Some((FIRST_NAME, "Bea")));
    assert_eq!(hint(&mut pair, &policy(), Side::Right, &old), Effect::Stale);
    assert!(!in_doubt(&pair, Side::Right));
}

#[test]
fn does_a_hint_that_tells_nothing_new_still_disturb_a_read_under_way() {
    let table = [
        ("of what we know", 2, true, Effect::Changed),
        ("later than what we know", 3, false, Effect::Nothing),
    ];
    for (case, second, read_stands, effect) in table {
        let mut pair = settled();
        let asked = present(&pair, Side::Right).heard;
        let news = thin(second, Author::Other, Some((FIRST_NAME, "Ann")));
        assert_eq!(hint(&mut pair, &policy(), Side::Right, &news), effect, "{case}");
        assert!(!in_doubt(&pair, Side::Right));
        let found = seen(Side::Right, Source::Read(asked), 3, [(FIRST_NAME, shown("Eva"))]);
        observe(&mut pair, &policy(), Side::Right, &found);
        let believed = value(&pair, Side::Right, FIRST_NAME) == Some("Eva") && !in_doubt(&pair, Side::Right);
        assert_eq!(believed, read_stands, "{case}: the read may be older than the hint");
    }
}

#[test]
fn does_a_hint_of_a_persons_word_that_we_know_disturb_a_read_under_way() {
    for (second, read_stands) in [(19, true), (20, true), (21, false)] {
        let mut pair = settled();
        hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 20));
        let asked = present(&pair, Side::Right).heard;
        let news = thin(second, Author::Other, Some((FIRST_NAME, "Eva")));
        assert_eq!(hint(&mut pair, &policy(), Side::Right, &news), Effect::Nothing);
        let found = seen(Side::Right, Source::Read(asked), 22, [(FIRST_NAME, shown("Zoe"))]);
        observe(&mut pair, &policy(), Side::Right, &found);
        assert_eq!(!in_doubt(&pair, Side::Right), read_stands, "{second}: typed once more since?");
    }
}

#[test]
fn do_news_and_a_hint_both_disturb_a_read_under_way() {
    let mut pair = settled();
    let asked = present(&pair, Side::Right).heard;
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Bea", 5));
    hint(&mut pair, &policy(), Side::Right, &thin(6, Author::Other, None));
    let found = seen(Side::Right, Source::Read(asked), 4, [(FIRST_NAME, shown("Ann"))]);
    observe(&mut pair, &policy(), Side::Right, &found);
    assert!(in_doubt(&pair, Side::Right), "the read is older than either");
}

#[test]
fn does_a_hint_that_somebody_typed_what_was_merely_found_tell_something() {
    for (author, effect) in [(Author::Other, Effect::Changed), (Author::Unknown, Effect::Nothing)] {
        let mut pair = stranger();
        let found = seen(Side::Right, Source::Listed, 5, [(FIRST_NAME, shown("Ann"))]);
        observe(&mut pair, &policy(), Side::Right, &found);
        let news = thin(4, author.clone(), Some((FIRST_NAME, "Ann")));
        assert_eq!(hint(&mut pair, &policy(), Side::Right, &news), effect, "{author:?}");
    }
}

#[test]
fn what_does_a_hint_about_an_unknown_or_deleted_record_do() {
    let mut pair = newcomer();
    assert_eq!(hint(&mut pair, &policy(), Side::Right, &thin(9, Author::Other, None)), Effect::Changed);
    assert_eq!(pair.sides[Side::Right], Seen::unread(id(Side::Right)));
    gone(&mut pair, Side::Right, &id(Side::Right), at(20));
    assert_eq!(hint(&mut pair, &policy(), Side::Right, &thin(19, Author::Other, None)), Effect::Stale);
    assert_eq!(hint(&mut pair, &policy(), Side::Right, &thin(21, Author::Other, None)), Effect::Changed);
    assert!(in_doubt(&pair, Side::Right));
}

#[test]
fn is_an_edit_that_we_had_written_over_with_the_same_no_news_when_it_is_told_again() {
    let mut pair = settled();
    // The right clock is far behind. Both sides become Bea; of the left's own edit a hint comes after our write.
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Bea", 3));
    begin(&mut pair, 20);
    let done = Outcome::Done { id: id(Side::Left), shown: Default::default(), at: at(20) };
    settle(&mut pair, &policy(), Side::Left, done);
    let told = Some((FIRST_NAME, Value::new("Bea")));
    let typed_there = Hint { id: id(Side::Left), at: at(19), author: Author::Other, told };
    hint(&mut pair, &policy(), Side::Left, &typed_there);
    agree(&mut pair, &policy());
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Cid", 5));
    begin(&mut pair, 21);
    let done = Outcome::Done { id: id(Side::Left), shown: Default::default(), at: at(21) };
    settle(&mut pair, &policy(), Side::Left, done);
    // A read shows the left's past, as far back as that.
    let found = Heard { value: Value::new("Cid"), ..typed("Bea", 19) };
    read(&mut pair, Side::Left, 22, [(FIRST_NAME, found)]);
    assert_eq!(wanted(&pair, Side::Left), [].into(), "Cid was typed in view of Bea");
    assert_eq!(wanted(&pair, Side::Right), [].into());
}
