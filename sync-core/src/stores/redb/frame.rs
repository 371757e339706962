//! The bytes of the log: frames of changes, and marks behind them.

use bytes::{Buf, Bytes};

use crate::store::{Change, StoreError, Table};

/// Starts every frame and every mark.
const MAGIC: [u8; 4] = *b"fram";

/// What comes before the changes of a frame, and all there is of a mark: `MAGIC`, checksum, length of the changes in
/// bytes, sequence number. Numbers are little-endian.
pub(super) const HEAD: usize = 20;

/// Longest frame, in bytes. redb takes rows of somewhat more.
const LARGEST: usize = 1 << 30;

/// Set in the number of a table: the key is deleted.
const DELETED: u8 = 0x80;

/// Changes on their way into the log, which has them all or none.
#[derive(Debug)]
pub(super) struct Frame(Vec<u8>);

impl Frame {
    pub(super) fn new() -> Self {
        Self(vec![0; HEAD])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == HEAD
    }

    /// In bytes, its head included.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds all of these, or none where they are too large.
    pub(super) fn add(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let before = self.0.len();
        let added = changes.iter().try_for_each(|change| match change {
            Change::Put(table, key, value) => {
                self.0.push(number(*table));
                self.add_bytes(key)?;
                self.add_bytes(value)
            }
            Change::Delete(table, key) => {
                self.0.push(number(*table) | DELETED);
                self.add_bytes(key)
            }
        });
        if added.is_err() {
            self.0.truncate(before);
        }
        added
    }

    fn add_bytes(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let length = u32::try_from(bytes.len()).ok().filter(|_| self.0.len() + bytes.len() <= LARGEST);
        let length =
            length.ok_or_else(|| StoreError::Unavailable("a batch of more than 1 GiB".to_owned()))?;
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// As it is written: the `sequence`-th frame since the log began for the `epoch`-th time.
    pub(super) fn sealed(mut self, epoch: u64, sequence: u64) -> Bytes {
        let length = self.0.len() - HEAD;
        self.0[8..12].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        self.0[12..20].copy_from_slice(&sequence.to_le_bytes());
        let sum = checksum(epoch, &self.0[8..]);
        self.0[..4].copy_from_slice(&MAGIC);
        self.0[4..8].copy_from_slice(&sum);
        // It stays in memory until the next checkpoint.
        self.0.shrink_to_fit();
        Bytes::from(self.0)
    }
}

/// Says that the frame before it, with the same number, was synced.
pub(super) fn mark(epoch: u64, sequence: u64) -> Bytes {
    Frame::new().sealed(epoch, sequence)
}

/// The length of the frame that is whole at the start of `bytes`, if it is this one.
pub(super) fn whole(bytes: &[u8], epoch: u64, sequence: u64) -> Option<usize> {
    let (number, length) = read(bytes, epoch)?;
    (number == sequence && length > HEAD).then_some(length)
}

/// Whether there is anything, in any place, that was written after this frame was synced or in its stead.
pub(super) fn follows(bytes: &[u8], epoch: u64, sequence: u64) -> bool {
    let later = |at: &usize| read(&bytes[*at..], epoch).is_some_and(|(number, _)| number >= sequence);
    (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&MAGIC)).any(|at| later(&at))
}

/// The number and the length of the frame or mark that is whole at the start of `bytes`.
fn read(bytes: &[u8], epoch: u64) -> Option<(u64, usize)> {
    let (mut head, _) = bytes.split_at_checked(HEAD)?;
    if !head.starts_with(&MAGIC) {
        return None;
    }
    head.advance(MAGIC.len());
    let (sum, length, number) = (head.get_u32_le(), head.get_u32_le(), head.get_u64_le());
    let end = HEAD.checked_add(usize::try_from(length).ok()?)?;
    let covered = bytes.get(8..end)?;
    (checksum(epoch, covered) == sum.to_le_bytes()).then_some((number, end))
}

/// The changes of a whole frame. Their keys and values share its memory.
pub(super) fn changes(mut frame: Bytes) -> Result<Vec<Change>, StoreError> {
    let unknown = || StoreError::Damaged("the log holds what this version does not know".to_owned());
    frame.advance(HEAD);
    let mut changes = Vec::new();
    while !frame.is_empty() {
        let kind = frame.get_u8();
        let table = Table::ALL.into_iter().find(|table| number(*table) == kind & !DELETED);
        let table = table.ok_or_else(unknown)?;
        let key = take(&mut frame).ok_or_else(unknown)?;
        changes.push(match kind & DELETED {
            0 => Change::Put(table, key, take(&mut frame).ok_or_else(unknown)?),
            _ => Change::Delete(table, key),
        });
    }
    Ok(changes)
}

fn take(frame: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(frame.try_get_u32_le().ok()?).ok()?;
    (length <= frame.len()).then(|| frame.split_to(length))
}

/// Part of the storage format.
const fn number(table: Table) -> u8 {
    match table {
        Table::Meta => 0,
        Table::Inbox => 1,
        Table::Pairs => 2,
        Table::Index => 3,
        Table::Due => 4,
        Table::Activities => 5,
        Table::DeadLetters => 6,
        Table::Work => 7,
    }
}

/// Of what is left in the file from before the log last began, nothing has the right one.
pub(super) fn checksum(epoch: u64, data: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&epoch.to_le_bytes());
    hasher.update(data);
    hasher.finalize().to_le_bytes()
}
