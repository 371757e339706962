//! What would make the sides agree? Every row of the truth table, and who wins.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::*;
use sync_core::decide::{
    Op, Outcome, Policy, PreferSide, Source, agree, gone, intend, is_blocked, observe, plan, settle,
};
use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{Author, ByField, Fields, Pair, PerSide, Properties, Refusal, Seen, Side, Timestamp};

/// What is planned, in a word each.
fn words(pair: &Pair, policy: &Policy) -> Vec<(&'static str, Side)> {
    let word = |op: &Op| match op {
        Op::Find { .. } => "find",
        Op::Read { .. } => "read",
        Op::Create { .. } => "create",
        Op::Repeat { .. } => "repeat",
        Op::Update { .. } => "update",
        Op::Emit { .. } => "emit",
    };
    plan(pair, policy).iter().map(|op| (word(op), op.side())).collect()
}

#[test]
fn what_does_a_time_tell_by_a_clock_of_whole_seconds() {
    let ms = Timestamp::from_millis;
    let table = [(5_999, 5_000), (5_000, 5_000), (0, 0), (-1, -1_000)];
    for (told, tick) in table {
        assert_eq!(policy().tick(Side::Right, ms(told)), ms(tick), "{told}");
        assert_eq!(policy().tick(Side::Left, ms(told)), ms(told), "the left one ticks in milliseconds");
    }
    assert_eq!(policy().tick(Side::Right, at(100_001)), policy().latest, "nothing happened in the future");
}

/// A creation on the right whose outcome nobody knows.
fn unsure_creation() -> Pair {
    let mut pair = newcomer();
    begin(&mut pair, 3);
    settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
    pair
}

#[test]
fn is_nothing_planned_while_words_are_in_flight() {
    let mut pair = newcomer();
    begin(&mut pair, 3);
    assert_eq!(words(&pair, &policy()), []);
    hear(&mut pair, Side::Left, PHONE, typed("+1555", 4));
    assert_eq!(words(&pair, &policy()), [], "not even for an edit on the other side");
}

#[test]
fn what_is_looked_at_when_the_outcome_of_a_write_is_unknown() {
    let mut pair = unsure_creation();
    let find = Op::Find { side: Side::Right, match_value: text("ann@example.com") };
    assert_eq!(plan(&pair, &policy()), [find], "P3: look before anything is created again");

    pair.sent[Side::Right].as_mut().unwrap().repeat = true;
    assert_eq!(words(&pair, &policy()), [("repeat", Side::Right)]);

    pair.sides[Side::Right] = Seen::unread(id(Side::Right));
    assert_eq!(words(&pair, &policy()), [("read", Side::Right)], "its echo came meanwhile");

    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    begin(&mut pair, 10);
    settle(&mut pair, &policy(), Side::Right, Outcome::Unsure);
    assert_eq!(words(&pair, &policy()), [("read", Side::Right)]);
}

#[test]
fn is_a_side_in_doubt_read_before_anything_is_written() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    pair.present_mut(Side::Left).unwrap().doubt = true;
    let heard = present(&pair, Side::Left).heard;
    assert_eq!(plan(&pair, &policy()), [Op::Read { side: Side::Left, id: id(Side::Left), heard }]);
    pair.present_mut(Side::Right).unwrap().doubt = true;
    assert_eq!(words(&pair, &policy()), [("read", Side::Left), ("read", Side::Right)]);
}

#[test]
fn is_an_unknown_record_found_first_unless_it_is_known_not_to_exist() {
    let learning = Policy { index_complete: false, ..policy() };
    let mut pair = newcomer();
    let find = Op::Find { side: Side::Right, match_value: text("ann@example.com") };
    assert_eq!(plan(&pair, &learning), [find]);
    assert_eq!(words(&pair, &policy()), [("create", Side::Right)], "both systems are known in full");
    pair.sides[Side::Right] = Seen::Unknown { looked: true };
    assert_eq!(words(&pair, &learning), [("create", Side::Right)], "we looked");
}

#[test]
fn does_a_creation_carry_all_that_is_known() {
    let everything = [(EMAIL, text("ann@example.com")), (FIRST_NAME, text("Ann"))];
    assert_eq!(wanted(&newcomer(), Side::Right), Fields::from(everything));
    let Op::Create { fields, .. } = plan(&newcomer(), &policy()).remove(0) else { panic!("it is created") };
    let email = &fields[&EMAIL];
    assert_eq!((email.from, email.at), (Side::Left, at(1)));
    assert_eq!((email.held[Side::Left], email.held[Side::Right]), (Some(at(1)), None), "not yet there");
}

