//! Does the redb store keep what it acknowledged, whatever the disk does?

#![cfg(all(feature = "testing", feature = "redb"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod disk;
mod engine;
mod log;
mod older;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use disk::{Disk, Part};
use proptest::prelude::*;
use sync_core::store::{Batch, Change, Precondition, Store, StoreError, Table};
use sync_core::stores::RedbStore;
use sync_core::testing::conformance;

/// So little log that there is a checkpoint every few commits.
const LITTLE: usize = 8_000;

fn open(disk: &Disk) -> Result<RedbStore, StoreError> {
    open_with(disk, LITTLE)
}

fn open_with(disk: &Disk, log_bytes: usize) -> Result<RedbStore, StoreError> {
    let tree = disk.file(Part::Tree);
    RedbStore::with_storage(move || Ok(tree.clone()), disk.file(Part::Log), log_bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_the_store_conform_however_often_there_is_a_checkpoint() {
    for log_bytes in [1, 700, LITTLE, 1 << 20] {
        let disks = Mutex::new(BTreeMap::<String, Disk>::new());
        let disk = |name: &str| disks.lock().unwrap().entry(name.to_owned()).or_default().clone();
        conformance::store(async |name| open_with(&disk(name), log_bytes).unwrap()).await.unwrap();
    }
}

/// The `n`th batch: three rows that belong together, and no trace of the batch before.
fn batch(n: u32) -> Batch {
    let mut batch = Batch::default();
    let value = vec![n.to_le_bytes()[0]; 1500];
    batch.put(Table::Pairs, n.to_be_bytes().to_vec(), value.clone());
    batch.put(Table::Meta, "count", n.to_be_bytes().to_vec());
    batch.put(Table::Due, n.to_be_bytes().to_vec(), value);
    if let Some(before) = n.checked_sub(1) {
        batch.delete(Table::Due, before.to_be_bytes().to_vec());
    }
    batch
}

/// How many batches the store holds, after checking that they are the first ones, each of them whole.
async fn batches(store: &RedbStore) -> u32 {
    let pairs = store.scan(Table::Pairs, b"", usize::MAX).await.unwrap();
    let count = u32::try_from(pairs.len()).unwrap();
    for (n, (key, value)) in (0..count).zip(pairs) {
        assert_eq!(key, n.to_be_bytes().to_vec());
        assert_eq!(value, vec![n.to_le_bytes()[0]; 1500]);
    }
    let due = store.scan(Table::Due, b"", usize::MAX).await.unwrap();
    let last = store.get(Table::Meta, b"count").await.unwrap();
    match count.checked_sub(1) {
        Some(n) => {
            assert_eq!(last.unwrap(), n.to_be_bytes().to_vec());
            assert_eq!(due.iter().map(|(key, _)| key.as_ref()).collect::<Vec<_>>(), [n.to_be_bytes()]);
        }
        None => assert_eq!((last, due.len()), (None, 0)),
    }
    count
}

#[tokio::test]
async fn is_a_second_opener_refused_with_the_directory_named() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("deep").join("inside");
    let first = RedbStore::open(&place).unwrap();
    let error = RedbStore::open(&place).unwrap_err();
    let StoreError::Unavailable(text) = &error else { panic!("{error:?}") };
    assert!(text.contains(place.to_str().unwrap()) && text.contains("already open"), "{text}");
    first.commit(batch(0)).await.unwrap();
    drop(first);
    assert_eq!(batches(&RedbStore::open(&place).unwrap()).await, 1);
}

#[test]
fn is_a_file_that_is_no_store_called_damaged_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    for content in [vec![b'x'; 10], vec![0; 100_000], vec![b'x'; 100_000]] {
        std::fs::write(&file, &content).unwrap();
        let error = RedbStore::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
        assert_eq!(std::fs::read(&file).unwrap(), content);
    }
}

#[test]
fn is_a_place_that_cannot_be_a_directory_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = RedbStore::open(file.path()).unwrap_err();
    assert!(error.to_string().contains(file.path().to_str().unwrap()), "{error}");
}

/// The ledger looks something up for every event. To hand that to another thread costs more than to do it.
#[tokio::test]
async fn is_a_look_at_a_few_rows_done_without_waiting() {
    let store = open(&Disk::default()).unwrap();
    store.commit(batch(0)).await.unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let got = pin!(store.get(Table::Meta, b"count")).poll(&mut context);
    assert!(matches!(got, Poll::Ready(Ok(Some(_)))));
    let scanned = pin!(store.scan(Table::Pairs, b"", 1)).poll(&mut context);
    assert!(matches!(scanned, Poll::Ready(Ok(rows)) if rows.len() == 1));
}

