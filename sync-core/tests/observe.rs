//! What does news change in what we believe? One question, one test; the cases are tables.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use sync_core::decide::{Effect, Heard, Op, Source, agree, gone, observe, plan};
use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{Author, By, OpId, Pair, RecordId, Side};

/// A settled pair whose left first name was changed to `Bea`, with the write of it to the right under way.
fn with_words_in_flight() -> (Pair, OpId) {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    let (op, name) = begin(&mut pair, 10);
    assert!(matches!(op, Op::Update { side: Side::Right, .. }));
    (pair, name.unwrap())
}

#[test]
fn does_a_newer_edit_replace_an_older_one_and_never_the_reverse() {
    let table = [
        ("Bea", 9, Effect::Changed, "Bea"),
        ("Old", 8, Effect::Stale, "Bea"),
        ("Eva", 10, Effect::Changed, "Eva"),
        ("Bea", 9, Effect::Stale, "Eva"),
    ];
    let mut pair = settled();
    for (said, second, effect, then) in table {
        assert_eq!(
            hear(&mut pair, Side::Left, FIRST_NAME, typed(said, second)),
            effect,
            "{said} at {second}"
        );
        assert_eq!(value(&pair, Side::Left, FIRST_NAME), Some(then));
    }
    assert!(!in_doubt(&pair, Side::Left), "exact times leave no doubt");
}

#[test]
fn is_the_same_news_heard_again_nothing_at_all() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 9));
    hear(&mut pair, Side::Right, EMAIL, edited("new@example.com", 11, Author::Unknown));
    let once = pair.clone();
    assert_eq!(hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 9)), Effect::Nothing);
    let again = edited("new@example.com", 11, Author::Unknown);
    assert_eq!(hear(&mut pair, Side::Right, EMAIL, again), Effect::Nothing);
    assert_eq!(pair, once, "P2: a replay changes nothing");
}

#[test]
fn do_two_values_of_one_instant_raise_doubt_whatever_their_order() {
    let heard = |order: [&str; 2]| {
        let mut pair = settled();
        for said in order {
            hear(&mut pair, Side::Right, FIRST_NAME, typed(said, 9));
        }
        pair
    };
    let (one, other) = (heard(["Bea", "Eva"]), heard(["Eva", "Bea"]));
    assert!(in_doubt(&one, Side::Right) && in_doubt(&other, Side::Right), "only a read can tell");
    assert_eq!(value(&one, Side::Right, FIRST_NAME), value(&other, Side::Right, FIRST_NAME));
    assert!(matches!(plan(&one, &policy())[..], [Op::Read { side: Side::Right, .. }]));
}

#[test]
fn is_an_echo_known_by_its_author() {
    let (mut pair, name) = with_words_in_flight();
    let effect = hear(&mut pair, Side::Right, FIRST_NAME, edited("Bea", 11, Author::Us(Some(name))));
    assert_eq!(effect, Effect::Changed);
    assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, By::Us);
    assert!(!in_doubt(&pair, Side::Right));
    let base = &pair.base[&FIRST_NAME];
    assert_eq!(
        (base.value.clone(), base.from),
        (text("Bea"), Side::Left),
        "the base moves: it was seen to land"
    );
}

#[test]
fn is_an_echo_without_an_author_known_by_its_value() {
    let table = [
        ("Bea", Author::Unknown, By::Us),
        ("Eva", Author::Unknown, By::Person),
        // Somebody who typed the very same says so: it counts as theirs.
        ("Bea", Author::Other, By::Person),
    ];
    for (said, author, by) in table {
        let (mut pair, _) = with_words_in_flight();
        hear(&mut pair, Side::Right, FIRST_NAME, edited(said, 11, author.clone()));
        assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, by, "{said} by {author:?}");
        assert_eq!(pair.base[&FIRST_NAME].value == text("Bea"), by == By::Us, "{said} by {author:?}");
    }
}

