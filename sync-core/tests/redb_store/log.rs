//! Does the log keep what only it has, and is it known when it does not?

use std::sync::Arc;

use bytes::Bytes;
use sync_core::store::{Batch, Store, StoreError, Table};
use sync_core::stores::RedbStore;

use crate::disk::{Disk, Image};
use crate::{LITTLE, batch, batches, open, open_with};

/// Where the frames begin.
const START: usize = 4096;
/// Bytes of a mark, and of a frame without its changes.
const HEAD: usize = 20;
/// So much log that there is no checkpoint.
const MUCH: usize = 100_000;

/// What a disk holds after this many batches without a checkpoint.
async fn logged(count: u32) -> Image {
    let disk = Disk::default();
    let store = open_with(&disk, MUCH).unwrap();
    for n in 0..count {
        store.commit(batch(n)).await.unwrap();
    }
    drop(store);
    disk.image()
}

/// Where each frame begins, and at last where the next one would.
fn frames(image: &Image) -> Vec<usize> {
    let mut starts = vec![START];
    while let Some(frame) = image.log[starts[starts.len() - 1]..].strip_prefix(b"fram") {
        let length = u32::from_le_bytes(frame[4..8].try_into().unwrap());
        starts.push(starts[starts.len() - 1] + HEAD + usize::try_from(length).unwrap() + HEAD);
    }
    starts
}

async fn found(image: Image) -> Result<u32, StoreError> {
    let store = open_with(&Disk::with(image), MUCH)?;
    Ok(batches(&store).await)
}

fn is_damaged<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Damaged(_)))
}

#[tokio::test]
async fn is_a_flipped_byte_of_any_frame_refused() {
    let image = logged(3).await;
    let frames = frames(&image);
    assert_eq!(frames.len(), 4);
    for at in (0..20).chain((20..START).step_by(499)).chain((START..frames[3] + 100).step_by(3)) {
        let mut flipped = image.clone();
        flipped.log[at] ^= 1;
        let result = found(flipped).await;
        let is_of_a_mark = frames.iter().any(|start| (start - HEAD..*start).contains(&at));
        let is_of_none = (20..START).contains(&at) || at >= frames[3];
        if is_of_a_mark && at > START || is_of_none {
            assert_eq!(result, Ok(3), "byte {at} does not matter");
        } else {
            assert!(is_damaged(&result), "byte {at}: {result:?}");
        }
    }
}

#[tokio::test]
async fn is_the_last_frame_left_out_only_where_nothing_says_that_it_was_whole() {
    let image = logged(3).await;
    let last_mark = frames(&image)[3] - HEAD;
    let mut unmarked = image.clone();
    unmarked.log[last_mark..].fill(0);
    assert_eq!(found(unmarked.clone()).await, Ok(3), "a mark is not needed");
    for at in [last_mark - 1, last_mark - 1000, last_mark - 3000] {
        let mut torn = unmarked.clone();
        torn.log[at] ^= 1;
        assert_eq!(found(torn).await, Ok(2), "byte {at}");
        let mut damaged = image.clone();
        damaged.log[at] ^= 1;
        assert!(is_damaged(&found(damaged).await), "byte {at}");
    }
}

#[tokio::test]
async fn does_the_store_go_on_behind_a_torn_frame() {
    let mut image = logged(3).await;
    let torn = frames(&image)[3] - 2000;
    image.log[torn..].fill(0);
    let disk = Disk::with(image);
    let store = open_with(&disk, MUCH).unwrap();
    for n in 2..5 {
        store.commit(batch(n)).await.unwrap();
    }
    drop(store);
    assert_eq!(found(disk.image()).await, Ok(5));
}

#[tokio::test]
async fn are_two_files_that_do_not_belong_together_refused() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let mut images = vec![disk.image()];
    for n in 0..12 {
        store.commit(batch(n)).await.unwrap();
        images.push(disk.image());
    }
    drop(store);
    let now = disk.image();
    let with_log = |log: &[u8]| Image { tree: now.tree.clone(), log: log.to_vec() };
    assert_eq!(found(now.clone()).await, Ok(12));
    assert!(is_damaged(&found(with_log(&[])).await), "the log is gone");
    assert!(is_damaged(&found(with_log(&images[1].log)).await), "the log is older");
    assert!(
        is_damaged(&found(Image { tree: images[1].tree.clone(), log: now.log.clone() }).await),
        "the tree is older"
    );
    assert!(is_damaged(&found(Image { tree: Vec::new(), log: now.log.clone() }).await), "the tree is gone");
    let first = Image { tree: Vec::new(), log: images[1].log.clone() };
    assert!(is_damaged(&found(first).await), "the tree is gone before the first checkpoint");
}

/// The kernel reports a failed sync once, forgets the data, and shows them until the power goes.
#[tokio::test]
async fn is_what_a_failed_sync_left_never_relied_on() {
    let disk = Disk::default();
    let store = open_with(&disk, MUCH).unwrap();
    store.commit(batch(0)).await.unwrap();
    disk.fail_after(1);
    assert!(matches!(store.commit(batch(1)).await, Err(StoreError::Unavailable(_))));
    assert_eq!(batches(&store).await, 1);
    drop(store);
    disk.heal();

    let store = open_with(&disk, MUCH).unwrap();
    let shown = batches(&store).await;
    assert_eq!(
        found(disk.after_power_cut(disk.operations(), || false)).await,
        Ok(shown),
        "shown, so it is durable"
    );
    store.commit(batch(shown)).await.unwrap();
    assert_eq!(found(disk.after_power_cut(disk.operations(), || false)).await, Ok(shown + 1));
}

#[tokio::test]
async fn is_the_log_bounded_and_what_was_deleted_not_written_to_the_tree() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let row = |n: u32| (Table::Inbox, n.to_be_bytes().to_vec());
    store.commit(batch(0)).await.unwrap();
    for n in 0..2_000 {
        let mut batch = Batch::default();
        let (table, key) = row(n);
        batch.put(table, key, b"a needle in a haystack".as_slice());
        if let Some(before) = n.checked_sub(1) {
            batch.delete(Table::Inbox, row(before).1);
        }
        store.commit(batch).await.unwrap();
    }
    let image = disk.image();
    assert!(image.log.len() <= START + LITTLE, "{} bytes", image.log.len());
    let needles = image.tree.windows(8).filter(|bytes| bytes == b"haystack").count();
    let checkpoints = u64::from_le_bytes(image.log[8..16].try_into().unwrap());
    assert!(
        checkpoints > 10 && needles <= 1 + usize::try_from(checkpoints).unwrap(),
        "{needles} of 2000 rows"
    );
    assert_eq!(store.scan(Table::Inbox, b"", 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn does_nobody_see_a_gap_while_there_are_checkpoints() {
    let store = Arc::new(open_with(&Disk::default(), 2_000).unwrap());
    let write = async |store: &RedbStore, n: u32| {
        let mut batch = Batch::default();
        for key in ["a", "b", "c"] {
            batch.put(Table::Pairs, key, Bytes::from(vec![n.to_le_bytes()[0]; 50]));
        }
        store.commit(batch).await.unwrap();
    };
    write(&store, 0).await;
    let writer = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for n in 0..400 {
                write(&store, n).await;
            }
        }
    });
    while !writer.is_finished() {
        assert!(store.get(Table::Pairs, b"b").await.unwrap().is_some());
        let rows = store.scan(Table::Pairs, b"", 10).await.unwrap();
        assert!(rows.len() == 3 && rows.iter().all(|row| row.1 == rows[0].1));
    }
    writer.await.unwrap();
}
