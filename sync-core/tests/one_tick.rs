//! What is made of several edits within one tick of a clock? The right clock ticks in seconds.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{
    at, begin, edited, event, field, hear, in_doubt, lost, policy, read, seen, settled, shown, text, typed,
    value, wanted,
};
use sync_core::decide::{Effect, Heard, Outcome, Over, Source, observe, settle};
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
    read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown("Cid"))]);
    let right = field(&pair, Side::Right, FIRST_NAME);
    assert_eq!(
        (right.by, right.at, right.exact),
        (By::Person, at(10), true),
        "the edit itself, not the read"
    );
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], text("Cid"));
}

#[test]
fn is_our_word_a_persons_who_typed_it_again_in_that_second() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Cid", "Ann", 10));
    read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown("Ann"))]);
    let right = field(&pair, Side::Right, FIRST_NAME);
    assert_eq!((right.by, right.at, right.exact), (By::Person, at(10), true));
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

#[test]
fn is_what_was_typed_over_ours_later_than_what_we_knew_when_we_wrote() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    write(&mut pair, Side::Right, 10);
    // Back to what Cid was typed over: by the values alone it might have come before that.
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "Ann", 10));
    let last = field(&pair, Side::Right, FIRST_NAME).said().expect("a person");
    assert_eq!(last.value, text("Ann"));
}

#[test]
fn is_what_was_typed_over_ours_no_news_again_when_the_echo_of_ours_comes_late() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    // The right clock is far ahead. The edit is told before the answer to our write.
    begin(&mut pair, 100);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "Cid", 100));
    let done = Outcome::Done { id: common::id(Side::Right), shown: Default::default(), at: at(100) };
    settle(&mut pair, &policy(), Side::Right, done);
    read(&mut pair, Side::Right, 102, [(FIRST_NAME, shown("Cid"))]);
    write(&mut pair, Side::Left, 13);
    hear(&mut pair, Side::Right, FIRST_NAME, edited("Bea", 100, Author::Us(None)));
    read(&mut pair, Side::Right, 104, [(FIRST_NAME, shown("Cid"))]);
    begin_nothing(&mut pair);
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Dan", 14));
    assert_eq!(wanted(&pair, Side::Right)[&FIRST_NAME], text("Dan"), "typed in view of Cid");
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

/// What a person said on the right last, as far as is known, covered by ours or not.
fn said(pair: &Pair) -> Option<String> {
    let said = field(pair, Side::Right, FIRST_NAME).said();
    said.map(|said| said.value.map_or(String::new(), |v| v.as_str().to_owned()))
}

fn ours(value: &str, seconds: i64) -> Heard {
    edited(value, seconds, Author::Us(None))
}

/// All of this is told of the right first name, in this order and in the reverse one.
fn told(news: &[Heard]) -> [Pair; 2] {
    let mut reversed = news.to_vec();
    reversed.reverse();
    [news.to_vec(), reversed].map(|news| {
        let mut pair = settled();
        for heard in news {
            hear(&mut pair, Side::Right, FIRST_NAME, heard);
        }
        pair
    })
}

#[test]
fn does_ours_count_as_shown_until_a_read_tells_which_of_two_came_last() {
    for pair in told(&[ours("Bea", 10), typed("Cid", 10)]) {
        assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Bea"));
        assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, By::Us);
        assert_eq!(said(&pair).as_deref(), Some("Cid"), "what was typed counts as covered");
        assert!(in_doubt(&pair, Side::Right));
    }
}

#[test]
fn does_the_order_of_a_history_tell_which_of_one_tick_came_last() {
    let mut pair = settled();
    let edit = |value| Edit { value: text(value), at: at(10), author: Author::Other };
    let history = Heard { value: text("Amy"), edits: vec![edit("Amy"), edit("Zoe")], over: Over::Untold };
    assert_eq!(hear(&mut pair, Side::Right, FIRST_NAME, history), Effect::Changed);
    assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Amy"), "the newest comes first");
    assert!(!in_doubt(&pair, Side::Right));
}

#[test]
fn is_what_ours_covers_still_covered_by_another_of_ours() {
    for pair in told(&[typed("Cid", 9), ours("Bea", 10), ours("Dan", 10)]) {
        assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Dan"), "by the order of values");
        assert_eq!(said(&pair).as_deref(), Some("Cid"));
    }
}

#[test]
fn which_of_several_edits_under_ours_came_last() {
    let table: [(&str, &[Heard], &str); 4] = [
        ("a later tick", &[typed("Eva", 8), typed("Cid", 9)], "Cid"),
        ("one tick: the order of values", &[typed("Cid", 9), typed("Eva", 9)], "Eva"),
        ("the tick of ours: over ours", &[replaced("Ann", "Zoe", 10), replaced("Bea", "Amy", 10)], "Amy"),
        (
            "a later tick, though not over ours",
            &[replaced("Bea", "Eva", 8), replaced("Eva", "Cid", 9)],
            "Cid",
        ),
    ];
    for (case, edits, last) in table {
        for order in [[0, 1], [1, 0]] {
            let mut pair = settled();
            hear(&mut pair, Side::Right, FIRST_NAME, ours("Bea", 10));
            for index in order {
                hear(&mut pair, Side::Right, FIRST_NAME, edits[index].clone());
            }
            assert_eq!(said(&pair).as_deref(), Some(last), "{case}");
        }
    }
}

