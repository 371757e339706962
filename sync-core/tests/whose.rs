//! Whose is a record that turns up?

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::{at, begin, id, newcomer, settled};
use sync_core::decide::gone;
use sync_core::decide::identity::{How, Whose, whose};
use sync_core::model::{Pair, RecordId, Side};

/// The record is being created on the right.
fn creating() -> Pair {
    let mut pair = newcomer();
    begin(&mut pair, 3);
    pair
}

#[test]
fn whose_is_a_record() {
    let (mine, other) = (id(Side::Right), RecordId::new("other"));
    let mut deleted = settled();
    gone(&mut deleted, Side::Right, &mine, at(20));
    let mut rivalled = creating();
    rivalled.aliases[Side::Right] = vec![other.clone()];
    let mut survived = deleted.clone();
    survived.aliases[Side::Right] = vec![other.clone()];
    let table = [
        ("known by its id", settled(), &mine, How::Id, Whose::Twin),
        ("a second one with the same email", settled(), &other, How::Match, Whose::Alias),
        ("a second one with our mark", settled(), &other, How::Mark, Whose::Alias),
        ("the first one with the same email", newcomer(), &other, How::Match, Whose::Twin),
        ("the same email, while ours is on its way", creating(), &other, How::Match, Whose::Alias),
        ("an alias by its id, while ours is on its way", rivalled, &other, How::Id, Whose::Alias),
        ("our mark, while ours is on its way", creating(), &other, How::Mark, Whose::Twin),
        ("named by the other side, while ours is on its way", creating(), &other, How::Twin, Whose::Twin),
        ("the one that was deleted", deleted.clone(), &mine, How::Id, Whose::Twin),
        ("an alias of the one that was deleted", survived, &other, How::Match, Whose::Alias),
        ("a new one after a deletion", deleted, &other, How::Match, Whose::Twin),
    ];
    for (case, pair, record, how, expected) in table {
        assert_eq!(whose(&pair, Side::Right, record, how), expected, "{case}");
    }
}
