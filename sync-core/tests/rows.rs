//! Are rows that earlier versions wrote still read, and what is in a row that this one writes?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sync_core::journal::{Draft, Journal};
use sync_core::model::entity::{EMAIL, PHONE};
use sync_core::model::{
    Activity, Agreed, By, ByField, Class, Due, Field, Fields, Known, Lost, Moment, OpId, Pair, PairId,
    Pending, PerSide, Present, Properties, RecordId, Refusal, Refusals, Said, Seen, Sent, SentKind, Setback,
    Shown, Side, Timestamp, Unsettled, Value,
};
use sync_core::store::{Batch, Store, Table};
use sync_core::stores::MemoryStore;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + ms)
}

/// A pair of which nothing is as in most rows.
fn busy() -> Pair {
    let said = Said { value: Value::new("ann@old.example"), at: at(1), over: 7 };
    let moment = Moment { at: at(2), print: 8, over: 9 };
    let email = Shown {
        floor: Some(at(1)),
        covered: Some(said.clone()),
        over: 7,
        passed: vec![moment],
        ..Shown::new(Value::new("ann@new.example"), at(2), true, By::Us)
    };
    let phone = Shown::new(None, at(1), false, By::Nobody);
    let fields = ByField::from([(EMAIL, email), (PHONE, phone)]);
    let left = Present {
        heard: 3,
        linked: Some(RecordId::new("cus_1")),
        ..Present::new(RecordId::new("101"), fields, true)
    };
    let mut pair = Pair::new(PairId::new("abc-1"));
    pair.sides = PerSide { left: Seen::Present(Box::new(left)), right: Seen::Unknown { looked: true } };
    pair.aliases.right.push(RecordId::new("cus_2"));
    pair.base = ByField::from([(EMAIL, agreed())]);
    pair.read.left = Some(at(3));
    pair.sent.right = Some(sent());
    pair.refused.left = refusals();
    pair.held.right = true;
    let details = BTreeMap::from([("amount".to_owned(), "5".to_owned())]);
    let activity = Activity { id: "pi_1".to_owned(), at: at(4), details };
    pair.activities = vec![Pending { from: Side::Right, activity, refused: Some("no".to_owned()) }];
    pair.history = vec![Lost { field: EMAIL, side: Side::Left, said }];
    pair.unsettled = Unsettled { events: 2, changed: true };
    pair.ops = 4;
    pair.class = Class::Import;
    pair.setback = Some(Setback { attempts: 1, until: at(5) });
    pair.due = Some(Due { side: Side::Left, class: Class::New, since: at(6) });
    pair
}

fn agreed() -> Agreed {
    let moment = Moment { at: at(2), print: 8, over: 0 };
    Agreed {
        value: Value::new("ann@new.example"),
        from: Side::Right,
        at: at(2),
        heard: PerSide {
            left: Known { before: at(2), and: [moment].into_iter().collect() },
            right: Known::default(),
        },
        held: PerSide { left: Some(at(2)), right: None },
        restated: PerSide { left: true, right: false },
        // Rows of format 1 may be older than this.
        chance: PerSide::default(),
        rival: None,
    }
}

fn sent() -> Sent {
    Sent {
        op: OpId::new("abc-1.4"),
        kind: SentKind::Create,
        fields: ByField::from([(EMAIL, agreed())]),
        restated: Fields::from([(PHONE, None)]),
        link: Some(RecordId::new("101")),
        body: Properties::from([("email".to_owned(), Value::new("ann@new.example"))]),
        at: at(6),
        unsure: true,
        repeat: true,
    }
}

fn refusals() -> Refusals {
    let email: (Field, Refusal) = (
        EMAIL,
        Refusal { value: None, reason: "needed".to_owned(), with: Fields::from([(PHONE, Value::new("1"))]) },
    );
    Refusals {
        fields: ByField::from([email]),
        whole: Some((Fields::from([(PHONE, None)]), "all of it".to_owned())),
    }
}