#[test]
fn is_only_what_was_typed_in_the_same_tick_a_rival() {
    let table: [(&[Heard], Option<&str>); 4] = [
        (&[typed("Eva", 8), typed("Cid", 9)], None),
        (&[typed("Amy", 9), typed("Eva", 9)], Some("Amy")),
        (&[typed("Eva", 9), typed("Amy", 9)], Some("Amy")),
        (&[replaced("Ann", "Cid", 9), replaced("Eva", "Cid", 9)], None),
    ];
    for (edits, kept) in table {
        let mut pair = settled();
        hear(&mut pair, Side::Right, FIRST_NAME, ours("Bea", 10));
        for edit in edits {
            hear(&mut pair, Side::Right, FIRST_NAME, edit.clone());
        }
        let kept: Vec<_> = kept.map(|kept| (Side::Right, Some(kept))).into_iter().collect();
        assert_eq!(lost(&pair), kept);
    }
}

#[test]
fn is_what_was_under_ours_already_nothing_new() {
    let mut pair = settled();
    for heard in [ours("Bea", 20), typed("Cid", 9), typed("Amy", 9)] {
        hear(&mut pair, Side::Right, FIRST_NAME, heard);
    }
    let before = pair.clone();
    for (case, again) in [
        ("what ours covers", typed("Cid", 9)),
        ("its rival", typed("Amy", 9)),
        ("an older one of ours", ours("Dan", 19)),
        ("an older one of ours than that", ours("Dan", 8)),
    ] {
        assert_eq!(hear(&mut pair, Side::Right, FIRST_NAME, again), Effect::Stale, "{case}");
        assert_eq!(pair, before, "{case}");
    }
    // Of the tick of Cid nothing needs to be known any more.
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 12));
    assert_eq!(field(&pair, Side::Right, FIRST_NAME).passed, []);
}

#[test]
fn does_the_time_of_our_write_leave_known_what_it_covers() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Cid", 8));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    let (_, name) = begin(&mut pair, 10);
    hear_shown(&mut pair, "Bea", 15);
    assert!(!field(&pair, Side::Right, FIRST_NAME).exact, "seen to be there by then");
    hear(&mut pair, Side::Right, FIRST_NAME, edited("Bea", 11, Author::Us(name)));
    let right = field(&pair, Side::Right, FIRST_NAME);
    assert_eq!((right.at, right.exact, right.by), (at(11), true, By::Us));
    assert_eq!(said(&pair).as_deref(), Some("Cid"));
}

/// A webhook tells what is there, and not since when.
fn hear_shown(pair: &mut Pair, value: &str, seconds: i64) {
    let snapshot = seen(Side::Right, Source::Event, seconds, [(FIRST_NAME, shown(value))]);
    observe(pair, &policy(), Side::Right, &snapshot);
}

#[test]
fn is_what_was_told_before_a_read_no_news_after_it() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Cid", 10));
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Dan", 10));
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Eva"))]);
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 10));
    assert!(field(&pair, Side::Right, FIRST_NAME).exact);
    for again in ["Cid", "Dan"] {
        assert_ne!(hear(&mut pair, Side::Right, FIRST_NAME, typed(again, 10)), Effect::Changed, "{again}");
        assert!(!in_doubt(&pair, Side::Right), "{again}");
    }
}

/// Our write arrived without an answer, somebody typed over it, and we wrote again because it was not there.
#[test]
fn does_a_word_typed_over_ours_stand_that_we_covered_without_knowing() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 100));
    write(&mut pair, Side::Right, 50);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "Cid", 50));
    read(&mut pair, Side::Right, 51, [(FIRST_NAME, shown("Bea"))]);
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], text("Cid"), "however far behind its clock is");
}

/// What a person had cleared we set, and then cleared ourselves, unanswered: the person's word, told once more, is not ours.
#[test]
fn is_an_old_word_told_again_not_taken_for_the_one_we_have_just_found() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 50));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 60));
    write(&mut pair, Side::Right, 50);
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Cid", 70));
    begin(&mut pair, 71);
    settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
    read(&mut pair, Side::Right, 72, [(FIRST_NAME, shown("Cid"))]);
    let before = pair.clone();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 50));
    assert_eq!(pair, before);
}

/// Which edit counts as the last one under our own value.
fn covered(pair: &Pair) -> Option<&str> {
    let covered = field(pair, Side::Right, FIRST_NAME).covered.as_ref()?;
    covered.value.as_ref().map(sync_core::model::Value::as_str)
}

#[test]
fn which_of_two_edits_under_ours_came_last_if_nothing_tells() {
    // What was known when we wrote, and what met neither that nor ours.
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 12));
    write(&mut pair, Side::Right, 10);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Abe", 10));
    assert_eq!(covered(&pair), Some("Cid"));
    // Both met ours, and neither was known.
    let mut pair = overwritten();
    for name in ["Cid", "Abe"] {
        hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", name, 10));
    }
    assert_eq!(covered(&pair), Some("Cid"));
}
