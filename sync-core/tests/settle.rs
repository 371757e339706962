//! How did it go, and what follows?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use sync_core::decide::{
    Heard, Op, Outcome, Source, agree, intend, is_blocked, not_found, not_ours, observe, plan, settle,
};
use sync_core::model::entity::{EMAIL, FIRST_NAME, PHONE};
use sync_core::model::{
    Author, By, Field, Fields, OpId, Pair, Pending, Properties, RecordId, Seen, Sent, SentKind, Side,
};

const HOUR: i64 = 3_600;

/// The record is being created on the right.
fn creating() -> (Pair, OpId) {
    let mut pair = newcomer();
    let (op, name) = begin(&mut pair, 3);
    assert!(matches!(op, Op::Create { side: Side::Right, .. }));
    (pair, name.unwrap())
}

/// The right first name is being changed from `Ann` to `Bea`.
fn updating() -> (Pair, OpId) {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    let (op, name) = begin(&mut pair, 10);
    assert!(matches!(op, Op::Update { side: Side::Right, .. }));
    (pair, name.unwrap())
}

fn end(pair: &mut Pair, outcome: Outcome) {
    settle(pair, &policy(), Side::Right, outcome);
}

fn done(fields: &[(Field, &str)], seconds: i64) -> Outcome {
    let shown: Fields = fields.iter().map(|(field, value)| (field.clone(), text(value))).collect();
    Outcome::Done { id: id(Side::Right), shown, at: at(seconds) }
}

fn refused(fields: &[Field]) -> Outcome {
    Outcome::Refused { reason: "INVALID".to_owned(), fields: fields.to_vec() }
}

fn sent(pair: &Pair) -> Option<&Sent> {
    pair.sent[Side::Right].as_ref()
}

#[test]
fn is_every_write_remembered_before_it_is_made() {
    let mut pair = newcomer();
    let op = plan(&pair, &policy()).remove(0);
    let body = Properties::from([("email".to_owned(), text("ann@example.com"))]);
    let name = intend(&mut pair, &policy(), &op, body.clone(), at(3));
    let sent = sent(&pair).expect("P4: the intent is part of the pair");
    assert_eq!((Some(&sent.op), sent.kind, &sent.body), (name.as_ref(), SentKind::Create, &body));
    assert_eq!(sent.fields[&EMAIL].value, text("ann@example.com"), "and so is what was decided");
    assert_eq!(Pair::of_op(&sent.op), Some(pair.id.clone()), "its name leads back to the pair");
}

#[test]
fn does_asking_a_question_leave_nothing_to_remember() {
    let questions = [
        Op::Find { side: Side::Right, match_value: None },
        Op::Read { side: Side::Left, id: id(Side::Left), heard: 1 },
    ];
    for op in questions {
        let mut pair = newcomer();
        let before = pair.clone();
        assert_eq!(intend(&mut pair, &policy(), &op, Properties::new(), at(3)), None);
        assert_eq!(pair, before);
    }
}

#[test]
fn do_two_writes_of_one_pair_never_have_one_name() {
    let (mut pair, first) = updating();
    end(&mut pair, Outcome::NotDone);
    let (_, second) = begin(&mut pair, 11);
    assert_ne!(Some(first), second);
}

#[test]
fn is_nothing_left_to_do_after_a_write_that_was_done() {
    let (mut pair, _) = creating();
    end(&mut pair, done(&[(EMAIL, "ann@example.com"), (FIRST_NAME, "Ann")], 4));
    assert_eq!(sent(&pair), None);
    assert_eq!(plan(&pair, &policy()), [], "P6: one effective write");
    assert_eq!(field(&pair, Side::Right, FIRST_NAME).by, By::Us);

    let (mut pair, _) = updating();
    end(&mut pair, done(&[], 11));
    assert_eq!(
        value(&pair, Side::Right, FIRST_NAME),
        Some("Bea"),
        "what is not mentioned shows what was sent"
    );
    assert_eq!(pair.base[&FIRST_NAME].value, text("Bea"));
    assert_eq!(plan(&pair, &policy()), []);
}