#[test]
fn does_an_edit_that_meets_our_words_on_the_way_raise_doubt() {
    let (mut pair, _) = with_words_in_flight();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 11));
    assert!(in_doubt(&pair, Side::Right), "which of the two does the record hold now?");
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 11));
    assert!(!in_doubt(&pair, Side::Right), "without words in flight there is no question");
    // The same, of which only the content is told.
    for (now, doubt) in [("Eva", true), ("Bea", false)] {
        let (mut pair, _) = with_words_in_flight();
        let snapshot = seen(Side::Right, Source::Event, 11, [(FIRST_NAME, shown(now))]);
        assert_eq!(observe(&mut pair, &policy(), Side::Right, &snapshot), Effect::Changed);
        assert_eq!(in_doubt(&pair, Side::Right), doubt, "{now}");
    }
}

#[test]
fn is_an_edit_remembered_that_our_own_value_covers() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 9));
    hear(&mut pair, Side::Right, FIRST_NAME, edited("Bea", 11, Author::Us(None)));
    let covered = field(&pair, Side::Right, FIRST_NAME).covered.clone().unwrap();
    assert_eq!((covered.value, covered.at), (text("Eva"), at(9)));
    // The same, told in the other order.
    let mut late = settled();
    hear(&mut late, Side::Right, FIRST_NAME, edited("Bea", 11, Author::Us(None)));
    assert_eq!(hear(&mut late, Side::Right, FIRST_NAME, typed("Eva", 9)), Effect::Changed);
    assert_eq!(field(&late, Side::Right, FIRST_NAME), field(&pair, Side::Right, FIRST_NAME));
    // An edit before the covered one is news to nobody.
    assert_eq!(hear(&mut late, Side::Right, FIRST_NAME, typed("Old", 5)), Effect::Stale);
}

#[test]
fn is_the_loser_of_two_covered_edits_of_one_instant_kept_in_the_history() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, edited("Bea", 11, Author::Us(None)));
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 9));
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Amy", 9));
    assert_eq!(lost(&pair), [(Side::Right, Some("Amy"))]);
}

#[test]
fn is_the_time_of_a_snapshot_only_a_bound_until_the_edit_itself_is_told() {
    let mut pair = stranger();
    let snapshot = seen(Side::Left, Source::Event, 50, [(FIRST_NAME, shown("Ann"))]);
    observe(&mut pair, &policy(), Side::Left, &snapshot);
    assert!(!field(&pair, Side::Left, FIRST_NAME).exact);
    assert_eq!(hear(&mut pair, Side::Left, FIRST_NAME, typed("Ann", 40)), Effect::Changed);
    let told = field(&pair, Side::Left, FIRST_NAME);
    assert_eq!((told.at, told.exact, told.by), (at(40), true, By::Person));
}

#[test]
fn what_does_a_snapshot_that_contradicts_an_exact_edit_do() {
    let table = [
        ("older than the edit", 8, Effect::Stale, "Bea", false),
        ("of the same time", 9, Effect::Changed, "Bea", true),
        ("later than the edit", 10, Effect::Changed, "Eva", false),
    ];
    for (case, second, effect, then, doubt) in table {
        let mut pair = settled();
        hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 9));
        let snapshot = seen(Side::Left, Source::Event, second, [(FIRST_NAME, shown("Eva"))]);
        assert_eq!(observe(&mut pair, &policy(), Side::Left, &snapshot), effect, "{case}");
        assert_eq!(value(&pair, Side::Left, FIRST_NAME), Some(then), "{case}");
        assert_eq!(in_doubt(&pair, Side::Left), doubt, "{case}");
    }
}

#[test]
fn are_empty_absent_and_unknown_three_things() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, PHONE, typed("+1555", 5));
    // Absent from the news: says nothing.
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 6));
    assert_eq!(value(&pair, Side::Left, PHONE), Some("+1555"));
    // Empty: it was cleared.
    assert_eq!(hear(&mut pair, Side::Left, PHONE, typed("", 7)), Effect::Changed);
    assert_eq!(value(&pair, Side::Left, PHONE), None);
    assert_eq!(field(&pair, Side::Left, PHONE).by, By::Person);
    // Unknown: never told.
    assert!(!present(&pair, Side::Left).fields.contains_key(&LAST_NAME));
}

