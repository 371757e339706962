//! A disk in memory that can fail, fill up and lose power.

use std::io::{Error, ErrorKind, Result};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{BackendError, StorageBackend};

/// What was asked of the disk.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Write these bytes there.
    Write(u64, Vec<u8>),
    /// Grow or shrink.
    SetLen(u64),
    /// Make all of the above durable.
    Sync,
}

/// A disk. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    log: Vec<Op>,
    /// Changing operations that still succeed before the disk starts to fail; `None`: all of them.
    good: Option<usize>,
    /// The disk cannot grow beyond this.
    capacity: Option<u64>,
    /// Somebody has it open.
    locked: bool,
}

impl Disk {
    /// A disk with this content.
    pub(crate) fn with(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { bytes, ..State::default() })))
    }

    /// Every change after the next `good` ones fails, until [`Disk::heal`].
    pub(crate) fn fail_after(&self, good: usize) {
        self.state().good = Some(good);
    }

    /// The disk cannot grow any more, until [`Disk::heal`].
    pub(crate) fn fill(&self) {
        let mut state = self.state();
        state.capacity = Some(state.bytes.len() as u64);
    }

    /// Everything succeeds again.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.good = None;
        state.capacity = None;
    }

    /// How many changing operations were made so far.
    pub(crate) fn operations(&self) -> usize {
        self.state().log.len()
    }

    /// How many syncs succeeded so far.
    pub(crate) fn syncs(&self) -> usize {
        self.state().log.iter().filter(|op| matches!(op, Op::Sync)).count()
    }

    /// What is on it now.
    pub(crate) fn image(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// What may be found after a power cut once `operations` were made: what was synced, and of what was not, any part.
    /// `keep` says which of the unsynced sectors made it.
    pub(crate) fn after_power_cut(&self, operations: usize, mut keep: impl FnMut() -> bool) -> Vec<u8> {
        let state = self.state();
        let log = &state.log[..operations];
        let synced = log.iter().rposition(|op| matches!(op, Op::Sync)).unwrap_or(0);
        let mut bytes = Vec::new();
        for op in &log[..synced] {
            apply(&mut bytes, op);
        }
        for op in &log[synced..] {
            match op {
                Op::Write(at, data) => {
                    for (i, sector) in data.chunks(512).enumerate() {
                        if keep() {
                            apply(&mut bytes, &Op::Write(at + 512 * i as u64, sector.to_vec()));
                        }
                    }
                }
                // A file system orders its own metadata: growth is kept, or the writes behind it would have no place.
                other => apply(&mut bytes, other),
            }
        }
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn change(&self, op: Op) -> Result<()> {
        let mut state = self.state();
        if let Some(good) = state.good {
            state.good = Some(good.checked_sub(1).ok_or_else(|| Error::other("injected fault"))?);
        }
        if let (Op::SetLen(len), Some(capacity)) = (&op, state.capacity)
            && *len > capacity
        {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        apply(&mut state.bytes, &op);
        state.log.push(op);
        Ok(())
    }
}

fn apply(bytes: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(at, data) => {
            let at = usize::try_from(*at).unwrap();
            if bytes.len() < at + data.len() {
                bytes.resize(at + data.len(), 0);
            }
            bytes[at..at + data.len()].copy_from_slice(data);
        }
        Op::SetLen(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
        Op::Sync => {}
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.state();
        let at = usize::try_from(offset).unwrap();
        let found =
            state.bytes.get(at..at + out.len()).ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.change(Op::SetLen(len))
    }

    fn sync_data(&self) -> Result<()> {
        self.change(Op::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.change(Op::Write(offset, data.to_vec()))
    }

    fn close(&self) -> Result<()> {
        self.state().locked = false;
        Ok(())
    }

    /// Locks the whole disk; a part of it cannot be locked.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        if !matches!((start, end), (Bound::Unbounded | Bound::Included(0), Bound::Unbounded)) {
            return Err(BackendError::Unsupported);
        }
        Ok(!std::mem::replace(&mut self.state().locked, true))
    }
}