#[test]
fn does_the_echo_of_a_write_that_was_done_cost_nothing() {
    let (mut pair, name) = updating();
    end(&mut pair, done(&[(FIRST_NAME, "Bea")], 11));
    hear(&mut pair, Side::Right, FIRST_NAME, edited("Bea", 11, Author::Us(Some(name))));
    assert_eq!(plan(&pair, &policy()), []);
    assert!(!in_doubt(&pair, Side::Right));
}

#[test]
fn is_a_creation_whose_echo_came_first_adopted_once() {
    let person = &[(EMAIL, "ann@example.com"), (FIRST_NAME, "Ann")][..];
    let table = [
        ("our creation", person, None, false),
        ("only a part of it", &[(EMAIL, "ann@example.com")], None, true),
        ("not as we made it", &[(EMAIL, "ann@example.com"), (FIRST_NAME, "Eva")], None, true),
        ("more than we made", &[(EMAIL, "ann@example.com"), (FIRST_NAME, "Ann"), (PHONE, "1")], None, true),
        ("made by a person", person, Some(Author::Other), true),
        ("made by we do not know whom", person, Some(Author::Unknown), true),
        ("made by us, but when?", person, Some(Author::Us(None)), true),
    ];
    for (case, fields, author, is_read) in table {
        let (mut pair, name) = creating();
        let author = || author.clone().unwrap_or(Author::Us(Some(name.clone())));
        let echo = fields.iter().map(|(field, value)| (field.clone(), edited(value, 4, author())));
        observe(&mut pair, &policy(), Side::Right, &seen(Side::Right, Source::Event, 4, echo));
        assert_eq!(plan(&pair, &policy()), [], "P3: nothing is created again meanwhile");
        end(&mut pair, done(&[(EMAIL, "ann@example.com"), (FIRST_NAME, "Ann")], 4));
        assert_eq!(present(&pair, Side::Right).id, id(Side::Right));
        let ops = plan(&pair, &policy());
        let reads = ops.iter().filter(|op| matches!(op, Op::Read { .. })).count();
        assert_eq!((reads, ops.len()), (usize::from(is_read), usize::from(is_read)), "{case}");
    }
}

#[test]
fn is_what_is_told_of_a_creation_before_its_answer_still_known_after_it() {
    let (mut pair, _) = creating();
    hear(&mut pair, Side::Right, PHONE, typed("+1555", 5));
    end(&mut pair, done(&[(EMAIL, "ann@example.com"), (FIRST_NAME, "Ann")], 4));
    assert_eq!(value(&pair, Side::Right, PHONE), Some("+1555"));
}

#[test]
fn is_a_value_that_was_stored_differently_set_aside_and_not_fought_over() {
    let (mut pair, _) = updating();
    end(&mut pair, done(&[(FIRST_NAME, "Be")], 11));
    assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Be"));
    assert_eq!(plan(&pair, &policy()), [], "no oscillation");
    assert!(pair.refused[Side::Right].fields.contains_key(&FIRST_NAME), "and nothing silent");
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Eva", 12));
    assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Eva"))].into());
}

#[test]
fn is_an_edit_that_came_while_we_wrote_not_taken_for_covered() {
    let (mut pair, _) = updating();
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Eva", 12));
    end(&mut pair, done(&[(FIRST_NAME, "Bea")], 11));
    assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some("Eva"), "P5: it came after our words");
    // The same, found by a read while we wrote.
    let table =
        [("before it", 10, "Eva", false), ("in its second", 11, "Eva", true), ("after it", 12, "Bea", false)];
    for (case, second, then, doubt) in table {
        let (mut pair, _) = updating();
        read(&mut pair, Side::Right, 11, [(FIRST_NAME, shown("Eva"))]);
        end(&mut pair, done(&[(FIRST_NAME, "Bea")], second));
        assert_eq!(value(&pair, Side::Right, FIRST_NAME), Some(then), "we wrote {case}");
        assert_eq!(in_doubt(&pair, Side::Right), doubt, "we wrote {case}");
    }
}

