//! Directories that hold a store.

use std::io;
use std::path::Path;

/// Makes the names in the directory, and the directory's in its parent, as durable as the files.
#[cfg(unix)]
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    let dir = dir.canonicalize()?;
    for place in [Some(dir.as_path()), dir.parent()].into_iter().flatten() {
        std::fs::File::open(place)?.sync_all()?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn sync(_dir: &Path) -> io::Result<()> {
    Ok(())
}
