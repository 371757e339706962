//! A disk in memory, with the two files of a store, that can fail, fill up and lose power.

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
    /// A sync that failed: the kernel forgets what it could not write, and a later sync says nothing about it.
    FailedSync,
}

/// Which of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Tree,
    Log,
}

/// What is in the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) tree: Vec<u8>,
    pub(crate) log: Vec<u8>,
}

impl Image {
    pub(crate) fn part(&mut self, part: Part) -> &mut Vec<u8> {
        match part {
            Part::Tree => &mut self.tree,
            Part::Log => &mut self.log,
        }
    }

    fn len(&self) -> usize {
        self.tree.len() + self.log.len()
    }
}

/// A disk. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: Image,
    log: Vec<(Part, Op)>,
    /// Changing operations that still succeed before the disk starts to fail; `None`: all of them.
    good: Option<usize>,
    /// The files cannot grow beyond this together.
    capacity: Option<usize>,
    /// Somebody has them open.
    locked: Vec<Part>,
}

impl Disk {
    /// A disk with this content.
    pub(crate) fn with(files: Image) -> Self {
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    /// One of its files.
    pub(crate) fn file(&self, part: Part) -> DiskFile {
        DiskFile { disk: self.clone(), part }
    }

    /// Nothing on it goes on while this is held.
    pub(crate) fn stall(&self) -> impl Drop {
        self.state()
    }

    /// Every change after the next `good` ones fails, until [`Disk::heal`].
    pub(crate) fn fail_after(&self, good: usize) {
        self.state().good = Some(good);
    }

    /// The disk cannot grow any more, until [`Disk::heal`].
    pub(crate) fn fill(&self) {
        let mut state = self.state();
        state.capacity = Some(state.files.len());
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

    /// How many changing operations were made before the log was first written to.
    pub(crate) fn before_the_log(&self) -> usize {
        self.state().log.iter().position(|(part, _)| *part == Part::Log).unwrap()
    }

    /// How many syncs succeeded so far.
    pub(crate) fn syncs(&self) -> usize {
        self.state().log.iter().filter(|(_, op)| matches!(op, Op::Sync)).count()
    }

    /// What is on it now.
    pub(crate) fn image(&self) -> Image {
        self.state().files.clone()
    }

    /// What may be found after a power cut once `operations` were made: what was synced, and of what was not, any part.
    /// `keep` says which of the unsynced sectors made it.
    pub(crate) fn after_power_cut(&self, operations: usize, mut keep: impl FnMut() -> bool) -> Image {
        let state = self.state();
        let mut found = Image::default();
        for part in [Part::Tree, Part::Log] {
            let file = found.part(part);
            let mut unsynced: Vec<&Op> = Vec::new();
            for (_, op) in state.log[..operations].iter().filter(|(of, _)| *of == part) {
                match op {
                    Op::Sync => unsynced.drain(..).for_each(|op| apply(file, op)),
                    Op::FailedSync => unsynced.drain(..).for_each(|op| apply_some(file, op, &mut keep)),
                    _ => unsynced.push(op),
                }
            }
            unsynced.drain(..).for_each(|op| apply_some(file, op, &mut keep));
        }
        found
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn change(&self, part: Part, op: Op) -> Result<()> {
        let mut state = self.state();
        if let Some(good) = state.good {
            let Some(left) = good.checked_sub(1) else {
                // redb has no answer to a sync that lies, so only the log has to bear it.
                if matches!((part, op), (Part::Log, Op::Sync)) {
                    state.log.push((part, Op::FailedSync));
                }
                return Err(Error::other("injected fault"));
            };
            state.good = Some(left);
        }
        let len = match &op {
            Op::Write(at, data) => usize::try_from(*at).unwrap() + data.len(),
            Op::SetLen(len) => usize::try_from(*len).unwrap(),
            Op::Sync | Op::FailedSync => 0,
        };
        let growth = len.saturating_sub(state.files.part(part).len());
        if state.capacity.is_some_and(|capacity| growth > 0 && state.files.len() + growth > capacity) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        apply(state.files.part(part), &op);
        state.log.push((part, op));
        Ok(())
    }
}

/// Makes a change that was not synced: of a write, the sectors that `keep` keeps.
fn apply_some(bytes: &mut Vec<u8>, op: &Op, keep: &mut impl FnMut() -> bool) {
    let Op::Write(at, data) = op else {
        // A file system orders its own metadata: growth is kept, or the writes behind it would have no place.
        return apply(bytes, op);
    };
    for (i, sector) in data.chunks(512).enumerate() {
        if keep() {
            apply(bytes, &Op::Write(at + 512 * i as u64, sector.to_vec()));
        }
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
        Op::Sync | Op::FailedSync => {}
    }
}

/// One of the files of a disk.
#[derive(Debug, Clone)]
pub(crate) struct DiskFile {
    disk: Disk,
    part: Part,
}

impl StorageBackend for DiskFile {
    fn len(&self) -> Result<u64> {
        Ok(self.disk.state().files.part(self.part).len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let mut state = self.disk.state();
        let at = usize::try_from(offset).unwrap();
        let found = state.files.part(self.part).get(at..at + out.len());
        out.copy_from_slice(found.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.disk.change(self.part, Op::SetLen(len))
    }

    fn sync_data(&self) -> Result<()> {
        self.disk.change(self.part, Op::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.disk.change(self.part, Op::Write(offset, data.to_vec()))
    }

    fn close(&self) -> Result<()> {
        self.disk.state().locked.retain(|part| *part != self.part);
        Ok(())
    }

    /// Locks the whole file; a part of it cannot be locked.
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> std::result::Result<bool, BackendError> {
        if !matches!((start, end), (Bound::Unbounded | Bound::Included(0), Bound::Unbounded)) {
            return Err(BackendError::Unsupported);
        }
        let locked = &mut self.disk.state().locked;
        let is_free = !locked.contains(&self.part);
        if is_free {
            locked.push(self.part);
        }
        Ok(is_free)
    }
}
