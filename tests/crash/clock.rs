//! The clock of the engine's machine, which somebody sets.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What sets it: see the file itself.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/clock.c");

/// A clock that the engine's processes go by.
pub(crate) struct SetClock {
    ahead: PathBuf,
    library: PathBuf,
}

impl SetClock {
    /// A clock that is right, in a directory of its own. Needs a C compiler, as Rust does for linking. Other systems than Linux
    /// are spared it: there the clock stays right.
    pub(crate) fn new(dir: &Path) -> Result<Self, String> {
        let clock = Self { ahead: dir.join("ahead"), library: dir.join("libclock.so") };
        clock.set(0)?;
        if !cfg!(target_os = "linux") {
            return Ok(clock);
        }
        let compiler = Command::new("cc")
            .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&clock.library)
            .arg(SOURCE)
            .status();
        match compiler {
            Ok(status) if status.success() => Ok(clock),
            Ok(status) => Err(format!("cc ended with {status}")),
            Err(error) => Err(format!("cc: {error}")),
        }
    }

    /// What a process needs to be told to go by it.
    pub(crate) fn environment(&self) -> Vec<(String, PathBuf)> {
        let told = [("LD_PRELOAD".to_owned(), &self.library), ("CLOCK_AHEAD".to_owned(), &self.ahead)];
        let told = told.into_iter().filter(|_| self.library.exists());
        told.map(|(name, path)| (name, path.clone())).collect()
    }

    /// Sets it, for processes that run, too. In place: they have the file mapped.
    pub(crate) fn set(&self, seconds: i64) -> Result<(), String> {
        use std::io::Write;
        let open = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&self.ahead);
        let written = open.and_then(|mut file| file.write_all(&seconds.to_ne_bytes()));
        written.map_err(|error| format!("{}: {error}", self.ahead.display()))
    }
}