#[test]
fn is_a_record_without_email_and_name_not_worth_creating() {
    let mut pair = stranger();
    hear(&mut pair, Side::Left, PHONE, typed("+1555", 1));
    assert_eq!(words(&pair, &policy()), []);
    hear(&mut pair, Side::Left, LAST_NAME, typed("Smith", 2));
    assert_eq!(words(&pair, &policy()), [("create", Side::Right)]);
}

#[test]
fn is_a_deleted_record_left_alone_whatever_happens_on_the_other_side() {
    let mut pair = settled();
    gone(&mut pair, Side::Right, &id(Side::Right), at(20));
    assert_eq!(words(&pair, &policy()), []);
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 30));
    assert_eq!(words(&pair, &policy()), [], "it was deleted on purpose");
    assert_eq!(words(&stranger(), &policy()), [], "and of nothing comes nothing");
}

#[test]
fn are_only_the_fields_updated_that_differ() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Bea"))].into(), "P7");
    assert_eq!(wanted(&pair, Side::Left), [].into());
}

#[test]
fn do_edits_of_different_fields_on_both_sides_both_survive() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    hear(&mut pair, Side::Right, EMAIL, typed("bea@example.com", 5));
    assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Bea"))].into());
    assert_eq!(wanted(&pair, Side::Left), [(EMAIL, text("bea@example.com"))].into());
    assert_eq!(lost(&pair), []);
}

#[test]
fn is_a_field_cleared_where_the_other_side_was_cleared() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("", 10));
    assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, None)].into());
}

#[test]
fn are_activities_told_one_by_one_once_their_record_exists() {
    let mut pair = stranger();
    hear(&mut pair, Side::Right, EMAIL, typed("ann@example.com", 1));
    pair.activities = vec![pending("first"), pending("second")];
    assert_eq!(words(&pair, &policy()), [("create", Side::Left)], "P8: it waits for its record");
    let fields = [(EMAIL, edited("ann@example.com", 2, Author::Us(None)))];
    observe(&mut pair, &policy(), Side::Left, &seen(Side::Left, Source::Event, 2, fields));
    let tell = |what| Op::Emit { side: Side::Left, id: id(Side::Left), activity: Arc::new(purchase(what)) };
    assert_eq!(plan(&pair, &policy()), [tell("first")]);
    let name = intend(&mut pair, &policy(), &tell("first"), Properties::new(), at(3));
    pair.sent = PerSide::default();
    let again = intend(&mut pair, &policy(), &tell("first"), Properties::new(), at(4));
    assert_eq!(name, again, "nobody remembers the first attempt");
    pair.sent = PerSide::default();
    pair.activities[0].refused = Some("no such event".to_owned());
    assert_eq!(plan(&pair, &policy()), [tell("second")], "what is refused does not stand in the way");
}

#[test]
fn is_a_side_that_takes_no_activities_told_none() {
    let mut pair = settled();
    pair.activities = vec![pending("first")];
    let deaf = Policy { tells: Default::default(), ..policy() };
    assert_eq!(words(&pair, &deaf), []);
}

/// The right side refuses a first name.
fn refusing(name: &str) -> Pair {
    let mut pair = settled();
    let refusal = Refusal { value: text(name), reason: "INVALID".to_owned(), with: Default::default() };
    pair.refused[Side::Right].fields.insert(FIRST_NAME, refusal);
    pair
}

#[test]
fn is_a_refused_value_tried_again_only_when_it_changes() {
    let mut pair = refusing("Bea");
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    hear(&mut pair, Side::Left, PHONE, typed("+1555", 10));
    hear(&mut pair, Side::Right, PHONE, typed("", 1));
    assert_eq!(wanted(&pair, Side::Right), [(PHONE, text("+1555"))].into(), "P11: the others go on");
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Eva", 11));
    assert!(wanted(&pair, Side::Right).contains_key(&FIRST_NAME));
}

#[test]
fn is_nothing_created_without_the_email_that_was_refused() {
    let mut pair = newcomer();
    let refusal = Refusal {
        value: text("ann@example.com"),
        reason: "INVALID_EMAIL".to_owned(),
        with: Default::default(),
    };
    pair.refused[Side::Right].fields.insert(EMAIL, refusal);
    assert_eq!(words(&pair, &policy()), []);
    hear(&mut pair, Side::Left, EMAIL, typed("anne@example.com", 5));
    assert_eq!(words(&pair, &policy()), [("create", Side::Right)]);
}

