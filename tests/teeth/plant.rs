//! A copy of the workspace in which every bug is planted, each asleep until it is named in the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bugs::Bug;

/// The variable that names the bug to wake.
pub(crate) const SWITCH: &str = "WANE_PLANTED";
/// The simulator of the copy. It has a name of its own, so that it never takes the place of the real one.
const SIMULATOR: &str = "sim_with_teeth";
/// What stands in sabotaged text for: is this bug awake?
const CALL: &str = "planted()";

/// Makes the copy, plants the bugs in it and builds its simulator. Gives the program.
pub(crate) fn build(root: &Path, bugs: &[Bug]) -> Result<PathBuf, String> {
    let copy = root.join("target/teeth");
    let files = planted(root, bugs)?;
    for (file, content) in &files {
        write(&copy.join(file), content)?;
    }
    remove_others(&copy, &files.keys().map(|file| copy.join(file)).collect())
        .map_err(|e| format!("{}: {e}", copy.display()))?;
    // In the workspace's own folder, where all crates of the registry are built already.
    let target = root.join("target");
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells the programs it runs would make it build some crates of the registry anew.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_about_us(name)) {
        cargo.env_remove(name);
    }
    let built = cargo
        .args(["build", "--release", "--example", SIMULATOR])
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", &target)
        .output()
        .map_err(|e| e.to_string())?;
    if built.status.success() {
        Ok(target.join("release/examples").join(SIMULATOR))
    } else {
        Err(format!(
            "the copy in {} does not build:\n{}",
            copy.display(),
            String::from_utf8_lossy(&built.stderr)
        ))
    }
}

fn is_about_us(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// All files of the copy.
fn planted(root: &Path, bugs: &[Bug]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut files = BTreeMap::new();
    for file in sources(root)? {
        let content = fs::read(root.join(&file)).map_err(|e| format!("{file}: {e}"))?;
        files.insert(file, content);
    }
    for (file, text) in sabotaged(root, bugs)? {
        files.insert(file.to_owned(), text.into_bytes());
    }
    let mut append = |file: &str, more: &str| {
        files.entry(file.to_owned()).or_default().extend_from_slice(more.as_bytes());
    };
    append("sync-core/src/planted.rs", &switch());
    append("sync-core/src/lib.rs", "\n#[doc(hidden)]\npub mod planted;\nextern crate self as sync_core;\n");
    let example = format!("\n[[example]]\nname = \"{SIMULATOR}\"\npath = \"examples/sim.rs\"\n");
    append("Cargo.toml", &example);
    Ok(files)
}

/// The files that hold bugs, with the bugs in them.
pub(crate) fn sabotaged(root: &Path, bugs: &[Bug]) -> Result<BTreeMap<&'static str, String>, String> {
    let mut files: BTreeMap<&'static str, Vec<&Bug>> = BTreeMap::new();
    for bug in bugs {
        files.entry(bug.file).or_default().push(bug);
    }
    let plant = |(file, bugs): (&'static str, Vec<&Bug>)| {
        let text = fs::read_to_string(root.join(file)).map_err(|e| format!("{file}: {e}"))?;
        Ok((file, plant(&text, &bugs)?))
    };
    files.into_iter().map(plant).collect()
}

fn plant(text: &str, bugs: &[&Bug]) -> Result<String, String> {
    let mut places = Vec::new();
    for bug in bugs {
        let mut found = text.match_indices(bug.original).map(|(at, _)| at);
        match (found.next(), found.next()) {
            (Some(at), None) => places.push((at, *bug)),
            _ => return Err(format!("the source changed: mend the bug {} ({})", bug.name, bug.file)),
        }
    }
    places.sort_by_key(|(at, _)| *at);
    let (mut result, mut done) = (String::new(), 0);
    for (at, bug) in places {
        if at < done {
            return Err(format!("the bug {} wants lines that another bug has taken", bug.name));
        }
        let call = format!("sync_core::planted::is({:?})", bug.name);
        result.push_str(&text[done..at]);
        result.push_str(&bug.sabotaged.replace(CALL, &call));
        done = at + bug.original.len();
    }
    result.push_str(&text[done..]);
    Ok(result)
}

/// The module that says which bug is awake.
fn switch() -> String {
    format!(
        "//! Which planted bug is awake.\n\n\
         use std::sync::OnceLock;\n\n\
         static AWAKE: OnceLock<Option<String>> = OnceLock::new();\n\n\
         /// Whether this is the bug that is awake.\n\
         pub fn is(name: &str) -> bool {{\n    \
             AWAKE.get_or_init(|| std::env::var({SWITCH:?}).ok()).as_deref() == Some(name)\n\
         }}\n"
    )
}

/// All files of the repository, committed or not.
fn sources(root: &Path) -> Result<Vec<String>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("git: {e}"))?;
    let files: Vec<String> = String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect();
    let there: Vec<String> = files.into_iter().filter(|file| root.join(file).is_file()).collect();
    if there.is_empty() { Err("git lists no files here".to_owned()) } else { Ok(there) }
}

/// Leaves a file alone that is right already, so that only what changed is built again.
fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// Removes what is left of sources that are no more.
fn remove_others(folder: &Path, files: &BTreeSet<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, files)?;
        } else if !files.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
