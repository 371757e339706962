//! Storage that gives back what it was given, or nothing.

use std::io::{Error, ErrorKind, Result};
use std::ops::Bound;

use redb::{BackendError, StorageBackend};

/// The unit of redb's reads and writes, all but those of its header.
const PAGE: usize = 4096;

/// What redb writes at the very start: less than a page, and in place.
const HEADER: usize = 320;

/// The checksum behind each page and behind the header.
const SUM: usize = size_of::<u32>();

/// A page and its checksum, as stored.
const STORED: usize = PAGE + SUM;

/// Goes around redb's storage and keeps a checksum (CRC-32) behind every page, so that a page that is not as it was
/// written, or not where it was written, is refused when it is read.
///
/// redb keeps checksums, too, but compares them only while it repairs a file; otherwise it serves whatever it finds. A
/// CRC-32 finds every change of up to 32 neighbouring bits, and any other but for one in four thousand million.
///
/// A page and its checksum may be torn by a power cut: redb reads no page that was not synced after it was written. Only
/// the header is written over; with its checksum it fits the smallest sector there is, which disks write as a whole.
///
/// What it cannot notice: storage that is put back as a whole to what it was before.
#[derive(Debug)]
pub(super) struct Checked<B>(B);

impl<B: StorageBackend> Checked<B> {
    pub(super) fn new(storage: B) -> Self {
        Self(storage)
    }

    /// redb asks for parts of the header, too; before there is one, it is all zeros.
    fn read_header(&self, out: &mut [u8]) -> Result<()> {
        let mut stored = [0; HEADER + SUM];
        self.0.read(0, &mut stored)?;
        let (header, sum) = stored.split_at(HEADER);
        if stored.iter().any(|byte| *byte != 0) && sum != checksum(0, header) {
            return Err(damaged("the header is damaged"));
        }
        out.copy_from_slice(&header[..out.len()]);
        Ok(())
    }

    fn read_pages(&self, first: u64, out: &mut [u8]) -> Result<()> {
        let mut stored = vec![0; out.len() / PAGE * STORED];
        self.0.read(first * STORED as u64, &mut stored)?;
        for ((number, stored), page) in (first..).zip(stored.chunks(STORED)).zip(out.chunks_mut(PAGE)) {
            let (data, sum) = stored.split_at(PAGE);
            if sum != checksum(number, data) {
                return Err(damaged(&format!("page {number} is damaged")));
            }
            page.copy_from_slice(data);
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl<B: StorageBackend> StorageBackend for Checked<B> {
    fn len(&self) -> Result<u64> {
        let (stored, page) = (self.0.len()?, STORED as u64);
        if stored.is_multiple_of(page) {
            return Ok(stored / page * PAGE as u64);
        }
        Err(damaged("the length is not that of a store"))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        match place(offset, out.len())? {
            Place::Header => self.read_header(out),
            Place::Pages(first) => self.read_pages(first, out),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        match place(offset, data.len())? {
            Place::Header if data.len() == HEADER => self.0.write(0, &[data, &checksum(0, data)].concat()),
            Place::Header => Err(unexpected()),
            Place::Pages(first) => {
                let mut stored = Vec::with_capacity(data.len() / PAGE * STORED);
                for (number, page) in (first..).zip(data.chunks(PAGE)) {
                    stored.extend_from_slice(page);
                    stored.extend_from_slice(&checksum(number, page));
                }
                self.0.write(first * STORED as u64, &stored)
            }
        }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        if len.is_multiple_of(PAGE as u64) {
            return self.0.set_len(len / PAGE as u64 * STORED as u64);
        }
        Err(unexpected())
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

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> std::result::Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> std::result::Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

/// What a read or write is about.
enum Place {
    Header,
    /// Whole pages, from this one on.
    Pages(u64),
}

fn place(offset: u64, len: usize) -> Result<Place> {
    match (offset, len) {
        (0, len) if len <= HEADER => Ok(Place::Header),
        (offset, len) if offset > 0 && offset.is_multiple_of(PAGE as u64) && len.is_multiple_of(PAGE) => {
            Ok(Place::Pages(offset / PAGE as u64))
        }
        _ => Err(unexpected()),
    }
}

fn checksum(page: u64, data: &[u8]) -> [u8; SUM] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&page.to_le_bytes());
    hasher.update(data);
    hasher.finalize().to_le_bytes()
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what)
}

/// The tests would notice if another version of redb wrote in other units.
fn unexpected() -> Error {
    Error::new(ErrorKind::InvalidInput, "redb reads and writes whole pages only")
}
