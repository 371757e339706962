//! Are rows that earlier versions wrote still read, and what is in a row that this one writes?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use sync_core::journal::{Draft, IndexKey, Journal};
use sync_core::model::entity::{EMAIL, PHONE};
use sync_core::model::{
    Activity, Agreed, Belief, By, ByField, Class, Due, Field, Fields, Known, Lost, Moment, OpId, Pair,
    PairId, Pending, PerSide, Present, Properties, RecordId, Refusal, Refusals, Said, Seen, Sent, SentKind,
    Setback, Shown, Side, Timestamp, Unsettled, Value,
};
use sync_core::store::{Batch, Change, Store, Table};
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
    pair.activities =
        vec![Pending { from: Side::Right, activity: Arc::new(activity), refused: Some("no".to_owned()) }];
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
        tried: PerSide::default(),
        restated: PerSide { left: true, right: false },
        // Rows of format 1 may be older than this.
        chance: PerSide::default(),
        beaten: None,
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
        again: false,
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

/// Stores a pair as it is `now`, over what is stored of it.
async fn keep(journal: &Journal, id: &PairId, now: Option<&Pair>) {
    let before = journal.pair(id).await.unwrap();
    let mut draft = Draft::new(journal.clone());
    draft.change_pair(id, before.as_ref(), now).await.unwrap();
    journal.commit(draft.take()).await.unwrap();
}

/// Makes a record lead to a pair.
async fn point(journal: &Journal, key: &IndexKey, pair: &PairId) {
    let mut draft = Draft::new(journal.clone());
    draft.put_index_once(key, pair).await.unwrap();
    journal.commit(draft.take()).await.unwrap();
}

async fn is_as_believed(journal: &Journal, key: &IndexKey, fields: &Fields) -> bool {
    let lead = Draft::new(journal.clone()).lead(key).await.unwrap();
    lead.is_some_and(|lead| lead.is_as_believed(fields))
}

#[tokio::test]
async fn is_a_store_of_format_1_opened_and_read() {
    let store = old_store().await;
    let journal = Journal::open(Arc::new(store.clone())).await.unwrap();
    let plain = Pair::new(PairId::new("abc-2"));
    assert_eq!(journal.pairs_after(None, 9).await.unwrap(), [busy(), plain.clone()]);
    assert_eq!(
        store.get(Table::Meta, b"format").await.unwrap().unwrap(),
        "4",
        "from here on format 1 refuses it"
    );
    for pair in [busy(), plain] {
        keep(&journal, &pair.id, Some(&pair)).await;
        assert_eq!(journal.pair(&pair.id).await.unwrap(), Some(pair));
    }
}

#[tokio::test]
async fn is_a_row_that_begins_with_prints_as_in_format_2_read() {
    let row = br#"{"prints":"00000000000000010000000000000000","id":"abc-2","#;
    let rest = br#""sides":{"left":{"seen":"unknown"},"right":{"seen":"unknown"}}}"#;
    let store = MemoryStore::new();
    let mut batch = Batch::default();
    batch.put(Table::Meta, "format", "2");
    batch.put(Table::Pairs, "abc-2", [&row[..], &rest[..]].concat());
    store.commit(batch).await.unwrap();
    let journal = Journal::open(Arc::new(store)).await.unwrap();
    let id = PairId::new("abc-2");
    assert_eq!(journal.pair(&id).await.unwrap(), Some(Pair::new(id)));
}