#[test]
fn does_a_first_sighting_with_words_in_flight_start_in_doubt() {
    let sources = [(Source::Event, true), (Source::Read(0), false)];
    for (source, doubt) in sources {
        let mut pair = newcomer();
        begin(&mut pair, 3);
        let sighting = seen(Side::Right, source, 4, [(FIRST_NAME, shown("Ann"))]);
        observe(&mut pair, &policy(), Side::Right, &sighting);
        assert_eq!(in_doubt(&pair, Side::Right), doubt, "{source:?}");
    }
    assert!(!in_doubt(&newcomer(), Side::Left), "nothing was in flight");
}

#[test]
fn does_a_list_only_raise_doubt_where_it_contradicts() {
    let mut pair = settled();
    let listed = |name| seen(Side::Right, Source::Listed, 50, [(FIRST_NAME, shown(name))]);
    assert_eq!(observe(&mut pair, &policy(), Side::Right, &listed("Ann")), Effect::Nothing);
    assert!(!in_doubt(&pair, Side::Right));
    assert_eq!(observe(&mut pair, &policy(), Side::Right, &listed("Eva")), Effect::Changed);
    assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Ann"), "belief waits for a read");
    assert!(in_doubt(&pair, Side::Right));
    let mut pair = settled();
    let old = seen(Side::Right, Source::Listed, 1, [(FIRST_NAME, shown("Eva"))]);
    assert_eq!(observe(&mut pair, &policy(), Side::Right, &old), Effect::Stale);
    assert!(!in_doubt(&pair, Side::Right), "an index that lags contradicts nothing");
}

#[test]
fn does_a_read_settle_doubt_unless_something_was_heard_since_it_was_asked() {
    let mut pair = settled();
    present_mut(&mut pair, Side::Right).doubt = true;
    let asked = present(&pair, Side::Right).heard;
    let mut disturbed = pair.clone();
    assert_eq!(read(&mut pair, Side::Right, 20, [(FIRST_NAME, shown("Ann"))]), Effect::Nothing);
    assert!(!in_doubt(&pair, Side::Right));

    hear(&mut disturbed, Side::Right, FIRST_NAME, typed("Eva", 19));
    let answer = seen(Side::Right, Source::Read(asked), 18, [(FIRST_NAME, shown("Ann"))]);
    observe(&mut disturbed, &policy(), Side::Right, &answer);
    assert!(in_doubt(&disturbed, Side::Right));
    assert_eq!(value(&disturbed, Side::Right, FIRST_NAME), Some("Eva"));
}

#[test]
fn is_what_a_settling_read_finds_true_whatever_the_clocks_say() {
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Bea", 100));
    read(&mut pair, Side::Right, 50, [(FIRST_NAME, shown("Eva"))]);
    assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Eva"));
    assert!(field(&pair, Side::Right, FIRST_NAME).at >= at(100), "it came after what was known");
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 60));
    assert_eq!(field(&pair, Side::Right, FIRST_NAME).at, at(100), "so an earlier edit did not lead to it");
    assert_eq!(wanted(&pair, Side::Left)[&FIRST_NAME], text("Eva"));
}

#[test]
fn whose_edit_is_a_value_that_a_read_finds() {
    // Not ours: a person's, and not drift to be overwritten.
    let mut pair = settled();
    read(&mut pair, Side::Right, 20, [(FIRST_NAME, shown("Eva"))]);
    assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, By::Person);
    agree(&mut pair, &policy());
    assert_eq!(wanted(&pair, Side::Left), [(FIRST_NAME, text("Eva"))].into());
    // What we wrote there earlier: ours.
    let mut pair = settled();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 10));
    read(&mut pair, Side::Right, 20, [(FIRST_NAME, shown("Ann"))]);
    assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, By::Us);
    // Whose it is said to be, although something later had been told.
    for (author, by) in [(Author::Us(None), By::Us), (Author::Other, By::Person)] {
        let mut pair = settled();
        hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 100));
        read(&mut pair, Side::Right, 150, [(FIRST_NAME, edited("Dan", 50, author))]);
        let right = field(&pair, Side::Right, FIRST_NAME);
        assert_eq!((right.by, right.at), (by, at(100)), "it came after what was known");
    }
}

