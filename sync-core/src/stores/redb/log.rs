//! The write-ahead log: one file, written from its start again and again.
//!
//! ```text
//! header: MAGIC, epoch, checksum │ frame 1 │ mark 1 │ frame 2 │ mark 2 │ … │ what is left of the epoch before
//! ```
//!
//! A frame is synced before anybody is told; then a *mark* is written behind it, which is not synced by itself. So, if a
//! frame cannot be read, there are two cases. Where a mark of it or anything later can be read, it was synced: it is
//! damaged, and the store is refused. Where there is neither, the power went while it was written: nobody was told of it,
//! and it is left out. What cannot be told apart from that: damage to the very last frame whose mark the power took with it.
//!
//! Nothing is ever appended behind a place of which it is not known whether it is on the disk: after a failed write or
//! sync the next frame is written to the same place, and syncs with its own pages.

use std::io::{self, ErrorKind};
use std::ops::Bound;

use bytes::Bytes;
use redb::StorageBackend;

use super::frame::{self, Frame, HEAD};
use crate::store::StoreError;

/// Starts the file.
const MAGIC: [u8; 8] = *b"synclog1";

/// What it starts with: `MAGIC`, epoch, checksum.
const HEADER: usize = 20;

/// Where the first frame is: the header has a page for itself.
const START: usize = 4096;

/// The file, and where its next frame goes.
#[derive(Debug)]
pub(super) struct Log {
    file: Box<dyn StorageBackend>,
    /// How often it was begun.
    epoch: u64,
    /// Of the next frame in this epoch.
    sequence: u64,
    /// Where the next frame goes.
    end: usize,
}

impl Log {
    /// Opens the log of a store that has `absorbed` all epochs up to this one, or none and never had a log. Gives the
    /// frames that the store does not have. `room`: how much to set aside in a new file, in bytes.
    pub(super) fn open(
        file: Box<dyn StorageBackend>,
        absorbed: Option<u64>,
        room: usize,
    ) -> Result<(Self, Vec<Bytes>), StoreError> {
        if !file.try_lock_range(Bound::Unbounded, Bound::Unbounded).map_err(|e| unavailable(&e.into()))? {
            return Err(StoreError::Unavailable("the log is already open".to_owned()));
        }
        let mut content = vec![0; usize::try_from(file.len().map_err(|e| unavailable(&e))?).unwrap_or(0)];
        file.read(0, &mut content).map_err(|e| unavailable(&e))?;
        let epoch = absorbed.map_or(1, |absorbed| absorbed + 1);
        let mut log = Self { file, epoch, sequence: 1, end: START };
        match (epoch_of(&content)?, absorbed) {
            (None, None) => log.create(room)?,
            (None, Some(_)) => return Err(damaged("the log is gone")),
            (Some(found), _) if found == epoch => {
                let frames = log.replay(&Bytes::from(content))?;
                if absorbed.is_none() && !frames.is_empty() {
                    return Err(damaged("the log is that of another store"));
                }
                return Ok((log, frames));
            }
            // It ended between the absorption and the new beginning.
            (Some(found), Some(absorbed)) if found == absorbed => log.begin(epoch)?,
            _ => return Err(damaged("the log and the store are not of the same time")),
        }
        Ok((log, Vec::new()))
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How long it is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.end - START
    }

    /// Appends a frame and gives it back as written; durable when this returns. When it fails, the log goes on where it was.
    pub(super) fn append(&mut self, frame: Frame) -> Result<Bytes, StoreError> {
        let frame = frame.sealed(self.epoch, self.sequence);
        self.write(&frame)?;
        self.end += frame.len() + HEAD;
        self.sequence += 1;
        Ok(frame)
    }

    /// Forgets all frames, durably: the store has `absorbed` them.
    pub(super) fn begin(&mut self, epoch: u64) -> Result<(), StoreError> {
        self.put(0, &header(epoch)).and_then(|()| self.file.sync_data()).map_err(|e| unavailable(&e))?;
        (self.epoch, self.sequence, self.end) = (epoch, 1, START);
        Ok(())
    }

    /// Writes a new file in full: to write over what is there costs less than to grow, for each sync.
    fn create(&mut self, room: usize) -> Result<(), StoreError> {
        let mut content = header(self.epoch).to_vec();
        content.resize(START + room, 0);
        self.put(0, &content).and_then(|()| self.file.sync_data()).map_err(|e| unavailable(&e))
    }

    /// Reads the frames of this epoch, and goes on behind them.
    fn replay(&mut self, content: &Bytes) -> Result<Vec<Bytes>, StoreError> {
        let mut frames: Vec<Bytes> = Vec::new();
        let rest = |at: usize| content.get(at..).unwrap_or_default();
        let mut is_marked = true;
        let mut last = self.end;
        while let Some(length) = frame::whole(rest(self.end), self.epoch, self.sequence) {
            last = self.end;
            frames.push(content.slice(last..last + length));
            is_marked = rest(last + length).starts_with(&frame::mark(self.epoch, self.sequence));
            self.end += length + HEAD;
            self.sequence += 1;
        }
        if frame::follows(rest(self.end), self.epoch, self.sequence) {
            return Err(damaged("a frame of the log is damaged"));
        }
        if let Some(frame) = frames.last().filter(|_| !is_marked) {
            // It may never have been synced, or in vain, and is about to be shown.
            (self.end, self.sequence) = (last, self.sequence - 1);
            self.write(frame)?;
            self.end += frame.len() + HEAD;
            self.sequence += 1;
        }
        Ok(frames)
    }

    /// Writes a frame to where the next one goes, syncs it, and marks it.
    fn write(&self, frame: &[u8]) -> Result<(), StoreError> {
        self.put(self.end, frame).and_then(|()| self.file.sync_data()).map_err(|e| unavailable(&e))?;
        // What is without a mark is safe; only less can be said about damage.
        let _ = self.put(self.end + frame.len(), &frame::mark(self.epoch, self.sequence));
        Ok(())
    }

    fn put(&self, at: usize, data: &[u8]) -> io::Result<()> {
        self.file.write(at as u64, data)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // All that counts is synced. The lock goes with the file.
        let _ = self.file.close();
    }
}

fn header(epoch: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&epoch.to_le_bytes());
    header[16..].copy_from_slice(&frame::checksum(epoch, &MAGIC));
    header
}

/// Which epoch the content of a log is of; none if nothing was ever written.
fn epoch_of(content: &[u8]) -> Result<Option<u64>, StoreError> {
    if content.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let found = content.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    match found.filter(|epoch| content.starts_with(&header(*epoch))) {
        Some(epoch) => Ok(Some(epoch)),
        None => Err(damaged("the header of the log is damaged")),
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}

fn unavailable(error: &io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::UnexpectedEof => damaged("the log is shorter than it says"),
        _ => StoreError::Unavailable(format!("the log: {error}")),
    }
}
