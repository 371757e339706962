//! Is a byte that has changed on the disk noticed, or does it not matter?

use std::collections::BTreeMap;

use bytes::Bytes;
use sync_core::store::{Batch, Store, StoreError, Table};
use sync_core::stores::RedbStore;

use crate::disk::{Disk, Image, Part};
use crate::open;

type Content = BTreeMap<(Table, Bytes), Bytes>;

/// Few enough rows that a flip often hits one, enough for pages that lead to other pages.
async fn populated(disk: &Disk) -> Content {
    let store = open(disk).unwrap();
    let mut content = Content::new();
    for n in 0..120_u32 {
        let mut batch = Batch::default();
        for table in [Table::Inbox, Table::Pairs, Table::Index] {
            let key = Bytes::from(format!("{n:04} {}", table.name()));
            let value = Bytes::from(vec![n.to_le_bytes()[0]; if n == 60 { 20_000 } else { 200 }]);
            batch.put(table, key.clone(), value.clone());
            content.insert((table, key), value);
        }
        if n % 5 == 4 {
            let gone = Bytes::from(format!("{:04} inbox", n - 2));
            batch.delete(Table::Inbox, gone.clone());
            content.remove(&(Table::Inbox, gone));
        }
        store.commit(batch).await.unwrap();
    }
    content
}

/// Looks at everything in every way. `Err` says that something was refused; what is served must be right.
async fn examine(store: &RedbStore, content: &Content) -> Result<(), StoreError> {
    let mut verdict = Ok(());
    for table in Table::ALL {
        match store.scan(table, b"", usize::MAX).await {
            Ok(rows) => {
                let expected: Vec<_> = content.iter().filter(|((t, _), _)| *t == table).collect();
                assert_eq!(rows.len(), expected.len(), "{table:?}");
                let same =
                    rows.iter().zip(&expected).all(|((k, v), ((_, key), value))| k == key && v == *value);
                assert!(same, "{table:?}");
            }
            Err(error) => verdict = Err(error),
        }
    }
    for ((table, key), value) in content {
        match store.get(*table, key).await {
            Ok(found) => assert_eq!(found.as_ref(), Some(value)),
            Err(error) => verdict = Err(error),
        }
    }
    verdict
}

/// Opens a disk with this image and uses it: reads all, writes, reads all, opens it again and reads all.
async fn used(image: Image, content: &Content) -> Result<(), StoreError> {
    let disk = Disk::with(image);
    let store = open(&disk)?;
    examine(&store, content).await?;
    let mut content = content.clone();
    let mut batch = Batch::default();
    for n in 0..40_u32 {
        let key = Bytes::from(format!("new {n}"));
        batch.put(Table::Due, key.clone(), key.clone());
        content.insert((Table::Due, key.clone()), key);
    }
    store.commit(batch).await?;
    examine(&store, &content).await?;
    drop(store);
    examine(&open(&disk)?, &content).await
}

fn flipped(image: &Image, part: Part, at: usize, mask: u8) -> Image {
    let mut flipped = image.clone();
    flipped.part(part)[at] ^= mask;
    flipped
}

#[tokio::test]
async fn is_a_flipped_byte_refused_and_never_served() {
    let disk = Disk::default();
    let content = populated(&disk).await;
    let crashed = disk.after_power_cut(disk.operations(), || true);
    let closed = disk.image();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for (image, flips) in [(closed, 200), (crashed, 200)] {
        used(image.clone(), &content).await.unwrap();
        let written: Vec<usize> = (0..image.tree.len()).filter(|at| image.tree[*at] != 0).collect();
        let mut refused = 0;
        for _ in 0..flips {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = written[usize::try_from(random >> 32).unwrap() % written.len()];
            let mask = u8::try_from(random >> 8 & 0xff).unwrap().max(1);
            match used(flipped(&image, Part::Tree, at, mask), &content).await {
                Ok(()) => {}
                Err(StoreError::Damaged(_)) => refused += 1,
                Err(error) => panic!("byte {at}: {error:?}"),
            }
        }
        assert!(refused > flips / 10, "only {refused} of {flips} flips were noticed");
    }
}

#[tokio::test]
async fn is_every_byte_of_the_header_protected() {
    let disk = Disk::default();
    populated(&disk).await;
    let image = disk.image();
    for at in 0..324 {
        let error = open(&Disk::with(flipped(&image, Part::Tree, at, 1))).err();
        assert!(matches!(error, Some(StoreError::Damaged(_))), "byte {at}: {error:?}");
    }
}

#[tokio::test]
async fn are_pages_that_changed_places_refused() {
    let disk = Disk::default();
    let content = populated(&disk).await;
    let image = disk.image();
    let page = |n: usize| n * 4100..(n + 1) * 4100;
    let used_pages: Vec<usize> =
        (1..image.tree.len() / 4100).filter(|n| image.tree[page(*n)].iter().any(|byte| *byte != 0)).collect();
    let mut swapped = image.clone();
    for pair in used_pages.chunks_exact(2) {
        swapped.tree[page(pair[0])].copy_from_slice(&image.tree[page(pair[1])]);
        swapped.tree[page(pair[1])].copy_from_slice(&image.tree[page(pair[0])]);
    }
    assert!(matches!(used(swapped, &content).await, Err(StoreError::Damaged(_))));
}
