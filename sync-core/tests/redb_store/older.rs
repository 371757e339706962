//! Is a store that was written before there was a log opened, and given one?

use std::io::Result;
use std::ops::Bound;

use redb::{BackendError, Builder, StorageBackend, TableDefinition};
use sync_core::store::{Store, StoreError};

use crate::disk::{Disk, DiskFile, Image, Part};
use crate::{batch, batches, open_with};

/// The tree as redb sees it: pages of 4096 bytes, each of them stored with a checksum behind it.
#[derive(Debug)]
struct Pages(DiskFile);

impl StorageBackend for Pages {
    fn len(&self) -> Result<u64> {
        Ok(self.0.len()? / 4100 * 4096)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let first = offset / 4096 * 4100;
        (first..).step_by(4100).zip(out.chunks_mut(4096)).try_for_each(|(at, page)| self.0.read(at, page))
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        for (number, page) in (offset / 4096..).zip(data.chunks(4096)) {
            let mut sum = crc32fast::Hasher::new();
            sum.update(&number.to_le_bytes());
            sum.update(page);
            self.0.write(number * 4100, &[page, &sum.finalize().to_le_bytes()].concat())?;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.0.set_len(len / 4096 * 4100)
    }

    fn sync_data(&self) -> Result<()> {
        self.0.sync_data()
    }

    fn close(&self) -> Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }
}

#[tokio::test]
async fn is_a_store_without_a_log_opened_and_given_one() {
    let disk = Disk::default();
    // No commit stays in the log but the last.
    let store = open_with(&disk, 1).unwrap();
    for n in 0..6 {
        store.commit(batch(n)).await.unwrap();
    }
    drop(store);
    let redb = Builder::new().create_with_backend(Pages(disk.file(Part::Tree))).unwrap();
    let transaction = redb.begin_write().unwrap();
    assert!(transaction.delete_table(TableDefinition::<(), u64>::new("log")).unwrap());
    transaction.commit().unwrap();
    drop(redb);

    let older = Disk::with(Image { tree: disk.image().tree, log: Vec::new() });
    let store = open_with(&older, 1).unwrap();
    assert_eq!(batches(&store).await, 5);
    for n in 5..8 {
        store.commit(batch(n)).await.unwrap();
    }
    drop(store);
    assert_eq!(batches(&open_with(&older, 1).unwrap()).await, 8);

    let without = Disk::with(Image { tree: older.image().tree, log: Vec::new() });
    assert!(matches!(open_with(&without, 1), Err(StoreError::Damaged(_))), "from now on it has to be there");
}
