//! What is made of values of which nobody told when they came, and of words of ours of which nobody said whether they did?
//! The right clock ticks in seconds.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{
    at, begin, field, hear, id, in_doubt, lost, newcomer, policy, read, seen, settled, shown, stranger, text,
    typed, value, wanted,
};
use sync_core::decide::{
    Effect, Heard, Op, Outcome, Over, Source, agree, not_found, observe, plan, restate, settle,
};
use sync_core::model::entity::{EMAIL, FIRST_NAME};
use sync_core::model::{Author, Edit, Pair, Side};

/// A person put `value` in the place of `before`; either may be empty.
fn replaced(before: &str, value: &str, seconds: i64) -> Heard {
    let edit = Edit { value: text(value), at: at(seconds), author: Author::Other };
    Heard { value: text(value), edits: vec![edit], over: Over::Value(text(before)) }
}

/// What the left says of a field's past, newest first.
fn past<const N: usize>(words: [(&str, i64); N]) -> Heard {
    let edit = |(value, seconds)| Edit { value: text(value), at: at(seconds), author: Author::Other };
    Heard { value: text(words[0].0), edits: words.map(edit).to_vec(), over: Over::Untold }
}

/// The next step is a write to `side`, which arrives at that second.
fn write(pair: &mut Pair, side: Side, seconds: i64) {
    begin(pair, seconds);
    let done = Outcome::Done { id: id(side), shown: Default::default(), at: at(seconds) };
    settle(pair, &policy(), side, done);
}

/// The next step is a write to the right, and nobody knows whether it arrived.
fn write_into_the_dark(pair: &mut Pair, seconds: i64) {
    begin(pair, seconds);
    settle(pair, &policy(), Side::Right, Outcome::Unsure);
}

/// What the left should become; nothing if it stays.
fn on_the_left(pair: &mut Pair) -> Option<Option<String>> {
    agree(pair, &policy());
    let wanted = wanted(pair, Side::Left).remove(&FIRST_NAME)?;
    Some(wanted.map(|value| value.as_str().to_owned()))
}

fn some(value: &str) -> Option<Option<String>> {
    Some(Some(value.to_owned()))
}

const EMPTY: Option<Option<String>> = Some(None);

/// A read of the right found Cid in second 30, which we wrote on the left. There Bea had been typed in second 20, as we
/// heard only then.
fn found_too_late() -> Pair {
    let mut pair = settled();
    read(&mut pair, Side::Right, 30, [(FIRST_NAME, shown("Cid"))]);
    write(&mut pair, Side::Left, 31);
    hear(&mut pair, Side::Left, FIRST_NAME, replaced("Ann", "Bea", 20));
    for _ in 0..2 {
        assert_eq!(on_the_left(&mut pair), None, "as far as anybody knows Cid is the later word");
    }
    assert_eq!(lost(&pair), [(Side::Left, Some("Bea"))]);
    pair
}

#[test]
fn does_the_later_edit_stand_when_it_is_told_how_old_the_found_one_is() {
    let mut pair = found_too_late();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    assert_eq!(on_the_left(&mut pair), some("Bea"));
    write(&mut pair, Side::Left, 40);
    assert_eq!(wanted(&pair, Side::Right)[&FIRST_NAME], text("Bea"));
    write(&mut pair, Side::Right, 41);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    assert_eq!(on_the_left(&mut pair), None, "that is settled");
}

#[test]
fn does_a_found_word_stand_that_turns_out_to_be_the_later_one() {
    let mut pair = found_too_late();
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 25));
    assert_eq!(on_the_left(&mut pair), None);
    assert_eq!(value(&pair, Side::Left, FIRST_NAME), Some("Cid"));
}