/// An answer that comes late gives a late time: what was typed before it, unheard, must not lose against an emptiness that
/// nobody made.
#[test]
fn does_a_word_stand_that_was_typed_before_the_answer_to_a_creation_told_of_an_empty_field() {
    let mut pair = newcomer();
    read(&mut pair, Side::Left, 10, [(PHONE, Heard::default())]);
    begin(&mut pair, 11);
    end(&mut pair, done(&[], 30));
    hear(&mut pair, Side::Right, PHONE, typed("555", 5));
    read(&mut pair, Side::Right, 31, [(PHONE, Heard::default())]);
    assert_eq!(wanted(&pair, Side::Left).get(&PHONE), Some(&text("555")), "although ours covers it");
}

#[test]
fn is_a_record_that_exists_already_adopted_and_read() {
    let (mut pair, _) = creating();
    end(&mut pair, Outcome::Exists(RecordId::new("other")));
    assert_eq!(pair.sides[Side::Right], Seen::unread(RecordId::new("other")));
    assert!(matches!(plan(&pair, &policy())[..], [Op::Read { side: Side::Right, .. }]), "P3");
}

#[test]
fn is_an_email_that_another_record_holds_set_aside() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, EMAIL, typed("taken@example.com", 10));
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Bea", 10));
    begin(&mut pair, 10);
    end(&mut pair, Outcome::Exists(RecordId::new("other")));
    assert_eq!(present(&pair, Side::Right).id, id(Side::Right), "it stays who it is");
    assert_eq!(wanted(&pair, Side::Right), [(FIRST_NAME, text("Bea"))].into(), "the rest goes on");
    assert!(pair.refused[Side::Right].fields.contains_key(&EMAIL));
}

#[test]
fn is_only_the_field_at_fault_set_aside_when_the_vendor_names_it() {
    let mut pair = newcomer();
    hear(&mut pair, Side::Left, PHONE, typed("no number", 2));
    begin(&mut pair, 3);
    end(&mut pair, refused(&[PHONE]));
    let rest = [(EMAIL, text("ann@example.com")), (FIRST_NAME, text("Ann"))];
    assert_eq!(wanted(&pair, Side::Right), rest.into());
    assert_eq!(pair.refused[Side::Right].fields[&PHONE].reason, "INVALID");
}

#[test]
fn is_a_refusal_forgotten_once_both_sides_hold_something_else() {
    let mut pair = settled();
    hear(&mut pair, Side::Left, EMAIL, typed("ann@example.con", 10));
    begin(&mut pair, 10);
    end(&mut pair, refused(&[EMAIL]));
    hear(&mut pair, Side::Right, EMAIL, typed("bea@example.com", 20));
    begin(&mut pair, 20);
    let shown = Fields::from([(EMAIL, text("bea@example.com"))]);
    let done = Outcome::Done { id: id(Side::Left), shown, at: at(21) };
    settle(&mut pair, &policy(), Side::Left, done);
    agree(&mut pair, &policy());
    assert!(pair.refused[Side::Right].fields.is_empty(), "nobody wants the refused value any more");
}

#[test]
fn are_two_fields_that_were_blamed_together_tried_again_together() {
    let (mut pair, _) = creating();
    end(&mut pair, refused(&[EMAIL, FIRST_NAME]));
    assert_eq!(plan(&pair, &policy()), [], "nothing is left to create");
    hear(&mut pair, Side::Left, FIRST_NAME, typed("Anna", 5));
    let both = [(EMAIL, text("ann@example.com")), (FIRST_NAME, text("Anna"))];
    assert_eq!(wanted(&pair, Side::Right), both.into(), "the one may have been refused because of the other");
    begin(&mut pair, 6);
    end(&mut pair, refused(&[EMAIL]));
    assert_eq!(plan(&pair, &policy()), [], "now it is known which");
}