#[test]
fn is_a_pair_blocked_only_while_what_is_refused_is_wanted() {
    let mut pair = refusing("Bea");
    assert!(!is_blocked(&pair, &policy()), "nobody wants it now");
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    assert!(is_blocked(&pair, &policy()));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Eva", 11));
    assert!(!is_blocked(&pair, &policy()));
}

#[test]
fn does_an_edit_made_in_view_of_the_agreed_value_win_whatever_the_clocks_say() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 1_000));
    hear(&mut pair, Side::Right, FIRST_NAME, edited("Bea", 11, Author::Us(None)));
    agree(&mut pair, &policy());
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 12));
    assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, text("Eva"))].into(), "the left clock is far ahead");
}

#[test]
fn who_wins_when_neither_knew_of_the_other() {
    let table = [
        ("the left one is later", 20, 10, Side::Left),
        ("the right one is later", 10, 20, Side::Right),
        ("within one second of the coarser clock, the fixed side", 10, 10, Side::Left),
    ];
    for (case, left, right, winner) in table {
        let mut pair = settled();
        hear(&mut pair, Side::Left, FIRST_NAME, typed("Left", left));
        hear(&mut pair, Side::Right, FIRST_NAME, typed("Right", right));
        let word = if winner == Side::Left { "Left" } else { "Right" };
        assert_eq!(wanted(&pair, winner.other()), [(FIRST_NAME, text(word))].into(), "{case}");
        begin(&mut pair, 30);
        let loser = if winner == Side::Left { "Right" } else { "Left" };
        assert_eq!(lost(&pair), [(winner.other(), Some(loser))], "P5: {case}");
    }
}

#[test]
fn is_the_resolver_asked_only_about_concurrent_edits() {
    let prefers_right = Policy { resolver: Arc::new(PreferSide(Side::Right)), ..policy() };
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Left", 10));
    let update = |pair: &Pair| words(pair, &prefers_right);
    assert_eq!(update(&pair), [("update", Side::Right)], "a lone edit stands");
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Right", 5));
    assert_eq!(update(&pair), [("update", Side::Left)]);
}

/// Two records that were there before us, found by a listing.
fn met(left: &str, right: &str) -> Pair {
    let mut pair = stranger();
    for (side, name, second) in [(Side::Left, left, 10), (Side::Right, right, 20)] {
        let fields = [(EMAIL, shown("ann@example.com")), (FIRST_NAME, shown(name))];
        observe(&mut pair, &policy(), side, &seen(side, Source::Listed, second, fields));
    }
    pair
}

#[test]
fn does_emptiness_never_win_over_content_when_two_records_meet() {
    assert_eq!(wanted(&met("Ann", ""), Side::Right), [(FIRST_NAME, text("Ann"))].into());
    assert_eq!(wanted(&met("", "Ann"), Side::Left), [(FIRST_NAME, text("Ann"))].into());
    let mut cleared = met("Ann", "Ann");
    hear(&mut cleared, Side::Right, FIRST_NAME, typed("", 30));
    assert_eq!(wanted(&cleared, Side::Left), [].into(), "they had not agreed on anything yet");
    let mut cleared = met("Ann", "Ann");
    agree(&mut cleared, &policy());
    hear(&mut cleared, Side::Right, FIRST_NAME, typed("", 30));
    assert_eq!(wanted(&cleared, Side::Left), [(FIRST_NAME, None)].into(), "now they had");
}

#[test]
fn does_a_side_in_doubt_agree_with_nothing() {
    let mut pair = met("Ann", "Ann");
    pair.present_mut(Side::Right).unwrap().doubt = true;
    agree(&mut pair, &policy());
    assert_eq!(pair.base, ByField::new());
    pair.present_mut(Side::Right).unwrap().doubt = false;
    agree(&mut pair, &policy());
    assert_eq!(pair.base.len(), 2);
}

#[test]
fn does_the_base_stay_where_it_is_until_a_side_is_seen_to_hold_what_was_sent() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    begin(&mut pair, 10);
    assert_eq!(pair.base[&FIRST_NAME].value, text("Ann"));
    read(&mut pair, Side::Right, 12, [(FIRST_NAME, shown("Bea"))]);
    assert_eq!(pair.base[&FIRST_NAME].value, text("Bea"));
}