#[test]
fn does_a_found_word_stand_that_was_typed_in_view_of_the_other() {
    // The right clock is behind: what was typed there over Bea seems to be older than Bea.
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, replaced("Ann", "Bea", 40));
    write(&mut pair, Side::Right, 5);
    read(&mut pair, Side::Right, 50, [(FIRST_NAME, shown("Cid"))]);
    write(&mut pair, Side::Left, 51);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "Cid", 9));
    assert_eq!(on_the_left(&mut pair), None);
    assert_eq!(value(&pair, Side::Left, FIRST_NAME), Some("Cid"));
}

#[test]
fn does_a_past_tell_that_something_else_was_there_in_between() {
    // Ann became Bea and Ann again. The right, which said Ann all along, knew of neither.
    let mut pair = settled();
    read(&mut pair, Side::Left, 21, [(FIRST_NAME, past([("Ann", 20), ("Bea", 18), ("Ann", 1)]))]);
    agree(&mut pair, &policy());
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    assert_eq!(on_the_left(&mut pair), None, "Ann was typed once more after that");
    assert_eq!(wanted(&pair, Side::Right)[&FIRST_NAME], text("Ann"));
}

#[test]
fn is_a_word_typed_once_more_the_same_word_unless_something_was_there_in_between() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Ann", 20));
    agree(&mut pair, &policy());
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 10));
    assert_eq!(on_the_left(&mut pair), some("Cid"), "typed in view of Ann");
}

#[test]
fn is_a_word_of_that_second_typed_once_more_after_it_was_settled_which_came_last() {
    let mut pair = settled();
    for name in ["Cid", "Zoe"] {
        hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", name, 10));
    }
    read(&mut pair, Side::Right, 11, [(FIRST_NAME, shown("Cid"))]);
    write(&mut pair, Side::Left, 12);
    read(&mut pair, Side::Right, 40, [(FIRST_NAME, shown("Zoe"))]);
    agree(&mut pair, &policy());
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], text("Zoe"));
    assert_eq!(wanted(&pair, Side::Right), [].into());
}

#[test]
fn is_the_same_typed_once_more_when_a_read_finds_it_after_our_write() {
    // On the right, all in one second: cleared, found empty, Zoe, our Bea, cleared.
    let mut pair = settled();
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown(""))]);
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    begin(&mut pair, 11);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "", 10));
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("", "Zoe", 10));
    let done = Outcome::Done { id: id(Side::Right), shown: Default::default(), at: at(10) };
    settle(&mut pair, &policy(), Side::Right, done);
    assert!(in_doubt(&pair, Side::Right), "only a read can tell which came last");
    read(&mut pair, Side::Right, 11, [(FIRST_NAME, shown(""))]);
    assert_eq!(on_the_left(&mut pair), EMPTY, "that came after Bea");
}

/// The right was found empty in second 10, and we wrote Bea there in that very second.
fn written_over_emptiness() -> Pair {
    let mut pair = settled();
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown(""))]);
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
    pair
}

#[test]
fn is_a_clearing_looked_at_that_may_be_what_was_found_or_have_come_after_our_write() {
    let mut pair = written_over_emptiness();
    write(&mut pair, Side::Right, 10);
    assert_eq!(hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "", 10)), Effect::Stale);
    let mut pair = written_over_emptiness();
    write(&mut pair, Side::Right, 10);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "", 10));
    assert!(in_doubt(&pair, Side::Right), "somebody may have typed Bea before us");
    let before = pair.clone();
    read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown("Bea"))]);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "", 10));
    assert!(!in_doubt(&pair, Side::Right), "and somebody had");
    let mut pair = before;
    read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown(""))]);
    assert_eq!(on_the_left(&mut pair), EMPTY, "nobody had, so it came after ours");
}

#[test]
fn did_an_unanswered_write_arrive_if_something_was_typed_over_it() {
    let mut pair = written_over_emptiness();
    write_into_the_dark(&mut pair, 11);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "", 10));
    read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown(""))]);
    assert_eq!(on_the_left(&mut pair), EMPTY);
    assert!(lost(&pair).contains(&(Side::Left, Some("Bea"))), "its fate was not known");
}