#[test]
fn is_the_whole_content_set_aside_when_the_vendor_blames_nothing_we_sent() {
    for blamed in [&[][..], &[PHONE]] {
        let (mut pair, _) = creating();
        end(&mut pair, refused(blamed));
        assert_eq!(plan(&pair, &policy()), []);
        assert!(is_blocked(&pair, &policy()));
        hear(&mut pair, Side::Left, FIRST_NAME, typed("Anna", 5));
        assert!(matches!(plan(&pair, &policy())[..], [Op::Create { .. }]), "another content is tried");

        let (mut pair, _) = updating();
        end(&mut pair, refused(blamed));
        assert_eq!(plan(&pair, &policy()), []);
        assert!(is_blocked(&pair, &policy()));
        hear(&mut pair, Side::Left, PHONE, typed("+1555", 12));
        hear(&mut pair, Side::Right, PHONE, typed("", 1));
        let both = [(FIRST_NAME, text("Bea")), (PHONE, text("+1555"))];
        assert_eq!(wanted(&pair, Side::Right), both.into(), "another content is tried");
    }
}

#[test]
fn is_a_write_planned_again_that_was_certainly_not_done() {
    let (mut pair, _) = updating();
    let before = wanted(&settled_with("Bea"), Side::Right);
    end(&mut pair, Outcome::NotDone);
    assert_eq!(sent(&pair), None);
    assert_eq!(wanted(&pair, Side::Right), before);
}

/// A settled pair whose left first name was changed.
fn settled_with(name: &str) -> Pair {
    let mut pair = settled();
    hear(&mut pair, Side::Left, FIRST_NAME, typed(name, 10));
    pair
}

#[test]
fn is_a_creation_that_may_have_happened_looked_for_and_adopted_when_found() {
    let (mut pair, name) = creating();
    end(&mut pair, Outcome::Unsure);
    assert!(matches!(plan(&pair, &policy())[..], [Op::Find { side: Side::Right, .. }]), "P3: look first");
    assert_eq!(sent(&pair).map(|s| (&s.op, s.unsure)), Some((&name, true)));
    let fields = [(EMAIL, shown("ann@example.com")), (FIRST_NAME, shown("Ann"))];
    read(&mut pair, Side::Right, 9, fields);
    assert_eq!((sent(&pair), plan(&pair, &policy())), (None, vec![]), "it is there, and nothing is missing");
}

#[test]
fn is_a_creation_that_is_not_found_repeated_under_its_old_name() {
    let (mut pair, name) = creating();
    let body = sent(&pair).unwrap().body.clone();
    end(&mut pair, Outcome::Unsure);
    not_found(&mut pair, Side::Right, at(9));
    assert_eq!(plan(&pair, &policy()), [Op::Repeat { side: Side::Right }]);
    let again = intend(&mut pair, &policy(), &Op::Repeat { side: Side::Right }, Properties::new(), at(9));
    assert_eq!(again.as_ref(), Some(&name), "P3: the far side knows the name, should it have arrived");
    assert_eq!(sent(&pair).map(|s| (&s.body, s.unsure, s.repeat)), Some((&body, false, false)));
    assert_eq!(plan(&pair, &policy()), [], "it is in flight again");
}

#[test]
fn is_a_creation_made_anew_once_the_far_side_may_have_forgotten_its_name() {
    for (age, repeats) in [(19 * HOUR, true), (20 * HOUR, true), (20 * HOUR + 1, false)] {
        let (mut pair, name) = creating();
        end(&mut pair, Outcome::Unsure);
        not_found(&mut pair, Side::Right, at(3 + age));
        let (op, again) = begin(&mut pair, 3 + age);
        assert_eq!(matches!(op, Op::Repeat { .. }), repeats, "after {age} s");
        assert_eq!(again == Some(name), repeats, "after {age} s");
    }
}