#[tokio::test]
async fn does_the_index_learn_what_is_believed_where_an_older_row_does_not_say() {
    let store = MemoryStore::new();
    let mut batch = Batch::default();
    batch.put(Table::Meta, "format", "2");
    batch.put(Table::Index, "i/left/101", r#""abc-1""#);
    store.commit(batch).await.unwrap();
    let journal = Journal::open(Arc::new(store.clone())).await.unwrap();
    let (key, believed) = (IndexKey::record(Side::Left, &RecordId::new("101")), busy().fields(Side::Left));
    assert_eq!(journal.find(&key).await.unwrap(), Some(busy().id));
    assert!(!is_as_believed(&journal, &key, &believed).await);
    let mut draft = Draft::new(journal.clone());
    draft.put_prints(&busy()).await.unwrap();
    let learnt = draft.take();
    assert_eq!(learnt.changes.len(), 1, "only of what leads to it");
    journal.commit(learnt).await.unwrap();
    assert!(is_as_believed(&journal, &key, &believed).await);
    draft.put_prints(&busy()).await.unwrap();
    assert!(draft.is_empty(), "and only once");
}

#[tokio::test]
async fn is_what_is_as_in_most_rows_left_out() {
    let store = MemoryStore::new();
    let journal = Journal::open(Arc::new(store.clone())).await.unwrap();
    let id = PairId::new("abc-2");
    keep(&journal, &id, Some(&Pair::new(id.clone()))).await;
    let row = store.get(Table::Pairs, b"abc-2").await.unwrap().unwrap();
    let unknown = r#"{"seen":"unknown"}"#;
    let expected = format!(r#"{{"sides":{{"left":{unknown},"right":{unknown}}}}}"#);
    assert_eq!(row, expected);
    assert_eq!(store.get(Table::Work, b"abc-2").await.unwrap(), None, "and of work that never was");
}

/// What a commit stores of a pair, by table.
async fn rows_of(journal: &Journal, before: &Pair, now: &Pair) -> Vec<Table> {
    let mut draft = Draft::new(journal.clone());
    draft.change_pair(&now.id, Some(before), Some(now)).await.unwrap();
    let change = |change: &Change| match change {
        Change::Put(table, ..) | Change::Delete(table, _) => *table,
    };
    draft.take().changes.iter().map(change).collect()
}

#[tokio::test]
async fn is_what_is_believed_left_alone_while_only_work_goes_on() {
    let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
    let before = busy();
    keep(&journal, &before.id, Some(&before)).await;
    let mut now = before.clone();
    now.ops += 1;
    assert_eq!(rows_of(&journal, &before, &now).await, [Table::Work]);
    now.read.left = Some(at(9));
    assert_eq!(rows_of(&journal, &before, &now).await, [Table::Pairs, Table::Work]);
    keep(&journal, &now.id, Some(&now)).await;
    assert_eq!(journal.pair(&now.id).await.unwrap().as_ref(), Some(&now));
    keep(&journal, &now.id, None).await;
    // Nothing of it comes back with the next of this name.
    let stranger = Pair::new(now.id.clone());
    keep(&journal, &now.id, Some(&stranger)).await;
    assert_eq!(journal.pair(&now.id).await.unwrap(), Some(stranger));
}

#[tokio::test]
async fn has_each_activity_to_be_told_a_row_of_its_own() {
    let store = MemoryStore::new();
    let journal = Journal::open(Arc::new(store.clone())).await.unwrap();
    let [mut one, mut other] = ["abc-1", "abc-10"].map(|id| Pair::new(PairId::new(id)));
    let pending = |id: &str, ms| {
        let activity = Activity { id: id.to_owned(), at: at(ms), details: BTreeMap::new() };
        Pending { from: Side::Right, activity: Arc::new(activity), refused: None }
    };
    one.activities = vec![pending("pi_2", 1), pending("pi_1", 2)];
    other.activities = vec![pending("pi_3", 3)];
    for pair in [&one, &other] {
        keep(&journal, &pair.id, Some(pair)).await;
        assert_eq!(journal.pair(&pair.id).await.unwrap().as_ref(), Some(pair), "as they happened");
    }
    assert_eq!(journal.pairs_after(None, 9).await.unwrap(), [one.clone(), other.clone()]);
    let before = one.clone();
    one.activities.remove(0);
    assert_eq!(rows_of(&journal, &before, &one).await, [Table::Activities], "one is told");
    keep(&journal, &one.id, Some(&one)).await;
    let before = one.clone();
    one.activities[0].refused = Some("no".to_owned());
    assert_eq!(rows_of(&journal, &before, &one).await, [Table::Activities], "one is refused");
    keep(&journal, &other.id, None).await;
    let stored = store.scan(Table::Activities, b"", 9).await.unwrap();
    assert_eq!(stored.len(), 1, "nothing of a pair that is gone");
}

#[tokio::test]
async fn is_the_row_of_an_activity_all_that_is_durable_of_telling_it() {
    let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
    let before = busy();
    let mut telling = before.clone();
    telling.sent.left = Some(Sent { kind: SentKind::Emit, ..sent() });
    assert_eq!(rows_of(&journal, &before, &telling).await, []);
    telling.ops += 1;
    keep(&journal, &telling.id, Some(&telling)).await;
    telling.sent.left = None;
    assert_eq!(journal.pair(&telling.id).await.unwrap(), Some(telling), "and other words in flight");
}

#[tokio::test]
async fn is_a_store_that_was_half_rewritten_rewritten_to_the_end() {
    let store = old_store().await;
    Journal::open(Arc::new(store.clone())).await.unwrap();
    let mut batch = Batch::default();
    batch.put(Table::Meta, "format", "3");
    store.commit(batch).await.unwrap();
    let journal = Journal::open(Arc::new(store)).await.unwrap();
    assert_eq!(journal.pair(&busy().id).await.unwrap(), Some(busy()));
}

/// A side with one of three records, and few enough values that they are often alike.
fn content() -> impl Strategy<Value = (RecordId, Fields)> {
    let field = prop_oneof!["a", "b", "1a"].prop_map(Field::from);
    let value = prop_oneof!["", "a", "b", "ab"].prop_map(Value::new);
    (
        prop::sample::select(&RECORDS[..]).prop_map(RecordId::new),
        prop::collection::btree_map(field, value, 0..3).prop_map(Fields::from_iter),
    )
}

const RECORDS: [&str; 3] = ["1", "2", "1a"];

fn seen(content: Option<&(RecordId, Fields)>) -> Seen {
    let Some((id, fields)) = content else { return Seen::Unknown { looked: true } };
    let shown = |value: &Option<Value>| Shown::new(value.clone(), at(1), false, By::Nobody);
    let fields = fields.iter().map(|(field, value)| (field.clone(), shown(value))).collect();
    Seen::Present(Box::new(Present::new(id.clone(), fields, false)))
}

fn showing(id: PairId, left: Seen, right: Seen) -> Pair {
    Pair::new(id).with_belief(Belief { sides: PerSide { left, right }, ..Belief::default() })
}

/// What may happen to a journal of two pairs.
#[derive(Debug, Clone)]
enum Act {
    /// One of them is stored with this on the left, or removed.
    Keep(usize, Option<Option<(RecordId, Fields)>>),
    /// A record leads to one of them.
    Point(RecordId, usize),
    /// The index learns what is stored of one of them.
    Learn(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let record = prop::sample::select(&RECORDS[..]).prop_map(RecordId::new);
    prop_oneof![
        4 => (0..2_usize, prop::option::weighted(0.9, prop::option::weighted(0.9, content())))
            .prop_map(|(pair, now)| Act::Keep(pair, now)),
        3 => (record, 0..2_usize).prop_map(|(record, pair)| Act::Point(record, pair)),
        1 => (0..2_usize).prop_map(Act::Learn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever is told without reading the pair is true; and where a record leads to its pair before that is written, all is told.
    #[test]
    fn is_a_record_as_believed_only_if_it_shows_what_its_pair_last_saw(
        acts in prop::collection::vec(act(), 1..12),
        listed in content(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
            let ids = [PairId::new("abc-1"), PairId::new("abc-2")];
            let mut believed = [None, None];
            let mut shown = vec![listed];
            for act in acts {
                match act {
                    Act::Keep(n, now) => {
                        let left = now.as_ref().map(|content| seen(content.as_ref()));
                        let pair = left.map(|left| showing(ids[n].clone(), left, seen(None)));
                        keep(&journal, &ids[n], pair.as_ref()).await;
                        believed[n] = now.flatten();
                        shown.extend(believed[n].clone());
                    }
                    Act::Point(record, n) => point(&journal, &IndexKey::record(Side::Left, &record), &ids[n]).await,
                    Act::Learn(n) => {
                        let mut draft = Draft::new(journal.clone());
                        if let Some(stored) = journal.pair(&ids[n]).await.unwrap() {
                            draft.put_prints(&stored).await.unwrap();
                        }
                        journal.commit(draft.take()).await.unwrap();
                    }
                }
                for (record, fields) in &shown {
                    let key = IndexKey::record(Side::Left, record);
                    let owner = journal.find(&key).await.unwrap();
                    let owner = owner.and_then(|owner| ids.iter().position(|id| *id == owner));
                    let truth = owner.is_some_and(|n| believed[n] == Some((record.clone(), fields.clone())));
                    let answer = is_as_believed(&journal, &key, fields).await;
                    prop_assert!(truth || !answer, "{record} {fields:?}");
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn is_a_record_as_believed_if_it_shows_what_its_pair_last_saw(
        left in prop::option::of(content()),
        right in prop::option::of(content()),
    ) {
        let pair = showing(PairId::new("abc-1"), seen(left.as_ref()), seen(right.as_ref()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let journal = Journal::open(Arc::new(MemoryStore::new())).await.unwrap();
            for (side, believed) in [(Side::Left, &left), (Side::Right, &right)] {
                if let Some((record, _)) = believed {
                    point(&journal, &IndexKey::record(side, record), &pair.id).await;
                }
            }
            keep(&journal, &pair.id, Some(&pair)).await;
            for (side, believed) in [(Side::Left, &left), (Side::Right, &right)] {
                for (record, fields) in left.iter().chain(&right) {
                    let answer = is_as_believed(&journal, &IndexKey::record(side, record), fields).await;
                    let truth = believed.as_ref() == Some(&(record.clone(), fields.clone()));
                    assert_eq!(answer, truth, "{side} {record} {fields:?}");
                }
            }
        });
    }
}