#[test]
fn may_what_was_typed_over_a_word_of_which_nobody_told_have_met_ours() {
    // In second 12 Bea arrived, Cid was typed over it and Dan over that. We were told of Dan alone. The left clock is ahead.
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 40));
    write_into_the_dark(&mut pair, 40);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Cid", "Dan", 12));
    read(&mut pair, Side::Right, 13, [(FIRST_NAME, shown("Dan"))]);
    assert_eq!(on_the_left(&mut pair), some("Dan"));
    assert_eq!(lost(&pair), [(Side::Left, Some("Bea"))]);
}

#[test]
fn is_what_was_found_before_an_unanswered_write_not_taken_for_typed_over_it() {
    // It is told only then what the found word took the place of: Ann, or Bea, who had been there long before.
    for (over, seconds) in [("Ann", 10), ("Bea", 5)] {
        let mut pair = settled();
        read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Cid"))]);
        hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 11));
        write_into_the_dark(&mut pair, 11);
        hear(&mut pair, Side::Right, FIRST_NAME, replaced(over, "Cid", seconds));
        read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown("Cid"))]);
        assert!(field(&pair, Side::Right, FIRST_NAME).missed.is_some(), "{over}: Bea may have been there");
        assert_eq!(on_the_left(&mut pair), None, "{over}");
        assert_eq!(lost(&pair), [(Side::Right, Some("Cid"))], "{over}");
        assert_eq!(wanted(&pair, Side::Right)[&FIRST_NAME], text("Bea"), "{over}");
    }
}

#[test]
fn may_it_have_met_ours_at_a_first_meeting_as_well() {
    for (over, stands) in [("Cid", true), ("", false)] {
        let mut pair = stranger();
        let fields = |name| [(EMAIL, shown("ann@example.com")), (FIRST_NAME, shown(name))];
        observe(&mut pair, &policy(), Side::Left, &seen(Side::Left, Source::Listed, 40, fields("Ann")));
        observe(&mut pair, &policy(), Side::Right, &seen(Side::Right, Source::Listed, 2, fields("")));
        write_into_the_dark(&mut pair, 40);
        hear(&mut pair, Side::Right, FIRST_NAME, replaced(over, "Dan", 12));
        read(&mut pair, Side::Right, 13, fields("Dan"));
        on_the_left(&mut pair);
        let kept = lost(&pair).contains(&(Side::Left, Some("Ann")));
        assert_eq!(kept, stands, "over {over:?}: was Ann there before that?");
    }
}

/// Bea was written on the right and not found there, so it is written again, in second 15.
fn written_twice(pair: &mut Pair, before: &str) {
    hear(pair, Side::Left, FIRST_NAME, typed("Bea", 14));
    write_into_the_dark(pair, 14);
    read(pair, Side::Right, 10, [(FIRST_NAME, shown(before))]);
    write(pair, Side::Right, 15);
}

#[test]
fn is_a_word_kept_that_may_have_come_before_what_was_typed_over_another() {
    // A first attempt to write Bea did not arrive. In second 15 the next one did, and Cid was typed over Ann.
    let mut pair = settled();
    written_twice(&mut pair, "Ann");
    hear(&mut pair, Side::Left, EMAIL, typed("bea@example.com", 16));
    begin(&mut pair, 16);
    restate(&mut pair, &policy(), Side::Right, [FIRST_NAME]);
    let done = Outcome::Done { id: id(Side::Right), shown: Default::default(), at: at(17) };
    settle(&mut pair, &policy(), Side::Right, done);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 15));
    write(&mut pair, Side::Left, 18);
    assert_eq!(lost(&pair), [(Side::Left, Some("Bea"))], "nobody typed over it");
}

#[test]
fn is_a_first_attempt_forgotten_once_the_next_one_has_arrived() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 14));
    for found in ["Ann", "Bea"] {
        write_into_the_dark(&mut pair, 14);
        read(&mut pair, Side::Right, 15, [(FIRST_NAME, shown(found))]);
        let missed = field(&pair, Side::Right, FIRST_NAME).missed;
        assert_eq!(missed.is_some(), found == "Ann", "{found}");
    }
}