#[tokio::test]
async fn does_the_store_go_on_after_an_io_error_at_any_operation() {
    let mut checkpoints = 0;
    for good in 0.. {
        let disk = Disk::default();
        let store = open(&disk).unwrap();
        disk.fail_after(good);
        let mut told = 0;
        let error = loop {
            match store.commit(batch(told)).await {
                Ok(()) => told += 1,
                Err(error) => break error,
            }
            if told == 8 {
                assert!(checkpoints > 20, "{checkpoints} operations are not worth the test");
                return;
            }
        };
        checkpoints += usize::from(disk.image().tree.len() > 100_000);
        assert!(matches!(error, StoreError::Unavailable(_)), "after {good} good operations: {error:?}");
        let again = store.commit(batch(told)).await;
        assert!(matches!(again, Err(StoreError::Unavailable(_))), "still failing after {good}: {again:?}");
        disk.heal();
        assert_eq!(batches(&store).await, told, "what failed is not seen, after {good} good operations");
        store.commit(batch(told)).await.unwrap();
        store.commit(batch(told + 1)).await.unwrap();
        let lost_power = Disk::with(disk.after_power_cut(disk.operations(), || false));
        for store in [store, open(&lost_power).unwrap()] {
            assert_eq!(batches(&store).await, told + 2, "after {good} good operations");
        }
    }
}

#[tokio::test]
async fn does_the_store_go_on_when_a_full_disk_has_room_again() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    disk.fill();
    let mut written = 0;
    let error = loop {
        match store.commit(batch(written)).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(batches(&store).await, written, "what is there can be read while the disk is full");
    disk.heal();
    store.commit(batch(written)).await.unwrap();
    assert_eq!(batches(&store).await, written + 1);
}

#[tokio::test]
async fn does_what_was_acknowledged_survive_a_power_cut_at_any_operation() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let mut acknowledged = vec![disk.operations()];
    for n in 0..12 {
        store.commit(batch(n)).await.unwrap();
        acknowledged.push(disk.operations());
    }
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut coin = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 63 == 1
    };
    // Until it has made its files redb does not open what a power cut leaves of them, and nothing was promised.
    for cut in disk.before_the_log()..=disk.operations() {
        let promised = acknowledged.iter().filter(|at| **at <= cut).count().saturating_sub(1);
        for image in [disk.after_power_cut(cut, || false), disk.after_power_cut(cut, &mut coin)] {
            let reopened = open(&Disk::with(image)).unwrap();
            let found = batches(&reopened).await as usize;
            assert!(found == promised || found == promised + 1, "cut at {cut}: {found} of {promised}");
            reopened.commit(batch(u32::try_from(found).unwrap())).await.unwrap();
        }
    }
}

/// A step of the model test.
#[derive(Debug, Clone)]
enum Step {
    Commit(Batch),
    Get(Table, Bytes),
    Scan(Table, Bytes, usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let table = || prop::sample::select(vec![Table::Meta, Table::Inbox]);
    let key = || prop::collection::vec(prop::sample::select(vec![0_u8, 1, 255]), 0..3).prop_map(Bytes::from);
    let value = || prop::collection::vec(0..3_u8, 0..2).prop_map(Bytes::from);
    let change = prop_oneof![
        2 => (table(), key(), value()).prop_map(|(t, k, v)| Change::Put(t, k, v)),
        1 => (table(), key()).prop_map(|(t, k)| Change::Delete(t, k)),
    ];
    let condition = prop_oneof![
        (table(), key()).prop_map(|(t, k)| Precondition::Absent(t, k)),
        (table(), key(), value()).prop_map(|(t, k, v)| Precondition::Equals(t, k, v)),
    ];
    let batch = (prop::collection::vec(condition, 0..2), prop::collection::vec(change, 0..6))
        .prop_map(|(preconditions, changes)| Batch { preconditions, changes });
    prop_oneof![
        6 => batch.prop_map(Step::Commit),
        2 => (table(), key()).prop_map(|(t, k)| Step::Get(t, k)),
        2 => (table(), key(), 0..5_usize).prop_map(|(t, k, n)| Step::Scan(t, k, n)),
        1 => Just(Step::Reopen),
    ]
}

type Model = BTreeMap<(Table, Bytes), Bytes>;

fn commit(model: &mut Model, batch: &Batch) -> Result<(), StoreError> {
    let holds = |condition: &Precondition| match condition {
        Precondition::Absent(t, k) => !model.contains_key(&(*t, k.clone())),
        Precondition::Equals(t, k, v) => model.get(&(*t, k.clone())) == Some(v),
    };
    if !batch.preconditions.iter().all(holds) {
        return Err(StoreError::Precondition);
    }
    for change in batch.changes.iter().cloned() {
        match change {
            Change::Put(t, k, v) => model.insert((t, k), v),
            Change::Delete(t, k) => model.remove(&(t, k)),
        };
    }
    Ok(())
}

async fn follow(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let disk = Disk::default();
    let open = |disk| open_with(disk, 1_000);
    let mut store = open(&disk).unwrap();
    let mut model = Model::new();
    for step in steps {
        match step {
            Step::Commit(batch) => {
                let expected = commit(&mut model, &batch);
                prop_assert_eq!(store.commit(batch).await, expected);
            }
            Step::Get(table, key) => {
                let expected = model.get(&(table, key.clone())).cloned();
                prop_assert_eq!(store.get(table, &key).await, Ok(expected));
            }
            Step::Scan(table, from, limit) => {
                let rows = model.range((table, from.clone())..).take_while(|((t, _), _)| *t == table);
                let expected = rows.take(limit).map(|((_, k), v)| (k.clone(), v.clone())).collect();
                prop_assert_eq!(store.scan(table, &from, limit).await, Ok(expected));
            }
            Step::Reopen => {
                drop(store);
                store = open(&disk).unwrap();
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_the_store_behave_like_a_map(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(follow(steps))?;
    }
}