#[test]
fn does_a_look_that_finds_nothing_allow_a_creation() {
    let mut pair = newcomer();
    not_found(&mut pair, Side::Right, at(5));
    assert_eq!(pair.sides[Side::Right], Seen::Unknown { looked: true });
    begin(&mut pair, 6);
    not_found(&mut pair, Side::Right, at(7));
    assert_eq!(
        sent(&pair).map(|s| (s.unsure, s.repeat)),
        Some((false, false)),
        "its answer is still to come"
    );
}

#[test]
fn is_a_record_that_somebody_else_made_not_taken_for_ours() {
    let (mut pair, _) = creating();
    end(&mut pair, Outcome::Unsure);
    not_ours(&mut pair, Side::Right);
    read(&mut pair, Side::Right, 9, [(FIRST_NAME, shown("Ann"))]);
    assert_eq!((sent(&pair), field(&pair, Side::Right, FIRST_NAME).by), (None, By::Nobody));
    let (mut pair, _) = updating();
    not_ours(&mut pair, Side::Right);
    assert!(sent(&pair).is_some(), "it is only asked about creations");
}

#[test]
fn is_an_activity_told_again_after_an_unsure_telling_and_never_after_a_refusal() {
    for (outcome, again) in [(Outcome::Unsure, true), (Outcome::NotDone, true), (refused(&[]), false)] {
        let mut pair = settled();
        pair.activities = vec![pending("pay-1")];
        let (op, _) = begin(&mut pair, 5);
        assert!(matches!(op, Op::Emit { side: Side::Left, .. }));
        settle(&mut pair, &policy(), Side::Left, outcome);
        assert_eq!(pair.sent[Side::Left], None, "its own identity makes a repetition harmless");
        assert_eq!(plan(&pair, &policy()) == [op], again);
        assert_eq!(pair.activities[0].refused.is_none(), again, "P8: it is never dropped");
    }
}

#[test]
fn which_activity_was_refused() {
    let mut pair = settled();
    let refused_before = Pending { refused: Some("old".to_owned()), ..pending("pay-1") };
    let of_the_other_side = Pending { from: Side::Left, ..pending("pay-2") };
    pair.activities = vec![refused_before, of_the_other_side, pending("pay-3"), pending("pay-4")];
    begin(&mut pair, 5);
    settle(&mut pair, &policy(), Side::Left, refused(&[]));
    let reasons: Vec<_> = pair.activities.iter().map(|p| p.refused.as_deref()).collect();
    assert_eq!(reasons, [Some("old"), None, Some("INVALID"), None]);
}

#[test]
fn does_an_alias_become_the_twin_when_our_creation_comes_to_nothing() {
    let table =
        [(Outcome::NotDone, true), (refused(&[]), true), (Outcome::Unsure, false), (done(&[], 5), false)];
    for (outcome, promoted) in table {
        let (mut pair, _) = creating();
        pair.aliases[Side::Right] = vec![RecordId::new("rival")];
        end(&mut pair, outcome.clone());
        let rival = pair.record_id(Side::Right) == Some(&RecordId::new("rival"));
        assert_eq!(rival, promoted, "{outcome:?}");
        assert_eq!(pair.aliases[Side::Right].is_empty(), promoted, "{outcome:?}");
        assert_eq!(rival, promoted && in_doubt(&pair, Side::Right), "it must be read");
    }
}

#[test]
fn does_an_outcome_without_words_in_flight_do_nothing() {
    let mut pair = settled();
    let before = pair.clone();
    end(&mut pair, done(&[(FIRST_NAME, "Eva")], 9));
    assert_eq!(pair, before);
}
