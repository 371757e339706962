//! Is the house in order? The wall around the pure part, and the rules that no compiler checks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// Where our own code lives.
const HOMES: [&str; 9] = [
    "src",
    "examples",
    "benches",
    "tests",
    "sync-core",
    "connector-hubspot",
    "connector-stripe",
    "runner-http",
    "fuzz",
];
/// Most lines of a file.
const LONGEST: usize = 400;
/// What the pure part may neither do nor know.
const IMPURE: [&str; 8] =
    ["async", "tokio", "SystemTime", "Instant", "rand", "std::fs", "std::net", "std::thread"];
/// The pure part of `sync-core`.
const PURE: [&str; 6] = ["model/", "decide/", "mapping/", "retry.rs", "quota/", "brake.rs"];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines of code, numbered, without comments; and without what comes after the first unit test.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().map(|(n, line)| (n + 1, line));
        let ours = numbered.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        ours.map(|(n, line)| (n, line.split("//").next().unwrap_or_default()))
    }

    fn is_test(&self) -> bool {
        ["tests/", "benches/", "examples/", "fuzz/"].iter().any(|home| self.path.contains(home))
    }
}

/// All Rust files, by their path from the root of the repository.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = HOMES.iter().map(|home| root.join(home)).filter(|p| p.is_dir()).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

/// The lines of code that break a rule.
fn offences(is_subject: impl Fn(&Source) -> bool, is_offence: impl Fn(&str) -> bool) -> Vec<String> {
    let all = sources();
    let subjects = all.iter().filter(|source| is_subject(source));
    let offence = |source: &Source| -> Vec<String> {
        let lines = source.code().filter(|(_, line)| is_offence(line));
        lines.map(|(n, line)| format!("{}:{n}: {}", source.path, line.trim())).collect()
    };
    subjects.flat_map(offence).collect()
}

fn none(offences: Vec<String>) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

/// Whether `line` has `word` in it, as a word.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

#[test]
fn is_the_pure_part_pure() {
    let is_pure = |source: &Source| {
        let inside = source.path.strip_prefix("sync-core/src/");
        inside.is_some_and(|path| PURE.iter().any(|pure| path.starts_with(pure)))
    };
    none(offences(is_pure, |line| IMPURE.iter().any(|word| has_word(line, word))));
}

#[test]
fn does_the_core_know_no_vendor() {
    let is_core = |source: &Source| source.path.starts_with("sync-core/src/");
    let names_vendor = |line: &str| {
        let line = line.to_lowercase();
        line.contains("hubspot") || line.contains("stripe")
    };
    none(offences(is_core, names_vendor));
}

#[test]
fn do_the_connectors_not_know_one_another() {
    let knows = |home: &'static str, other: &'static str| {
        offences(move |source| source.path.starts_with(home), move |line| has_word(line, other))
    };
    none(knows("connector-hubspot/src/", "connector_stripe"));
    none(knows("connector-stripe/src/", "connector_hubspot"));
}

#[test]
fn is_nothing_unwrapped_outside_tests() {
    none(offences(|source| !source.is_test(), |line| line.contains(".unwrap()")));
}

#[test]
fn is_nothing_left_for_later() {
    // Spelt so that this file does not find itself.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("d", "bg!")];
    let all = sources();
    let lines = all.iter().flat_map(|source| source.text.lines().map(|line| (&source.path, line)));
    let offends = |line: &str| words.iter().any(|word| has_word(line, word.trim_end_matches('!')));
    none(lines.filter(|(_, line)| offends(line)).map(|(path, line)| format!("{path}: {line}")).collect());
}

#[test]
fn is_no_file_too_long() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        (lines > LONGEST).then(|| format!("{}: {lines} lines", source.path))
    };
    none(sources().iter().filter_map(long).collect());
}

#[test]
fn does_every_file_that_others_see_say_what_it_is() {
    let all = sources();
    let mut silent = Vec::new();
    for source in all.iter().filter(|source| !source.is_test()) {
        for (_, line) in source.code() {
            let Some(name) = line.trim().strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'))
            else {
                continue;
            };
            let folder = match source.path.rsplit_once('/') {
                Some((folder, "lib.rs" | "mod.rs" | "main.rs")) => folder.to_owned(),
                _ => source.path.trim_end_matches(".rs").to_owned(),
            };
            let places = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
            let module = all.iter().find(|source| places.contains(&source.path));
            if module.is_none_or(|module| !module.text.starts_with("//!")) {
                silent.push(format!("{}: pub mod {name}", source.path));
            }
        }
    }
    none(silent);
}
