//! When is a record to be told of its twin, and what if it does not take it?

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{at, hear, policy, present, settled, text, typed};
use sync_core::decide::{Links, Op, Outcome, Policy, intend, named, plan, settle};
use sync_core::model::entity::{FIRST_NAME, PHONE};
use sync_core::model::{PerSide, Properties, Record, RecordId, Side};

fn linking(links: Links) -> Policy {
    Policy { links: PerSide { left: Links::Never, right: links }, ..policy() }
}

#[test]
fn does_a_refused_link_cost_the_edit_beside_it_no_more_than_another_call() {
    let policy = linking(Links::Beside);
    let mut pair = settled();
    hear(&mut pair, Side::Left, PHONE, typed("1", 5));
    hear(&mut pair, Side::Right, PHONE, common::shown(""));
    for (expected, outcome) in [
        (true, Outcome::Refused { reason: "too many keys".to_owned(), fields: vec![PHONE] }),
        (false, Outcome::NotDone),
    ] {
        let op = plan(&pair, &policy).remove(0);
        let Op::Update { fields, link, .. } = &op else { panic!("{op:?}") };
        assert_eq!((fields[&PHONE].value.clone(), link.is_some()), (text("1"), expected));
        intend(&mut pair, &policy, &op, Properties::new(), at(6));
        settle(&mut pair, &policy, Side::Right, outcome);
        assert!(pair.refused.right.fields.is_empty());
    }
}

#[test]
fn is_a_link_of_its_own_named_last_and_meets_no_edit_on_its_way() {
    let policy = linking(Links::Apart);
    let mut pair = settled();
    let op = plan(&pair, &policy).remove(0);
    assert!(op.is_link());
    intend(&mut pair, &policy, &op, Properties::new(), at(6));
    hear(&mut pair, Side::Right, FIRST_NAME, typed("Bo", 7));
    assert!(!present(&pair, Side::Right).doubt, "an edit meanwhile need not be read");
    settle(&mut pair, &policy, Side::Right, Outcome::NotDone);
    hear(&mut pair, Side::Left, PHONE, common::shown(""));
    assert!(!plan(&pair, &policy)[0].is_link(), "the edit comes first");
    assert_eq!(plan(&pair, &policy).iter().filter(|op| op.is_link()).count(), 0);
}

#[test]
fn is_a_link_that_was_stale_put_right_once() {
    let policy = linking(Links::Apart);
    let mut pair = settled();
    let record = |twin: &str| Record {
        twin: Some(RecordId::new(twin)),
        ..Record::new(common::id(Side::Right), Properties::new())
    };
    named(&mut pair, Side::Right, &record("old"));
    let op = plan(&pair, &policy).remove(0);
    intend(&mut pair, &policy, &op, Properties::new(), at(6));
    let done = Outcome::Done { id: common::id(Side::Right), shown: Default::default(), at: at(7) };
    settle(&mut pair, &policy, Side::Right, done);
    named(&mut pair, Side::Right, &record("old"));
    assert_eq!(plan(&pair, &policy), []);
}

#[test]
fn does_a_record_that_we_made_know_its_twin() {
    let mut pair = common::newcomer();
    common::begin(&mut pair, 3);
    let done = Outcome::Done { id: common::id(Side::Right), shown: Default::default(), at: at(3) };
    settle(&mut pair, &policy(), Side::Right, done);
    assert_eq!(present(&pair, Side::Right).linked, Some(common::id(Side::Left)));
}

#[test]
fn is_a_link_not_written_that_was_put_right_already() {
    let mut pair = settled();
    // The left record had another name before it was merged.
    pair.present_mut(Side::Right).expect("it is there").linked = Some(RecordId::new("old"));
    assert!(plan(&pair, &linking(Links::Apart)).iter().any(Op::is_link));
    let twin = Some(common::id(Side::Left));
    let record = Record { twin, ..Record::new(common::id(Side::Right), Properties::new()) };
    named(&mut pair, Side::Right, &record);
    assert_eq!(plan(&pair, &linking(Links::Apart)), []);
}

#[test]
fn is_only_a_record_told_that_does_not_name_its_twin() {
    let apart = linking(Links::Apart);
    let twin = common::id(Side::Left);
    let seen = |id: &str, twin: Option<&RecordId>| {
        let mut pair = settled();
        let record = Record { twin: twin.cloned(), ..Record::new(RecordId::new(id), Properties::new()) };
        named(&mut pair, Side::Right, &record);
        plan(&pair, &apart).iter().any(Op::is_link)
    };
    let right = common::id(Side::Right);
    assert!(!seen(right.as_str(), Some(&twin)), "it does");
    assert!(seen(right.as_str(), None), "it names none");
    assert!(seen(right.as_str(), Some(&right)), "it names another");
    assert!(seen("other", Some(&twin)), "another record does");
}

#[test]
fn is_a_mere_link_planned_only_where_it_may_have_a_call_of_its_own() {
    for (links, planned) in [(Links::Never, 0), (Links::Beside, 0), (Links::Apart, 1)] {
        assert_eq!(plan(&settled(), &linking(links)).len(), planned, "{links:?}");
    }
    for (links, carried) in [(Links::Never, false), (Links::Beside, true), (Links::Apart, false)] {
        let mut pair = settled();
        hear(&mut pair, Side::Left, FIRST_NAME, typed("Bo", 5));
        let op = plan(&pair, &linking(links)).remove(0);
        assert!(!op.is_link());
        assert!(matches!(op, Op::Update { link, .. } if link.is_some() == carried), "{links:?}");
    }
}