#[test]
fn does_a_look_after_an_unsure_write_end_it_either_way() {
    for (found, arrived) in [("Bea", true), ("Ann", false)] {
        let (mut pair, _) = with_words_in_flight();
        pair.sent[Side::Right].as_mut().unwrap().unsure = true;
        read(&mut pair, Side::Right, 20, [(FIRST_NAME, shown(found)), (EMAIL, shown("ann@example.com"))]);
        agree(&mut pair, &policy());
        assert_eq!(pair.sent[Side::Right], None);
        assert_eq!(pair.base[&FIRST_NAME].value, text(if arrived { "Bea" } else { "Ann" }));
        assert_eq!(plan(&pair, &policy()).is_empty(), arrived, "what did not arrive is planned anew");
    }
}

#[test]
fn is_an_edit_from_the_future_clamped() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 1_000_000));
    assert_eq!(field(&pair, Side::Left, FIRST_NAME).at, policy().latest);
}

#[test]
fn are_values_compared_by_meaning_but_kept_as_typed() {
    let mut pair = settled();
    assert_eq!(read(&mut pair, Side::Right, 20, [(EMAIL, shown("ANN@Example.com"))]), Effect::Nothing);
    hear(&mut pair, Side::Left, PHONE, typed("+1 (555) 010-0100", 5));
    hear(&mut pair, Side::Right, PHONE, typed("+15550100100", 6));
    agree(&mut pair, &policy());
    assert_eq!(plan(&pair, &policy()), [], "nothing is rewritten for form alone");
    assert_eq!(value(&pair, Side::Left, PHONE), Some("+1 (555) 010-0100"));
}

#[test]
fn what_does_news_of_a_deleted_record_do() {
    let mut pair = settled();
    assert_eq!(gone(&mut pair, Side::Right, &RecordId::new("other"), at(20)), Effect::Nothing);
    assert_eq!(pair, settled(), "it was another record");
    assert_eq!(gone(&mut pair, Side::Right, &id(Side::Right), at(20)), Effect::Changed);
    let deleted = pair.clone();
    assert_eq!(gone(&mut pair, Side::Right, &id(Side::Right), at(20)), Effect::Nothing);
    assert_eq!(hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 19)), Effect::Stale);
    assert_eq!(pair, deleted);
    assert_eq!(
        hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 21)),
        Effect::Changed,
        "it was restored"
    );
    assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Eva"));
}

#[test]
fn are_words_to_a_deleted_record_forgotten() {
    let (mut pair, _) = with_words_in_flight();
    gone(&mut pair, Side::Right, &id(Side::Right), at(20));
    assert_eq!(pair.sent[Side::Right], None);
    assert_eq!(plan(&pair, &policy()), []);
}

#[test]
fn does_nothing_that_is_printed_for_debugging_show_a_value() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, EMAIL, typed("secret.person@example.com", 5));
    hear(&mut pair, Side::Left, PHONE, typed("+49 30 1234567", 5));
    let heard: Heard = typed("secret.person@example.com", 5);
    let op = plan(&pair, &policy());
    let printed = format!("{pair:?} {heard:?} {op:?} {:#?}", text("secret.person@example.com"));
    for part in ["secret", "ann@", "Ann", "example.com", "1234567"] {
        assert!(!printed.contains(part), "P13: {part:?} is in {printed}");
    }
    assert!(printed.contains("<25 chars>"), "what is there instead tells its length");
}

fn present_mut(pair: &mut Pair, side: Side) -> &mut sync_core::model::Present {
    pair.present_mut(side).unwrap()
}