#[test]
fn does_what_was_typed_over_a_first_attempt_stand() {
    let mut pair = settled();
    written_twice(&mut pair, "Ann");
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "", 12));
    assert_eq!(on_the_left(&mut pair), EMPTY, "whatever the clocks say: Bea was seen");
}

#[test]
fn is_what_was_typed_over_a_first_attempt_the_last_of_its_second() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, replaced("Ann", "", 5));
    write(&mut pair, Side::Right, 6);
    written_twice(&mut pair, "");
    // In second 6 the right went from nothing to Zoe, by our first attempt to Bea, and to nothing.
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("", "Zoe", 6));
    assert_eq!(on_the_left(&mut pair), None);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Bea", "", 6));
    assert_eq!(on_the_left(&mut pair), EMPTY);
}

#[test]
fn is_a_first_attempt_remembered_when_it_is_told_how_old_what_was_found_is() {
    let mut pair = settled();
    read(&mut pair, Side::Right, 10, [(FIRST_NAME, shown("Cid"))]);
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 14));
    write_into_the_dark(&mut pair, 14);
    read(&mut pair, Side::Right, 11, [(FIRST_NAME, shown("Cid"))]);
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Cid", 8));
    assert!(field(&pair, Side::Right, FIRST_NAME).missed.is_some());
}

#[test]
fn is_what_was_found_kept_that_gives_way_to_an_edit_at_a_first_meeting() {
    let mut pair = stranger();
    let fields = |name| [(EMAIL, shown("ann@example.com")), (FIRST_NAME, name)];
    let left = seen(Side::Left, Source::Listed, 5, fields(typed("Ann", 5)));
    observe(&mut pair, &policy(), Side::Left, &left);
    observe(&mut pair, &policy(), Side::Right, &seen(Side::Right, Source::Listed, 9, fields(shown("Eva"))));
    write(&mut pair, Side::Right, 10);
    assert_eq!(lost(&pair), [(Side::Right, Some("Eva"))]);
}

#[test]
fn does_emptiness_stand_that_was_made_in_view_of_a_first_attempt_at_a_first_meeting() {
    let mut pair = stranger();
    let fields = |name| [(EMAIL, shown("ann@example.com")), (FIRST_NAME, shown(name))];
    observe(&mut pair, &policy(), Side::Left, &seen(Side::Left, Source::Listed, 1, fields("Ann")));
    observe(&mut pair, &policy(), Side::Right, &seen(Side::Right, Source::Listed, 2, fields("")));
    write_into_the_dark(&mut pair, 3);
    read(&mut pair, Side::Right, 10, fields(""));
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Ann", "Zoe", 4));
    hear(&mut pair, Side::Right, FIRST_NAME, replaced("Zoe", "", 5));
    assert_eq!(on_the_left(&mut pair), EMPTY, "Ann was there, and Zoe took its place");
}

#[test]
fn is_a_creation_looked_for_again_when_its_repetition_does_not_leave() {
    let mut pair = newcomer();
    let (_, name) = begin(&mut pair, 3);
    for second in [9, 11] {
        settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
        not_found(&mut pair, Side::Right, at(second));
        let (op, again) = begin(&mut pair, second);
        assert_eq!((op, &again), (Op::Repeat { side: Side::Right }, &name));
        settle(&mut pair, &policy(), Side::Right, Outcome::NotDone);
        let sent = pair.sent[Side::Right].as_ref();
        assert_eq!(
            sent.map(|s| (Some(&s.op), s.unsure)),
            Some((name.as_ref(), true)),
            "P3: and the first one?"
        );
        assert!(matches!(plan(&pair, &policy())[..], [Op::Find { side: Side::Right, .. }]));
    }
}