/// A store as format 1 left it, with rows that it wrote: a pair of which nothing is as in most, and one of which all is.
async fn old_store() -> MemoryStore {
    let store = MemoryStore::new();
    let mut batch = Batch::default();
    batch.put(Table::Meta, "format", "1");
    for (id, row) in ["abc-1", "abc-2"].into_iter().zip(include_str!("rows/format_1.jsonl").lines()) {
        batch.put(Table::Pairs, id, row);
    }
    store.commit(batch).await.unwrap();
    store
}

async fn keep(journal: &Journal, pair: &Pair) {
    let mut draft = Draft::new(journal.clone());
    draft.put_pair(pair);
    journal.commit(draft.take()).await.unwrap();
}

#[tokio::test]
async fn is_a_store_of_format_1_opened_and_read() {
    let store = old_store().await;
    let journal = Journal::open(Arc::new(store.clone())).await.unwrap();
    let plain = Pair::new(PairId::new("abc-2"));
    assert_eq!(journal.pairs_after(None, 9).await.unwrap(), [busy(), plain.clone()]);
    assert_eq!(
        store.get(Table::Meta, b"format").await.unwrap().unwrap(),
        "2",
        "from here on format 1 refuses it"
    );
    let left = (&RecordId::new("101"), &busy().fields(Side::Left));
    assert!(!journal.is_as_believed(&busy().id, Side::Left, left).await.unwrap(), "old rows do not know");
    for pair in [busy(), plain] {
        keep(&journal, &pair).await;
        assert_eq!(journal.pair(&pair.id).await.unwrap(), Some(pair));
    }
    assert!(journal.is_as_believed(&busy().id, Side::Left, left).await.unwrap(), "once written they do");
}

#[tokio::test]
async fn is_what_is_as_in_most_rows_left_out() {
    let store = MemoryStore::new();
    let journal = Journal::open(Arc::new(store.clone())).await.unwrap();
    keep(&journal, &Pair::new(PairId::new("abc-2"))).await;
    let row = store.get(Table::Pairs, b"abc-2").await.unwrap().unwrap();
    let zeros = "0".repeat(32);
    let unknown = r#"{"seen":"unknown"}"#;
    let expected =
        format!(r#"{{"prints":"{zeros}","id":"abc-2","sides":{{"left":{unknown},"right":{unknown}}}}}"#);
    assert_eq!(row, expected);
}

/// A side with one of two records, or none, and few enough values that two sides are often alike.
fn content() -> impl Strategy<Value = (RecordId, Fields)> {
    let id = prop_oneof!["1", "2", "1a"].prop_map(RecordId::new);
    let field = prop_oneof!["a", "b", "1a"].prop_map(Field::from);
    let value = prop_oneof!["", "a", "b", "ab"].prop_map(Value::new);
    (id, prop::collection::btree_map(field, value, 0..3).prop_map(Fields::from_iter))
}

fn seen(content: Option<&(RecordId, Fields)>) -> Seen {
    let Some((id, fields)) = content else { return Seen::Unknown { looked: true } };
    let shown = |value: &Option<Value>| Shown::new(value.clone(), at(1), false, By::Nobody);
    let fields = fields.iter().map(|(field, value)| (field.clone(), shown(value))).collect();
    Seen::Present(Box::new(Present::new(id.clone(), fields, false)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn is_a_record_as_believed_exactly_if_it_shows_what_its_pair_last_saw(
        left in prop::option::of(content()),
        right in prop::option::of(content()),
        listed in content(),
    ) {
        let pair = Pair {
            sides: PerSide { left: seen(left.as_ref()), right: seen(right.as_ref()) },
            ..Pair::new(PairId::new("abc-1"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
            keep(&journal, &pair).await;
            for (side, believed) in [(Side::Left, &left), (Side::Right, &right)] {
                for (id, fields) in left.iter().chain(&right).chain([&listed]) {
                    let answer = journal.is_as_believed(&pair.id, side, (id, fields)).await.unwrap();
                    let truth = believed.as_ref() == Some(&(id.clone(), fields.clone()));
                    assert_eq!(answer, truth, "{side} {id} {fields:?}");
                }
            }
        });
    }
}
