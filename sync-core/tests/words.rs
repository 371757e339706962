//! What do the words mean in which the brain thinks: values, times, sides, names of operations, news?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{at, id, purchase, settled, stranger, text};
use sync_core::decide::gone;
use sync_core::model::entity::{EMAIL, FIRST_NAME, LAST_NAME, PHONE};
use sync_core::model::{
    Author, Belief, Class, Entity, Field, Fields, Lost, News, OpId, Pair, PairId, PerSide, Properties,
    Record, Said, Side, Sighting, Timestamp, Value,
};

#[test]
fn when_do_two_values_mean_the_same() {
    let table = [
        (EMAIL, "Ann@Example.com ", "ann@example.com", true),
        (EMAIL, "ann@example.com", "ann+tag@example.com", false),
        (FIRST_NAME, "Ann", "ann", false),
        (PHONE, "+1 (555) 010-0100", "+15550100100", true),
        (PHONE, "001.555.010/0100", " +1\u{a0}555 0100100", true),
        (PHONE, "555 0100", "5550100", true),
        (PHONE, "555 0100", "+5550100", false),
        (PHONE, "555 0100 ext. 1", "55501001", false),
        (PHONE, "call my office ", "call my office", true),
        (PHONE, "()", "", false),
        (PHONE, "()", "-", false),
        (PHONE, "", "", true),
    ];
    for (field, one, other, same) in table {
        let is_same = |a, b| Entity::person().same(&field, text(a).as_ref(), text(b).as_ref());
        assert_eq!((is_same(one, other), is_same(other, one)), (same, same), "{one:?} and {other:?}");
    }
}

#[test]
fn by_what_is_a_record_matched_and_is_it_worth_creating() {
    let person = Entity::person();
    assert_eq!((person.name(), person.match_field()), ("person", Some(&EMAIL)));
    assert_eq!(person.fields().collect::<Vec<_>>(), [&EMAIL, &FIRST_NAME, &LAST_NAME, &PHONE]);
    let fields = |field: Field, value| Fields::from([(field, text(value))]);
    let thing = Entity::new("thing");
    let table = [
        (fields(EMAIL, "Ann@Example.com"), Some("ann@example.com"), true),
        (fields(EMAIL, ""), None, false),
        (fields(LAST_NAME, "Person"), None, true),
        (fields(PHONE, "+1555"), None, false),
    ];
    for (fields, key, worth) in table {
        assert_eq!((person.match_key(&fields).as_deref(), person.is_nameable(&fields)), (key, worth));
        assert_eq!(
            (thing.match_key(&fields), thing.is_nameable(&fields)),
            (None, true),
            "it asks for nothing"
        );
    }
}

#[test]
fn how_is_time_reckoned() {
    let ms = Timestamp::from_millis;
    assert_eq!(Timestamp::from_secs(2), ms(2_000));
    assert_eq!(Timestamp::from_secs(i64::MAX), ms(i64::MAX), "far away is not long ago");
    assert_eq!([1_999, 1_000, -1].map(|t| ms(t).as_secs()), [1, 1, -1], "rounded down");
    let second = Duration::from_secs(1);
    assert_eq!((ms(5).plus(second), ms(1_005).minus(second)), (ms(1_005), ms(5)));
    assert_eq!((ms(5).plus(Duration::MAX), ms(-5).minus(Duration::MAX)), (ms(i64::MAX), ms(i64::MIN)));
    assert_eq!((ms(1_005).since(ms(5)), ms(5).since(ms(6))), (second, Duration::ZERO));
}

#[test]
fn which_side_is_which() {
    let sides = PerSide::from_fn(|side| side.other());
    assert_eq!((sides[Side::Left], sides[Side::Right]), (Side::Right, Side::Left));
    assert_eq!(Side::BOTH.map(Side::index), [0, 1]);
    assert_eq!(Side::BOTH.map(|side| side.to_string()), ["left", "right"]);
}

#[test]
fn what_is_said_of_a_field_and_what_of_a_value() {
    assert_eq!((EMAIL.as_str(), format!("{EMAIL} {EMAIL:?}")), ("email", "email email".to_owned()));
    let value = Value::new("Ann").unwrap();
    assert!(value.as_str() == "Ann" && !format!("{value:?}").contains("Ann"), "P13");
}

#[test]
fn does_the_name_of_an_operation_tell_whose_it_is_and_never_come_again() {
    let mut pair = Pair::new(PairId::new("p.1"));
    let names = [pair.name_op(), pair.name_op(), pair.name_op()];
    assert!(names.iter().all(|name| Pair::of_op(name) == Some(PairId::new("p.1"))));
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
    assert_eq!(Pair::of_op(&OpId::new("somebody's")), None);
}

#[test]
fn how_much_is_kept_of_what_lost() {
    let lost = |second| {
        let said = Said { value: text("Ann"), at: at(second), over: 0 };
        Lost { field: FIRST_NAME, side: Side::Left, said }
    };
    let mut pair = stranger();
    let most = i64::try_from(Belief::HISTORY).unwrap();
    for second in (0..most).chain(0..most) {
        pair.remember(lost(second));
    }
    assert_eq!(pair.history, (0..most).map(lost).collect::<Vec<_>>(), "each once");
    pair.remember(lost(most));
    assert_eq!(pair.history, (1..=most).map(lost).collect::<Vec<_>>(), "P14: the oldest is forgotten");
}

#[test]
fn is_a_deleted_record_still_known_by_its_id() {
    let mut pair = settled();
    assert_eq!(pair.record_id(Side::Right), Some(&id(Side::Right)));
    gone(&mut pair, Side::Right, &id(Side::Right), at(20));
    assert_eq!(pair.record_id(Side::Right), Some(&id(Side::Right)));
    assert_eq!((pair.present(Side::Right), pair.fields(Side::Right)), (None, Fields::new()));
    assert_eq!(stranger().record_id(Side::Right), None);
}

#[test]
fn when_did_it_happen() {
    let record = || Record::new(id(Side::Left), Properties::new());
    let created = Sighting::created(record(), at(5));
    let (author, class) = (Author::Other, Class::New);
    assert_eq!(created, Sighting { record: record(), previous: None, at: at(5), author, class });
    let gone = News::Gone { id: id(Side::Left), at: at(6), author: Author::Other };
    let table = [
        (News::Seen(Box::new(created)), Some(at(5))),
        (gone, Some(at(6))),
        (News::Merged { into: id(Side::Left), from: vec![], at: at(7) }, Some(at(7))),
        (News::Happened { id: None, match_value: None, activity: purchase("pay-1") }, Some(at(1))),
        (News::Ignored { reason: "test".into() }, None),
        (News::Malformed { reason: String::new(), raw: Value::new("x").unwrap() }, None),
    ];
    for (news, when) in table {
        assert_eq!(news.at(), when, "{news:?}");
    }
}
