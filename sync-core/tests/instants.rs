//! By what is an edit known, and when was it taken into account?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{at, text};
use sync_core::model::{By, Known, Moment, Said, Shown, Timestamp, Value, print};

fn said(value: &str, seconds: i64) -> Said {
    Said { value: text(value), at: at(seconds), over: 0 }
}

fn ours_over(covered: Option<Said>) -> Shown {
    Shown { covered, ..Shown::new(text("Bea"), at(10), true, By::Us) }
}

#[test]
fn are_fingerprints_what_they_were_when_they_were_stored() {
    // FNV-1a of one byte, 1 if it is ours, and the text.
    let table = [
        ("", false, 84_696_351),
        ("", true, 67_918_732),
        ("Ann", false, 928_950_230),
        ("Ann", true, 1_515_326_383),
    ];
    for (value, ours, expected) in table {
        assert_eq!(print(Value::new(value).as_ref(), ours), expected, "{value:?}, ours: {ours}");
    }
}

#[test]
fn may_two_moments_be_one() {
    let moment = |seconds, print, over| Moment { at: at(seconds), print, over };
    let table = [
        ("the same", moment(1, 7, 5), true),
        ("it is not told what it took the place of", moment(1, 7, 0), true),
        ("it took the place of something else", moment(1, 7, 6), false),
        ("another value", moment(1, 8, 5), false),
        ("another time", moment(2, 7, 5), false),
    ];
    for (case, other, same) in table {
        assert_eq!(moment(1, 7, 5).may_be(&other), same, "{case}");
        assert_eq!(other.may_be(&moment(1, 7, 5)), same, "{case}");
    }
}

#[test]
fn is_what_an_edit_took_the_place_of_stored_if_it_was_told() {
    for over in [0, 5] {
        let said = Said { over, ..said("Ann", 10) };
        let shown = Shown { over, passed: vec![said.moment()], ..ours_over(Some(said)) };
        let stored = serde_json::to_string(&shown).unwrap();
        assert_eq!(serde_json::from_str::<Shown>(&stored).unwrap(), shown);
        assert_eq!(stored.contains("over\""), over != 0, "{stored}");
    }
}

#[test]
fn who_said_what_is_shown() {
    assert_eq!(Shown::new(text("Ann"), at(10), true, By::Person).said(), Some(said("Ann", 10)));
    assert_eq!(Shown::new(text("Ann"), at(10), true, By::Nobody).said(), None);
    assert_eq!(ours_over(None).said(), None);
    assert_eq!(ours_over(Some(said("Ann", 9))).said(), Some(said("Ann", 9)));
}

#[test]
fn what_does_a_decision_take_into_account() {
    let (now, earlier) = (said("Cid", 10).moment(), said("Cid", 9).moment());
    let passed = |shown: Shown| Shown { passed: vec![now, earlier], ..shown };
    let found = |value| Shown::new(text(value), at(10), false, By::Nobody);
    let ann = said("Ann", 10).moment();
    let table = [
        ("nothing, since when is not known", passed(found("")), Some((10, vec![]))),
        ("what was found", passed(found("Ann")), Some((10, vec![now, ann]))),
        ("an edit", passed(Shown::new(text("Ann"), at(10), true, By::Person)), Some((10, vec![now, ann]))),
        (
            "an edit that ours covers",
            passed(ours_over(Some(said("Ann", 9)))),
            Some((9, vec![earlier, said("Ann", 9).moment()])),
        ),
        ("ours alone", passed(ours_over(None)), None),
    ];
    for (case, shown, expected) in table {
        let expected = expected.map(|(before, and)| Known { before: at(before), and: and.into() });
        assert_eq!(shown.known(), expected, "{case}");
    }
}

#[test]
fn which_edits_were_taken_into_account() {
    let known = Known { before: at(10), and: [said("Ann", 10).moment()].into_iter().collect() };
    let table = [("Eva", 9, true), ("Ann", 10, true), ("Eva", 10, false), ("Ann", 11, false)];
    for (value, second, covered) in table {
        assert_eq!(known.covers(&said(value, second)), covered, "{value} at {second}");
    }
    assert!(!Known::default().covers(&Said { at: Timestamp::EPOCH, ..said("Ann", 0) }));
}

#[test]
fn what_did_two_decisions_take_into_account() {
    let known = |seconds, values: &[&str]| Known {
        before: at(seconds),
        and: values.iter().map(|value| said(value, seconds).moment()).collect(),
    };
    assert_eq!(known(10, &["Ann"]).and(known(11, &["Eva"])), known(11, &["Eva"]));
    assert_eq!(known(11, &["Eva"]).and(known(10, &["Ann"])), known(11, &["Eva"]));
    assert_eq!(known(10, &["Ann", "Eva"]).and(known(10, &["Eva", "Cid"])), known(10, &["Ann", "Eva", "Cid"]));
}
